//! Who waits for whom: endpoints take turns, those that hang hold up each other before anybody
//! else, and what all of them take up has a bound.

mod webhook_support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use guildhall::domain::limits;
use guildhall::webhook::client::{DialFuture, Dialer};
use guildhall::webhook::dispatchers::Dispatchers;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use webhook_support::site::{Site, eventually, until};
use webhook_support::{Behaviour, Receiver, Seen};

fn by_path(seen: &[Seen]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for one in seen {
        *counts.entry(one.path.as_str()).or_default() += 1;
    }
    counts
}

#[actix_rt::test]
async fn endpoints_take_turns_where_places_are_few() {
    const ENDPOINTS: usize = 5;
    const EVENTS: usize = 60;
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    for number in 1..=ENDPOINTS {
        site.endpoint(number as u128, &format!("{}/{number}", receiver.url()), &["follow.*"]);
    }
    site.follows(EVENTS);
    let mut ports = site.ports();
    ports.bounds.places = Arc::new(Semaphore::new(1));
    let dispatchers = Dispatchers::start(ports);
    let seen = receiver.saw(ENDPOINTS * EVENTS).await;
    dispatchers.stop().await;
    // Nobody is far ahead of anybody, at any time after the first of them have begun.
    for length in (4 * ENDPOINTS..seen.len()).step_by(7) {
        let counts = by_path(&seen[..length]);
        let most = counts.values().max().copied().unwrap_or(0);
        let least = counts.values().min().copied().unwrap_or(0);
        assert!(counts.len() == ENDPOINTS && most - least <= 8, "after {length}: {counts:?}");
    }
}

/// In memory, to whoever has the address.
struct Switch(Vec<Receiver>);

impl Dialer for Switch {
    fn dial(&self, address: SocketAddr) -> DialFuture<'_> {
        let there = self.0.iter().find(|receiver| receiver.address == address);
        there.expect("a receiver of this test").dial(address)
    }
}

#[actix_rt::test]
async fn endpoints_that_hang_leave_room_for_those_that_work() {
    tokio::time::pause();
    let site = Site::new();
    let (hanging, good) =
        (Receiver::start(&[Behaviour::Silence]).await, Receiver::start(&[]).await);
    // More than would fill all places of the site with one delivery each.
    let endpoints = limits::WEBHOOK_IN_FLIGHT_PER_SITE_MAX + 50;
    for number in 1..=endpoints {
        site.endpoint(number as u128, &hanging.url(), &["follow.*"]);
    }
    let (well, _) = site.endpoint(9_999, &good.url(), &["badge.deleted"]);
    let switch = Switch(vec![hanging.clone(), good.clone()]);
    let ports = site.ports_in_pretended_time(Arc::new(switch));
    let (places, unwell) = (ports.bounds.places.clone(), ports.bounds.unwell_places.clone());
    let dispatchers = Dispatchers::start(ports);
    site.follows(100);
    eventually(Duration::from_secs(60), || hanging.seen().len() > endpoints).await;
    tokio::time::advance(Duration::from_secs(45)).await;
    // By now each of them has failed once, and all of them together may take a quarter.
    let share = limits::WEBHOOK_IN_FLIGHT_UNWELL_PER_SITE_MAX;
    eventually(Duration::from_secs(120), || {
        let taken = limits::WEBHOOK_IN_FLIGHT_MAX - places.available_permits();
        taken <= share && unwell.available_permits() >= limits::WEBHOOK_IN_FLIGHT_UNWELL_MAX - share
    })
    .await;
    let began = Instant::now();
    site.badge_deleted();
    eventually(Duration::from_secs(10), || !good.seen().is_empty()).await;
    assert!(began.elapsed() < Duration::from_secs(2), "waited {:?}", began.elapsed());
    eventually(Duration::from_secs(10), || site.progress(well).is_some()).await;
    drop(dispatchers);
}

#[actix_rt::test]
async fn bodies_in_memory_have_a_bound_and_everything_arrives() {
    const ENDPOINTS: usize = 20;
    const EVENTS: usize = 300;
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    for number in 1..=ENDPOINTS {
        site.endpoint(number as u128, &receiver.url(), &["follow.*"]);
    }
    site.follows(EVENTS);
    let mut ports = site.ports();
    // Room for two pages at a time.
    let room = 2 * limits::WEBHOOK_PAGE_ROOM_BYTES;
    ports.bounds.body_bytes = Arc::new(Semaphore::new(room));
    let body_bytes = ports.bounds.body_bytes.clone();
    let dispatchers = Dispatchers::start(ports);
    receiver.saw(ENDPOINTS * EVENTS).await;
    until(&dispatchers, |states| states.iter().all(|state| state.bodies_held == 0)).await;
    assert_eq!(body_bytes.available_permits(), room, "all of it was given back");
    dispatchers.stop().await;
    assert_eq!(receiver.seen().len(), ENDPOINTS * EVENTS);
}

#[actix_rt::test]
async fn connections_kept_for_later_have_a_bound() {
    const ENDPOINTS: usize = 20;
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    for number in 1..=ENDPOINTS {
        site.endpoint(number as u128, &receiver.url(), &["follow.*"]);
    }
    let mut ports = site.ports();
    ports.bounds.connections = Arc::new(Semaphore::new(3));
    let dispatchers = Dispatchers::start(ports);
    site.follows(50);
    receiver.saw(ENDPOINTS * 50).await;
    until(&dispatchers, |states| states.iter().all(|state| state.in_flight == 0)).await;
    let kept: usize =
        dispatchers.observable_state().await.iter().map(|state| state.connections_kept).sum();
    assert!(kept <= 3, "{kept} connections are kept");
    dispatchers.stop().await;
}

//! Dispatchers at work: real actors, real sockets, a site in memory.

mod webhook_support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall::core::delivery::{DeliverySettings, Phase, Progress, Schedule};
use guildhall::domain::{Timestamp, limits};
use guildhall::webhook::dispatchers::Dispatchers;
use guildhall::webhook::signature::{Message, Secret, sign};
use standardwebhooks::Webhook;
use tokio::sync::Semaphore;
use webhook_support::site::{Site, until};
use webhook_support::{Behaviour, Receiver, Seen};

fn ids(seen: &[Seen]) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for one in seen {
        *ids.entry(one.header("webhook-id").to_owned()).or_default() += 1;
    }
    ids
}

fn repeats(seen: &[Seen]) -> usize {
    seen.len() - ids(seen).len()
}

#[actix_rt::test]
async fn every_wanted_event_arrives_once_and_verifies() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, secret) = site.endpoint(1, &receiver.url(), &[]);
    let dispatchers = site.start();
    site.follows(300);
    let seen = receiver.saw(300).await;
    let expected: BTreeSet<String> = (2..=301).map(|seq| format!("evt_{seq}")).collect();
    assert_eq!(ids(&seen).into_keys().collect::<BTreeSet<_>>(), expected);
    let webhook = Webhook::new(&secret.reveal()).expect("a usable secret");
    for one in &seen {
        assert!(webhook.verify(&one.body, &one.headers).is_ok());
    }
    site.stored(endpoint, |progress| progress.is_some_and(|p| p.cursor == 301)).await;
    assert_eq!(receiver.seen().len(), 300);
    assert!(receiver.connections() <= limits::DELIVERY_WINDOW_DEFAULT, "connections are kept");
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn patterns_choose_what_arrives() {
    let site = Site::new();
    let (follows, badges) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    site.endpoint(1, &follows.url(), &["follow.*"]);
    site.endpoint(2, &badges.url(), &["badge.deleted", "endpoint.created"]);
    let dispatchers = site.start();
    site.follow();
    site.badge_deleted();
    site.follow();
    let kind =
        |seen: &Seen| String::from_utf8_lossy(&seen.body).split('"').nth(3).map(str::to_owned);
    let kinds = |seen: Vec<Seen>| seen.iter().filter_map(kind).collect::<Vec<_>>();
    assert_eq!(kinds(follows.saw(2).await), ["follow.created", "follow.created"]);
    assert_eq!(kinds(badges.saw(1).await), ["badge.deleted"]);
    dispatchers.stop().await;
    assert_eq!((follows.seen().len(), badges.seen().len()), (2, 1));
}

#[actix_rt::test]
async fn a_retry_has_the_same_id_and_bytes() {
    let site = Site::new();
    let receiver = Receiver::start(&[
        Behaviour::Answer(500),
        Behaviour::Answer(400),
        Behaviour::Close,
        Behaviour::Answer(200),
    ])
    .await;
    let (endpoint, secret) = site.endpoint(1, &receiver.url(), &[]);
    let dispatchers = site.start();
    site.follow();
    let seen = receiver.saw(4).await;
    let first = &seen[0];
    for one in &seen {
        assert_eq!(one.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(one.body, first.body);
        let unix_seconds = one.header("webhook-timestamp").parse().expect("seconds");
        let message = Message { id: "evt_2", unix_seconds, body: &one.body };
        let expected = sign(message, std::slice::from_ref(&secret));
        assert_eq!(one.header("webhook-signature"), expected);
    }
    site.stored(endpoint, |p| p.is_some_and(|p| p.cursor == 2 && p.parked.is_empty())).await;
    dispatchers.stop().await;
    assert_eq!(receiver.seen().len(), 4);
}

#[actix_rt::test]
async fn a_timestamp_is_of_the_try() {
    let site = Site::new();
    let receiver = Receiver::start(&[Behaviour::Answer(500), Behaviour::Answer(200)]).await;
    site.endpoint(1, &receiver.url(), &[]);
    let mut ports = site.ports();
    let clock = ports.clock.clone();
    let receiver_seen = receiver.clone();
    // An hour passes with each request that was seen.
    ports.clock = Arc::new(move || clock().plus_ms(3_600_000 * receiver_seen.seen().len() as i64));
    let dispatchers = Dispatchers::start(ports);
    site.follow();
    let seen = receiver.saw(2).await;
    let seconds = |seen: &Seen| seen.header("webhook-timestamp").parse::<i64>().expect("seconds");
    assert!(seconds(&seen[1]) - seconds(&seen[0]) >= 3_600);
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn a_hanging_endpoint_delays_nobody() {
    let site = Site::new();
    let (hanging, good) =
        (Receiver::start(&[Behaviour::Silence]).await, Receiver::start(&[]).await);
    site.endpoint(1, &hanging.url(), &[]);
    site.endpoint(2, &good.url(), &["follow.*"]);
    let dispatchers = site.start();
    site.follows(200);
    good.saw(200).await;
    let held = hanging.saw(limits::DELIVERY_WINDOW_DEFAULT).await;
    assert_eq!(held.len(), limits::DELIVERY_WINDOW_DEFAULT);
    until(&dispatchers, |states| {
        states.iter().any(|state| state.in_flight == limits::DELIVERY_WINDOW_DEFAULT)
    })
    .await;
}

#[actix_rt::test]
async fn few_places_are_shared_by_many_endpoints() {
    let site = Site::new();
    let mut receivers = Vec::new();
    for number in 1..=5 {
        let receiver = Receiver::start(&[]).await;
        site.endpoint(number, &receiver.url(), &["follow.*"]);
        receivers.push(receiver);
    }
    let mut ports = site.ports();
    ports.bounds.places = Arc::new(Semaphore::new(1));
    let dispatchers = Dispatchers::start(ports);
    site.follows(50);
    for receiver in &receivers {
        receiver.saw(50).await;
    }
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn a_410_disables_the_endpoint_and_keeps_its_cursor() {
    let site = Site::new();
    let receiver = Receiver::start(&[Behaviour::Answer(200), Behaviour::Answer(410)]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    let dispatchers = site.start();
    site.follow();
    receiver.saw(1).await;
    site.stored(endpoint, |progress| progress.is_some_and(|p| p.cursor == 2)).await;
    site.follow();
    receiver.saw(2).await;
    until(&dispatchers, <[_]>::is_empty).await;
    site.follows(20);
    dispatchers.stop().await;
    assert_eq!(site.disabled(), [(endpoint, "the receiver answered 410 Gone")]);
    assert_eq!(receiver.seen().len(), 2);
    assert_eq!(site.progress(endpoint).map(|progress| progress.cursor), Some(2));
}

#[actix_rt::test]
async fn a_receiver_that_comes_back_gets_everything() {
    let site = Site::new();
    let receiver = Receiver::start(&[Behaviour::Answer(503)]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    let dispatchers = site.start();
    site.follows(500);
    receiver.saw(20).await;
    until(&dispatchers, |states| {
        states.iter().any(|state| matches!(state.phase, Phase::Open { .. }))
    })
    .await;
    receiver.now_does(Behaviour::Answer(200));
    site.stored(endpoint, |p| p.is_some_and(|p| p.cursor == 501 && p.parked.is_empty())).await;
    assert_eq!(ids(&receiver.seen()).len(), 500);
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn a_pause_that_was_asked_for_is_kept_across_a_restart() {
    let site = Site::new();
    let pause = Behaviour::AnswerWith(429, "retry-after: 3600\r\n".to_owned());
    let receiver = Receiver::start(&[pause]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    let dispatchers = site.start();
    site.follow();
    receiver.saw(1).await;
    site.stored(endpoint, |p| p.is_some_and(|p| p.next_try_at.is_some())).await;
    dispatchers.stop().await;
    let again = site.start();
    until(&again, |states| states.iter().any(|state| matches!(state.phase, Phase::Open { .. })))
        .await;
    again.stop().await;
    assert_eq!(receiver.seen().len(), 1);
    assert!(site.progress(endpoint).is_some_and(|progress| progress.next_try_at.is_some()));
}

#[actix_rt::test]
async fn a_restart_in_good_order_repeats_nothing() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    site.endpoint(1, &receiver.url(), &[]);
    let mut delivered = 0;
    for _ in 0..5 {
        let dispatchers = site.start();
        site.follows(100);
        receiver.saw(delivered + 40).await;
        dispatchers.stop().await;
        delivered = receiver.seen().len();
    }
    let dispatchers = site.start();
    receiver.saw(500).await;
    dispatchers.stop().await;
    assert_eq!((receiver.seen().len(), repeats(&receiver.seen())), (500, 0));
}

#[actix_rt::test]
async fn a_restart_without_warning_repeats_at_most_what_was_not_stored() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    let mut repeats_max = 0;
    for kill in 0..5 {
        let dispatchers = site.start();
        site.follows(100);
        receiver.saw(ids(&receiver.seen()).len() + 30 + kill * 7).await;
        drop(dispatchers);
        repeats_max += limits::DELIVERY_WINDOW_DEFAULT + limits::DELIVERY_PERSIST_RESULTS as usize;
    }
    let dispatchers = site.start();
    site.stored(endpoint, |progress| progress.is_some_and(|p| p.cursor == 501)).await;
    dispatchers.stop().await;
    assert_eq!(ids(&receiver.seen()).len(), 500);
    let repeats = repeats(&receiver.seen());
    assert!(repeats <= repeats_max, "{repeats} repeats");
}

#[actix_rt::test]
async fn stored_progress_leaves_only_the_window_to_repeat() {
    let site = Site::new();
    // All but the first 20 hang, so that the window is full when the process ends.
    let mut script = vec![Behaviour::Answer(200); 20];
    script.push(Behaviour::Silence);
    let receiver = Receiver::start(&script).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    let dispatchers = site.start();
    site.follows(100);
    receiver.saw(20 + limits::DELIVERY_WINDOW_DEFAULT).await;
    let done = |p: &Progress| p.cursor as usize - 1 + p.done_above.len();
    site.stored(endpoint, |progress| progress.is_some_and(|p| done(p) == 20)).await;
    drop(dispatchers);
    receiver.now_does(Behaviour::Answer(200));
    let again = site.start();
    site.stored(endpoint, |progress| progress.is_some_and(|p| p.cursor == 101)).await;
    again.stop().await;
    assert_eq!(ids(&receiver.seen()).len(), 100);
    assert_eq!(repeats(&receiver.seen()), limits::DELIVERY_WINDOW_DEFAULT);
}

#[actix_rt::test]
async fn endpoints_that_come_and_go_are_followed() {
    let site = Site::new();
    let dispatchers = site.start();
    site.follows(5);
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    site.follows(3);
    let seen = receiver.saw(3).await;
    let expected = ["evt_7", "evt_8", "evt_9"].map(str::to_owned);
    assert_eq!(ids(&seen).into_keys().collect::<Vec<_>>(), expected, "only what came after");
    site.stored(endpoint, |progress| progress.is_some_and(|p| p.cursor == 9)).await;
    site.delete(endpoint);
    site.stored(endpoint, |progress| progress.is_none()).await;
    site.follows(3);
    until(&dispatchers, <[_]>::is_empty).await;
    dispatchers.stop().await;
    assert_eq!(receiver.seen().len(), 3);
}

#[actix_rt::test]
async fn rotation_signs_with_both_secrets_while_they_overlap() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, old) = site.endpoint(1, &receiver.url(), &[]);
    let dispatchers = site.start();
    site.follow();
    receiver.saw(1).await;
    let new = site.rotate(endpoint, Timestamp::from_unix_ms(i64::MAX));
    site.follow();
    let seen = receiver.saw(2).await;
    let verifies = |secret: &Secret, seen: &Seen| {
        let webhook = Webhook::new(&secret.reveal()).expect("a usable secret");
        webhook.verify(&seen.body, &seen.headers).is_ok()
    };
    assert!(verifies(&old, &seen[0]) && !verifies(&new, &seen[0]));
    assert!(verifies(&old, &seen[1]) && verifies(&new, &seen[1]));
    let newest = site.rotate(endpoint, Timestamp::default());
    site.follow();
    let seen = receiver.saw(3).await;
    assert!(verifies(&newest, &seen[2]) && !verifies(&new, &seen[2]), "the overlap is over");
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn an_endpoint_overtaken_by_retention_goes_on_at_the_floor() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    site.follows(100);
    site.trim_before(51);
    let dispatchers = site.start();
    site.stored(endpoint, |progress| progress.is_some_and(|p| p.cursor == 101)).await;
    dispatchers.stop().await;
    let expected: BTreeSet<String> = (51..=101).map(|seq| format!("evt_{seq}")).collect();
    assert_eq!(ids(&receiver.seen()).into_keys().collect::<BTreeSet<_>>(), expected);
}

#[actix_rt::test]
async fn an_idle_dispatcher_is_let_go_and_comes_back_with_work() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    site.endpoint(1, &receiver.url(), &["follow.*"]);
    let mut ports = site.ports();
    ports.idle_ms = 1;
    let dispatchers = Dispatchers::start(ports);
    for round in 1..=5 {
        site.badge_deleted();
        site.follow();
        receiver.saw(round).await;
        until(&dispatchers, <[_]>::is_empty).await;
        site.badge_deleted();
    }
    dispatchers.stop().await;
    assert_eq!((receiver.seen().len(), repeats(&receiver.seen())), (5, 0));
}

#[actix_rt::test]
async fn who_rests_does_not_look_through_the_log_again() {
    let site = Site::new();
    let (quiet, busy) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let (resting, _) = site.endpoint(1, &quiet.url(), &["badge.deleted"]);
    site.endpoint(2, &busy.url(), &["follow.created"]);
    let mut ports = site.ports();
    ports.idle_ms = 1;
    let dispatchers = Dispatchers::start(ports);
    site.badge_deleted();
    quiet.saw(1).await;
    until(&dispatchers, |states| states.iter().all(|state| state.endpoint != resting)).await;
    site.follows(500);
    busy.saw(500).await;
    dispatchers.stop().await;
    assert_eq!(site.progress(resting).map(|progress| progress.cursor), Some(503));
    let again = site.start();
    site.badge_deleted();
    quiet.saw(2).await;
    again.stop().await;
    assert_eq!((quiet.seen().len(), busy.seen().len()), (2, 500));
}

#[actix_rt::test]
async fn a_parked_event_that_retention_took_is_let_go() {
    let site = Site::new();
    let receiver = Receiver::start(&[Behaviour::Answer(422), Behaviour::Answer(200)]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &[]);
    let mut ports = site.ports();
    ports.settings =
        DeliverySettings { schedule: Schedule::new(vec![200]), ..DeliverySettings::default() };
    let dispatchers = Dispatchers::start(ports);
    site.follow();
    receiver.saw(1).await;
    site.trim_before(3);
    site.follow();
    receiver.saw(2).await;
    let done = |progress: &Progress| progress.cursor == 3 && progress.parked.is_empty();
    site.stored(endpoint, |progress| progress.is_some_and(done)).await;
    dispatchers.stop().await;
    assert_eq!(receiver.seen().len(), 2);
}

#[actix_rt::test]
async fn one_site_with_silent_receivers_keeps_within_its_share() {
    let site = Site::new();
    let silent = Receiver::start(&[Behaviour::Silence]).await;
    let share = limits::WEBHOOK_IN_FLIGHT_PER_SITE_MAX;
    let endpoints = share / limits::DELIVERY_WINDOW_DEFAULT + 10;
    for number in 1..=endpoints {
        site.endpoint(number as u128, &silent.url(), &["follow.*"]);
    }
    let ports = site.ports();
    let places = ports.bounds.places.clone();
    let dispatchers = Dispatchers::start(ports);
    site.follows(limits::DELIVERY_WINDOW_DEFAULT);
    silent.saw(share).await;
    let all_want_more = |in_flight: usize| in_flight == endpoints * limits::DELIVERY_WINDOW_DEFAULT;
    until(&dispatchers, |states| all_want_more(states.iter().map(|s| s.in_flight).sum())).await;
    assert_eq!(places.available_permits(), limits::WEBHOOK_IN_FLIGHT_MAX - share);
    assert_eq!(silent.seen().len(), share);
}

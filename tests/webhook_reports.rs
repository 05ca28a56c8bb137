//! What is written down and told of deliveries, and what is sent once more: real dispatchers, real
//! sockets, a site in memory.

mod webhook_support;

use guildhall::core::delivery::{DeliverySettings, LoggedResult, Schedule};
use guildhall::domain::endpoint::{DeliveryMode, EndpointReport, Replayed};
use guildhall::domain::{Event, MemberId};
use guildhall::webhook::dispatchers::Dispatchers;
use webhook_support::site::{RETRY_MS, Site, until};
use webhook_support::{Behaviour, Receiver, Seen};

fn seqs(seen: &[Seen]) -> Vec<u64> {
    let seq = |one: &Seen| one.header("webhook-id").trim_start_matches("evt_").parse().ok();
    seen.iter().filter_map(seq).collect()
}

/// Dispatchers that give up after three tries.
fn impatient(site: &Site) -> Dispatchers {
    let mut ports = site.ports();
    let schedule = Schedule::new(vec![RETRY_MS; 2]);
    ports.settings = DeliverySettings { schedule, ..DeliverySettings::default() };
    Dispatchers::start(ports)
}

#[actix_rt::test]
async fn every_attempt_is_written_down_with_what_came_of_it() {
    let site = Site::new();
    // A connection that was kept might close by chance: such a try is made again unseen.
    let alone = Behaviour::AnswerWith(500, "connection: close\r\n".to_owned());
    let script = [alone, Behaviour::Close, Behaviour::Answer(204)];
    let receiver = Receiver::start(&script).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let dispatchers = site.start();
    let seq = site.follow();
    receiver.saw(3).await;
    site.until(|site| site.attempts(endpoint).len() == 3).await;
    dispatchers.stop().await;
    let lines = site.attempts(endpoint);
    let results: Vec<LoggedResult> = lines.iter().map(|line| line.result).collect();
    let fault = LoggedResult::EndpointFault;
    assert_eq!(results, [fault, fault, LoggedResult::Delivered]);
    let status: Vec<Option<u16>> = lines.iter().map(|line| line.status).collect();
    assert_eq!(status, [Some(500), None, Some(204)]);
    assert!(lines.iter().all(|line| line.seq == seq));
    assert_eq!(lines[0].snippet.as_deref(), Some("ok"));
    assert_eq!(lines[1].fault.as_deref(), Some("the answer broke off or was not http"));
    assert_eq!((&lines[2].snippet, lines[2].next_try_at), (&None, None));
    assert!(lines[0].next_try_at.is_some_and(|next| next > lines[0].at));
}

#[actix_rt::test]
async fn attempts_go_on_after_a_restart_and_go_with_their_endpoint() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    for round in 1..=3 {
        let dispatchers = site.start();
        site.follows(30);
        receiver.saw(round * 30).await;
        dispatchers.stop().await;
        assert_eq!(site.attempts(endpoint).len(), round * 30);
    }
    let dispatchers = site.start();
    site.follow();
    receiver.saw(91).await;
    site.delete(endpoint);
    site.stored(endpoint, |progress| progress.is_none()).await;
    dispatchers.stop().await;
    assert!(site.attempts(endpoint).is_empty());
}

#[actix_rt::test]
async fn what_is_given_up_is_kept_and_told_once() {
    let site = Site::new();
    let script = [422, 422, 422, 200].map(Behaviour::Answer);
    let receiver = Receiver::start(&script).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    site.update(endpoint, |endpoint| endpoint.settings.mode = DeliveryMode::Fifo);
    let watcher = Receiver::start(&[]).await;
    site.endpoint(2, &watcher.url(), &["attempt.*"]);
    let dispatchers = impatient(&site);
    let (given_up, next) = (site.follow(), site.follow());
    assert_eq!(seqs(&receiver.saw(4).await), [given_up, given_up, given_up, next]);
    site.until(|site| !site.reports().is_empty() && !site.dead_letters().is_empty()).await;
    let letter = site.dead_letters()[0];
    assert_eq!((letter.seq, letter.tries, letter.status), (given_up, 3, Some(422)));
    watcher.saw(1).await;
    dispatchers.stop().await;
    assert_eq!(site.reports(), [EndpointReport::Exhausted { event_seq: given_up, tries: 3 }]);
    assert_eq!(site.dead_letters().len(), 1);
}

#[actix_rt::test]
async fn failing_and_recovering_are_told_and_reports_are_never_reported_on() {
    let site = Site::new();
    let receiver = Receiver::start(&[Behaviour::Answer(503)]).await;
    site.endpoint(1, &receiver.url(), &["follow.*"]);
    let deaf = Receiver::start(&[Behaviour::Answer(503)]).await;
    site.endpoint(2, &deaf.url(), &["attempt.*", "endpoint.recovered"]);
    let dispatchers = site.start();
    site.follows(20);
    let is_failing =
        |report: &EndpointReport| matches!(report, EndpointReport::Failing { tries: 4, .. });
    site.until(|site| site.reports().iter().any(is_failing)).await;
    receiver.now_does(Behaviour::Answer(200));
    let is_recovered = |report: &EndpointReport| matches!(report, EndpointReport::Recovered { .. });
    site.until(|site| site.reports().iter().any(is_recovered)).await;
    // The deaf one fails often enough to be told of, were its events not reports themselves.
    deaf.saw(30).await;
    dispatchers.stop().await;
    let failing = site.reports().into_iter().filter(is_failing).count();
    let recovered = site.reports().into_iter().filter(is_recovered).count();
    assert_eq!(recovered, 1, "{:?}", site.reports());
    assert!(failing <= 20, "one for each event that failed at most: {:?}", site.reports());
}

#[actix_rt::test]
async fn retention_that_overtakes_an_endpoint_is_told_with_the_range() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    site.follows(100);
    site.trim_before(51);
    let dispatchers = site.start();
    site.stored(endpoint, |progress| progress.is_some_and(|p| p.cursor >= 101)).await;
    site.until(|site| !site.reports().is_empty()).await;
    dispatchers.stop().await;
    assert_eq!(site.reports(), [EndpointReport::Lagged { first_seq: 2, last_seq: 50 }]);
}

#[actix_rt::test]
async fn a_replay_sends_the_named_events_again_with_their_own_ids() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let badge = site.badge_deleted();
    let dispatchers = site.start();
    site.follows(10);
    let first = receiver.saw(10).await;
    // What its patterns do not take is sent all the same where it is named.
    site.replay(endpoint, Replayed::Events(vec![badge, 5, 7]));
    let seen = receiver.saw(13).await;
    let mut again = seqs(&seen[10..]);
    again.sort_unstable();
    assert_eq!(again, [badge, 5, 7]);
    let body = |seen: &[Seen], seq: u64| {
        let one = seen.iter().find(|one| one.header("webhook-id") == format!("evt_{seq}"));
        one.map(|one| one.body.clone())
    };
    assert_eq!(body(&seen[10..], 5), body(&first, 5));
    site.stored(endpoint, |p| p.is_some_and(|p| p.parked.is_empty() && p.replays.is_empty())).await;
    dispatchers.stop().await;
    assert_eq!(receiver.seen().len(), 13);
}

#[actix_rt::test]
async fn a_long_replay_goes_on_after_a_restart_and_ends_once() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let (ann, bob) = (MemberId::from_u128(11), MemberId::from_u128(12));
    for n in 0..600 {
        let follower = if n % 2 == 0 { ann } else { bob };
        site.write(Event::FollowCreated { follower, followed: MemberId::from_u128(13) });
    }
    let dispatchers = site.start();
    receiver.saw(600).await;
    let range = Replayed::Range {
        first_seq: 2,
        last_seq: 601,
        event_types: vec!["follow.created".to_owned()],
        member: Some(ann),
    };
    site.replay(endpoint, range);
    receiver.saw(700).await;
    dispatchers.stop().await;
    let again = site.start();
    let is_done = |site: &Site| site.replays(endpoint).is_empty();
    site.until(is_done).await;
    site.stored(endpoint, |p| p.is_some_and(|p| p.parked.is_empty() && p.replays.is_empty())).await;
    again.stop().await;
    let mut replayed = seqs(&receiver.seen()[600..]);
    replayed.sort_unstable();
    replayed.dedup();
    assert_eq!(replayed, (2..=601).step_by(2).collect::<Vec<u64>>());
}

#[actix_rt::test]
async fn a_replay_for_a_resting_or_disabled_endpoint_begins_when_it_can() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let mut ports = site.ports();
    ports.idle_ms = 1;
    let dispatchers = Dispatchers::start(ports);
    let seq = site.follow();
    receiver.saw(1).await;
    until(&dispatchers, <[_]>::is_empty).await;
    site.replay(endpoint, Replayed::Events(vec![seq]));
    assert_eq!(seqs(&receiver.saw(2).await), [seq, seq]);
    site.until(|site| site.replays(endpoint).is_empty()).await;
    dispatchers.stop().await;
}

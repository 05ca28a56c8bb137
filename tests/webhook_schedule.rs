//! When deliveries are tried, by a pretended clock: real dispatchers and the real client over
//! connections in memory, with the released schedule, through days of outage.

mod webhook_support;

use std::sync::Arc;
use std::time::Duration;

use guildhall::core::delivery::Phase;
use guildhall::domain::{EndpointId, limits};
use guildhall::webhook::dispatchers::Dispatchers;
use guildhall::webhook::port::Ports;
use guildhall::webhook::signature::{Message, Secret, sign};
use webhook_support::site::{Site, eventually};
use webhook_support::{Behaviour, Receiver, Seen};

const DAY: Duration = Duration::from_secs(86_400);
/// What an attempt that is never answered costs.
const TOTAL_MS: i64 = limits::WEBHOOK_TOTAL_MS_MAX as i64;

struct Bench {
    site: Site,
    receiver: Receiver,
    endpoint: EndpointId,
    secret: Secret,
    ports: Ports,
}

impl Bench {
    async fn new(script: &[Behaviour]) -> Bench {
        let site = Site::new();
        let receiver = Receiver::start(script).await;
        let (endpoint, secret) = site.endpoint(1, &receiver.url(), &["follow.*"]);
        let ports = site.ports_in_pretended_time(Arc::new(receiver.clone()));
        Bench { site, receiver, endpoint, secret, ports }
    }

    fn start(&self) -> Dispatchers {
        Dispatchers::start(self.ports.clone())
    }

    /// Tries of one and the same event: the same id and bytes, each signed at its own time.
    fn assert_same_event(&self, tries: &[Seen]) {
        for one in tries {
            assert_eq!(one.header("webhook-id"), tries[0].header("webhook-id"));
            assert_eq!(one.body, tries[0].body);
            let unix_seconds = one.header("webhook-timestamp").parse().expect("seconds");
            let message = Message { id: one.header("webhook-id"), unix_seconds, body: &one.body };
            let expected = sign(message, std::slice::from_ref(&self.secret));
            assert_eq!(one.header("webhook-signature"), expected);
            let passed = unix_seconds - seconds_of(&tries[0]);
            let arrived = one.at.duration_since(tries[0].at).as_secs() as i64;
            assert!((passed - arrived).abs() <= 1, "signed {passed} s later, came {arrived} s");
        }
    }
}

fn seconds_of(seen: &Seen) -> i64 {
    seen.header("webhook-timestamp").parse().expect("seconds")
}

/// Milliseconds between one try and the next.
fn gaps_ms(seen: &[Seen]) -> Vec<i64> {
    let gap = |pair: &[Seen]| pair[1].at.duration_since(pair[0].at).as_millis() as i64;
    seen.windows(2).map(gap).collect()
}

/// Within a fifth of what was planned, and what the try before took.
fn assert_planned(gap_ms: i64, planned_ms: i64, took_ms: i64, story: &str) {
    let jitter_ms = planned_ms * limits::DELIVERY_RETRY_JITTER_PERMILLE_MAX / 1_000;
    let wait_ms = gap_ms - took_ms;
    let far_ms = (wait_ms - planned_ms).abs();
    assert!(far_ms <= jitter_ms + 2, "{story}: waited {wait_ms} ms, planned were {planned_ms}");
}

async fn dead_for_days(behaviour: Behaviour, took_ms: i64) {
    let story = format!("{behaviour:?}");
    let bench = Bench::new(&[behaviour]).await;
    let dispatchers = bench.start();
    bench.site.follow();
    eventually(8 * DAY, || !bench.site.disabled().is_empty()).await;
    let seen = bench.receiver.seen();
    let last = *limits::DELIVERY_RETRY_MS.last().expect("a schedule") as i64;
    let planned = limits::DELIVERY_RETRY_MS.iter().map(|ms| *ms as i64);
    let gaps = gaps_ms(&seen);
    for (gap_ms, planned_ms) in gaps.iter().zip(planned.chain(std::iter::repeat(last))) {
        assert_planned(*gap_ms, planned_ms, took_ms, &story);
    }
    assert!((11..=14).contains(&seen.len()), "{story}: {} tries", seen.len());
    bench.assert_same_event(&seen);
    let failing = seen[seen.len() - 1].at - seen[0].at;
    let days = failing.as_millis() as i64 + took_ms;
    assert!(days >= limits::DELIVERY_ONLY_FAILURES_MS_MAX, "{story}: gave up after {failing:?}");
    assert_eq!(bench.site.disabled(), [(bench.endpoint, "no delivery succeeded for 5 days")]);
    // Nothing more comes, and nothing is forgotten.
    bench.site.follows(20);
    tokio::time::advance(DAY).await;
    dispatchers.stop().await;
    assert_eq!(bench.receiver.seen().len(), seen.len());
    let kept = bench.site.progress(bench.endpoint).expect("progress is kept");
    let waiting = kept.parked.iter().map(|parked| parked.seq);
    assert!(kept.cursor == 1 || (kept.cursor == 2 && waiting.eq([2])), "{kept:?}");
}

#[actix_rt::test]
async fn an_endpoint_that_answers_500_is_tried_by_the_schedule_for_five_days() {
    tokio::time::pause();
    dead_for_days(Behaviour::Answer(500), 0).await;
}

#[actix_rt::test]
async fn an_endpoint_that_hangs_up_is_tried_by_the_schedule_for_five_days() {
    tokio::time::pause();
    dead_for_days(Behaviour::Close, 0).await;
}

#[actix_rt::test]
async fn an_endpoint_that_says_nothing_is_tried_by_the_schedule_for_five_days() {
    tokio::time::pause();
    dead_for_days(Behaviour::Silence, TOTAL_MS).await;
}

#[actix_rt::test]
async fn an_endpoint_that_drips_its_head_is_tried_by_the_schedule_for_five_days() {
    tokio::time::pause();
    let drip = Behaviour::Drip("HTTP/1.1 200 OK\r\n", "x-never: ending, that is the plan\r\n\r\n");
    dead_for_days(drip, TOTAL_MS).await;
}

/// The second try of one event after the first one went like this.
async fn check_second_try(behaviour: Behaviour, planned_ms: i64, took_ms: i64) {
    let story = format!("{behaviour:?}");
    let bench = Bench::new(&[behaviour, Behaviour::Answer(200)]).await;
    let dispatchers = bench.start();
    bench.site.follow();
    let seen = bench.receiver.saw_within(2, 2 * DAY).await;
    let planned = gaps_ms(&seen)[0] - took_ms;
    match limits::DELIVERY_RETRY_MS[0] as i64 {
        first if planned_ms == first => assert_planned(planned, planned_ms, 0, &story),
        // Asked for by the receiver: never less, and no jitter on it.
        _ => assert!((planned - planned_ms).abs() <= 1_001, "{story}: {planned} ms"),
    }
    bench.assert_same_event(&seen);
    let done = |site: &Site| {
        site.progress(bench.endpoint).is_some_and(|p| p.cursor == 2 && p.parked.is_empty())
    };
    eventually(DAY, || done(&bench.site)).await;
    dispatchers.stop().await;
    assert_eq!(bench.receiver.seen().len(), 2, "{story}");
    assert!(bench.site.disabled().is_empty(), "{story}");
}

#[actix_rt::test]
async fn whatever_fails_once_comes_again_after_five_seconds() {
    tokio::time::pause();
    for status in (300..=599).filter(|status| ![410, 429].contains(status)) {
        check_second_try(Behaviour::Answer(status), 5_000, 0).await;
    }
    for text in [
        "HTTP/1.1 abc OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ] {
        check_second_try(Behaviour::Raw(text), 5_000, 0).await;
    }
    for behaviour in [Behaviour::Close, Behaviour::RawThenClose("HTTP/1.1 200 OK\r\nx-half: ")] {
        check_second_try(behaviour, 5_000, 0).await;
    }
    check_second_try(Behaviour::Silence, 5_000, TOTAL_MS).await;
    check_second_try(Behaviour::Raw("HTTP/1.1 200 OK\r\n"), 5_000, TOTAL_MS).await;
    let drip = Behaviour::Drip("HTTP/1.1 ", "200 OK\r\ncontent-length: 0\r\n\r\n");
    check_second_try(drip, 5_000, TOTAL_MS).await;
}

#[actix_rt::test]
async fn a_pause_that_is_asked_for_is_given_up_to_a_day() {
    tokio::time::pause();
    let asks = [
        ("", 5_000),
        ("retry-after: 0\r\n", 5_000),
        ("retry-after: 60\r\n", 60_000),
        ("retry-after: 86400\r\n", 86_400_000),
        ("retry-after: 315360000\r\n", 86_400_000),
        ("retry-after: -60\r\n", 5_000),
        ("retry-after: in a while\r\n", 5_000),
        ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", 5_000),
        ("retry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n", 86_400_000),
    ];
    for (headers, planned_ms) in asks {
        for status in [429, 503, 301, 500] {
            let behaviour = Behaviour::AnswerWith(status, headers.to_owned());
            check_second_try(behaviour, planned_ms, 0).await;
        }
    }
}

#[actix_rt::test]
async fn a_date_in_retry_after_is_measured_by_our_clock() {
    tokio::time::pause();
    let bench = Bench::new(&[]).await;
    let in_an_hour = (bench.ports.clock)().plus_ms(3_600_000);
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::OffsetDateTime::from_unix_timestamp(in_an_hour.unix_ms / 1_000);
    let date = date.expect("a date").format(format).expect("formatted");
    check_second_try(Behaviour::AnswerWith(503, format!("retry-after: {date}\r\n")), 3_600_000, 0)
        .await;
}

#[actix_rt::test]
async fn a_body_that_drips_ends_with_the_deadline_and_is_a_success() {
    tokio::time::pause();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n";
    let drip = Behaviour::Drip(head, "forty bytes of which no more than some c");
    let bench = Bench::new(&[drip.clone(), drip, Behaviour::Answer(200)]).await;
    let dispatchers = bench.start();
    bench.site.follow();
    let done = |cursor| {
        let progress = bench.site.progress(bench.endpoint);
        progress.is_some_and(|p| p.cursor == cursor && p.parked.is_empty())
    };
    eventually(DAY, || done(2)).await;
    let took = bench.receiver.seen()[0].at.elapsed().as_millis() as i64;
    assert!((TOTAL_MS..TOTAL_MS + 2_000).contains(&took), "done after {took} ms");
    bench.site.follow();
    eventually(DAY, || done(3)).await;
    bench.site.follow();
    eventually(DAY, || done(4)).await;
    dispatchers.stop().await;
    assert_eq!(bench.receiver.seen().len(), 3, "each once");
    assert_eq!(bench.receiver.connections(), 3, "a cut body costs its connection");
}

#[actix_rt::test]
async fn a_410_ends_deliveries_whatever_else_is_on_its_way() {
    tokio::time::pause();
    let bench = Bench::new(&[Behaviour::Answer(200), Behaviour::Answer(410)]).await;
    let dispatchers = bench.start();
    bench.site.follow();
    eventually(DAY, || bench.receiver.seen().len() == 1).await;
    bench.site.follow();
    eventually(DAY, || !bench.site.disabled().is_empty()).await;
    bench.site.follows(50);
    tokio::time::advance(7 * DAY).await;
    dispatchers.stop().await;
    assert_eq!(bench.receiver.seen().len(), 2);
    let kept = bench.site.progress(bench.endpoint).expect("progress is kept");
    assert_eq!(kept.cursor, 2, "the event that met the 410 is still to be delivered");
}

/// How many tries there were before the endpoint was held back: those of the first second.
fn tries_before_the_hold(seen: &[Seen]) -> usize {
    let at_once = |one: &&Seen| one.at.duration_since(seen[0].at) < Duration::from_secs(1);
    seen.iter().take_while(at_once).count()
}

/// Requests that came in each second after the first of them.
fn by_second(seen: &[Seen]) -> Vec<usize> {
    let mut counts = Vec::new();
    for one in seen {
        let second = one.at.duration_since(seen[0].at).as_secs() as usize;
        counts.resize(counts.len().max(second + 1), 0);
        counts[second] += 1;
    }
    counts
}

#[actix_rt::test]
async fn a_receiver_that_comes_back_is_tried_alone_and_then_faster() {
    tokio::time::pause();
    let bench = Bench::new(&[Behaviour::Answer(503)]).await;
    let dispatchers = bench.start();
    bench.site.follows(60);
    tokio::time::advance(Duration::from_secs(1)).await;
    eventually(DAY, || !bench.receiver.seen().is_empty()).await;
    bench.receiver.now_does(Behaviour::AnswerAfter(200, Duration::from_secs(1)));
    let done = || {
        let progress = bench.site.progress(bench.endpoint);
        progress.is_some_and(|p| p.cursor == 61 && p.parked.is_empty())
    };
    eventually(DAY, done).await;
    dispatchers.stop().await;
    let seen = bench.receiver.seen();
    let fallen = tries_before_the_hold(&seen);
    assert!(fallen < 2 * limits::DELIVERY_WINDOW_DEFAULT, "{fallen} tries");
    let back = &seen[fallen..];
    assert_planned(back[0].at.duration_since(seen[0].at).as_millis() as i64, 5_000, 0, "probe");
    let counts = by_second(back);
    assert_eq!(counts[..4], [1, 2, 4, 8], "slow start, then the window: {counts:?}");
    assert!(counts.iter().all(|count| *count <= limits::DELIVERY_WINDOW_DEFAULT), "{counts:?}");
    assert_eq!(back.len(), 60, "nothing is lost and nothing repeated");
}

#[actix_rt::test]
async fn a_probe_that_fails_lengthens_the_wait_and_sends_nothing_else() {
    tokio::time::pause();
    let bench = Bench::new(&[Behaviour::Close]).await;
    let dispatchers = bench.start();
    bench.site.follows(60);
    // Two probes of the head; the third asks another event too, whose fault it is.
    eventually(DAY, || {
        let seen = bench.receiver.seen();
        seen.len() >= tries_before_the_hold(&seen) + 4
    })
    .await;
    let seen = bench.receiver.seen();
    let fallen = tries_before_the_hold(&seen);
    // The head is probed alone, until it has failed three times.
    let probes = &seen[fallen - 1..];
    let gaps = gaps_ms(probes);
    let alone = gaps.iter().position(|gap_ms| *gap_ms < 1_000).expect("another is asked");
    assert!((2..=3).contains(&alone), "{gaps:?}");
    for (gap_ms, planned_ms) in gaps[..alone].iter().zip([5_000, 300_000, 1_800_000]) {
        assert_planned(*gap_ms, planned_ms, 0, "probe");
    }
    let id = |seen: &Seen| seen.header("webhook-id").to_owned();
    let head = id(&probes[1]);
    assert!(probes[1..=alone].iter().all(|probe| id(probe) == head), "the head is what is probed");
    assert_ne!(id(&probes[alone + 1]), head, "then another, to learn whose fault it is");
    let held = |state: &guildhall::webhook::dispatcher::DispatcherState| {
        matches!(state.phase, Phase::Open { .. })
    };
    assert!(dispatchers.observable_state().await.iter().all(held));
    dispatchers.stop().await;
}

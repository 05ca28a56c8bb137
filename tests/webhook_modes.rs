//! Order, pace and selection of deliveries: real dispatchers, real sockets, a site in memory.

mod webhook_support;

use std::collections::BTreeMap;

use guildhall::core::delivery::{
    Attempt, AttemptResult, Delivery, DeliverySettings, Jitter, Progress, Schedule, Wanted, Wishes,
};
use guildhall::domain::endpoint::{Condition, DeliveryMode, EndpointChannel, Operator};
use guildhall::domain::{Event, MemberId, Timestamp};
use webhook_support::site::Site;
use webhook_support::{Behaviour, Receiver, Seen};

fn seqs(seen: &[Seen]) -> Vec<u64> {
    let seq = |one: &Seen| one.header("webhook-id").trim_start_matches("evt_").parse().ok();
    seen.iter().filter_map(seq).collect()
}

fn follow_of(site: &Site, member: u128) -> u64 {
    let (follower, followed) = (MemberId::from_u128(member), MemberId::from_u128(999));
    site.write(Event::FollowCreated { follower, followed })
}

#[actix_rt::test]
async fn in_fifo_nothing_overtakes_an_event_that_fails() {
    let site = Site::new();
    let script = [200, 500, 422, 429, 200].map(Behaviour::Answer);
    let receiver = Receiver::start(&script).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    site.update(endpoint, |endpoint| endpoint.settings.mode = DeliveryMode::Fifo);
    site.follows(6);
    let dispatchers = site.start();
    let seen = receiver.saw(9).await;
    assert_eq!(seqs(&seen), [3, 4, 4, 4, 4, 5, 6, 7, 8]);
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn members_keep_their_own_order_and_do_not_wait_for_each_other() {
    let site = Site::new();
    let receiver = Receiver::start(&[Behaviour::Answer(422), Behaviour::Answer(200)]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    site.update(endpoint, |endpoint| endpoint.settings.mode = DeliveryMode::FifoByMember);
    let mut of_member: BTreeMap<u64, u128> = BTreeMap::new();
    for round in 0..40_u128 {
        let member = round % 4 + 1;
        of_member.insert(follow_of(&site, member), member);
    }
    let dispatchers = site.start();
    let seen = seqs(&receiver.saw(41).await);
    let first = seen[0];
    assert_eq!(seen.iter().filter(|seq| **seq == first).count(), 2, "the first one comes again");
    for member in 1..=4 {
        let mut own: Vec<u64> = seen[1..].to_vec();
        own.retain(|seq| of_member[seq] == member);
        assert!(own.is_sorted(), "events of member {member}: {own:?}");
        assert_eq!(own.len(), 10);
    }
    let again = seen[1..].iter().position(|seq| *seq == first).expect("it came again");
    assert!(again > 3, "others went on meanwhile: {seen:?}");
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn channels_and_conditions_choose_and_can_be_changed_under_way() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let (ann, bob) = (MemberId::from_u128(1), MemberId::from_u128(2));
    site.update(endpoint, |endpoint| {
        endpoint.settings.channels = vec![EndpointChannel::Member(ann)];
    });
    let dispatchers = site.start();
    let (first, _, third) = (follow_of(&site, 1), follow_of(&site, 2), follow_of(&site, 1));
    assert_eq!(seqs(&receiver.saw(2).await), [first, third]);
    site.stored(endpoint, |stored| stored.is_some_and(|p| p.cursor >= third)).await;
    site.update(endpoint, |endpoint| {
        endpoint.settings.channels = vec![EndpointChannel::Member(bob)];
        endpoint.settings.conditions = vec![Condition {
            path: "absent".to_owned(),
            operator: Operator::Exists,
            operand_json: "false".to_owned(),
        }];
    });
    let (_, fifth) = (follow_of(&site, 1), follow_of(&site, 2));
    assert_eq!(seqs(&receiver.saw(3).await), [first, third, fifth]);
    dispatchers.stop().await;
}

/// The machine alone, with a clock of its own.
struct Bench {
    delivery: Delivery,
    now: Timestamp,
}

impl Bench {
    fn new(mode: DeliveryMode, rate_per_minute: Option<u32>) -> Bench {
        let schedule = Schedule::new(vec![1_000, 1_000, 1_000]);
        let settings =
            DeliverySettings { mode, rate_per_minute, schedule, ..DeliverySettings::default() };
        let delivery = Delivery::new(settings, Progress::default());
        Bench { delivery, now: Timestamp::from_unix_ms(1_000_000) }
    }

    fn take(&mut self, keys: &[u128]) {
        let wanted: Vec<Wanted> = (1..)
            .zip(keys)
            .map(|(seq, key)| Wanted { key: Some(*key), ..Wanted::free(seq) })
            .collect();
        self.delivery.take(keys.len() as u64, &wanted, self.now);
    }

    fn sent(&mut self, after_ms: i64) -> Vec<u64> {
        self.now = self.now.plus_ms(after_ms);
        self.delivery.tick(self.now).send.iter().map(|due| due.seq).collect()
    }

    fn end(&mut self, seq: u64, result: AttemptResult) {
        self.delivery.attempted(Attempt { seq, result, jitter: Jitter::NONE }, self.now);
    }

    fn restarted(self) -> Bench {
        let progress = self.delivery.progress();
        let mut again = Bench::new(DeliveryMode::FifoByMember, None);
        again.delivery = Delivery::new(
            DeliverySettings {
                mode: DeliveryMode::FifoByMember,
                schedule: Schedule::new(vec![1_000, 1_000, 1_000]),
                ..DeliverySettings::default()
            },
            progress,
        );
        again.now = self.now;
        again
    }
}

#[test]
fn later_events_of_a_held_member_are_set_aside_behind_it_across_a_restart() {
    let mut bench = Bench::new(DeliveryMode::FifoByMember, None);
    bench.take(&[1, 2, 1, 1, 2]);
    assert_eq!(bench.sent(0), [1, 2]);
    bench.end(1, AttemptResult::EventFault);
    bench.end(2, AttemptResult::Delivered);
    assert_eq!(bench.sent(0), [5]);
    bench.end(5, AttemptResult::Delivered);
    assert_eq!((bench.delivery.parked(), bench.delivery.cursor()), (3, 5), "nobody else waits");
    let mut bench = bench.restarted();
    assert_eq!(bench.sent(999), Vec::<u64>::new());
    assert_eq!(bench.sent(1), [1], "the first of the member alone");
    bench.end(1, AttemptResult::Delivered);
    assert_eq!(bench.sent(0), [3]);
    bench.end(3, AttemptResult::Delivered);
    assert_eq!(bench.sent(0), [4]);
    bench.end(4, AttemptResult::Delivered);
    assert_eq!(bench.delivery.parked(), 0);
}

#[test]
fn an_unwanted_event_is_tried_as_often_in_fifo_and_then_given_up() {
    let mut bench = Bench::new(DeliveryMode::Fifo, None);
    bench.take(&[1, 2]);
    for _ in 0..4 {
        assert_eq!(bench.sent(1_000), [1]);
        bench.end(1, AttemptResult::EventFault);
    }
    let actions = bench.delivery.tick(bench.now);
    assert_eq!(actions.exhausted, [1]);
    assert_eq!(actions.send.iter().map(|due| due.seq).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_rate_holds_for_new_and_old_events_together_and_wakes_in_time() {
    let mut bench = Bench::new(DeliveryMode::Parallel, Some(60));
    bench.take(&[1, 2, 3]);
    assert_eq!(bench.sent(0), [1]);
    bench.end(1, AttemptResult::EventFault);
    let actions = bench.delivery.tick(bench.now);
    assert_eq!((actions.send.len(), actions.wake_at), (0, Some(bench.now.plus_ms(50))));
    assert_eq!(bench.sent(999), Vec::<u64>::new());
    assert_eq!(bench.sent(1).len(), 1);
    let wake_at = bench.delivery.tick(bench.now).wake_at.expect("a time");
    assert!(wake_at <= bench.now.plus_ms(1_000), "{wake_at:?}");
    assert_eq!(bench.sent(1_000).len(), 1);
    assert_eq!(bench.sent(1_000).len(), 1);
}

#[test]
fn an_endpoint_has_as_many_on_their_way_as_it_wishes() {
    let check = |mode: DeliveryMode, window: Option<usize>, expected: usize| {
        let settings = DeliverySettings::default();
        let mut delivery = Delivery::new(settings, Progress::default());
        delivery.obey(Wishes { mode, window, ..Wishes::default() });
        let now = Timestamp::from_unix_ms(0);
        let wanted: Vec<Wanted> = (1..=100).map(Wanted::free).collect();
        delivery.take(100, &wanted, now);
        assert_eq!(delivery.tick(now).send.len(), expected, "{mode:?} {window:?}");
    };
    check(DeliveryMode::Parallel, None, DeliverySettings::default().window);
    check(DeliveryMode::Parallel, Some(1), 1);
    check(DeliveryMode::Parallel, Some(64), 64);
    check(DeliveryMode::FifoByMember, Some(20), 20);
    check(DeliveryMode::Fifo, Some(64), 1);
}

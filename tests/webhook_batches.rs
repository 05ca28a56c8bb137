//! Counter events that go out together: the machine against a model, with crashes; and real
//! dispatchers with real sockets.

mod webhook_support;

use std::collections::{BTreeMap, BTreeSet};

use guildhall::core::delivery::{
    Attempt, AttemptResult, Delivery, DeliverySettings, Jitter, Origin, Progress, Schedule, Wanted,
    Wishes,
};
use guildhall::domain::Timestamp;
use guildhall::domain::endpoint::{CounterBatch, DeliveryMode};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use webhook_support::site::{Site, until};
use webhook_support::{Behaviour, Receiver, Seen};

const EVENTS_MAX: u32 = 7;
const EVERY_SECONDS: u32 = 5;

fn wishes() -> Wishes {
    let counter_batch = Some(CounterBatch { events_max: EVENTS_MAX, every_seconds: EVERY_SECONDS });
    Wishes { counter_batch, ..Wishes::default() }
}

fn settings() -> DeliverySettings {
    // So many tries that nothing is given up.
    let schedule = Schedule::new(vec![1_000; 40]);
    DeliverySettings { window: 3, parked_max: 20, schedule, ..DeliverySettings::default() }
}

/// One endpoint, its log, and what its receiver took; every third event is a counter's.
struct World {
    dice: StdRng,
    now: Timestamp,
    log: u64,
    delivery: Delivery,
    stored: Progress,
    storing: Option<Progress>,
    on_their_way: Vec<(u64, Option<u64>)>,
    /// Single events, and the ranges of batches, each with how often it arrived.
    singles: BTreeMap<u64, u32>,
    batches: BTreeMap<(u64, u64), u32>,
    crashes: u32,
}

impl World {
    fn new(seed: u64) -> World {
        let mut delivery = Delivery::new(settings(), Progress::default());
        delivery.obey(wishes());
        World {
            dice: StdRng::seed_from_u64(seed),
            now: Timestamp::from_unix_ms(1_000_000),
            log: 0,
            delivery,
            stored: Progress::default(),
            storing: None,
            on_their_way: Vec::new(),
            singles: BTreeMap::new(),
            batches: BTreeMap::new(),
            crashes: 0,
        }
    }

    fn is_counter(seq: u64) -> bool {
        seq.is_multiple_of(3)
    }

    fn step(&mut self, fails: bool) {
        match self.dice.random_range(0..20) {
            0..8 => self.log += u64::from(self.log < 600),
            8..11 => self.now = self.now.plus_ms(self.dice.random_range(1..900)),
            11..16 => self.land(fails),
            16..19 => self.finish_storing(),
            _ => self.crash_sometimes(),
        }
        self.tick();
    }

    fn tick(&mut self) {
        let actions = self.delivery.tick(self.now);
        for due in actions.send {
            let from = self.delivery.batch_from(due.seq);
            assert!(from.is_none() || due.origin == Origin::Parked, "a batch is set aside first");
            let known = |progress: &Progress| progress.batches.iter().any(|it| it.0 == due.seq);
            assert!(from.is_none() || known(&self.stored), "batch {} is not stored yet", due.seq);
            self.on_their_way.push((due.seq, from));
        }
        self.storing = actions.persist.or(self.storing.take());
        if let Some(after) = actions.read_after.filter(|after| *after < self.log) {
            let through = (after + 5).min(self.log);
            let wanted = |seq| Wanted { gathered: World::is_counter(seq), ..Wanted::free(seq) };
            let wanted: Vec<Wanted> = (after + 1..=through).map(wanted).collect();
            self.delivery.take(through, &wanted, self.now);
        }
    }

    fn land(&mut self, fails: bool) {
        if self.on_their_way.is_empty() {
            return;
        }
        let place = self.dice.random_range(0..self.on_their_way.len());
        let (seq, from) = self.on_their_way.swap_remove(place);
        let result = match self.dice.random_range(0..10) {
            0 if fails => AttemptResult::EventFault,
            1 if fails => AttemptResult::EndpointFault,
            _ => AttemptResult::Delivered,
        };
        if result == AttemptResult::Delivered {
            match from {
                Some(from) => *self.batches.entry((from, seq)).or_default() += 1,
                None => *self.singles.entry(seq).or_default() += 1,
            }
        }
        self.delivery.attempted(Attempt { seq, result, jitter: Jitter::NONE }, self.now);
    }

    fn finish_storing(&mut self) {
        if let Some(progress) = self.storing.take() {
            self.stored = progress;
            self.delivery.persisted();
        }
    }

    fn crash_sometimes(&mut self) {
        if self.dice.random_range(0..20) > 0 {
            return;
        }
        self.crashes += 1;
        // What was being stored may have arrived on the disk or not.
        if self.dice.random_bool(0.5) {
            self.stored = self.storing.take().unwrap_or(self.stored.clone());
        }
        self.storing = None;
        self.on_their_way.clear();
        self.delivery = Delivery::new(settings(), self.stored.clone());
        self.delivery.obey(wishes());
    }

    /// Lets everything end well.
    fn drain(&mut self) {
        for _ in 0..5_000 {
            self.now = self.now.plus_ms(200);
            self.land(false);
            self.finish_storing();
            self.tick();
        }
        assert!(self.delivery.is_idle(), "{:?}", self.delivery.progress());
    }

    fn check(&self) {
        let mut counted: BTreeMap<u64, BTreeSet<(u64, u64)>> = BTreeMap::new();
        for (from, last) in self.batches.keys() {
            let own: Vec<u64> = (*from..=*last).filter(|seq| World::is_counter(*seq)).collect();
            assert!(own.len() <= EVENTS_MAX as usize, "{from} to {last}");
            assert!(World::is_counter(*from) && World::is_counter(*last), "{from} to {last}");
            for seq in own {
                counted.entry(seq).or_default().insert((*from, *last));
            }
        }
        for seq in 1..=self.log {
            if World::is_counter(seq) {
                let batches = counted.get(&seq).map_or(0, BTreeSet::len);
                assert_eq!(batches, 1, "counter event {seq} is in {:?}", counted.get(&seq));
                assert!(!self.singles.contains_key(&seq), "{seq} went out alone too");
            } else {
                assert!(self.singles.contains_key(&seq), "event {seq} never arrived");
            }
        }
    }
}

#[test]
fn every_counter_event_is_in_one_batch_whatever_fails_and_crashes() {
    let mut crashes = 0;
    for seed in 0..300 {
        let mut world = World::new(seed);
        for _ in 0..3_000 {
            world.step(seed % 3 > 0);
        }
        world.drain();
        world.check();
        crashes += world.crashes;
    }
    assert!(crashes > 500, "only {crashes} crashes");
}

fn ids(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|one| one.header("webhook-id").to_owned()).collect()
}

fn batching(
    site: &Site,
    url: &str,
    events_max: u32,
    every_seconds: u32,
) -> guildhall::domain::EndpointId {
    let (endpoint, _) = site.endpoint(1, url, &["counter.*", "follow.*"]);
    site.update(endpoint, |endpoint| {
        let batch = CounterBatch { events_max, every_seconds };
        endpoint.settings.counter_batch = Some(batch);
    });
    endpoint
}

#[actix_rt::test]
async fn counters_go_out_together_and_other_events_at_once() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    batching(&site, &receiver.url(), 3, 3_600);
    let dispatchers = site.start();
    let first = site.counter(1);
    let follow = site.follow();
    assert_eq!(ids(&receiver.saw(1).await), [format!("evt_{follow}")]);
    site.counter(2);
    let last = site.counter(1);
    let seen = receiver.saw(2).await;
    assert_eq!(ids(&seen)[1], format!("evt_{first}-{last}"));
    let seqs = [first, first + 2, last];
    assert!(String::from_utf8_lossy(&seen[1].body).contains(&format!("{seqs:?}")));
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn a_batch_that_is_not_full_goes_out_in_time_and_outlives_a_restart() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let endpoint = batching(&site, &receiver.url(), 100, 1);
    let dispatchers = site.start();
    let (first, last) = (site.counter(1), site.counter(2));
    until(&dispatchers, |states| states.iter().any(|state| state.cursor >= last)).await;
    dispatchers.stop().await;
    let gathered = site.progress(endpoint).and_then(|progress| progress.gathering);
    assert_eq!(gathered.map(|it| (it.first_seq, it.last_seq)), Some((first, last)));
    assert!(receiver.seen().is_empty());
    let dispatchers = site.start();
    assert_eq!(ids(&receiver.saw(1).await), [format!("evt_{first}-{last}")]);
    site.stored(endpoint, |stored| stored.is_some_and(|p| p.batches.is_empty())).await;
    dispatchers.stop().await;
}

#[actix_rt::test]
async fn a_batch_that_fails_comes_again_as_it_was() {
    let site = Site::new();
    let script = [422, 500, 429, 200].map(Behaviour::Answer);
    let receiver = Receiver::start(&script).await;
    batching(&site, &receiver.url(), 2, 3_600);
    let dispatchers = site.start();
    let (first, last) = (site.counter(1), site.counter(2));
    let seen = receiver.saw(script.len()).await;
    assert!(ids(&seen).iter().all(|id| *id == format!("evt_{first}-{last}")), "{:?}", ids(&seen));
    assert!(seen.iter().all(|one| one.body == seen[0].body));
    dispatchers.stop().await;
}

#[test]
fn a_batch_that_was_given_up_can_be_sent_again() {
    let schedule = Schedule::new(vec![1_000]);
    let settings = DeliverySettings { schedule, ..DeliverySettings::default() };
    let mut delivery = Delivery::new(settings.clone(), Progress::default());
    let batch = Some(CounterBatch { events_max: 2, every_seconds: 60 });
    delivery.obey(Wishes { counter_batch: batch, ..Wishes::default() });
    let mut now = Timestamp::from_unix_ms(0);
    let wanted = [1, 2].map(|seq| Wanted { gathered: true, ..Wanted::free(seq) });
    delivery.take(2, &wanted, now);
    let mut tried = |delivery: &mut Delivery, result| {
        delivery.persisted();
        now = now.plus_ms(2_000);
        let actions = delivery.tick(now);
        let seqs: Vec<u64> = actions.send.iter().map(|due| due.seq).collect();
        for seq in &seqs {
            delivery.attempted(Attempt { seq: *seq, result, jitter: Jitter::NONE }, now);
        }
        (seqs, delivery.tick(now).exhausted)
    };
    assert!(delivery.tick(Timestamp::from_unix_ms(0)).persist.is_some());
    assert_eq!(tried(&mut delivery, AttemptResult::EventFault), (vec![2], vec![]));
    // Something else goes through, so that the batch is at fault and not the endpoint.
    delivery.take(3, &[Wanted::free(3)], Timestamp::from_unix_ms(2_000));
    let sent: Vec<u64> =
        delivery.tick(Timestamp::from_unix_ms(2_000)).send.iter().map(|due| due.seq).collect();
    assert_eq!(sent, [3]);
    let taken = Attempt { seq: 3, result: AttemptResult::Delivered, jitter: Jitter::NONE };
    delivery.attempted(taken, Timestamp::from_unix_ms(2_001));
    assert_eq!(tried(&mut delivery, AttemptResult::EventFault), (vec![2], vec![2]));
    // It is known in what is stored, and after a restart.
    let mut delivery = Delivery::new(settings, delivery.progress());
    delivery.replay(&[Wanted::free(2)], Timestamp::from_unix_ms(5_000));
    assert_eq!(delivery.batch_from(2), Some(1));
    assert_eq!(tried(&mut delivery, AttemptResult::Delivered), (vec![2], vec![]));
    assert_eq!(delivery.batch_from(2), None);
}

#[actix_rt::test]
async fn without_the_wish_what_was_gathered_goes_out_and_counters_go_alone() {
    let site = Site::new();
    let receiver = Receiver::start(&[]).await;
    let endpoint = batching(&site, &receiver.url(), 100, 3_600);
    let dispatchers = site.start();
    let (first, last) = (site.counter(1), site.counter(2));
    until(&dispatchers, |states| states.iter().any(|state| state.cursor >= last)).await;
    site.update(endpoint, |endpoint| endpoint.settings.counter_batch = None);
    let alone = site.counter(3);
    let mut seen = ids(&receiver.saw(2).await);
    seen.sort();
    let mut expected = [format!("evt_{first}-{last}"), format!("evt_{alone}")];
    expected.sort();
    assert_eq!(seen, expected);
    dispatchers.stop().await;
}

#[test]
fn the_mode_does_not_matter_to_batches() {
    for mode in [DeliveryMode::Fifo, DeliveryMode::FifoByMember] {
        let mut delivery = Delivery::new(settings(), Progress::default());
        delivery.obey(Wishes { mode, ..wishes() });
        let now = Timestamp::from_unix_ms(0);
        let wanted = [1, 2, 3].map(|seq| Wanted { gathered: seq < 3, ..Wanted::free(seq) });
        delivery.take(3, &wanted, now);
        let sent: Vec<u64> = delivery.tick(now).send.iter().map(|due| due.seq).collect();
        assert_eq!(sent, [3], "{mode:?}");
        let later = now.plus_ms(i64::from(EVERY_SECONDS) * 1_000);
        delivery.attempted(
            Attempt { seq: 3, result: AttemptResult::Delivered, jitter: Jitter::NONE },
            later,
        );
        assert!(delivery.tick(later).persist.is_some_and(|p| p.batches == [(2, 1)]));
        delivery.persisted();
        let sent: Vec<u64> = delivery.tick(later).send.iter().map(|due| due.seq).collect();
        assert_eq!(sent, [2], "{mode:?}");
    }
}

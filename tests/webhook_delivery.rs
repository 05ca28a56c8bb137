//! The delivery machine, driven by hand: tries that fail, endpoints that are held back, progress
//! that is lost.

use std::collections::{BTreeMap, BTreeSet};

use guildhall::core::delivery::{
    Actions, Attempt, AttemptResult, Delivery, DeliverySettings, DisableReason, Jitter, Phase,
    Progress, Skipped,
};
use guildhall::domain::{Timestamp, limits};
use proptest::prelude::*;

const ENDPOINT_FAULT: AttemptResult = AttemptResult::EndpointFault;
const EVENT_FAULT: AttemptResult = AttemptResult::EventFault;
const DELIVERED: AttemptResult = AttemptResult::Delivered;

/// A delivery with its own clock, which only moves when it is told to.
struct Bench {
    delivery: Delivery,
    now: Timestamp,
    last: Actions,
}

impl Bench {
    fn new(events: u64) -> Bench {
        Bench::with(DeliverySettings::default(), Progress::default(), events)
    }

    fn with(settings: DeliverySettings, progress: Progress, events: u64) -> Bench {
        let now = Timestamp::from_unix_ms(1_000_000);
        let mut delivery = Delivery::new(settings, progress);
        let seqs: Vec<u64> = (1..=events).collect();
        delivery.records(events, &seqs, now);
        Bench { delivery, now, last: Actions::default() }
    }

    fn tick(&mut self) -> Vec<u64> {
        self.last = self.delivery.tick(self.now);
        if self.last.persist.is_some() {
            self.delivery.persisted();
        }
        self.last.send.iter().map(|send| send.seq).collect()
    }

    fn end(&mut self, seq: u64, result: AttemptResult) {
        let attempt = Attempt { seq, result, jitter: Jitter::NONE };
        self.delivery.attempted(attempt, self.now);
    }

    fn after_ms(&mut self, ms: i64) -> Vec<u64> {
        self.now = self.now.plus_ms(ms);
        self.tick()
    }

    /// Milliseconds until the endpoint is tried again.
    fn held_ms(&self) -> i64 {
        match self.delivery.phase() {
            Phase::Open { next_try_at } => next_try_at.unix_ms - self.now.unix_ms,
            Phase::Closed { .. } | Phase::HalfOpen { .. } | Phase::Stopped { .. } => 0,
        }
    }

    /// Fails everything until the endpoint is held back.
    fn hold(&mut self) {
        for seq in self.tick() {
            self.end(seq, ENDPOINT_FAULT);
        }
        assert_eq!(self.tick(), Vec::<u64>::new());
        assert_eq!(self.held_ms(), 5_000);
    }
}

#[test]
fn a_window_is_sent_and_refilled_as_it_empties() {
    let mut bench = Bench::new(20);
    assert_eq!(bench.tick(), (1..=8).collect::<Vec<_>>());
    assert_eq!(bench.tick(), Vec::<u64>::new());
    bench.end(3, DELIVERED);
    bench.end(2, DELIVERED);
    assert_eq!(bench.delivery.cursor(), 0);
    assert_eq!(bench.tick(), [9, 10]);
    bench.end(1, DELIVERED);
    assert_eq!(bench.delivery.cursor(), 3);
    assert_eq!(bench.delivery.progress().done_above, Vec::<u64>::new());
    bench.end(5, DELIVERED);
    assert_eq!(bench.delivery.progress().done_above, [5]);
}

#[test]
fn events_that_nobody_takes_move_the_cursor() {
    let mut bench = Bench::new(0);
    bench.delivery.records(64, &[10], bench.now);
    assert_eq!(bench.delivery.cursor(), 9);
    assert_eq!(bench.tick(), [10]);
    bench.end(10, DELIVERED);
    assert_eq!(bench.delivery.cursor(), 64);
    assert_eq!(bench.last.read_after, Some(64));
}

#[test]
fn progress_is_stored_50_ms_after_a_result_or_after_50_results() {
    let mut bench = Bench::new(200);
    let sent = bench.tick();
    assert!(bench.last.persist.is_none());
    bench.end(sent[0], DELIVERED);
    bench.tick();
    assert!(bench.last.persist.is_none());
    assert_eq!(bench.last.wake_at, Some(bench.now.plus_ms(50)));
    bench.after_ms(50);
    assert_eq!(bench.last.persist.as_ref().map(|progress| progress.cursor), Some(1));
    let mut ended = 0;
    let mut waiting: Vec<u64> = (2..=9).collect();
    while bench.last.persist.is_none() || ended == 0 {
        for seq in std::mem::take(&mut waiting) {
            bench.end(seq, DELIVERED);
            ended += 1;
        }
        waiting = bench.tick();
    }
    assert!((50..58).contains(&ended), "stored after {ended} results");
}

#[test]
fn one_endpoint_fault_sets_the_event_aside_and_five_in_a_row_hold_the_endpoint_back() {
    let mut bench = Bench::new(20);
    bench.tick();
    for seq in 1..=4 {
        bench.end(seq, ENDPOINT_FAULT);
    }
    assert_eq!(bench.delivery.parked(), 4);
    assert_eq!(bench.tick(), [9, 10, 11, 12]);
    bench.end(5, ENDPOINT_FAULT);
    assert_eq!(bench.held_ms(), 5_000);
    for seq in 6..=12 {
        bench.end(seq, ENDPOINT_FAULT);
    }
    assert_eq!(bench.held_ms(), 5_000, "faults of one moment count once");
    assert_eq!(bench.delivery.parked(), 4, "a held endpoint costs no more than its head");
    assert_eq!(bench.after_ms(4_999), Vec::<u64>::new());
    assert_eq!(bench.after_ms(1), [5], "the head is tried alone");
    bench.end(5, DELIVERED);
    assert_eq!(bench.tick(), [6, 7]);
    bench.end(6, DELIVERED);
    bench.end(7, DELIVERED);
    assert_eq!(bench.tick(), [8, 9, 10, 11]);
}

#[test]
fn a_success_in_between_keeps_the_endpoint_going() {
    let mut bench = Bench::new(100);
    let mut sent = bench.tick();
    for round in 0..60 {
        let seq = sent.remove(0);
        bench.end(seq, if round % 3 == 0 { ENDPOINT_FAULT } else { DELIVERED });
        sent.extend(bench.tick());
        assert_eq!(bench.held_ms(), 0);
    }
    assert_eq!(bench.delivery.parked(), 20);
}

#[test]
fn a_dead_endpoint_is_tried_by_the_schedule_and_disabled_after_five_days() {
    let mut bench = Bench::new(100);
    bench.hold();
    let started = bench.now;
    let mut waits_ms = vec![bench.held_ms()];
    loop {
        let sent = bench.after_ms(bench.held_ms());
        assert_eq!(sent, [5]);
        bench.end(5, ENDPOINT_FAULT);
        // From the third fault on, another event is asked whether it is the head's fault.
        for seq in bench.tick() {
            bench.end(seq, ENDPOINT_FAULT);
            bench.tick();
        }
        if bench.last.disable.is_some() {
            break;
        }
        waits_ms.push(bench.held_ms());
    }
    let schedule: Vec<i64> = limits::DELIVERY_RETRY_MS.map(|ms| ms as i64).to_vec();
    assert_eq!(waits_ms[..9], schedule);
    assert!(waits_ms[9..].iter().all(|ms| *ms == 86_400_000));
    assert_eq!(bench.last.disable, Some(DisableReason::OnlyFailures));
    let days = (bench.now.unix_ms - started.unix_ms) / 86_400_000;
    assert_eq!(days, 5);
    assert_eq!(bench.delivery.progress().cursor, 4, "the cursor is kept");
    assert_eq!(bench.delivery.parked(), 4, "and so is what was set aside");
    assert_eq!(bench.after_ms(86_400_000), Vec::<u64>::new());
    assert_eq!(bench.last.disable, None, "told once");
}

#[test]
fn one_success_starts_the_five_days_anew() {
    let mut bench = Bench::new(10);
    bench.hold();
    let four_days_ms = 4 * 86_400_000;
    assert_eq!(bench.after_ms(four_days_ms), [5]);
    bench.end(5, DELIVERED);
    for seq in bench.tick() {
        bench.end(seq, ENDPOINT_FAULT);
    }
    assert_eq!(bench.held_ms(), 5_000, "the schedule starts anew too");
    bench.after_ms(four_days_ms);
    assert_eq!(bench.last.disable, None);
}

#[test]
fn a_410_disables_at_once_and_keeps_the_event() {
    let mut bench = Bench::new(3);
    bench.tick();
    bench.end(1, AttemptResult::Gone);
    bench.end(2, DELIVERED);
    assert_eq!(bench.tick(), Vec::<u64>::new());
    assert_eq!(bench.last.disable, Some(DisableReason::Gone));
    let progress = bench.delivery.progress();
    assert_eq!((progress.cursor, progress.done_above), (0, vec![2]));
}

#[test]
fn a_receiver_that_asks_for_a_pause_gets_it_up_to_a_day() {
    let year_ms = 365 * 86_400_000;
    for (asked_ms, held_ms) in
        [(None, 5_000), (Some(1), 5_000), (Some(60_000), 60_000), (Some(year_ms), 86_400_000)]
    {
        let mut bench = Bench::new(20);
        bench.tick();
        bench.end(1, AttemptResult::Throttled { retry_after_ms: asked_ms });
        assert_eq!(bench.held_ms(), held_ms, "asked for {asked_ms:?}");
        bench.end(2, AttemptResult::Throttled { retry_after_ms: Some(80_000_000) });
        assert_eq!(bench.held_ms(), held_ms.max(80_000_000));
    }
}

#[test]
fn an_unwanted_event_is_set_aside_tried_ten_times_and_given_up() {
    let mut bench = Bench::new(3);
    assert_eq!(bench.tick(), [1, 2, 3]);
    bench.end(1, EVENT_FAULT);
    bench.now = bench.now.plus_ms(1);
    bench.end(2, DELIVERED);
    bench.end(3, DELIVERED);
    assert_eq!(bench.delivery.cursor(), 3);
    let mut tries = 1;
    loop {
        let wake_at = bench.delivery.progress().parked[0].next_try_at;
        assert_eq!(bench.after_ms(wake_at.unix_ms - bench.now.unix_ms), [1]);
        bench.end(1, EVENT_FAULT);
        tries += 1;
        bench.tick();
        if bench.delivery.parked() == 0 {
            break;
        }
    }
    assert_eq!(tries, 10);
    assert_eq!(bench.last.exhausted, [1]);
}

#[test]
fn nothing_is_given_up_while_the_endpoint_takes_nothing() {
    let mut bench = Bench::new(1);
    bench.tick();
    bench.end(1, EVENT_FAULT);
    let mut tries = 0;
    while bench.last.disable.is_none() {
        assert_eq!(bench.delivery.parked(), 1);
        let wake_at = bench.delivery.progress().parked[0].next_try_at;
        assert_eq!(bench.after_ms(wake_at.unix_ms - bench.now.unix_ms), [1]);
        bench.end(1, EVENT_FAULT);
        bench.tick();
        tries += 1;
    }
    assert!(tries > 10);
    assert_eq!(bench.delivery.parked(), 1);
}

#[test]
fn a_poison_head_is_set_aside_once_a_later_event_passes() {
    let mut bench = Bench::new(40);
    bench.hold();
    for wait_ms in [5_000, 300_000] {
        assert_eq!(bench.after_ms(wait_ms), [5]);
        bench.end(5, ENDPOINT_FAULT);
        bench.tick();
    }
    assert_eq!(bench.tick(), Vec::<u64>::new());
    assert_eq!(bench.held_ms(), 0, "the third fault asks another event first");
    assert_eq!(bench.delivery.in_flight(), 1);
    let parked_before = bench.delivery.parked();
    bench.end(6, DELIVERED);
    assert_eq!(bench.delivery.parked(), parked_before + 1);
    assert_eq!(bench.tick(), [7, 8], "the others go on");
}

#[test]
fn a_poison_head_with_no_proof_waits_by_the_schedule() {
    let mut bench = Bench::new(40);
    bench.hold();
    for wait_ms in [5_000, 300_000] {
        bench.after_ms(wait_ms);
        bench.end(5, ENDPOINT_FAULT);
        bench.tick();
    }
    bench.end(6, ENDPOINT_FAULT);
    assert_eq!(bench.held_ms(), 1_800_000);
    assert_eq!(bench.after_ms(1_800_000), [5]);
}

#[test]
fn too_many_set_aside_hold_the_endpoint_back_and_room_lets_it_go_on() {
    let settings = DeliverySettings { parked_max: 10, ..DeliverySettings::default() };
    let mut bench = Bench::with(settings, Progress::default(), 100);
    while bench.held_ms() == 0 {
        for seq in bench.tick() {
            bench.end(seq, EVENT_FAULT);
        }
    }
    let parked = bench.delivery.parked();
    assert!((10..18).contains(&parked), "{parked} set aside");
    let mut tried = bench.after_ms(5_000);
    let mut delivered = 0;
    for _ in 0..1_000 {
        for seq in tried {
            bench.end(seq, DELIVERED);
            delivered += 1;
        }
        tried = bench.after_ms(10_000);
    }
    assert_eq!(delivered, 100);
    assert!(bench.delivery.progress().parked.is_empty());
}

#[test]
fn a_restart_goes_on_where_progress_says() {
    let mut bench = Bench::new(20);
    bench.tick();
    bench.end(2, DELIVERED);
    bench.end(4, EVENT_FAULT);
    bench.end(5, AttemptResult::Throttled { retry_after_ms: Some(60_000) });
    let progress = bench.delivery.progress();
    let mut again = Bench::with(DeliverySettings::default(), progress, 20);
    assert_eq!(again.tick(), Vec::<u64>::new(), "still held back");
    assert_eq!(again.after_ms(60_000), [1]);
    again.end(1, DELIVERED);
    assert_eq!(again.delivery.cursor(), 2);
    assert_eq!(again.tick(), [3, 5], "neither what was done nor what was set aside");
}

#[test]
fn what_retention_took_is_told_and_stepped_over() {
    let mut bench = Bench::new(4);
    let skipped = bench.delivery.skip_to(11, bench.now);
    assert_eq!(skipped, Some(Skipped { first_seq: 5, last_seq: 10 }));
    assert_eq!(bench.delivery.skip_to(11, bench.now), None);
    assert_eq!(bench.tick(), [1, 2, 3, 4]);
    assert_eq!(bench.last.read_after, Some(10));
}

/// What the receiver of the property test answers, by a drawn number.
fn answer(draw: u8) -> AttemptResult {
    match draw % 16 {
        0..=6 => DELIVERED,
        7..=9 => ENDPOINT_FAULT,
        10 => AttemptResult::Throttled { retry_after_ms: Some(u64::from(draw) * 100) },
        _ => EVENT_FAULT,
    }
}

/// One endpoint over a log, with everything that was seen and stored.
struct World {
    head: u64,
    wanted: BTreeSet<u64>,
    seen: BTreeMap<u64, u32>,
    given_up: BTreeSet<u64>,
    stored: Vec<Progress>,
    bench: Bench,
    in_flight: Vec<u64>,
}

impl World {
    fn new(head: u64, every: u64) -> World {
        World {
            head,
            wanted: (1..=head).filter(|seq| seq % every == 0).collect(),
            seen: BTreeMap::new(),
            given_up: BTreeSet::new(),
            stored: vec![Progress::default()],
            bench: Bench::new(0),
            in_flight: Vec::new(),
        }
    }

    fn step(&mut self) {
        let sent = self.bench.tick();
        self.in_flight.extend(sent);
        assert!(self.in_flight.len() <= limits::DELIVERY_WINDOW_DEFAULT);
        assert_eq!(self.in_flight.len(), self.bench.delivery.in_flight());
        self.given_up.extend(&self.bench.last.exhausted);
        if let Some(progress) = self.bench.last.persist.clone() {
            self.audit(&progress);
            self.stored.push(progress);
        }
        if let Some(after) = self.bench.last.read_after.filter(|after| *after < self.head) {
            let through = (after + 64).min(self.head);
            let matching: Vec<u64> = self.wanted.range(after + 1..=through).copied().collect();
            self.bench.delivery.records(through, &matching, self.bench.now);
        }
    }

    /// Nothing at or below a stored cursor, or marked as done above it, is without its reason.
    fn audit(&self, progress: &Progress) {
        let parked: BTreeSet<u64> = progress.parked.iter().map(|parked| parked.seq).collect();
        let below = self.wanted.range(..=progress.cursor);
        for seq in below.chain(&progress.done_above) {
            let known =
                self.seen.contains_key(seq) || self.given_up.contains(seq) || parked.contains(seq);
            assert!(known, "event {seq} is lost below cursor {}", progress.cursor);
        }
    }

    fn end(&mut self, pick: usize, result: AttemptResult) {
        if self.in_flight.is_empty() {
            return;
        }
        let seq = self.in_flight.remove(pick % self.in_flight.len());
        if result == DELIVERED {
            *self.seen.entry(seq).or_default() += 1;
        }
        self.bench.end(seq, result);
    }

    /// A crash: what was on its way may have arrived, what was stored last may be lost.
    fn crash(&mut self, lost: usize) {
        for seq in std::mem::take(&mut self.in_flight) {
            *self.seen.entry(seq).or_default() += 1;
        }
        let kept = self.stored.len().saturating_sub(1 + lost % 4);
        let progress = self.stored[kept].clone();
        self.stored.truncate(kept + 1);
        let now = self.bench.now;
        self.bench = Bench::with(DeliverySettings::default(), progress, 0);
        self.bench.now = now;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_event_arrives_at_least_once_across_faults_and_crashes(
        every in 1_u64..4,
        draws in prop::collection::vec((any::<u8>(), any::<u8>(), 0_i64..20_000), 50..600),
    ) {
        let mut world = World::new(400, every);
        for (kind, draw, wait_ms) in draws {
            match kind {
                0..=5 => world.crash(usize::from(draw)),
                6..=60 => world.bench.now = world.bench.now.plus_ms(wait_ms),
                _ => world.end(usize::from(draw), answer(kind ^ draw)),
            }
            world.step();
        }
        for _ in 0..100_000 {
            if world.bench.delivery.is_idle() && world.bench.delivery.cursor() >= world.head {
                break;
            }
            while !world.in_flight.is_empty() {
                world.end(0, DELIVERED);
            }
            let wake_at = world.bench.last.wake_at.unwrap_or(world.bench.now);
            world.bench.now = world.bench.now.max(wake_at);
            world.step();
        }
        let seen: BTreeSet<u64> = world.seen.keys().chain(&world.given_up).copied().collect();
        prop_assert_eq!(seen, world.wanted);
        prop_assert_eq!(world.bench.delivery.cursor(), world.head);
    }
}

#[test]
fn a_stop_keeps_the_wait_that_was_under_way() {
    let mut bench = Bench::new(20);
    bench.hold();
    let next_try_at = bench.delivery.progress().next_try_at;
    assert!(next_try_at.is_some());
    bench.delivery.stop();
    assert_eq!(bench.after_ms(10_000), Vec::<u64>::new());
    assert_eq!(bench.delivery.progress().next_try_at, next_try_at);
}

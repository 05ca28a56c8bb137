//! The writer over every engine: what waits for a sync, and who is told when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall::domain::SiteId;
use guildhall::journal::memory::Failure;
use guildhall::journal::{
    Durable, Journal, Lost, Memory, Position, SiteLog, TailLimits, Writer, WriterOptions,
};

use crate::support::*;

const DEADLINE: Duration = Duration::from_secs(20);

struct Bench {
    memory: Arc<Memory>,
    writer: Arc<Writer>,
    log: SiteLog,
}

fn start(journal: Arc<dyn Journal>, tail: TailLimits) -> (Arc<Writer>, SiteLog) {
    let position = run(journal.open_site(SITE)).expect("site");
    let options = WriterOptions { tail, ..WriterOptions::default() };
    let writer = Writer::start(journal, options);
    let log = writer.attach(SITE, position, 1);
    (writer, log)
}

fn wide() -> TailLimits {
    WriterOptions::default().tail
}

fn bench() -> Bench {
    let memory = Arc::new(Memory::new(1));
    let (writer, log) = start(memory.clone(), wide());
    Bench { memory, writer, log }
}

impl Bench {
    fn submit(&self, generation: u64, numbers: std::ops::RangeInclusive<u64>) {
        numbers.for_each(|number| self.log.submit(generation, commit(number, number..=number)));
    }

    fn position(&self) -> Position {
        self.memory.position_now(SITE).expect("position")
    }
}

/// Waits for something that must happen, within a deadline.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("it happens in time")
}

fn seqs(records: Vec<guildhall::domain::WrittenRecord>) -> Vec<u64> {
    records.iter().map(|record| record.seq).collect()
}

#[test]
fn nothing_shows_before_its_sync_and_everything_after() {
    let bench = bench();
    bench.memory.hold();
    bench.submit(1, 1..=3);
    let told = bench.log.wait(2);
    assert!(bench.log.in_flight_bytes() > 0);
    run(async {
        let mut watch = bench.log.watch();
        assert_eq!(*watch.borrow_and_update(), Durable::default());
        assert_eq!(bench.log.durable(), Durable::default());
        assert_eq!(bench.log.records_after(0, 9).await, Ok(vec![]));
        bench.memory.release();
        assert_eq!(soon(told).await, Ok(()));
        assert_eq!(soon(bench.log.wait(3)).await, Ok(()));
        assert!(watch.has_changed().expect("watched"));
        assert_eq!(bench.log.durable(), Durable { commit: 3, seq: 3 });
        assert_eq!(seqs(bench.log.records_after(1, 9).await.expect("records")), [2, 3]);
        let newest = bench.log.record(3).await.expect("record").expect("written");
        assert_eq!(newest.seq, 3);
        assert_eq!(bench.log.record(4).await, Ok(None));
        assert_eq!(soon(bench.log.wait(1)).await, Ok(()));
        soon(bench.log.settled()).await;
    });
    bench.writer.stop();
    assert_eq!(bench.log.in_flight_bytes(), 0);
}

#[test]
fn one_append_takes_what_waits_of_all_sites() {
    let bench = bench();
    let sites: Vec<SiteId> = (1..=20).map(SiteId::from_u128).collect();
    let logs = sites.iter().map(|site| {
        let position = bench.memory.open_site_now(*site);
        bench.writer.attach(*site, position, 1)
    });
    let logs: Vec<SiteLog> = logs.collect();
    bench.memory.hold();
    for log in &logs {
        (1..=50).for_each(|number| log.submit(1, commit(number, number..=number)));
    }
    bench.memory.release();
    run(async {
        for log in &logs {
            assert_eq!(soon(log.wait(50)).await, Ok(()));
        }
    });
    bench.writer.stop();
    // What arrived before the writer was held up, what it took then, and what was left.
    assert!(bench.memory.appends() <= 3, "{} appends", bench.memory.appends());
}

#[test]
fn a_failed_append_loses_its_generation_and_nothing_of_the_next() {
    for failure in [Failure::Unavailable, Failure::Full] {
        let bench = bench();
        let failures = Arc::new(AtomicU64::new(0));
        let seen = failures.clone();
        let watcher = move |generation| seen.store(generation, Ordering::SeqCst);
        bench.log.on_failure(Box::new(watcher));
        bench.submit(1, 1..=2);
        run(soon(bench.log.wait(2))).expect("stored");
        bench.memory.fail_next([failure]);
        bench.memory.hold();
        bench.submit(1, 3..=4);
        let (third, later) = (bench.log.wait(3), bench.log.wait(9));
        bench.memory.release();
        run(async {
            assert_eq!(soon(third).await, Err(Lost));
            assert_eq!(soon(later).await, Err(Lost));
            let mut told = bench.log.failures();
            soon(told.wait_for(|failed| *failed == Some(1))).await.expect("told");
            assert_eq!(failures.load(Ordering::SeqCst), 1);
            assert_eq!(bench.log.failed(), Some(1));
            assert_eq!(bench.log.in_flight_bytes(), 0);

            // Until the state is rebuilt, everything of the generation is lost at once.
            bench.submit(1, 5..=5);
            assert_eq!(soon(bench.log.wait(5)).await, Err(Lost));
            assert_eq!(soon(bench.log.wait(2)).await, Ok(()));
            assert_eq!(bench.log.durable(), Durable { commit: 2, seq: 2 });
            assert_eq!(seqs(bench.log.records_after(0, 9).await.expect("records")), [1, 2]);

            bench.log.present(2, bench.position());
            assert_eq!(bench.log.failed(), None);
            bench.submit(1, 3..=3);
            bench.submit(2, 3..=4);
            let late = Arc::new(Mutex::new(None));
            let place = late.clone();
            let waiter = move |outcome| *place.lock().expect("late") = Some(outcome);
            bench.log.park_in(1, 3, Box::new(waiter));
            assert_eq!(*late.lock().expect("late"), Some(Err(Lost)));
            assert_eq!(soon(bench.log.wait(4)).await, Ok(()));
        });
        bench.writer.stop();
        assert_eq!(bench.position(), at(4, 4));
    }
}

#[test]
fn an_unknown_outcome_is_cleared_up_and_leaves_one_copy() {
    for failures in [
        vec![Failure::UnknownStored],
        vec![Failure::UnknownLost],
        vec![Failure::UnknownLost, Failure::UnknownStored, Failure::UnknownLost],
    ] {
        let bench = bench();
        bench.memory.fail_next(failures);
        bench.submit(1, 1..=3);
        run(soon(bench.log.wait(3))).expect("stored");
        bench.submit(1, 4..=4);
        run(soon(bench.log.wait(4))).expect("stored");
        bench.writer.stop();
        assert_eq!(numbers(&commits_after(&*bench.memory, SITE, 0)), [1, 2, 3, 4]);
    }
}

#[test]
fn an_owner_that_was_overtaken_fails_instead_of_writing() {
    let bench = bench();
    let usurper = guildhall::journal::Batch { epoch: 9, ..batch(1..=1) };
    store(&*bench.memory, usurper);
    bench.submit(1, 1..=1);
    assert_eq!(run(soon(bench.log.wait(1))), Err(Lost));
    assert_eq!(bench.log.failed(), Some(1));
    bench.writer.stop();
}

#[test]
fn a_state_that_is_thrown_away_loses_what_was_not_yet_decided() {
    let bench = bench();
    bench.memory.hold();
    bench.submit(1, 1..=2);
    let told = bench.log.wait(2);
    bench.memory.release();
    run(async {
        let durable = soon(bench.log.settled()).await;
        assert_eq!(durable, Durable { commit: 2, seq: 2 });
        assert_eq!(soon(told).await, Ok(()));
        bench.log.present(2, bench.position());
        bench.submit(2, 3..=3);
        assert_eq!(soon(bench.log.wait(3)).await, Ok(()));
    });
    bench.writer.stop();
}

#[test]
fn stopping_writes_what_was_handed_over_and_loses_what_comes_later() {
    let bench = bench();
    bench.submit(1, 1..=500);
    let told = bench.log.wait(500);
    bench.writer.stop();
    assert_eq!(run(soon(told)), Ok(()));
    bench.submit(1, 501..=501);
    assert_eq!(run(soon(bench.log.wait(501))), Err(Lost));
    assert_eq!(bench.position(), at(500, 500));
}

#[test]
fn a_follower_sees_every_record_once_in_order_and_only_durable_ones() {
    on_every_engine(|subject| {
        let journal = subject.journal();
        // So little room that a follower who lags must read the journal.
        let narrow = TailLimits { records_max: 8, bytes_max: 1 << 20 };
        let (writer, log) = start(journal.clone(), narrow);
        const LAST: u64 = 600;
        let follower = {
            let log = log.clone();
            std::thread::spawn(move || run(follow(log, LAST)))
        };
        for number in 1..=LAST {
            log.submit(1, commit(number, number..=number));
            if number % 37 == 0 {
                run(soon(log.wait(number))).expect("stored");
            }
            if number == 300 {
                run(journal.trim(SITE, 200)).expect("trim");
            }
        }
        assert_eq!(follower.join().expect("follower"), (1..=LAST).collect::<Vec<_>>());
        writer.stop();
    });
}

async fn follow(log: SiteLog, last: u64) -> Vec<u64> {
    let mut watch = log.watch();
    let mut seen: Vec<u64> = Vec::new();
    while seen.len() < last as usize {
        let after = seen.last().copied().unwrap_or(0);
        let durable_seq = soon(watch.wait_for(|durable| durable.seq > after)).await;
        let durable_seq = durable_seq.expect("watched").seq;
        let records = seqs(log.records_after(after, 5).await.expect("records"));
        assert!(!records.is_empty(), "record {} is durable", after + 1);
        assert!(durable_seq <= log.durable().seq);
        assert!(records.iter().all(|seq| *seq <= log.durable().seq));
        seen.extend(records);
    }
    seen
}

#[test]
fn what_the_writer_stored_is_there_after_a_crash() {
    on_every_engine(|subject| {
        let mut acknowledged = 0;
        for generation in 1..=4 {
            let journal = subject.journal();
            let (writer, log) = start(journal.clone(), wide());
            assert_eq!(log.durable().commit, acknowledged);
            for number in acknowledged + 1..=acknowledged + 25 * generation {
                log.submit(1, commit(number, number..=number));
                acknowledged = number;
            }
            run(soon(log.wait(acknowledged))).expect("stored");
            subject.crash();
            writer.stop();
        }
        let all: Vec<u64> = (1..=acknowledged).collect();
        assert_eq!(numbers(&commits_after(&*subject.journal(), SITE, 0)), all);
    });
}

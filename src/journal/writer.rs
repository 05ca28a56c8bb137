//! The writer: one thread that takes what waits of all sites, appends once, and publishes.

use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use tokio::runtime::{Builder, Runtime};

use super::site_log::{Line, SiteLog, lock};
use super::tail::TailLimits;
use super::{Appended, Batch, Journal, Position};
use crate::domain::SiteId;
use crate::domain::limits::{
    JOURNAL_BATCH_BYTES_MAX, JOURNAL_RETRIES_MAX, JOURNAL_RETRY_DELAY_MS_MAX, TAIL_BYTES_MAX,
    TAIL_RECORDS_MAX,
};

/// Exit code of a process whose journal cannot be trusted any more.
pub const EXIT_JOURNAL_FAILED: i32 = 74;

#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// Of this owner, for fencing.
    pub epoch: u64,
    /// Bytes of commits in one append, about.
    pub batch_bytes_max: usize,
    pub tail: TailLimits,
}

impl Default for WriterOptions {
    fn default() -> WriterOptions {
        WriterOptions {
            epoch: 1,
            batch_bytes_max: JOURNAL_BATCH_BYTES_MAX,
            tail: TailLimits { records_max: TAIL_RECORDS_MAX, bytes_max: TAIL_BYTES_MAX },
        }
    }
}

/// Makes commits durable, for all sites together.
pub struct Writer {
    journal: Arc<dyn Journal>,
    options: WriterOptions,
    inbox: Arc<Inbox>,
    lines: Mutex<HashMap<SiteId, SiteLog>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The sites that have something to write, each at most once.
pub(super) struct Inbox {
    state: Mutex<InboxState>,
    arrived: Condvar,
}

#[derive(Default)]
struct InboxState {
    sites: Vec<Arc<Line>>,
    stopping: bool,
}

impl Writer {
    pub fn start(journal: Arc<dyn Journal>, options: WriterOptions) -> Arc<Writer> {
        let inbox = Arc::new(Inbox { state: Mutex::default(), arrived: Condvar::new() });
        let hand = Hand {
            journal: journal.clone(),
            inbox: inbox.clone(),
            batch_bytes_max: options.batch_bytes_max,
            next_batch_id: uuid::Uuid::new_v4().as_u128() | 1,
        };
        let body = move || run(hand);
        let thread = thread::Builder::new().name("journal-writer".to_owned()).spawn(body);
        let thread = thread.expect("the system starts a thread at start-up");
        let lines = Mutex::default();
        Arc::new(Writer { journal, options, inbox, lines, thread: Mutex::new(Some(thread)) })
    }

    /// A site's log from `at`, which is what the journal holds. Attached again after its owner was
    /// started anew, the same log goes on, with a generation above [`SiteLog::generation`].
    pub fn attach(&self, site: SiteId, at: Position, generation: u64) -> SiteLog {
        let mut lines = lock(&self.lines);
        if let Some(log) = lines.get(&site) {
            log.present(generation, at);
            return log.clone();
        }
        let line = Line::new(site, at, generation, self.options);
        let log = SiteLog { line, inbox: self.inbox.clone(), journal: self.journal.clone() };
        lines.insert(site, log.clone());
        log
    }

    /// Writes what waits, then ends the thread. Whatever is handed over later is lost.
    pub fn stop(&self) {
        self.inbox.stop();
        if let Some(thread) = lock(&self.thread).take() {
            thread.join().expect("the writer ends the process before it panics");
        }
        for log in lock(&self.lines).values() {
            log.line.close();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.inbox.stop();
    }
}

impl Inbox {
    pub(super) fn list(&self, line: Arc<Line>) {
        lock(&self.state).sites.push(line);
        self.arrived.notify_one();
    }

    /// Waits for sites with something to write; `None` once it is over.
    fn next(&self) -> Option<Vec<Arc<Line>>> {
        let mut state = lock(&self.state);
        while state.sites.is_empty() {
            if state.stopping {
                return None;
            }
            let waited = self.arrived.wait(state);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        Some(std::mem::take(&mut state.sites))
    }

    fn list_again(&self, lines: Vec<Arc<Line>>) {
        lock(&self.state).sites.extend(lines);
    }

    fn stop(&self) {
        lock(&self.state).stopping = true;
        self.arrived.notify_all();
    }
}

/// What the writer's thread works with.
struct Hand {
    journal: Arc<dyn Journal>,
    inbox: Arc<Inbox>,
    batch_bytes_max: usize,
    next_batch_id: u128,
}

fn run(mut hand: Hand) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("the system starts a runtime at start-up");
    let worked = panic::catch_unwind(AssertUnwindSafe(|| {
        while let Some(lines) = hand.inbox.next() {
            hand.write(&runtime, lines);
        }
    }));
    if worked.is_err() {
        // Nobody would ever be answered again; what was acknowledged is on disk.
        eprintln!("guildhall: the journal's writer panicked, the process ends");
        std::process::exit(EXIT_JOURNAL_FAILED);
    }
}

impl Hand {
    /// One round: one append for all these sites, then each is told.
    fn write(&mut self, runtime: &Runtime, lines: Vec<Arc<Line>>) {
        let mut room = self.batch_bytes_max;
        let mut taken = Vec::new();
        let mut batches = Vec::new();
        let mut left = Vec::new();
        for line in lines {
            if room == 0 {
                left.push(line);
                continue;
            }
            self.next_batch_id = self.next_batch_id.wrapping_add(2);
            let Some(batch) = line.take(self.next_batch_id, room) else { continue };
            room = room.saturating_sub(bytes_of(&batch));
            batches.push(batch);
            taken.push(line);
        }
        if !batches.is_empty() {
            let outcomes = runtime.block_on(self.append(&batches));
            for ((line, batch), outcome) in taken.iter().zip(&batches).zip(&outcomes) {
                report(batch, outcome);
                line.settle(batch, outcome);
            }
        }
        left.extend(taken);
        self.inbox.list_again(left);
    }

    async fn append(&self, batches: &[Batch]) -> Vec<Appended> {
        let started = Instant::now();
        let mut outcomes = self.journal.append(batches.to_vec()).await;
        assert_eq!(outcomes.len(), batches.len(), "one outcome for each batch");
        self.resolve(batches, &mut outcomes).await;
        histogram!("journal_append_seconds").record(started.elapsed().as_secs_f64());
        outcomes
    }

    /// Sends what has an unknown outcome again, under the same id, until it is known.
    async fn resolve(&self, batches: &[Batch], outcomes: &mut [Appended]) {
        let mut delay_ms = 1;
        for _ in 0..JOURNAL_RETRIES_MAX {
            let unknown = |place: &usize| outcomes[*place] == Appended::Unknown;
            let places: Vec<usize> = (0..batches.len()).filter(unknown).collect();
            if places.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            delay_ms = (delay_ms * 2).min(JOURNAL_RETRY_DELAY_MS_MAX);
            let again = places.iter().map(|place| batches[*place].clone()).collect();
            for (place, outcome) in places.iter().zip(self.journal.append(again).await) {
                outcomes[*place] = outcome;
            }
        }
    }
}

fn bytes_of(batch: &Batch) -> usize {
    batch.commits.iter().map(|commit| commit.bytes_estimate()).sum()
}

fn report(batch: &Batch, outcome: &Appended) {
    histogram!("journal_batch_commits").record(batch.commits.len() as f64);
    match outcome {
        Appended::Stored(_) => {}
        Appended::Conflict { .. }
        | Appended::Unknown
        | Appended::Full
        | Appended::Unavailable(_) => {
            let (site, generation) = (batch.site, batch.generation);
            counter!("journal_failures_total").increment(1);
            tracing::error!(%site, generation, ?outcome, "append of site {site} failed");
        }
    }
}

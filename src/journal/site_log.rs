//! One site's side of the writer: what is queued, who is parked, what is durable, the tail.
//! Nothing shows here before the sync that makes it durable.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::{oneshot, watch};

use super::gate::{Gate, Parked};
use super::tail::Tail;
use super::writer::{Inbox, WriterOptions};
use super::{Appended, Batch, Journal, JournalError, Position};
use crate::domain::{Commit, SiteId, WrittenRecord};

/// How far a site's log is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    pub commit: u64,
    pub seq: u64,
}

/// The commit that was waited for was not made durable and is undone.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the change was not made durable")]
pub struct Lost;

/// Called once, from the writer's thread, outside of every lock. It must not block.
pub type Waiter = Box<dyn FnOnce(Result<(), Lost>) + Send>;
/// Told which generation failed.
pub type FailureWatcher = Box<dyn Fn(u64) + Send + Sync>;

/// A site's log, for its supervisor and for everybody who reads what is durable.
#[derive(Clone)]
pub struct SiteLog {
    pub(super) line: Arc<Line>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) journal: Arc<dyn Journal>,
}

/// What the writer and the site share.
pub(super) struct Line {
    pub(super) site: SiteId,
    options: WriterOptions,
    state: Mutex<LineState>,
    durable_commit: AtomicU64,
    durable_seq: AtomicU64,
    in_flight_bytes: AtomicUsize,
    durable: watch::Sender<Durable>,
    failed: watch::Sender<Option<u64>>,
    failure_watcher: Mutex<Option<FailureWatcher>>,
}

struct LineState {
    generation: u64,
    failed: bool,
    /// The newest commit that was handed over.
    submitted: u64,
    queue: VecDeque<Arc<Commit>>,
    gate: Gate<Waiter>,
    tail: Tail,
    /// In the writer's hands: it will look at the queue again by itself.
    listed: bool,
}

impl SiteLog {
    pub fn site(&self) -> SiteId {
        self.line.site
    }

    /// Hands a commit to the writer, in order. Never blocks; what comes from a generation that
    /// failed or is over is dropped, its waiters are told.
    pub fn submit(&self, generation: u64, commit: Arc<Commit>) {
        let mut state = self.line.lock();
        if state.failed || generation != state.generation {
            return;
        }
        assert_eq!(commit.number, state.submitted + 1, "commits are handed over in order");
        state.submitted = commit.number;
        self.line.in_flight_bytes.fetch_add(commit.bytes_estimate(), Ordering::Relaxed);
        state.queue.push_back(commit);
        let is_new = !state.listed;
        state.listed = true;
        drop(state);
        if is_new {
            self.inbox.list(self.line.clone());
        }
    }

    /// Bytes handed over and not yet durable.
    pub fn in_flight_bytes(&self) -> usize {
        self.line.in_flight_bytes.load(Ordering::Relaxed)
    }

    pub fn durable(&self) -> Durable {
        // The seq is stored first and read last: it never lags behind the commit beside it.
        let commit = self.line.durable_commit.load(Ordering::Acquire);
        Durable { commit, seq: self.line.durable_seq.load(Ordering::Acquire) }
    }

    /// Calls `waiter` once `commit` of the present generation is durable or lost, at once if known.
    pub fn park(&self, commit: u64, waiter: Waiter) {
        self.park_in(self.generation(), commit, waiter);
    }

    /// The same for one who may come late: a commit of a generation that is over is lost.
    pub fn park_in(&self, generation: u64, commit: u64, waiter: Waiter) {
        let mut state = self.line.lock();
        if generation != state.generation || (state.failed && commit > state.gate.durable()) {
            drop(state);
            return waiter(Err(Lost));
        }
        if let Parked::Open(waiter) = state.gate.park(commit, waiter) {
            drop(state);
            waiter(Ok(()));
        }
    }

    /// Waits for a commit of the present generation. Parked at the call, not at the first poll.
    pub fn wait(&self, commit: u64) -> impl Future<Output = Result<(), Lost>> + Send + use<> {
        let (done, told) = oneshot::channel();
        // Whoever stopped waiting is not told: that is no fault.
        let waiter = move |outcome| done.send(outcome).unwrap_or_default();
        self.park(commit, Box::new(waiter));
        async move { told.await.unwrap_or(Err(Lost)) }
    }

    /// Waits until nothing that was handed over is undecided.
    pub async fn settled(&self) -> Durable {
        let submitted = self.line.lock().submitted;
        // Lost or durable: either way it is decided, which is all that is asked.
        let _outcome = self.wait(submitted).await;
        self.durable()
    }

    /// Every advance of the durable head; a slow reader sees the newest one only.
    pub fn watch(&self) -> watch::Receiver<Durable> {
        self.line.durable.subscribe()
    }

    /// Durable records after `seq`, oldest first, from memory or else from the journal.
    pub async fn records_after(
        &self,
        seq: u64,
        limit: usize,
    ) -> Result<Vec<WrittenRecord>, JournalError> {
        if let Some(records) = self.near(seq, limit) {
            return Ok(records);
        }
        let durable_seq = self.durable().seq;
        let mut records = self.journal.read_records(self.line.site, seq, limit).await?;
        records.retain(|record| record.seq <= durable_seq);
        Ok(records)
    }

    /// The same where the tail reaches back so far.
    pub fn near(&self, seq: u64, limit: usize) -> Option<Vec<WrittenRecord>> {
        self.line.lock().tail.after(seq, limit)
    }

    /// The record of a seq; `None` where it is not written yet.
    pub async fn record(&self, seq: u64) -> Result<Option<WrittenRecord>, JournalError> {
        let Some(before) = seq.checked_sub(1) else { return Ok(None) };
        Ok(self.records_after(before, 1).await?.pop())
    }

    /// The generation that failed and was not yet followed by another.
    pub fn failed(&self) -> Option<u64> {
        *self.line.failed.borrow()
    }

    /// The same, to wait for.
    pub fn failures(&self) -> watch::Receiver<Option<u64>> {
        self.line.failed.subscribe()
    }

    /// Calls `watcher` from the writer's thread whenever a generation fails. Replaces an older one,
    /// and must not do so itself.
    pub fn on_failure(&self, watcher: FailureWatcher) {
        *lock(&self.line.failure_watcher) = Some(watcher);
    }

    /// The generation that is being written.
    pub fn generation(&self) -> u64 {
        self.line.lock().generation
    }

    /// The state was rebuilt from what is durable at `at`: from here on only `generation` counts.
    pub fn present(&self, generation: u64, at: Position) {
        self.line.present(generation, at);
    }
}

impl Line {
    pub(super) fn new(
        site: SiteId,
        at: Position,
        generation: u64,
        options: WriterOptions,
    ) -> Arc<Line> {
        let durable = Durable { commit: at.commit, seq: at.seq };
        let state = LineState {
            generation,
            failed: false,
            submitted: at.commit,
            queue: VecDeque::new(),
            gate: Gate::new(at.commit),
            tail: Tail::new(at.seq, options.tail),
            listed: false,
        };
        Arc::new(Line {
            site,
            options,
            state: Mutex::new(state),
            durable_commit: AtomicU64::new(at.commit),
            durable_seq: AtomicU64::new(at.seq),
            in_flight_bytes: AtomicUsize::new(0),
            durable: watch::Sender::new(durable),
            failed: watch::Sender::new(None),
            failure_watcher: Mutex::new(None),
        })
    }

    pub(super) fn present(&self, generation: u64, at: Position) {
        let mut state = self.lock();
        assert!(generation > state.generation, "generation {generation} was presented before");
        let waiters = self.drop_generation(&mut state);
        state.generation = generation;
        state.failed = false;
        state.submitted = at.commit;
        let mut reached = state.gate.release(at.commit);
        assert!(reached.is_empty(), "nobody waits at the gate of a new generation");
        reached.extend(waiters);
        state.tail.restart(at.seq);
        self.publish(Durable { commit: at.commit, seq: at.seq });
        self.failed.send_replace(None);
        drop(state);
        reached.into_iter().for_each(|waiter| waiter(Err(Lost)));
    }

    /// The next batch of this site, of at most about `bytes_max`; `None` where nothing waits.
    pub(super) fn take(&self, batch_id: u128, bytes_max: usize) -> Option<Batch> {
        let mut state = self.lock();
        let mut bytes = 0;
        let mut commits = Vec::new();
        while bytes < bytes_max {
            let Some(commit) = state.queue.pop_front() else { break };
            bytes += commit.bytes_estimate();
            commits.push(commit);
        }
        let Some(first) = commits.first() else {
            state.listed = false;
            return None;
        };
        let (generation, epoch) = (state.generation, self.options.epoch);
        let expected = first.number - 1;
        Some(Batch { site: self.site, generation, epoch, batch_id, expected, commits })
    }

    /// Publishes what a batch came to, and wakes who waited for it.
    pub(super) fn settle(&self, batch: &Batch, outcome: &Appended) {
        let bytes = batch.commits.iter().map(|commit| commit.bytes_estimate()).sum();
        self.in_flight_bytes.fetch_sub(bytes, Ordering::Relaxed);
        match outcome {
            Appended::Stored(_) => self.stored(batch),
            Appended::Conflict { .. }
            | Appended::Unknown
            | Appended::Full
            | Appended::Unavailable(_) => self.fail(batch.generation),
        }
    }

    fn stored(&self, batch: &Batch) {
        let mut state = self.lock();
        if state.generation != batch.generation {
            // Overtaken while it was under way: what waited for it was told so already.
            return;
        }
        for commit in &batch.commits {
            commit.records.iter().for_each(|record| state.tail.push(record.clone()));
        }
        let commit = batch.expected + batch.commits.len() as u64;
        self.publish(Durable { commit, seq: state.tail.last_seq() });
        let waiters = state.gate.release(commit);
        drop(state);
        waiters.into_iter().for_each(|waiter| waiter(Ok(())));
    }

    /// Gives a generation up: all of it that is queued or waited for is lost.
    fn fail(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation != generation || state.failed {
            return;
        }
        let waiters = self.drop_generation(&mut state);
        state.failed = true;
        self.failed.send_replace(Some(generation));
        drop(state);
        if let Some(watcher) = &*lock(&self.failure_watcher) {
            watcher(generation);
        }
        waiters.into_iter().for_each(|waiter| waiter(Err(Lost)));
    }

    /// The writer stopped: whatever comes now is lost, and nobody needs to rebuild for it.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        let waiters = self.drop_generation(&mut state);
        state.failed = true;
        drop(state);
        waiters.into_iter().for_each(|waiter| waiter(Err(Lost)));
    }

    fn drop_generation(&self, state: &mut LineState) -> Vec<Waiter> {
        let bytes = state.queue.drain(..).map(|commit| commit.bytes_estimate()).sum();
        self.in_flight_bytes.fetch_sub(bytes, Ordering::Relaxed);
        state.gate.fail()
    }

    fn publish(&self, durable: Durable) {
        self.durable_seq.store(durable.seq, Ordering::Release);
        self.durable_commit.store(durable.commit, Ordering::Release);
        self.durable.send_replace(durable);
    }

    fn lock(&self) -> MutexGuard<'_, LineState> {
        lock(&self.state)
    }
}

/// A lock is only poisoned by a panic in code that leaves its state whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

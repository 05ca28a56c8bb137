//! The journal in memory: for tests and for the simulator. Same contract as on disk, with crashes,
//! refusals and pauses at the caller's command. Nothing here reads a clock or a file.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::admit::{Fence, Verdict};
use super::{Appended, Batch, Journal, JournalError, JournalFuture, KeyValues, Position};
use crate::domain::{Commit, SiteId, WrittenRecord};

/// What the next append answers instead of doing as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is stored.
    Unavailable,
    Full,
    /// It is stored, but the answer is lost.
    UnknownStored,
    /// It is not stored, and the answer is lost.
    UnknownLost,
}

#[derive(Debug)]
pub struct Memory {
    incarnation: u128,
    state: Mutex<State>,
    held: watch::Sender<bool>,
}

type Values = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Default)]
struct State {
    sites: BTreeMap<SiteId, Log>,
    values: BTreeMap<Option<SiteId>, Values>,
    failures: VecDeque<Failure>,
    appends: u64,
}

/// One site: what a crash leaves, and what was written after the last sync.
#[derive(Debug, Default)]
struct Log {
    synced: Fence,
    written: Fence,
    commits: VecDeque<Arc<Commit>>,
    /// Records of trimmed commits, as segments would hold them.
    older: VecDeque<WrittenRecord>,
    unsynced: VecDeque<(Fence, Batch)>,
}

impl Memory {
    pub fn new(incarnation: u128) -> Memory {
        Memory { incarnation, state: Mutex::default(), held: watch::Sender::new(false) }
    }

    /// The next appends, one each, fail like this.
    pub fn fail_next(&self, failures: impl IntoIterator<Item = Failure>) {
        self.lock().failures.extend(failures);
    }

    /// From here on appends through the trait wait, unanswered and unstored, until released.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// How many appends arrived, failed ones too.
    pub fn appends(&self) -> u64 {
        self.lock().appends
    }

    /// Writes and syncs.
    pub fn append_now(&self, batches: Vec<Batch>) -> Vec<Appended> {
        let mut state = self.lock();
        state.appends += 1;
        match state.failures.pop_front() {
            Some(Failure::Unavailable) => batches.iter().map(|_| unavailable()).collect(),
            Some(Failure::Full) => batches.iter().map(|_| Appended::Full).collect(),
            Some(Failure::UnknownLost) => batches.iter().map(|_| Appended::Unknown).collect(),
            Some(Failure::UnknownStored) => {
                let answers = state.write(batches);
                state.sync();
                answers.iter().map(|_| Appended::Unknown).collect()
            }
            None => {
                let answers = state.write(batches);
                state.sync();
                answers
            }
        }
    }

    /// Writes without a sync: readers see nothing of it, and a crash may take it.
    pub fn write_now(&self, batches: Vec<Batch>) -> Vec<Appended> {
        let mut state = self.lock();
        state.appends += 1;
        state.write(batches)
    }

    pub fn sync_now(&self) {
        self.lock().sync();
    }

    /// Loses what was not synced, but for the first `kept` batches of each site: a disk may have
    /// written some of them before the power went.
    pub fn crash(&self, kept: usize) {
        let mut state = self.lock();
        for log in state.sites.values_mut() {
            log.unsynced.truncate(kept);
            log.sync();
            // Generations are told apart within one process only, as on disk.
            log.synced.generation = 0;
            log.written = log.synced;
        }
    }

    pub fn sites_now(&self) -> Vec<SiteId> {
        self.lock().sites.keys().copied().collect()
    }

    pub fn open_site_now(&self, site: SiteId) -> Position {
        let mut state = self.lock();
        let log = state.sites.entry(site).or_insert_with(Log::empty);
        log.synced.position
    }

    pub fn position_now(&self, site: SiteId) -> Result<Position, JournalError> {
        self.lock().log(site).map(|log| log.synced.position)
    }

    pub fn read_commits_now(
        &self,
        site: SiteId,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Commit>, JournalError> {
        let mut state = self.lock();
        let log = state.log(site)?;
        let first = log.synced.position.first_commit;
        if after + 1 < first {
            return Err(JournalError::Trimmed { site, first, asked: after + 1 });
        }
        let mut bytes = 0;
        let mut commits = Vec::new();
        for commit in log.commits.iter().skip((after + 1 - first) as usize) {
            if bytes >= bytes_max.max(1) {
                break;
            }
            bytes += commit.bytes_estimate();
            commits.push((**commit).clone());
        }
        Ok(commits)
    }

    pub fn read_records_now(
        &self,
        site: SiteId,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<WrittenRecord>, JournalError> {
        let mut state = self.lock();
        let log = state.log(site)?;
        let first = log.synced.position.first_seq;
        if after_seq + 1 < first {
            return Err(JournalError::Trimmed { site, first, asked: after_seq + 1 });
        }
        let kept = log.commits.iter().flat_map(|commit| commit.records.iter());
        let all = log.older.iter().chain(kept);
        Ok(all.filter(|record| record.seq > after_seq).take(limit).cloned().collect())
    }

    pub fn trim_now(&self, site: SiteId, up_to: u64) -> Result<(), JournalError> {
        let mut state = self.lock();
        let log = state.log(site)?;
        while log.commits.len() > 1 && log.commits[0].number <= up_to {
            let Some(commit) = log.commits.pop_front() else { break };
            log.older.extend(commit.records.iter().cloned());
        }
        let first = log.commits.front().map(|commit| commit.number);
        log.first_commit_is(first.unwrap_or(1));
        Ok(())
    }

    /// Forgets trimmed records below `first_seq`, as retention does.
    pub fn retire_now(&self, site: SiteId, first_seq: u64) -> Result<(), JournalError> {
        let mut state = self.lock();
        let log = state.log(site)?;
        while log.older.front().is_some_and(|record| record.seq < first_seq) {
            log.older.pop_front();
        }
        let kept = log.commits.iter().flat_map(|commit| commit.records.first()).next();
        let oldest = log.older.front().or(kept).map(|record| record.seq);
        log.first_seq_is(oldest.unwrap_or(log.synced.position.seq + 1));
        Ok(())
    }

    pub fn put_now(&self, site: Option<SiteId>, entries: Vec<(Vec<u8>, Option<Vec<u8>>)>) {
        let mut state = self.lock();
        let values = state.values.entry(site).or_default();
        for (key, value) in entries {
            match value {
                Some(value) => values.insert(key, value),
                None => values.remove(&key),
            };
        }
    }

    pub fn get_now(&self, site: Option<SiteId>, key: &[u8]) -> Option<Vec<u8>> {
        self.lock().values.get(&site)?.get(key).cloned()
    }

    pub fn scan_now(&self, site: Option<SiteId>, prefix: &[u8]) -> KeyValues {
        let state = self.lock();
        let Some(values) = state.values.get(&site) else { return Vec::new() };
        let from = values.range(prefix.to_vec()..);
        let own = from.take_while(|(key, _)| key.starts_with(prefix));
        own.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable() -> Appended {
    Appended::Unavailable("made to fail".to_owned())
}

impl State {
    fn log(&mut self, site: SiteId) -> Result<&mut Log, JournalError> {
        self.sites.get_mut(&site).ok_or_else(|| JournalError::unknown_site(site))
    }

    fn write(&mut self, batches: Vec<Batch>) -> Vec<Appended> {
        batches.into_iter().map(|batch| self.write_one(batch)).collect()
    }

    fn write_one(&mut self, batch: Batch) -> Appended {
        let Some(log) = self.sites.get_mut(&batch.site) else {
            return Appended::Unavailable(JournalError::unknown_site(batch.site).to_string());
        };
        match log.written.judge(&batch) {
            Verdict::Answer(answer) => answer,
            Verdict::Store => {
                log.written = log.written.after(&batch);
                log.unsynced.push_back((log.written, batch));
                Appended::Stored(log.written.position)
            }
        }
    }

    fn sync(&mut self) {
        self.sites.values_mut().for_each(Log::sync);
    }
}

impl Log {
    fn empty() -> Log {
        let mut log = Log::default();
        log.first_commit_is(1);
        log.first_seq_is(1);
        log
    }

    fn sync(&mut self) {
        let first = self.synced.position;
        for (fence, batch) in self.unsynced.drain(..) {
            self.commits.extend(batch.commits);
            self.synced = fence;
        }
        self.synced.position.first_commit = first.first_commit;
        self.synced.position.first_seq = first.first_seq;
    }

    fn first_commit_is(&mut self, first: u64) {
        self.synced.position.first_commit = first;
        self.written.position.first_commit = first;
    }

    fn first_seq_is(&mut self, first: u64) {
        self.synced.position.first_seq = first;
        self.written.position.first_seq = first;
    }
}

impl Journal for Memory {
    fn incarnation(&self) -> u128 {
        self.incarnation
    }

    fn sites(&self) -> JournalFuture<'_, Result<Vec<SiteId>, JournalError>> {
        Box::pin(async { Ok(self.sites_now()) })
    }

    fn open_site(&self, site: SiteId) -> JournalFuture<'_, Result<Position, JournalError>> {
        Box::pin(async move { Ok(self.open_site_now(site)) })
    }

    fn position(&self, site: SiteId) -> JournalFuture<'_, Result<Position, JournalError>> {
        Box::pin(async move { self.position_now(site) })
    }

    fn append(&self, batches: Vec<Batch>) -> JournalFuture<'_, Vec<Appended>> {
        Box::pin(async move {
            let mut held = self.held.subscribe();
            // The sender lives as long as `self`, so waiting for it cannot fail.
            let _released = held.wait_for(|held| !held).await;
            self.append_now(batches)
        })
    }

    fn read_commits(
        &self,
        site: SiteId,
        after: u64,
        bytes_max: usize,
    ) -> JournalFuture<'_, Result<Vec<Commit>, JournalError>> {
        Box::pin(async move { self.read_commits_now(site, after, bytes_max) })
    }

    fn read_records(
        &self,
        site: SiteId,
        after_seq: u64,
        limit: usize,
    ) -> JournalFuture<'_, Result<Vec<WrittenRecord>, JournalError>> {
        Box::pin(async move { self.read_records_now(site, after_seq, limit) })
    }

    fn trim(&self, site: SiteId, up_to: u64) -> JournalFuture<'_, Result<(), JournalError>> {
        Box::pin(async move { self.trim_now(site, up_to) })
    }

    fn put(
        &self,
        site: Option<SiteId>,
        entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> JournalFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.put_now(site, entries);
            Ok(())
        })
    }

    fn get(
        &self,
        site: Option<SiteId>,
        key: Vec<u8>,
    ) -> JournalFuture<'_, Result<Option<Vec<u8>>, JournalError>> {
        Box::pin(async move { Ok(self.get_now(site, &key)) })
    }

    fn scan(
        &self,
        site: Option<SiteId>,
        prefix: Vec<u8>,
    ) -> JournalFuture<'_, Result<KeyValues, JournalError>> {
        Box::pin(async move { Ok(self.scan_now(site, &prefix)) })
    }
}

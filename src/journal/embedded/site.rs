//! One site's log inside the engine: where its entries are, and reading them back, checked.
//! An entry holds one batch; which commits and records it holds is remembered, or read on demand.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::layout::{FLOOR_KEY, Floor, SiteGroups};
use super::log::{Log, Step};
use crate::domain::{Commit, SiteId, WrittenRecord};
use crate::journal::admit::Fence;
use crate::journal::codec::{self, BatchHeader, Before, StoredBatch};
use crate::journal::dense::Dense;
use crate::journal::site_log::lock;
use crate::journal::{Batch, JournalError, Position};

/// Where an entry ends.
#[derive(Clone, Copy, Debug)]
struct Span {
    last_commit: u64,
    last_seq: u64,
}

/// What moves with every append.
#[derive(Clone, Debug)]
pub struct Head {
    pub fence: Fence,
    pub floor: Floor,
    /// Number of the newest entry of events.
    pub last_entry: u64,
    pub changes_number: u64,
}

pub struct SiteEntries {
    site: SiteId,
    groups: SiteGroups,
    state: Mutex<State>,
    /// Held while trimming.
    pub trimming: Mutex<()>,
}

struct State {
    head: Head,
    /// Of the entries `floor.entry + 1 ..`; `None` where an entry was not looked at since start.
    spans: VecDeque<Option<Span>>,
}

/// Entries looked through for a commit or for a record.
#[derive(Clone, Copy)]
enum Sought {
    Commit(u64),
    Seq(u64),
}

impl SiteEntries {
    /// A site without an entry yet.
    pub fn fresh(site: SiteId, groups: SiteGroups) -> SiteEntries {
        let mut head = Head {
            fence: Fence::default(),
            floor: Floor::default(),
            last_entry: 0,
            changes_number: 0,
        };
        head.fence.position.first_commit = 1;
        head.fence.position.first_seq = 1;
        SiteEntries::with(site, groups, head)
    }

    fn with(site: SiteId, groups: SiteGroups, head: Head) -> SiteEntries {
        let count = head.last_entry - head.floor.entry;
        let spans = (0..count).map(|_| None).collect();
        let state = Mutex::new(State { head, spans });
        SiteEntries { site, groups, state, trimming: Mutex::new(()) }
    }

    /// Finds a site again after a start, and checks that its log has both ends.
    pub fn load(log: &Log, site: SiteId, groups: SiteGroups) -> Result<SiteEntries, JournalError> {
        let damaged = |detail: String| JournalError::Damaged { site, detail };
        let floor = log.value(groups.values, FLOOR_KEY);
        let floor = floor.map(|bytes| codec::decode::<Floor>(&bytes)).transpose();
        let floor = floor.map_err(|error| damaged(format!("floor of the log: {error}")))?;
        let floor = floor.unwrap_or_default();
        let Some(last_entry) = log.last_entry(groups.events) else {
            if floor.entry > 0 {
                return Err(damaged("the log is empty, and never should be again".to_owned()));
            }
            return Ok(SiteEntries::fresh(site, groups));
        };
        let first = log.first_entry(groups.events).unwrap_or(last_entry);
        if first > floor.entry + 1 {
            let detail = format!("entries {} to {} are missing", floor.entry + 1, first - 1);
            return Err(damaged(detail));
        }
        let mut found = SiteEntries::with(
            site,
            groups,
            Head { fence: Fence::default(), floor, last_entry, changes_number: 0 },
        );
        let newest = found.header(log, last_entry)?;
        found.take_head(log, newest)?;
        Ok(found)
    }

    fn take_head(&mut self, log: &Log, newest: BatchHeader) -> Result<(), JournalError> {
        let last_changes = log.last_entry(self.groups.changes);
        let lost = newest.changes_number > lock(&self.state).head.floor.changes_number
            && last_changes != Some(newest.changes_number);
        if lost {
            let number = newest.changes_number;
            return Err(self.damaged(format!("changes end at {last_changes:?}, not at {number}")));
        }
        let mut state = lock(&self.state);
        let floor = state.head.floor;
        state.head.changes_number = newest.changes_number;
        state.head.fence = Fence {
            position: Position {
                commit: newest.last_commit,
                seq: newest.last_seq,
                first_commit: floor.commit + 1,
                first_seq: floor.seq + 1,
            },
            // Generations are told apart within one process only; the lock on the directory
            // keeps every other process out.
            generation: 0,
            epoch: newest.epoch,
            batch_id: newest.batch_id,
        };
        Ok(())
    }

    /// The engine may show entries again that had left the log before: these go once more.
    pub fn stale_entries(&self, log: &Log) -> Vec<Step> {
        let floor = self.head().floor;
        let groups = [
            (self.groups.events, floor.entry + 1),
            (self.groups.changes, floor.changes_number + 1),
        ];
        let is_stale =
            |(group, first): &(u64, u64)| log.first_entry(*group).is_some_and(|at| at < *first);
        let stale = groups.into_iter().filter(is_stale);
        stale.map(|(group, first)| Step::Compact { group, first }).collect()
    }

    pub fn groups(&self) -> SiteGroups {
        self.groups
    }

    pub fn head(&self) -> Head {
        lock(&self.state).head.clone()
    }

    /// The steps that store a batch behind `head`, and the head they lead to.
    pub fn steps(&self, head: &Head, batch: &Batch) -> (Vec<Step>, Head) {
        let seq = head.fence.position.seq;
        let before = Before { seq, changes_number: head.changes_number };
        let StoredBatch { header, events, changes } = codec::encode_batch(batch, before);
        let number = head.last_entry + 1;
        let mut steps = vec![Step::Append { group: self.groups.events, number, bytes: events }];
        if let Some(bytes) = changes {
            let number = header.changes_number;
            steps.push(Step::Append { group: self.groups.changes, number, bytes });
        }
        let after = Head {
            fence: head.fence.after(batch),
            floor: head.floor,
            last_entry: number,
            changes_number: header.changes_number,
        };
        (steps, after)
    }

    /// What was appended is on disk.
    pub fn advance(&self, head: &Head) {
        let mut state = lock(&self.state);
        let position = head.fence.position;
        let span = Span { last_commit: position.commit, last_seq: position.seq };
        state.spans.push_back(Some(span));
        let before = state.head.fence.position;
        state.head.fence = head.fence;
        // A trim may have gone on meanwhile: the lower end is its business.
        state.head.fence.position.first_commit = before.first_commit;
        state.head.fence.position.first_seq = before.first_seq;
        state.head.last_entry = head.last_entry;
        state.head.changes_number = head.changes_number;
    }

    /// Commits after `after` up to about `bytes_max`, at least one if there is any.
    pub fn read_commits(
        &self,
        log: &Log,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Commit>, JournalError> {
        let head = self.head();
        if after >= head.fence.position.commit {
            return Ok(Vec::new());
        }
        let (first, asked) = (head.floor.commit + 1, after + 1);
        if asked < first {
            return Err(JournalError::Trimmed { site: self.site, first, asked });
        }
        let mut next = self.find(log, &head, Sought::Commit(asked))?;
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut dense = Dense::default();
        while next <= head.last_entry && (found.is_empty() || bytes < bytes_max) {
            let (commits, entry_bytes) = self.commits_of(log, next)?;
            if let Some(fault) = commits.iter().find_map(|commit| dense.fault(commit)) {
                return Err(self.damaged(fault));
            }
            found.extend(commits.into_iter().filter(|commit| commit.number > after));
            bytes += entry_bytes;
            next += 1;
        }
        match found.first() {
            Some(first) if first.number == asked => Ok(found),
            Some(_) | None => Err(self.damaged(format!("commit {asked} is missing"))),
        }
    }

    fn commits_of(&self, log: &Log, number: u64) -> Result<(Vec<Commit>, usize), JournalError> {
        let events_bytes = self.entry(log, self.groups.events, number)?;
        let (header, events) = codec::decode_events(&events_bytes)
            .map_err(|error| self.damaged(format!("entry {number} of events: {error}")))?;
        self.note(number, &header)?;
        let mut changes = Vec::new();
        let mut bytes = events_bytes.len();
        if header.changed_commits > 0 {
            let number = header.changes_number;
            let changes_bytes = self.entry(log, self.groups.changes, number)?;
            let (own, decoded) = codec::decode_changes(&changes_bytes)
                .map_err(|error| self.damaged(format!("entry {number} of changes: {error}")))?;
            if own != header {
                return Err(self.damaged(format!("entry {number} of changes is of another batch")));
            }
            changes = decoded;
            bytes += changes_bytes.len();
        }
        let commits = codec::join(events, changes)
            .map_err(|error| self.damaged(format!("entry {number} of events: {error}")))?;
        Ok((commits, bytes))
    }

    /// Records after `after_seq`, which is not below the floor, from the log.
    pub fn read_records(
        &self,
        log: &Log,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<WrittenRecord>, JournalError> {
        let head = self.head();
        let mut found: Vec<WrittenRecord> = Vec::new();
        let mut after = after_seq;
        while found.len() < limit && after < head.fence.position.seq {
            let number = self.find(log, &head, Sought::Seq(after + 1))?;
            let records = self.records_of(log, number)?;
            let own = records.into_iter().filter(|record| record.seq > after);
            for record in own.take(limit - found.len()) {
                let expected = found.last().map_or(after_seq, |last| last.seq) + 1;
                if record.seq != expected {
                    return Err(self.damaged(format!("record {expected} is missing")));
                }
                found.push(record);
            }
            let reached = found.last().map_or(after_seq, |last| last.seq);
            if reached == after {
                return Err(self.damaged(format!("record {} is missing", after + 1)));
            }
            after = reached;
        }
        Ok(found)
    }

    fn records_of(&self, log: &Log, number: u64) -> Result<Vec<WrittenRecord>, JournalError> {
        let bytes = self.entry(log, self.groups.events, number)?;
        let (header, events) = codec::decode_events(&bytes)
            .map_err(|error| self.damaged(format!("entry {number} of events: {error}")))?;
        self.note(number, &header)?;
        Ok(events.into_iter().flat_map(|commit| commit.records).collect())
    }

    /// The floor that a trim up to a commit leads to: whole entries, and never the newest.
    pub fn floor_for(&self, log: &Log, up_to: u64) -> Result<Option<Floor>, JournalError> {
        let head = self.head();
        let up_to = up_to.min(head.fence.position.commit);
        let beyond = self.find(log, &head, Sought::Commit(up_to + 1))?;
        let entry = (beyond - 1).min(head.last_entry.saturating_sub(1));
        if entry <= head.floor.entry {
            return Ok(None);
        }
        let header = self.header(log, entry)?;
        Ok(Some(Floor {
            entry,
            commit: header.last_commit,
            seq: header.last_seq,
            changes_number: header.changes_number,
        }))
    }

    pub fn trim_steps(&self, floor: &Floor) -> Vec<Step> {
        vec![
            Step::Compact { group: self.groups.events, first: floor.entry + 1 },
            Step::Compact { group: self.groups.changes, first: floor.changes_number + 1 },
            Step::Put {
                group: self.groups.values,
                key: FLOOR_KEY.to_vec(),
                value: codec::encode(floor),
            },
        ]
    }

    pub fn raise_floor(&self, floor: Floor) {
        let mut state = lock(&self.state);
        let gone = (floor.entry - state.head.floor.entry) as usize;
        state.spans.drain(..gone);
        state.head.floor = floor;
        state.head.fence.position.first_commit = floor.commit + 1;
    }

    /// The oldest record that can be read, in segments or in the log.
    pub fn set_first_seq(&self, first_seq: u64) {
        lock(&self.state).head.fence.position.first_seq = first_seq;
    }

    /// The first entry that reaches what is sought; one past the newest where none does.
    fn find(&self, log: &Log, head: &Head, sought: Sought) -> Result<u64, JournalError> {
        let reaches = |span: Span| match sought {
            Sought::Commit(commit) => span.last_commit >= commit,
            Sought::Seq(seq) => span.last_seq >= seq,
        };
        let (mut low, mut high) = (head.floor.entry + 1, head.last_entry + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if reaches(self.span(log, middle)?) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    fn span(&self, log: &Log, number: u64) -> Result<Span, JournalError> {
        let known = lock(&self.state).span_mut(number).and_then(|span| *span);
        if let Some(span) = known {
            return Ok(span);
        }
        let header = self.header(log, number)?;
        Ok(Span { last_commit: header.last_commit, last_seq: header.last_seq })
    }

    fn header(&self, log: &Log, number: u64) -> Result<BatchHeader, JournalError> {
        let bytes = self.entry(log, self.groups.events, number)?;
        let header = codec::decode_header(&bytes)
            .map_err(|error| self.damaged(format!("entry {number} of events: {error}")))?;
        self.note(number, &header)?;
        Ok(header)
    }

    /// Remembers where an entry ends.
    fn note(&self, number: u64, header: &BatchHeader) -> Result<(), JournalError> {
        if header.site != self.site {
            let other = header.site;
            return Err(self.damaged(format!("entry {number} of events is of site {other}")));
        }
        let span = Span { last_commit: header.last_commit, last_seq: header.last_seq };
        if let Some(place) = lock(&self.state).span_mut(number) {
            *place = Some(span);
        }
        Ok(())
    }

    fn entry(&self, log: &Log, group: u64, number: u64) -> Result<Vec<u8>, JournalError> {
        let entry = log.entry(group, number);
        let entry = entry.map_err(|error| self.damaged(format!("entry {number}: {error}")))?;
        let floor = self.head().floor;
        let is_trimmed = group == self.groups.events && number <= floor.entry
            || group == self.groups.changes && number <= floor.changes_number;
        match entry {
            Some(bytes) => Ok(bytes),
            None if is_trimmed => {
                let first = floor.commit + 1;
                Err(JournalError::Trimmed { site: self.site, first, asked: floor.commit })
            }
            None => Err(self.damaged(format!("entry {number} of group {group} is missing"))),
        }
    }

    fn damaged(&self, detail: String) -> JournalError {
        JournalError::Damaged { site: self.site, detail }
    }
}

impl State {
    fn span_mut(&mut self, number: u64) -> Option<&mut Option<Span>> {
        let place = number.checked_sub(self.head.floor.entry + 1)?;
        self.spans.get_mut(place as usize)
    }
}

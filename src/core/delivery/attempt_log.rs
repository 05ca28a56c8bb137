//! The newest attempts of one endpoint, in chunks: the open one is written again and again until
//! it is full, and the oldest are forgotten. Losing the newest lines loses nothing else.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::AttemptResult;
use crate::domain::Timestamp;
use crate::domain::limits::{ATTEMPT_CHUNK_LINES, ATTEMPT_CHUNKS_MAX, ATTEMPT_PERSIST_MS};

/// One attempt. Stored in this order: fields are only appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptLine {
    pub seq: u64,
    pub at: Timestamp,
    pub latency_ms: u32,
    /// Absent where nobody answered.
    pub status: Option<u16>,
    pub result: LoggedResult,
    /// Why nobody answered.
    pub fault: Option<String>,
    /// The first part of an answer that was not the wished one.
    pub snippet: Option<String>,
    pub next_try_at: Option<Timestamp>,
}

/// An event that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub seq: u64,
    pub tries: u32,
    pub given_up_at: Timestamp,
    /// Of the last answer, where there was one.
    pub status: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoggedResult {
    Delivered,
    EndpointFault,
    Throttled,
    EventFault,
    Gone,
}

impl From<AttemptResult> for LoggedResult {
    fn from(result: AttemptResult) -> LoggedResult {
        match result {
            AttemptResult::Delivered => LoggedResult::Delivered,
            AttemptResult::EndpointFault => LoggedResult::EndpointFault,
            AttemptResult::Throttled { .. } => LoggedResult::Throttled,
            AttemptResult::EventFault => LoggedResult::EventFault,
            AttemptResult::Gone => LoggedResult::Gone,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptChunk {
    pub number: u64,
    pub lines: Vec<AttemptLine>,
}

/// What is to be written, and which chunks are to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAttempts {
    pub chunks: Vec<AttemptChunk>,
    pub forgotten: Vec<u64>,
}

#[derive(Clone, Debug)]
pub struct AttemptLog {
    full: VecDeque<AttemptChunk>,
    open: AttemptChunk,
    due_at: Option<Timestamp>,
    /// The newest number that was handed out to be stored.
    handed_out: u64,
}

impl AttemptLog {
    pub fn going_on(last: Option<AttemptChunk>) -> AttemptLog {
        let open = last.unwrap_or_default();
        AttemptLog { full: VecDeque::new(), handed_out: open.number, due_at: None, open }
    }

    pub fn note(&mut self, line: AttemptLine, now: Timestamp) {
        if self.open.lines.len() >= ATTEMPT_CHUNK_LINES {
            let number = self.open.number + 1;
            let next = AttemptChunk { number, lines: Vec::new() };
            self.full.push_back(std::mem::replace(&mut self.open, next));
            if self.full.len() as u64 >= ATTEMPT_CHUNKS_MAX {
                self.full.pop_front();
            }
        }
        self.open.lines.push(line);
        self.due_at.get_or_insert(now.plus_ms(ATTEMPT_PERSIST_MS));
    }

    pub fn due_at(&self) -> Option<Timestamp> {
        self.due_at
    }

    /// All that is not stored yet.
    pub fn take(&mut self) -> Option<StoredAttempts> {
        self.due_at.take()?;
        let mut chunks: Vec<AttemptChunk> = self.full.drain(..).collect();
        chunks.push(self.open.clone());
        let fresh = self.handed_out + 1..=self.open.number;
        let forgotten = fresh.filter_map(|number| number.checked_sub(ATTEMPT_CHUNKS_MAX)).collect();
        self.handed_out = self.open.number;
        Some(StoredAttempts { chunks, forgotten })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn line(seq: u64) -> AttemptLine {
        AttemptLine {
            seq,
            at: Timestamp::from_unix_ms(seq as i64),
            latency_ms: 1,
            status: Some(200),
            result: LoggedResult::Delivered,
            fault: None,
            snippet: None,
            next_try_at: None,
        }
    }

    fn store(stored: &mut BTreeMap<u64, AttemptChunk>, log: &mut AttemptLog) {
        let Some(StoredAttempts { chunks, forgotten }) = log.take() else { return };
        for chunk in chunks {
            stored.insert(chunk.number, chunk);
        }
        for number in forgotten {
            stored.remove(&number);
        }
    }

    #[test]
    fn the_newest_lines_are_kept_whatever_is_stored_together_and_across_restarts() {
        let kept_max = ATTEMPT_CHUNK_LINES * ATTEMPT_CHUNKS_MAX as usize;
        for together in [1, 7, 64, 65, 1_000] {
            let mut stored = BTreeMap::new();
            let mut log = AttemptLog::going_on(None);
            for seq in 1..=3_000 {
                log.note(line(seq), Timestamp::from_unix_ms(seq as i64));
                if seq.is_multiple_of(together) {
                    store(&mut stored, &mut log);
                }
                if seq.is_multiple_of(together * 3) {
                    log = AttemptLog::going_on(stored.last_entry().map(|last| last.get().clone()));
                }
            }
            store(&mut stored, &mut log);
            let seqs: Vec<u64> =
                stored.values().flat_map(|chunk| chunk.lines.iter().map(|line| line.seq)).collect();
            assert!(stored.len() as u64 <= ATTEMPT_CHUNKS_MAX, "{} chunks", stored.len());
            assert!(seqs.len() > kept_max - ATTEMPT_CHUNK_LINES, "{} lines", seqs.len());
            let oldest = 3_001 - seqs.len() as u64;
            assert_eq!(seqs, (oldest..=3_000).collect::<Vec<_>>(), "{together} together");
        }
    }

    #[test]
    fn lines_are_due_soon_after_the_first_of_them() {
        let mut log = AttemptLog::going_on(None);
        let at = Timestamp::from_unix_ms;
        assert_eq!((log.due_at(), log.take()), (None, None));
        log.note(line(1), at(1_000));
        log.note(line(2), at(1_100));
        assert_eq!(log.due_at(), Some(at(1_000 + ATTEMPT_PERSIST_MS)));
        assert_eq!(log.take().map(|stored| stored.chunks[0].lines.len()), Some(2));
        assert_eq!((log.due_at(), log.take()), (None, None));
    }
}

//! How much of a site's log a start would have to replay: behind the newer of its two snapshots,
//! and behind the older one. Counts only; when a checkpoint begins is decided from it.

use crate::domain::limits::{CHECKPOINT_REST_GROWTH_SHARE, CHECKPOINT_REST_SHARE};

/// Counts the bytes of commits since the site was recovered; positions are such counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    written: u64,
    /// Where the last checkpoint began, or failed.
    begun: u64,
    /// Where the two complete snapshots begin.
    newer: u64,
    older: u64,
    /// Where a checkpoint failed last: nobody waits for what may not come.
    waived: u64,
    /// Where [`LogTail::rests`] looked last.
    looked: u64,
}

impl LogTail {
    /// Of a site that was just recovered by replaying so many bytes.
    pub fn replayed(bytes: u64) -> LogTail {
        LogTail { written: bytes, looked: bytes, ..LogTail::default() }
    }

    pub fn grow(&mut self, bytes: u64) {
        self.written += bytes;
    }

    pub fn begin(&mut self) {
        self.begun = self.written;
    }

    pub fn complete(&mut self) {
        (self.older, self.newer) = (self.newer, self.begun);
    }

    pub fn fail(&mut self) {
        (self.begun, self.waived) = (self.written, self.written);
    }

    /// What is in no complete snapshot yet, as far as waiting for one may help.
    pub fn lag(&self) -> u64 {
        self.written - self.newer.max(self.waived)
    }

    /// The log has grown by so much that the next checkpoint is due.
    pub fn is_long(&self, growth: u64) -> bool {
        self.written - self.begun >= growth
    }

    /// True when next to nothing was written since the last look.
    pub fn rests(&mut self, growth: u64) -> bool {
        let grown = self.written - std::mem::replace(&mut self.looked, self.written);
        grown <= growth / CHECKPOINT_REST_GROWTH_SHARE
    }

    /// Either snapshot is so far behind that bringing it up to date makes a start faster.
    pub fn is_worth_a_rest(&self, growth: u64) -> bool {
        self.written - self.older.min(self.newer) > growth / CHECKPOINT_REST_SHARE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROWTH: u64 = 8_192;

    #[test]
    fn a_site_at_rest_is_brought_into_both_snapshots_and_no_further() {
        let mut tail = LogTail::default();
        tail.grow(GROWTH / 2);
        assert!(!tail.is_long(GROWTH) && tail.is_worth_a_rest(GROWTH));
        assert!(!tail.rests(GROWTH), "it has just grown");
        assert!(tail.rests(GROWTH));
        for _ in 0..2 {
            assert!(tail.is_worth_a_rest(GROWTH));
            tail.begin();
            tail.complete();
        }
        assert!(!tail.is_worth_a_rest(GROWTH));
    }

    #[test]
    fn what_is_written_during_a_checkpoint_lags_behind_it() {
        let mut tail = LogTail::replayed(100);
        tail.begin();
        tail.grow(50);
        assert_eq!(tail.lag(), 150);
        tail.complete();
        assert_eq!(tail.lag(), 50);
    }

    #[test]
    fn nobody_waits_for_a_checkpoint_that_failed() {
        let mut tail = LogTail::replayed(3 * GROWTH);
        assert!(tail.is_long(GROWTH));
        tail.begin();
        tail.fail();
        assert_eq!((tail.lag(), tail.is_long(GROWTH)), (0, false));
        tail.grow(GROWTH);
        assert!(tail.is_long(GROWTH), "and it is tried again");
    }
}

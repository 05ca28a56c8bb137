//! The tail: the newest durable records of a site, kept in memory for those who follow closely.
//! It holds nothing that is not durable, and never a gap.

use std::collections::VecDeque;

use super::codec;
use crate::domain::WrittenRecord;

/// A ring of records, bounded by count and by bytes.
#[derive(Debug)]
pub struct Tail {
    records: VecDeque<(WrittenRecord, usize)>,
    /// Seq of the newest durable record, in the ring or before it.
    last_seq: u64,
    bytes: usize,
    limits: TailLimits,
}

#[derive(Clone, Copy, Debug)]
pub struct TailLimits {
    pub records_max: usize,
    pub bytes_max: usize,
}

impl Tail {
    pub fn new(last_seq: u64, limits: TailLimits) -> Tail {
        Tail { records: VecDeque::new(), last_seq, bytes: 0, limits }
    }

    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub fn push(&mut self, record: WrittenRecord) {
        assert_eq!(record.seq, self.last_seq + 1, "records enter the tail without a gap");
        self.last_seq = record.seq;
        let bytes = codec::encoded_bytes(&*record);
        self.bytes += bytes;
        self.records.push_back((record, bytes));
        while self.records.len() > self.limits.records_max || self.bytes > self.limits.bytes_max {
            let Some((_, bytes)) = self.records.pop_front() else { break };
            self.bytes -= bytes;
        }
    }

    /// Starts over behind `last_seq`, where records became durable without passing through here.
    pub fn restart(&mut self, last_seq: u64) {
        if last_seq == self.last_seq {
            return;
        }
        self.records.clear();
        self.bytes = 0;
        self.last_seq = last_seq;
    }

    /// Records after `seq`, oldest first; `None` where the ring no longer reaches back so far.
    pub fn after(&self, seq: u64, limit: usize) -> Option<Vec<WrittenRecord>> {
        if seq >= self.last_seq {
            return Some(Vec::new());
        }
        let first_seq = self.records.front()?.0.seq;
        let skip = (seq + 1).checked_sub(first_seq)? as usize;
        let records = self.records.iter().skip(skip).take(limit);
        Some(records.map(|(record, _)| record.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Event, MemberId, Record, Timestamp};
    use std::sync::Arc;

    fn record(seq: u64) -> WrittenRecord {
        let event = Event::FollowCreated {
            follower: MemberId::from_u128(1),
            followed: MemberId::from_u128(2),
        };
        let time = Timestamp::from_unix_ms(0);
        Arc::new(Record { seq, time, member_seq: seq, touches: Default::default(), event })
    }

    fn seqs(records: Option<Vec<WrittenRecord>>) -> Option<Vec<u64>> {
        records.map(|records| records.iter().map(|record| record.seq).collect())
    }

    #[test]
    fn the_ring_forgets_the_oldest_and_says_so() {
        let mut tail = Tail::new(10, TailLimits { records_max: 3, bytes_max: 1 << 20 });
        assert_eq!(seqs(tail.after(10, 9)), Some(vec![]));
        assert_eq!(seqs(tail.after(9, 9)), None);
        (11..=15).for_each(|seq| tail.push(record(seq)));
        assert_eq!(seqs(tail.after(12, 9)), Some(vec![13, 14, 15]));
        assert_eq!(seqs(tail.after(12, 1)), Some(vec![13]));
        assert_eq!(seqs(tail.after(11, 9)), None);
        assert_eq!(seqs(tail.after(99, 9)), Some(vec![]));
    }

    #[test]
    fn bytes_bound_the_ring_too() {
        let mut tail = Tail::new(0, TailLimits { records_max: 1_000, bytes_max: 200 });
        (1..=100).for_each(|seq| tail.push(record(seq)));
        let kept = 100 / codec::encoded_bytes(&*record(1)) * 2;
        assert!(tail.after(100 - kept as u64, 1_000).is_some());
        assert!(tail.after(0, 1_000).is_none());
    }
}

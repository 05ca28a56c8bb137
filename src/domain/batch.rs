//! What one turn changes: a commit with its records and its increments.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Timestamp;
use super::command::ProducerPosition;
use super::event::Record;
use super::id::{AppId, MemberId, MemberOrdinal, OpId};

pub type WrittenRecord = std::sync::Arc<Record>;
pub type Touches = SmallVec<[Touch; 2]>;

/// One channel that a record goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    pub member: MemberId,
    /// Seq of the record before this one in that member's channel; 0 where there is none.
    pub previous_seq: u64,
}

/// A change that is no event: increments and what keeps them exactly-once.
/// Stored for ever in this order: variants and fields are only appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// From here on `number` stands for this counter key.
    CounterKeyNamed {
        number: u16,
        app: AppId,
        key: String,
    },
    /// Increments, packed by [`crate::core::increments`].
    Increments {
        packed: Vec<u8>,
    },
    CounterSet {
        member: MemberOrdinal,
        key: u16,
        public: bool,
        count: i64,
    },
    /// Operation ids that were counted in this commit, oldest first.
    OpIdsSeen {
        app: AppId,
        op_ids: Vec<OpId>,
    },
    ProducerAdvanced {
        app: AppId,
        position: ProducerPosition,
    },
    /// Nothing is left of a deleted member: no edge leads from or to it.
    MemberErased {
        member: MemberOrdinal,
    },
}

/// The unit of replay: what one turn did, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Dense per site, from 1.
    pub number: u64,
    pub time: Timestamp,
    pub records: Vec<WrittenRecord>,
    pub changes: Vec<Change>,
}

impl Commit {
    /// Roughly what the commit will take in the log, for admission and for batching.
    pub fn bytes_estimate(&self) -> usize {
        let changes: usize = self.changes.iter().map(Change::bytes_estimate).sum();
        let records: usize = self.records.iter().map(|record| record.bytes_estimate()).sum();
        32 + records + changes
    }

    pub fn last_seq(&self) -> Option<u64> {
        self.records.last().map(|record| record.seq)
    }
}

impl Change {
    fn bytes_estimate(&self) -> usize {
        match self {
            Change::CounterKeyNamed { key, .. } => 80 + key.len(),
            Change::Increments { packed } => packed.len() + 8,
            Change::CounterSet { .. } | Change::MemberErased { .. } => 16,
            Change::OpIdsSeen { op_ids, .. } => 40 + op_ids.len() * 16,
            Change::ProducerAdvanced { position, .. } => 80 + position.producer.len(),
        }
    }
}

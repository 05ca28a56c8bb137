//! What every engine checks before it stores a batch: the fence. Pure, shared by all of them.

use super::{Appended, Batch, Position};

/// Where a site's log stands, as far as the next append is concerned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fence {
    pub position: Position,
    pub generation: u64,
    pub epoch: u64,
    /// Of the newest batch; 0 where there is none.
    pub batch_id: u128,
}

/// What is to be done with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Store,
    /// Nothing to store, or refused.
    Answer(Appended),
}

impl Fence {
    /// Judges a batch against the tail. A batch that is the newest one already is not stored again.
    pub fn judge(&self, batch: &Batch) -> Verdict {
        let tail = self.position;
        if self.batch_id != 0 && batch.batch_id == self.batch_id {
            return Verdict::Answer(Appended::Stored(tail));
        }
        let stale = batch.epoch < self.epoch || batch.generation < self.generation;
        if stale || batch.expected != tail.commit {
            return Verdict::Answer(Appended::Conflict { tail });
        }
        match self.fault(batch) {
            None => Verdict::Store,
            Some(fault) => Verdict::Answer(Appended::Unavailable(fault)),
        }
    }

    /// A batch that would leave a hole is a fault of its maker; it must never reach a log.
    fn fault(&self, batch: &Batch) -> Option<String> {
        let mut commit = self.position.commit;
        let mut seq = self.position.seq;
        for next in &batch.commits {
            commit += 1;
            if next.number != commit {
                return Some(format!("commit {} stands where {commit} must", next.number));
            }
            for record in &next.records {
                seq += 1;
                if record.seq != seq {
                    return Some(format!("seq {} stands where {seq} must", record.seq));
                }
            }
        }
        None
    }

    /// The tail once the batch is stored.
    pub fn after(&self, batch: &Batch) -> Fence {
        let mut position = self.position;
        position.commit += batch.commits.len() as u64;
        let last_seq = batch.commits.iter().rev().find_map(|commit| commit.last_seq());
        position.seq = last_seq.unwrap_or(position.seq);
        Fence {
            position,
            generation: batch.generation,
            epoch: batch.epoch,
            batch_id: batch.batch_id,
        }
    }
}

//! Counter events in few deliveries. They are gathered while other events go out, and then set
//! aside together, as one event that bears the seq of its last. What a batch holds is stored before
//! it is sent for the first time, so that its id and its content outlive a crash.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::*;
use crate::domain::endpoint::CounterBatch;

/// A batch that is not full yet. Stored in this order: fields are only appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathering {
    pub first_seq: u64,
    pub last_seq: u64,
    pub events: u32,
    pub since: Timestamp,
}

impl Gathering {
    fn is_due(&self, wish: Option<CounterBatch>, now: Timestamp) -> bool {
        let Some(wish) = wish else { return true };
        self.events >= wish.events_max || now >= self.due_at(wish)
    }

    fn due_at(&self, wish: CounterBatch) -> Timestamp {
        self.since.plus_ms(i64::from(wish.every_seconds) * 1_000)
    }
}

/// The batches of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    pub(super) wish: Option<CounterBatch>,
    gathering: Option<Gathering>,
    /// The first seq of each batch, by its last one.
    closed: BTreeMap<u64, u64>,
    /// Closed, and not in any stored progress: not to be sent yet.
    unsettled: BTreeSet<u64>,
    /// In the progress that is being stored.
    settling: BTreeSet<u64>,
}

impl Batches {
    pub(super) fn going_on(gathering: Option<Gathering>, closed: Vec<(u64, u64)>) -> Batches {
        Batches { gathering, closed: closed.into_iter().collect(), ..Batches::default() }
    }

    pub(super) fn gathering(&self) -> Option<Gathering> {
        self.gathering
    }

    /// Nothing is to be remembered, not even of what was given up.
    pub(super) fn is_empty(&self) -> bool {
        self.gathering.is_none() && self.closed.is_empty()
    }

    pub(super) fn closed(&self) -> Vec<(u64, u64)> {
        self.closed.iter().map(|(last_seq, first_seq)| (*last_seq, *first_seq)).collect()
    }

    pub(super) fn is_settled(&self, seq: u64) -> bool {
        !self.unsettled.contains(&seq) && !self.settling.contains(&seq)
    }

    pub(super) fn handed_out(&mut self) {
        self.settling = std::mem::take(&mut self.unsettled);
    }

    pub(super) fn stored(&mut self) {
        self.settling.clear();
    }

    pub(super) fn not_stored(&mut self) {
        self.unsettled.append(&mut self.settling);
    }

    pub(super) fn forget(&mut self, seq: u64) {
        self.closed.remove(&seq);
    }

    pub(super) fn due_at(&self) -> Option<Timestamp> {
        self.gathering.zip(self.wish).map(|(gathering, wish)| gathering.due_at(wish))
    }
}

impl Delivery {
    /// The first seq of the batch that ends with this one, where it is one.
    pub fn batch_from(&self, last_seq: u64) -> Option<u64> {
        self.batches.closed.get(&last_seq).copied()
    }

    /// Takes one more event into the batch that is being gathered.
    pub(super) fn gather(&mut self, seq: u64, now: Timestamp) {
        let is_far =
            |gathering: &Gathering| seq - gathering.first_seq >= limits::DELIVERY_BATCH_SPAN_MAX;
        if self.batches.gathering.as_ref().is_some_and(is_far) {
            self.close_batch(now);
        }
        let fresh = Gathering { first_seq: seq, last_seq: seq, events: 0, since: now };
        let gathering = self.batches.gathering.get_or_insert(fresh);
        gathering.last_seq = seq;
        gathering.events += 1;
        self.slots.insert(seq, Slot { stage: Stage::Done, faults: 0 });
        self.close_batch_if_due(now);
    }

    /// A batch that is full, or was gathered for long enough, or is no longer wished for, is set
    /// aside to be sent.
    pub(super) fn close_batch_if_due(&mut self, now: Timestamp) {
        let wish = self.batches.wish;
        if self.batches.gathering.is_some_and(|gathering| gathering.is_due(wish, now)) {
            self.close_batch(now);
        }
    }

    fn close_batch(&mut self, now: Timestamp) {
        let gathered = self.batches.gathering.take();
        let Some(Gathering { first_seq, last_seq, .. }) = gathered else { return };
        self.batches.closed.insert(last_seq, first_seq);
        self.batches.unsettled.insert(last_seq);
        let parked = Parked { seq: last_seq, attempts: 0, next_try_at: now, parked_at: now };
        self.put_parked(parked, None);
        self.forget_oldest_batches();
        self.note_unsaved(now);
    }

    /// What was given up stays known for as long as there is room, so that it can be sent again.
    fn forget_oldest_batches(&mut self) {
        let over = self.batches.closed.len().saturating_sub(limits::DELIVERY_BATCHES_KEPT_MAX);
        let given_up = self.batches.closed.keys().filter(|seq| !self.parked.contains_key(seq));
        let oldest: Vec<u64> = given_up.take(over).copied().collect();
        oldest.into_iter().for_each(|seq| self.batches.forget(seq));
    }

    /// Whether what is gathered could be set aside.
    pub(super) fn has_room_for_batches(&self) -> bool {
        self.batches.wish.is_none() || self.parked.len() < self.settings.parked_max
    }
}

//! Which event waits for which: nothing, everything, or the events of one member for each other.

use std::collections::BTreeSet;

use super::*;

/// An event that the endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub seq: u64,
    /// The member that it belongs to, as far as order goes.
    pub key: Option<u128>,
    /// It goes into a batch with others.
    pub gathered: bool,
}

impl Wanted {
    pub fn free(seq: u64) -> Wanted {
        Wanted { seq, key: None, gathered: false }
    }
}

impl Delivery {
    pub(super) fn window(&self) -> usize {
        match self.settings.mode {
            DeliveryMode::Fifo => 1,
            DeliveryMode::Parallel | DeliveryMode::FifoByMember => {
                self.wished_window.unwrap_or(self.settings.window).max(1)
            }
        }
    }

    fn keeps_members_in_order(&self) -> bool {
        self.settings.mode == DeliveryMode::FifoByMember
    }

    /// Keys of which something is on its way.
    pub(super) fn keys_sent(&self) -> BTreeSet<u128> {
        if !self.keeps_members_in_order() {
            return BTreeSet::new();
        }
        self.flights.keys().filter_map(|seq| self.key_of(*seq)).collect()
    }

    /// Later events of a member whose earlier one was set aside are set aside behind it, so that
    /// they hold nobody else up. Without room for them they wait where they are.
    pub(super) fn park_behind(&mut self, now: Timestamp) {
        if !self.keeps_members_in_order() || self.parked_keys.is_empty() {
            return;
        }
        let held: BTreeSet<u128> = self.parked_keys.values().copied().collect();
        let behind = self.slots.iter().filter(|(_, slot)| slot.stage == Stage::Waiting);
        let behind = behind.map(|(seq, _)| (*seq, self.slot_keys.get(seq).copied()));
        let behind = behind.filter(|(_, key)| key.is_some_and(|key| held.contains(&key)));
        let room = self.settings.parked_max.saturating_sub(self.parked.len());
        let behind: Vec<(u64, Option<u128>)> = behind.take(room).collect();
        for (seq, key) in behind {
            self.set_stage(seq, Stage::Done);
            self.put_parked(Parked { seq, attempts: 0, next_try_at: now, parked_at: now }, key);
            self.note_result(now);
        }
        self.advance(now);
    }

    /// Keys for which a fresh event has to wait.
    pub(super) fn keys_waited_for(&self) -> BTreeSet<u128> {
        let mut keys = self.keys_sent();
        if self.keeps_members_in_order() {
            keys.extend(self.parked_keys.values());
        }
        keys
    }

    /// Parked events that may be tried, whatever their time.
    pub(super) fn parked_first(&self) -> Vec<Parked> {
        let mut keys = self.keys_sent();
        let in_order = self.keeps_members_in_order();
        let is_first = |parked: &&Parked| match self.parked_keys.get(&parked.seq) {
            Some(key) if in_order => keys.insert(*key),
            Some(_) | None => true,
        };
        let may_go = |parked: &&Parked| {
            !self.flights.contains_key(&parked.seq) && self.batches.is_settled(parked.seq)
        };
        let resting = self.parked.values().filter(may_go);
        resting.filter(is_first).copied().collect()
    }

    /// Of an event that is set aside, or above the cursor.
    pub(super) fn key_of(&self, seq: u64) -> Option<u128> {
        self.parked_keys.get(&seq).or_else(|| self.slot_keys.get(&seq)).copied()
    }

    pub(super) fn put_parked(&mut self, parked: Parked, key: Option<u128>) {
        self.parked.insert(parked.seq, parked);
        if let Some(key) = key {
            self.parked_keys.insert(parked.seq, key);
        }
    }

    pub(super) fn unpark(&mut self, seq: u64) {
        self.parked.remove(&seq);
        self.parked_keys.remove(&seq);
    }
}

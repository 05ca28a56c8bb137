//! Replays: events that are set aside once more, to be tried like any other that is, and how far
//! each replay has come.

use super::*;

impl Delivery {
    /// Sets events aside to be sent now, whatever became of them before. What is still to be sent
    /// anyway is not sent twice.
    pub fn replay(&mut self, wanted: &[Wanted], now: Timestamp) {
        for Wanted { seq, key, .. } in wanted.iter().copied() {
            let is_waiting = self.slots.get(&seq).is_some_and(|slot| slot.stage != Stage::Done);
            if is_waiting || self.parked.contains_key(&seq) {
                continue;
            }
            self.put_parked(Parked { seq, attempts: 0, next_try_at: now, parked_at: now }, key);
        }
        self.note_result(now);
    }

    /// Whether this event was dealt with, so that it will not be sent unless it is replayed.
    pub fn has_passed(&self, seq: u64) -> bool {
        match self.slots.get(&seq) {
            Some(slot) => slot.stage == Stage::Done,
            None => seq <= self.read_through,
        }
    }

    /// What comes next in a replay; 0 where it has not begun.
    pub fn replay_position(&self, id: u64) -> u64 {
        self.replays.get(&id).copied().unwrap_or(0)
    }

    pub fn replay_goes_on(&mut self, id: u64, next: u64, now: Timestamp) {
        self.replays.insert(id, next);
        self.note_result(now);
    }

    pub fn end_replay(&mut self, id: u64, now: Timestamp) {
        if self.replays.remove(&id).is_some() {
            self.note_result(now);
        }
    }

    /// Whether a replay may set more events aside.
    pub fn has_room_for_replay(&self) -> bool {
        let is_stopped = matches!(self.phase, Phase::Stopped { .. } | Phase::Open { .. });
        !is_stopped && self.parked.len() < limits::REPLAY_AHEAD.min(self.settings.parked_max)
    }

    /// When an event that was just tried is tried again, if it is.
    pub fn next_try_of(&self, seq: u64) -> Option<Timestamp> {
        if let Some(parked) = self.parked.get(&seq) {
            return Some(parked.next_try_at);
        }
        match self.phase {
            Phase::Open { next_try_at } if self.keeps(seq) => Some(next_try_at),
            Phase::Closed { .. }
            | Phase::HalfOpen { .. }
            | Phase::Open { .. }
            | Phase::Stopped { .. } => None,
        }
    }
}

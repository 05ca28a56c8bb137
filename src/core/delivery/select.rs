//! Choosing what to send, what to read and when to look again.

use super::*;

impl Delivery {
    fn allowed(&self) -> usize {
        match self.phase {
            Phase::Closed { .. } => self.window(),
            Phase::HalfOpen { allowed, .. } => allowed.min(self.window()),
            Phase::Open { .. } | Phase::Stopped { .. } => 0,
        }
    }

    pub(super) fn select(&mut self, now: Timestamp) -> Vec<Due> {
        let mut chosen = Vec::new();
        self.park_behind(now);
        let saved = self.unsaved_results() < limits::DELIVERY_UNSAVED_MAX;
        while saved && self.flights.len() < self.allowed() && self.pace.wait_until(now).is_none() {
            let Some(send) = self.next_send(now) else { break };
            if send.origin == Origin::Fresh {
                self.set_stage(send.seq, Stage::Sent);
            }
            self.pace.note_try(now);
            self.flights.insert(send.seq, Flight { origin: send.origin, round: self.round });
            chosen.push(send);
        }
        chosen
    }

    /// What was set aside has its share first; beyond it, new events go before.
    fn next_send(&self, now: Timestamp) -> Option<Due> {
        let retry = self.next_retry(now);
        let on_their_way =
            self.flights.values().filter(|flight| flight.origin == Origin::Parked).count();
        if on_their_way < self.retry_share() && retry.is_some() {
            return retry;
        }
        self.next_fresh().or(retry)
    }

    /// An endpoint that is being tried gets its oldest event, unless there is no room left to set
    /// it aside.
    fn retry_share(&self) -> usize {
        match self.phase {
            Phase::HalfOpen { .. } if self.parked.len() < self.settings.parked_max => 0,
            Phase::HalfOpen { .. } | Phase::Closed { .. } => (self.window() / 4).max(1),
            Phase::Open { .. } | Phase::Stopped { .. } => 0,
        }
    }

    pub(super) fn next_fresh(&self) -> Option<Due> {
        let suspect = match self.phase {
            Phase::HalfOpen { suspect, .. } => suspect,
            Phase::Closed { .. } | Phase::Open { .. } | Phase::Stopped { .. } => None,
        };
        let busy = self.keys_waited_for();
        let waits = |seq: &u64| {
            let key = self.slot_keys.get(seq);
            key.is_some_and(|key| busy.contains(key))
        };
        let waiting = |(seq, slot): &(&u64, &Slot)| {
            slot.stage == Stage::Waiting && Some(**seq) != suspect && !waits(seq)
        };
        let (seq, _) = self.slots.iter().find(waiting)?;
        Some(Due { seq: *seq, origin: Origin::Fresh })
    }

    fn next_retry(&self, now: Timestamp) -> Option<Due> {
        let first = self.parked_first().into_iter();
        let first = first.min_by_key(|parked| (parked.next_try_at, parked.seq))?;
        (first.next_try_at <= now).then_some(Due { seq: first.seq, origin: Origin::Parked })
    }

    pub(super) fn wants_records(&self) -> bool {
        let waiting = self.slots.values().filter(|slot| slot.stage == Stage::Waiting).count();
        self.allowed() > 0
            && waiting < self.window()
            && self.slots.len() < limits::DELIVERY_SPAN_MAX
            && self.has_room_for_batches()
    }

    pub(super) fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let storing = self.unsaved.filter(|_| self.storing.is_none()).map(|unsaved| unsaved.due_at);
        let trying = match self.phase {
            Phase::Open { next_try_at } => Some(next_try_at),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => {
                let dues = self.parked.values().map(|parked| parked.next_try_at);
                // What is due already waits for a place, not for a time.
                dues.filter(|due| *due > now).min()
            }
            Phase::Stopped { .. } => None,
        };
        let paced = self.pace.wait_until(now).filter(|_| self.flights.len() < self.allowed());
        let gathered = self.batches.due_at();
        storing.into_iter().chain(trying).chain(paced).chain(gathered).min()
    }
}

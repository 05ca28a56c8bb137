//! Choosing what to send, what to read and when to look again.

use super::*;

impl Delivery {
    fn allowed(&self) -> usize {
        match self.phase {
            Phase::Closed { .. } => self.settings.window,
            Phase::HalfOpen { allowed, .. } => allowed.min(self.settings.window),
            Phase::Open { .. } | Phase::Stopped { .. } => 0,
        }
    }

    pub(super) fn select(&mut self, now: Timestamp) -> Vec<Due> {
        let mut chosen = Vec::new();
        while self.flights.len() < self.allowed() {
            let Some(send) = self.next_send(now) else { break };
            if send.origin == Origin::Fresh {
                self.set_stage(send.seq, Stage::Sent);
            }
            let flight = Flight { origin: send.origin, round: self.round };
            self.flights.insert(send.seq, flight);
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
            Phase::HalfOpen { .. } | Phase::Closed { .. } => (self.settings.window / 4).max(1),
            Phase::Open { .. } | Phase::Stopped { .. } => 0,
        }
    }

    pub(super) fn next_fresh(&self) -> Option<Due> {
        let suspect = match self.phase {
            Phase::HalfOpen { suspect, .. } => suspect,
            Phase::Closed { .. } | Phase::Open { .. } | Phase::Stopped { .. } => None,
        };
        let waiting =
            |(seq, slot): &(&u64, &Slot)| slot.stage == Stage::Waiting && Some(**seq) != suspect;
        let (seq, _) = self.slots.iter().find(waiting)?;
        Some(Due { seq: *seq, origin: Origin::Fresh })
    }

    fn next_retry(&self, now: Timestamp) -> Option<Due> {
        let resting = self.parked.values().filter(|parked| !self.flights.contains_key(&parked.seq));
        let first = resting.min_by_key(|parked| (parked.next_try_at, parked.seq))?;
        (first.next_try_at <= now).then_some(Due { seq: first.seq, origin: Origin::Parked })
    }

    pub(super) fn wants_records(&self) -> bool {
        let waiting = self.slots.values().filter(|slot| slot.stage == Stage::Waiting).count();
        self.allowed() > 0
            && waiting < self.settings.window
            && self.slots.len() < limits::DELIVERY_SPAN_MAX
    }

    pub(super) fn wake_at(&self, now: Timestamp) -> Option<Timestamp> {
        let storing = self.unsaved.map(|unsaved| unsaved.due_at);
        let trying = match self.phase {
            Phase::Open { next_try_at } => Some(next_try_at),
            Phase::Closed { .. } | Phase::HalfOpen { .. } => {
                let dues = self.parked.values().map(|parked| parked.next_try_at);
                // What is due already waits for a place, not for a time.
                dues.filter(|due| *due > now).min()
            }
            Phase::Stopped { .. } => None,
        };
        storing.into_iter().chain(trying).min()
    }
}

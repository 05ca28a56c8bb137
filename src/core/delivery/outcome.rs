//! What the end of one delivery changes: the event's own fate and the endpoint's standing.

use super::*;

impl Delivery {
    pub(super) fn delivered(&mut self, attempt: Attempt, flight: Flight, now: Timestamp) {
        let failing_since = self.failing_since.take();
        self.complete(attempt.seq);
        self.batches.forget(attempt.seq);
        if flight.round != self.round {
            return;
        }
        if let Some(failing_since) = failing_since
            && self.attempts >= limits::DELIVERY_TRIES_TO_TELL
        {
            self.notices.push(Notice::Recovered { seq: attempt.seq, failing_since });
        }
        self.attempts = 0;
        self.clear_suspect(attempt, now);
        match self.phase {
            Phase::Closed { .. } => self.phase = Phase::Closed { faults: 0 },
            Phase::HalfOpen { allowed, .. } if allowed + 1 >= self.window() => {
                self.phase = Phase::Closed { faults: 0 };
            }
            Phase::HalfOpen { allowed, accepted, suspect } => {
                let (allowed, accepted) = (allowed + 1, accepted + 1);
                self.phase = Phase::HalfOpen { allowed, accepted, suspect };
            }
            Phase::Open { .. } | Phase::Stopped { .. } => {}
        }
    }

    pub(super) fn event_fault(&mut self, attempt: Attempt, flight: Flight, now: Timestamp) {
        if self.holds_everything(flight) {
            return self.hold_or_give_up(attempt, flight, now);
        }
        if self.parked.len() >= self.settings.parked_max && flight.origin == Origin::Fresh {
            return self.hold(attempt, flight, now);
        }
        self.failed(now);
        self.park(attempt, now);
        if flight.round == self.round {
            self.clear_suspect(attempt, now);
        }
    }

    /// Another event got a proper answer: the suspected one is what the endpoint cannot take.
    fn clear_suspect(&mut self, answered: Attempt, now: Timestamp) {
        let Phase::HalfOpen { suspect: Some(seq), allowed, accepted } = self.phase else { return };
        self.phase = Phase::HalfOpen { suspect: None, allowed, accepted };
        if seq != answered.seq {
            self.park(Attempt { seq, ..answered }, now);
        }
    }

    pub(super) fn endpoint_fault(&mut self, attempt: Attempt, flight: Flight, now: Timestamp) {
        if flight.round != self.round {
            return self.hold(attempt, flight, now);
        }
        if self.holds_everything(flight) {
            return self.hold(attempt, flight, now);
        }
        if let Some(slot) = self.slots.get_mut(&attempt.seq) {
            slot.faults += 1;
        }
        let room = self.parked.len() < self.settings.parked_max;
        match self.phase {
            // One fault of an endpoint that works may be the event's: let the others go on.
            Phase::Closed { faults } if faults + 1 < limits::DELIVERY_FAULTS_TO_HOLD && room => {
                self.phase = Phase::Closed { faults: faults + 1 };
                self.failed(now);
                self.park(attempt, now);
            }
            Phase::HalfOpen { .. } if room && self.suspects(attempt.seq) => {
                self.try_another(attempt, flight, now);
            }
            // It waits by its own schedule, which may be longer than the endpoint's.
            Phase::Closed { .. } | Phase::HalfOpen { .. } if flight.origin == Origin::Parked => {
                self.park(attempt, now);
                self.hold(attempt, flight, now);
            }
            Phase::Closed { .. }
            | Phase::HalfOpen { .. }
            | Phase::Open { .. }
            | Phase::Stopped { .. } => {
                self.hold(attempt, flight, now);
            }
        }
    }

    /// In order, everything waits for an event that fails.
    fn holds_everything(&self, flight: Flight) -> bool {
        self.settings.mode == DeliveryMode::Fifo && flight.origin == Origin::Fresh
    }

    /// What the receiver does not want is tried as often as anything, then given up.
    fn hold_or_give_up(&mut self, attempt: Attempt, flight: Flight, now: Timestamp) {
        if self.attempts + 1 < self.settings.schedule.tries_max() {
            return self.hold(attempt, flight, now);
        }
        self.failed(now);
        self.attempts = 0;
        self.complete(attempt.seq);
        self.exhausted.push(attempt.seq);
    }

    /// Whether this event failed so often that it may itself be what the endpoint cannot take.
    fn suspects(&self, seq: u64) -> bool {
        let faults = self.slots.get(&seq).map_or(0, |slot| slot.faults);
        faults >= limits::DELIVERY_FAULTS_TO_SUSPECT
    }

    /// The poison rule: an event is set aside when others pass where it fails.
    fn try_another(&mut self, attempt: Attempt, flight: Flight, now: Timestamp) {
        self.failed(now);
        self.put_back(attempt.seq, flight);
        let Phase::HalfOpen { allowed, accepted, suspect: before } = self.phase else { return };
        if accepted > 0 {
            return self.park(attempt, now);
        }
        let suspect = Some(attempt.seq);
        self.phase = Phase::HalfOpen { allowed: allowed.min(1), accepted, suspect };
        if before.is_some() || self.next_fresh().is_none() {
            self.open(attempt, now);
        }
    }

    /// Holds the endpoint back. What fails after it was held back only lengthens the wait.
    pub(super) fn hold(&mut self, attempt: Attempt, flight: Flight, now: Timestamp) {
        self.failed(now);
        self.put_back(attempt.seq, flight);
        let earlier = flight.round != self.round;
        match self.phase {
            Phase::Closed { .. } | Phase::HalfOpen { .. } if !earlier => self.open(attempt, now),
            Phase::Open { next_try_at } => {
                let asked_at = now.plus_ms(asked_wait_ms(attempt.result));
                self.phase = Phase::Open { next_try_at: next_try_at.max(asked_at) };
            }
            Phase::Closed { .. } | Phase::HalfOpen { .. } | Phase::Stopped { .. } => {}
        }
    }

    fn open(&mut self, attempt: Attempt, now: Timestamp) {
        self.attempts += 1;
        self.round += 1;
        if self.attempts == limits::DELIVERY_TRIES_TO_TELL {
            self.notices.push(Notice::Failing { seq: attempt.seq, tries: self.attempts });
        }
        let planned_ms = self.settings.schedule.wait_ms(self.attempts, attempt.jitter) as i64;
        let wait_ms = planned_ms.max(asked_wait_ms(attempt.result));
        if !matches!(self.phase, Phase::Stopped { .. }) {
            self.phase = Phase::Open { next_try_at: now.plus_ms(wait_ms) };
        }
    }

    fn failed(&mut self, now: Timestamp) {
        let since = *self.failing_since.get_or_insert(now);
        if now.unix_ms.saturating_sub(since.unix_ms) >= limits::DELIVERY_ONLY_FAILURES_MS_MAX {
            self.stop_for(DisableReason::OnlyFailures);
        }
    }

    pub(super) fn stop_for(&mut self, reason: DisableReason) {
        if !matches!(self.phase, Phase::Stopped { .. }) {
            self.disable = Some(reason);
            self.phase = Phase::Stopped { next_try_at: None };
        }
    }

    /// Sets an event aside, or counts one more try of one that is aside already.
    fn park(&mut self, attempt: Attempt, now: Timestamp) {
        let seq = attempt.seq;
        let faults = self.slots.get(&seq).map_or(0, |slot| slot.faults.saturating_sub(1));
        let fresh = Parked { seq, attempts: faults, next_try_at: now, parked_at: now };
        let mut parked = self.parked.get(&seq).copied().unwrap_or(fresh);
        let key = self.key_of(seq);
        self.complete(seq);
        // What was set aside before it was ever tried fails for the first time now.
        if parked.attempts == 0 {
            parked.parked_at = now;
        }
        parked.attempts += 1;
        if parked.attempts == limits::DELIVERY_TRIES_TO_TELL {
            self.notices.push(Notice::Failing { seq, tries: parked.attempts });
        }
        // While the endpoint takes nothing at all, no event is at fault and none is given up.
        let takes_others = self.failing_since.is_none_or(|since| since > parked.parked_at);
        if takes_others && parked.attempts >= self.settings.schedule.tries_max() {
            self.exhausted.push(seq);
            return;
        }
        let wait_ms = self.settings.schedule.wait_ms(parked.attempts, attempt.jitter);
        parked.next_try_at = now.plus_ms(wait_ms as i64);
        self.put_parked(parked, key);
    }

    fn complete(&mut self, seq: u64) {
        self.unpark(seq);
        self.set_stage(seq, Stage::Done);
    }

    pub(super) fn put_back(&mut self, seq: u64, flight: Flight) {
        if flight.origin == Origin::Fresh {
            self.set_stage(seq, Stage::Waiting);
        }
    }

    pub(super) fn set_stage(&mut self, seq: u64, stage: Stage) {
        if let Some(slot) = self.slots.get_mut(&seq) {
            slot.stage = stage;
        }
    }
}

fn asked_wait_ms(result: AttemptResult) -> i64 {
    match result {
        AttemptResult::Throttled { retry_after_ms } => {
            retry_after_ms.unwrap_or(0).min(limits::DELIVERY_RETRY_AFTER_MS_MAX) as i64
        }
        AttemptResult::Delivered
        | AttemptResult::EndpointFault
        | AttemptResult::EventFault
        | AttemptResult::Gone => 0,
    }
}

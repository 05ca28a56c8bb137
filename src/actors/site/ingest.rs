//! The supervisor's side of the ingest lane: a batch is a turn, or waits for the snapshots.

use actix::prelude::*;

use super::{Ingest, SiteSupervisor};
use crate::actors::handle::CallError;
use crate::actors::machine::send;
use crate::domain::limits::INGESTS_WAITING_MAX;

impl Handler<Ingest> for SiteSupervisor {
    type Result = ();

    fn handle(&mut self, message: Ingest, _: &mut Context<Self>) {
        if self.ingests.is_empty() && !self.shared.lags() {
            return self.ingest(message);
        }
        if self.ingests.len() >= INGESTS_WAITING_MAX {
            return send(message.reply, Err(CallError::Busy));
        }
        self.ingests.push_back(message);
    }
}

impl SiteSupervisor {
    fn ingest(&self, message: Ingest) {
        let Ingest { batch, reply } = message;
        let mut machine = self.shared.machine.borrow_mut();
        if let Err(error) = machine.admit() {
            return send(reply, Err(error));
        }
        match machine.guarded("ingest", |site, now| site.ingest(batch, now)) {
            Err(failure) => send(reply, Err(self.shared.failed(failure))),
            Ok(Err(refusal)) => machine.refuse(reply, refusal),
            Ok(Ok(intake)) => {
                if let Some(commit) = intake.commit {
                    machine.submit(commit);
                }
                machine.answer(reply, intake.answer);
            }
        }
    }

    /// Batches that waited for the snapshots go on in the order in which they came.
    pub(super) fn take_in_waiting(&mut self) {
        while !self.shared.lags() {
            let Some(waiting) = self.ingests.pop_front() else { return };
            self.ingest(waiting);
        }
    }
}

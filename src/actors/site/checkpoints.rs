//! When a site's checkpoints begin, and what is told when they are over.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{CheckpointNow, SiteSupervisor, TICK};
use crate::actors::checkpointer;
use crate::core::site::Site;
use crate::domain::limits::CHECKPOINT_REST_MS;

impl SiteSupervisor {
    pub(super) fn is_checkpoint_due(&self) -> bool {
        let growth = self.shared.options.checkpoint_log_bytes_max as u64;
        let mut machine = self.shared.machine.borrow_mut();
        let is_half_covered = machine.site().is_some_and(Site::has_one_snapshot);
        let looks = CHECKPOINT_REST_MS / TICK.as_millis() as u64;
        let rests = self.ticks.is_multiple_of(looks) && machine.tail_mut().rests(growth);
        let tail = machine.tail();
        tail.is_long(growth) || rests && (is_half_covered || tail.is_worth_a_rest(growth))
    }

    pub(super) fn start_checkpoint(&self, told: Option<oneshot::Sender<bool>>) {
        if self.checkpointing.replace(true) {
            return;
        }
        let (shared, checkpointing) = (self.shared.clone(), self.checkpointing.clone());
        actix_rt::spawn(async move {
            let outcome = checkpointer::checkpoint(shared.clone()).await;
            if let Err(error) = &outcome {
                let site = shared.machine.borrow().id();
                tracing::warn!(%site, %error, "checkpoint of site {site} failed: {error}");
                shared.machine.borrow_mut().tail_mut().fail();
                shared.checkpoint_ended.notify_waiters();
            }
            checkpointing.set(false);
            if let Some(told) = told {
                told.send(outcome.is_ok()).unwrap_or_default();
            }
        });
    }
}

impl Handler<CheckpointNow> for SiteSupervisor {
    type Result = ();

    fn handle(&mut self, message: CheckpointNow, _: &mut Context<Self>) {
        self.start_checkpoint(Some(message.0));
    }
}

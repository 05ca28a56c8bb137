//! What a site does of its own accord: reports of counters, and the work that commits left behind.
//! Each step is a turn; between two of them others have theirs.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use crate::actors::handle::CallError;
use crate::actors::import::wait_for_room;
use crate::actors::shared::Shared;
use crate::core::parts::PartKey;
use crate::core::site::Site;
use crate::core::turn::WorkedOff;
use crate::domain::limits::BACKGROUND_RECORDS_PER_TURN;
use crate::domain::{Commit, Timestamp};

pub(super) fn report_counters(shared: &Rc<Shared>) {
    let shared = shared.clone();
    actix_rt::spawn(async move {
        while report_slice(&shared) {
            tokio::task::yield_now().await;
        }
    });
}

/// True when there may be more to report.
fn report_slice(shared: &Rc<Shared>) -> bool {
    if shared.machine.borrow().admit().is_err() {
        return false;
    }
    let turn = |site: &mut Site, now: Timestamp| -> Option<Arc<Commit>> {
        site.report_counters(BACKGROUND_RECORDS_PER_TURN, now)
    };
    let mut machine = shared.machine.borrow_mut();
    match machine.guarded("background", turn) {
        Ok(Some(commit)) => {
            machine.submit(commit);
            true
        }
        Ok(None) => false,
        Err(failure) => {
            drop(shared.failed(failure));
            false
        }
    }
}

/// Works until nothing is left; `working` keeps a second one from beginning meanwhile.
pub(super) fn work_off(shared: &Rc<Shared>, working: &Rc<Cell<bool>>) {
    let has_work = {
        let machine = shared.machine.borrow();
        let now = machine.now();
        machine.site().is_some_and(|site| site.has_work(now))
    };
    if !has_work || working.replace(true) {
        return;
    }
    let (shared, working) = (shared.clone(), working.clone());
    actix_rt::spawn(async move {
        // What fails now is tried again with the next tick.
        if let Err(error) = work(&shared).await {
            tracing::debug!(?error, "background work stops for now");
        }
        working.set(false);
    });
}

async fn work(shared: &Rc<Shared>) -> Result<(), CallError> {
    let mut brought: Vec<PartKey> = Vec::new();
    loop {
        tokio::task::yield_now().await;
        wait_for_room(shared).await?;
        let step = {
            let mut machine = shared.machine.borrow_mut();
            let turn = |site: &mut Site, now| site.work_off(BACKGROUND_RECORDS_PER_TURN, now);
            machine.guarded("background", turn).map_err(|failure| shared.failed(failure))?
        };
        match step {
            WorkedOff::Nothing => return Ok(()),
            WorkedOff::Done(commit) => {
                shared.machine.borrow_mut().submit(commit);
                shared.let_go(&std::mem::take(&mut brought));
            }
            WorkedOff::Need(missing) => {
                shared.bring_in(&missing).await?;
                brought.extend(missing);
            }
        }
    }
}

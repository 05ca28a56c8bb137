//! Imports: thousands of lines, in slices that leave other turns their time.

use std::rc::Rc;

use super::handle::CallError;
use super::shared::Shared;
use super::site::ImportLines;
use crate::core::ingest::Intake;
use crate::core::parts::PartKey;
use crate::core::query::Imported;
use crate::core::site::Site;
use crate::domain::Timestamp;
use crate::domain::limits::{IMPORT_LINES_PER_TURN, PAGE_IN_ROUNDS_MAX};

/// Runs an import in slices, each a turn of its own, so that others get theirs in between.
pub async fn run(shared: &Rc<Shared>, lines: ImportLines) -> Result<Imported, CallError> {
    let mut all = Imported::default();
    match lines {
        ImportLines::Members(lines) => {
            for slice in lines.chunks(IMPORT_LINES_PER_TURN) {
                let turn = |site: &mut Site, now| Ok(site.import_members(slice, now));
                import_slice(shared, &mut all, turn).await?;
            }
        }
        ImportLines::Follows(lines) => {
            for slice in lines.chunks(IMPORT_LINES_PER_TURN) {
                let turn = |site: &mut Site, now| site.import_follows(slice, now);
                import_slice(shared, &mut all, turn).await?;
            }
        }
    }
    Ok(all)
}

type SliceOutcome = Result<Intake<Imported>, Vec<PartKey>>;

async fn import_slice(
    shared: &Rc<Shared>,
    all: &mut Imported,
    turn: impl Fn(&mut Site, Timestamp) -> SliceOutcome,
) -> Result<(), CallError> {
    tokio::task::yield_now().await;
    wait_for_room(shared).await?;
    let mut brought = Vec::new();
    for _ in 0..PAGE_IN_ROUNDS_MAX {
        let outcome = {
            let mut machine = shared.machine.borrow_mut();
            let outcome = machine.guarded("import", |site, now| turn(site, now));
            outcome.map_err(|failure| shared.failed(failure))?
        };
        match outcome {
            Ok(intake) => {
                if let Some(commit) = intake.commit {
                    shared.machine.borrow_mut().submit(commit);
                }
                all.ids.extend(intake.answer.ids);
                all.errors.extend(intake.answer.errors);
                shared.let_go(&brought);
                return Ok(());
            }
            Err(mut missing) => {
                shared.bring_in(&missing).await?;
                brought.append(&mut missing);
            }
        }
    }
    shared.let_go(&brought);
    Err(CallError::Busy)
}

/// Bulk work waits for the writer and for the snapshots instead of being refused half-way.
pub(super) async fn wait_for_room(shared: &Rc<Shared>) -> Result<(), CallError> {
    loop {
        let admitted = shared.machine.borrow().admit();
        match admitted {
            Ok(()) if shared.lags() => shared.checkpoint_ended.notified().await,
            Ok(()) => return Ok(()),
            Err(CallError::Busy) => {
                let log = shared.machine.borrow().log().clone();
                log.settled().await;
            }
            Err(error) => return Err(error),
        }
    }
}

//! Drives one checkpoint: turns that copy, the snapshot thread that writes, the journal that is
//! trimmed behind it.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use thiserror::Error;

use super::machine::TurnFailure;
use super::shared::Shared;
use super::snapshot_thread::JobLost;
use crate::core::checkpoint::{Begun, EndedCheckpoint, Slice, SlotIndex};
use crate::core::site::Site;
use crate::domain::limits::{CHECKPOINT_SLICE_PARTS, SETTLE_PARTS_PER_TURN};
use crate::journal::JournalError;
use crate::snapshot::checkpoint::{CheckpointWriter, Ground};
use crate::snapshot::values::slot_of;
use crate::snapshot::{Mark, SnapshotError};

#[derive(Debug, Error)]
pub enum CheckpointError {
    /// The state was rebuilt meanwhile, or what was copied did not become durable.
    #[error("the state it copied is no longer the state")]
    Overtaken,
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Job(#[from] JobLost),
}

/// The snapshot thread's side, handed back and forth.
type Writer = Arc<Mutex<Option<CheckpointWriter>>>;

/// What was handed to the snapshot thread.
type Writing<'r> = Pin<Box<dyn Future<Output = Result<(), CheckpointError>> + 'r>>;

/// Brings the older slot up to date and trims the journal behind the slot that is older then.
pub async fn checkpoint(shared: Rc<Shared>) -> Result<(), CheckpointError> {
    let run = Run::start(&shared)?;
    let outcome = run.copy_all().await;
    match outcome {
        Ok(mark) => run.finish(mark).await,
        Err(error) => {
            // Nothing may be built on a slot that was given up half-way.
            run.turn(|site| site.abort_checkpoint()).unwrap_or_default();
            Err(error)
        }
    }
}

struct Run {
    shared: Rc<Shared>,
    generation: u64,
    slot: SlotIndex,
    ground: Ground,
    writing: Writer,
}

impl Run {
    fn start(shared: &Rc<Shared>) -> Result<Run, CheckpointError> {
        let machine = shared.machine.borrow();
        let site = machine.site().ok_or(CheckpointError::Overtaken)?;
        let slot = site.next_slot();
        let ground = if site.slot_is_void(slot) { Ground::Void } else { Ground::Older };
        let generation = machine.generation();
        Ok(Run { shared: shared.clone(), generation, slot, ground, writing: Writer::default() })
    }

    /// A turn of the machine that this run belongs to, and of no later one.
    fn turn<T>(&self, turn: impl FnOnce(&mut Site) -> T) -> Result<T, CheckpointError> {
        let mut machine = self.shared.machine.borrow_mut();
        if machine.generation() != self.generation {
            return Err(CheckpointError::Overtaken);
        }
        machine.guarded("checkpoint", |site, _| turn(site)).map_err(|failure: TurnFailure| {
            self.shared.failed(failure);
            CheckpointError::Overtaken
        })
    }

    /// Waits until `commit` is durable in this run's generation.
    async fn durable(&self, commit: u64) -> Result<(), CheckpointError> {
        let log = self.shared.machine.borrow().log().clone();
        log.wait(commit).await.map_err(|_| CheckpointError::Overtaken)?;
        match self.shared.machine.borrow().generation() == self.generation {
            true => Ok(()),
            false => Err(CheckpointError::Overtaken),
        }
    }

    async fn copy_all(&self) -> Result<Mark, CheckpointError> {
        self.open_slot().await?;
        let begun = self.turn(Site::begin_checkpoint)?;
        self.shared.machine.borrow_mut().tail_mut().begin();
        let begin_commit = begun.catalogue.commit;
        let mut end_commit = begin_commit;
        self.write_catalogue(begun).await?;
        // A slice is written while the next one is copied. What is written before it is durable
        // does no harm: the slot was given up and has no mark.
        let mut before: Option<Writing<'_>> = None;
        loop {
            let slice = self.turn(|site| site.copy_slice(CHECKPOINT_SLICE_PARTS))?;
            let is_last = slice.is_last;
            end_commit = end_commit.max(slice.commit);
            let writing = Box::pin(self.write_slice(slice));
            if let Some(before) = before.replace(writing) {
                before.await?;
            }
            if is_last {
                break;
            }
        }
        if let Some(last) = before {
            last.await?;
        }
        self.durable(end_commit).await?;
        let taken_at_ms = self.shared.machine.borrow().now().unix_ms;
        let generation = self.generation;
        let (entries, checksum, format) = (0, 0, crate::snapshot::values::FORMAT);
        Ok(Mark { generation, begin_commit, end_commit, entries, checksum, taken_at_ms, format })
    }

    /// The current slot is proven whole before the other one is given up.
    async fn open_slot(&self) -> Result<(), CheckpointError> {
        let (store, site) = (self.shared.loader.store().clone(), self.shared.machine.borrow().id());
        let (slot, ground, writing) = (slot_of(self.slot), self.ground, self.writing.clone());
        let is_proven = self.shared.is_proven.replace(true);
        let opened = self.shared.snapshots.run(move |_| -> Result<(), SnapshotError> {
            if !is_proven && store.mark(site, slot.other()).is_some() {
                store.verify(site, slot.other())?;
            }
            let writer = CheckpointWriter::begin(store, site, slot, ground)?;
            *writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(writer);
            Ok(())
        });
        match opened.await? {
            Ok(()) => Ok(()),
            Err(error) => {
                if let SnapshotError::Damaged(damaged) = &error {
                    self.shared.is_proven.set(false);
                    self.shared.give_up("a snapshot is damaged", damaged.clone());
                }
                Err(error.into())
            }
        }
    }

    async fn write_catalogue(&self, begun: Begun) -> Result<(), CheckpointError> {
        self.write(move |writer| writer.catalogue(&begun)).await
    }

    fn write_slice(
        &self,
        slice: Slice,
    ) -> impl Future<Output = Result<(), CheckpointError>> + use<> {
        self.write(move |writer| writer.slice(&slice.copied))
    }

    /// Begins to write at once; the outcome may be waited for later.
    fn write<J>(&self, job: J) -> impl Future<Output = Result<(), CheckpointError>> + use<J>
    where
        J: FnOnce(&mut CheckpointWriter) -> Result<(), SnapshotError> + Send + 'static,
    {
        let writing = self.writing.clone();
        let written = self.shared.snapshots.run(move |_| {
            let mut writing = writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            writing.as_mut().map_or(Ok(()), job)
        });
        async move { Ok(written.await??) }
    }

    /// Sets the mark, makes the slot the current one, lets the log and the memory go.
    async fn finish(&self, mark: Mark) -> Result<(), CheckpointError> {
        let writing = self.writing.clone();
        let completed = self.shared.snapshots.run(move |_| {
            let writer = writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            writer.map_or(Ok(()), |writer| writer.complete(mark))
        });
        if let Err(error) = completed.await? {
            self.turn(|site| site.abort_checkpoint())?;
            return Err(error.into());
        }
        let EndedCheckpoint { trim_up_to, mut copied } = self.turn(Site::end_checkpoint)?;
        self.shared.machine.borrow_mut().tail_mut().complete();
        // Memory is given back before the log is: whoever waits for it goes on sooner.
        while !self.turn(|site| site.settle_slice(&mut copied, SETTLE_PARTS_PER_TURN))? {
            tokio::task::yield_now().await;
        }
        self.shared.checkpoint_ended.notify_waiters();
        self.trim(trim_up_to).await?;
        metrics::counter!("site_checkpoints_total").increment(1);
        let site = self.shared.machine.borrow().id();
        tracing::info!(%site, begin = mark.begin_commit, "site {site} is in a snapshot");
        Ok(())
    }

    async fn trim(&self, up_to: u64) -> Result<(), CheckpointError> {
        if up_to == 0 {
            return Ok(());
        }
        let (journal, site) = (self.shared.journal.clone(), self.shared.machine.borrow().id());
        let trimmed = self
            .shared
            .snapshots
            .run(move |runtime| runtime.block_on(async { journal.trim(site, up_to).await }));
        trimmed.await??;
        metrics::counter!("site_journal_trims_total").increment(1);
        Ok(())
    }
}

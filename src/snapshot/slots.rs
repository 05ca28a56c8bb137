//! The store as its owner sees it: two slots, each served by one database at a time, which may be
//! replaced while the other goes on.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use super::guard::QuietPanics;
use super::serving::Serving;
use super::store::{Database, Fault};
use super::{
    Cause, Completed, Damaged, Finding, Key, Mark, Scanned, Slot, SnapshotError, SnapshotOptions,
    files,
};
use crate::domain::{SiteId, limits};

/// How often closing looks whether the last reader is gone.
const CLOSE_POLL: Duration = Duration::from_millis(1);

/// Both databases of a data directory. Every call blocks; none belongs on an arbiter.
///
/// Calls of one site and slot that write (`begin` to `complete`) are serialised by their owner;
/// reads may run at any time.
pub struct SnapshotStore {
    directory: PathBuf,
    options: SnapshotOptions,
    slots: [SlotCell; 2],
    incarnations: AtomicU64,
}

#[derive(Default)]
struct SlotCell {
    /// `None` while it is being replaced, or when that failed.
    serving: RwLock<Option<Arc<Serving>>>,
    replacing: Mutex<()>,
}

/// What becomes of the old database's files.
enum Replacement<'a> {
    MoveAside(&'a str),
    Keep,
}

impl SnapshotStore {
    /// Opens both databases below `directory`, creating what is missing. One that does not open is
    /// moved aside, replaced by an empty one and told. An error means that the world outside is
    /// wrong (no space, no permission, another process) and nothing was moved.
    pub fn open(
        directory: &Path,
        options: SnapshotOptions,
    ) -> Result<(SnapshotStore, Vec<Finding>), SnapshotError> {
        files::create_directory(directory)?;
        let store = SnapshotStore {
            directory: directory.to_owned(),
            options,
            slots: [SlotCell::default(), SlotCell::default()],
            incarnations: AtomicU64::new(0),
        };
        let outcomes = thread::scope(|scope| {
            let opening = Slot::BOTH.map(|slot| {
                let store = &store;
                scope.spawn(move || store.start(slot))
            });
            opening.map(|thread| thread.join())
        });
        let mut findings = Vec::new();
        for (slot, outcome) in Slot::BOTH.into_iter().zip(outcomes) {
            let why = "opening panicked".to_owned();
            let finding = outcome.unwrap_or(Err(SnapshotError::Unusable { slot, why }))?;
            findings.extend(finding);
        }
        Ok((store, findings))
    }

    /// Opens a slot's database and lets it serve.
    fn start(&self, slot: Slot) -> Result<Option<Finding>, SnapshotError> {
        let (database, finding) = self.open_or_replace(slot)?;
        let incarnation = self.incarnations.fetch_add(1, Ordering::Relaxed) + 1;
        let serving = Arc::new(Serving::new(slot, incarnation, database));
        *self.cell(slot).serving.write().unwrap_or_else(PoisonError::into_inner) = Some(serving);
        Ok(finding)
    }

    fn open_or_replace(&self, slot: Slot) -> Result<(Database, Option<Finding>), SnapshotError> {
        let quiet = QuietPanics::new();
        let why = match self.open_database(slot) {
            Ok(database) => return Ok((database, None)),
            Err(Fault::Broken(why)) => why,
            Err(Fault::Full(why)) => return Err(SnapshotError::Full { slot, why }),
            Err(Fault::Unusable(why)) => return Err(SnapshotError::Unusable { slot, why }),
        };
        let finding = self.move_aside(slot, why)?;
        let empty = self.open_database(slot);
        drop(quiet);
        let why_not = |fault: Fault| SnapshotError::Unusable { slot, why: fault.into_text() };
        Ok((empty.map_err(why_not)?, Some(finding)))
    }

    fn open_database(&self, slot: Slot) -> Result<Database, Fault> {
        let path = self.directory.join(slot.name());
        files::create_directory(&path).map_err(|error| Fault::of_io(&error))?;
        let cache_bytes = self.options.cache_bytes / Slot::BOTH.len() as u64;
        Database::open(&path, cache_bytes, self.options.open_deadline)
    }

    fn move_aside(&self, slot: Slot, why: String) -> Result<Finding, SnapshotError> {
        let path = files::move_aside(&self.directory, slot)?;
        let shown = path.display();
        tracing::warn!(%slot, "snapshot database {slot} moved to {shown}: {why}");
        Ok(Finding { slot, path, why })
    }

    fn cell(&self, slot: Slot) -> &SlotCell {
        &self.slots[slot.index()]
    }

    fn serving(&self, slot: Slot) -> Result<Arc<Serving>, Damaged> {
        let serving = self.cell(slot).serving.read().unwrap_or_else(PoisonError::into_inner);
        serving.clone().ok_or_else(|| Damaged {
            slot,
            key: None,
            why: "is being replaced".to_owned(),
            cause: Cause::Outside,
            incarnation: 0,
        })
    }

    /// `None` when there is none, or it is incomplete, damaged, or not the newest one.
    pub fn mark(&self, site: SiteId, slot: Slot) -> Option<Mark> {
        self.serving(slot).ok()?.mark(site)
    }

    /// The complete slot with the highest begin.
    pub fn current(&self, site: SiteId) -> Option<Slot> {
        let marked = Slot::BOTH.into_iter().filter_map(|slot| Some((self.mark(site, slot)?, slot)));
        let newest = marked.max_by_key(|(mark, _)| (mark.begin_commit, mark.end_commit));
        newest.map(|(_, slot)| slot)
    }

    /// Takes the slot's mark away, durably, before anything is written to it.
    pub fn begin(&self, site: SiteId, slot: Slot) -> Result<(), SnapshotError> {
        self.serving(slot)?.begin(site)
    }

    /// Inserts or replaces. Not durable before `complete`.
    pub fn put(
        &self,
        site: SiteId,
        slot: Slot,
        entries: &[(Key, Vec<u8>)],
    ) -> Result<(), SnapshotError> {
        self.serving(slot)?.put(site, entries)
    }

    /// Removes; what is absent stays so.
    pub fn remove(&self, site: SiteId, slot: Slot, keys: &[Key]) -> Result<(), SnapshotError> {
        self.serving(slot)?.remove(site, keys)
    }

    /// The value as it was written. `None` only in a slot whose mark says that all is there.
    pub fn get(&self, site: SiteId, slot: Slot, key: Key) -> Result<Option<Vec<u8>>, Damaged> {
        self.serving(slot)?.get(site, key)
    }

    /// All entries of a kind in key order. After an error, what was shown before must be dropped:
    /// a lost or stale entry is known only at the end.
    pub fn scan(
        &self,
        site: SiteId,
        slot: Slot,
        kind: u8,
        each: &mut dyn FnMut(Key, Vec<u8>) -> ControlFlow<()>,
    ) -> Result<Scanned, Damaged> {
        self.serving(slot)?.scan(site, kind, each)
    }

    /// Reads every entry of a site and compares all with the mark.
    pub fn verify(&self, site: SiteId, slot: Slot) -> Result<Scanned, Damaged> {
        self.serving(slot)?.verify(site)
    }

    /// Makes everything durable, reads back up to `sample` of the entries written since `begin`,
    /// then sets the mark. An error leaves the slot without one. What is read back may come from
    /// memory: this checks the database's bookkeeping, not the disk.
    pub fn complete(
        &self,
        site: SiteId,
        slot: Slot,
        mark: Mark,
        sample: usize,
    ) -> Result<Completed, SnapshotError> {
        self.serving(slot)?.complete(site, mark, sample)
    }

    /// Removes all entries of a site from a slot that was begun.
    pub fn wipe(&self, site: SiteId, slot: Slot) -> Result<(), SnapshotError> {
        self.serving(slot)?.wipe(site)
    }

    /// Which database serves a slot, counted from the start; 0 for none.
    pub fn incarnation(&self, slot: Slot) -> u64 {
        self.serving(slot).map_or(0, |serving| serving.incarnation)
    }

    /// Moves a slot's database aside and goes on with an empty one. All sites' marks of that slot
    /// go with it. Meanwhile calls on this slot answer [`Damaged`]; the other is untouched.
    pub fn set_aside(&self, slot: Slot, why: &str) -> Result<Finding, SnapshotError> {
        let _replacing = self.replacing(slot);
        let finding = self.replace(slot, Replacement::MoveAside(why))?;
        finding.ok_or_else(|| SnapshotError::Unusable {
            slot,
            why: "could not be moved aside".to_owned(),
        })
    }

    /// The same for damage that a call told, once: `None` when the database was replaced since, or
    /// the cause lies outside of it.
    pub fn set_aside_damaged(&self, damaged: &Damaged) -> Result<Option<Finding>, SnapshotError> {
        let slot = damaged.slot;
        let _replacing = self.replacing(slot);
        match damaged.cause {
            Cause::Outside => Ok(None),
            Cause::Database if damaged.incarnation != self.incarnation(slot) => Ok(None),
            Cause::Database => self.replace(slot, Replacement::MoveAside(&damaged.why)),
        }
    }

    /// Closes a slot's database and opens it again, as after a full disk.
    pub fn reopen(&self, slot: Slot) -> Result<Option<Finding>, SnapshotError> {
        let _replacing = self.replacing(slot);
        self.replace(slot, Replacement::Keep)
    }

    fn replacing(&self, slot: Slot) -> std::sync::MutexGuard<'_, ()> {
        self.cell(slot).replacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The old database is closed before a new one takes its path, for it finds some of its files
    /// by name.
    fn replace(&self, slot: Slot, how: Replacement<'_>) -> Result<Option<Finding>, SnapshotError> {
        let cell = self.cell(slot);
        let old = cell.serving.write().unwrap_or_else(PoisonError::into_inner).take();
        let quiet = QuietPanics::new();
        if let Some(old) = old {
            close(old);
        }
        drop(quiet);
        let moved = match how {
            Replacement::MoveAside(why) => Some(self.move_aside(slot, why.to_owned())?),
            Replacement::Keep => None,
        };
        let found = self.start(slot)?;
        Ok(moved.or(found))
    }
}

/// Waits for readers, then closes. A reader that never ends keeps its database, which is then
/// closed by nobody and harms nobody but by its open files.
fn close(serving: Arc<Serving>) {
    serving.retire();
    let deadline = Duration::from_secs(limits::SNAPSHOT_CLOSE_SECONDS_MAX);
    let started = Instant::now();
    let mut held = serving;
    loop {
        held = match Arc::try_unwrap(held) {
            Ok(last) => return drop(last),
            Err(shared) => shared,
        };
        if started.elapsed() > deadline {
            let slot = held.slot;
            tracing::warn!(%slot, "snapshot database {slot} is still being read, left behind");
            return;
        }
        #[allow(clippy::disallowed_methods, reason = "no arbiter, and nothing to wait for tells")]
        thread::sleep(CLOSE_POLL);
    }
}

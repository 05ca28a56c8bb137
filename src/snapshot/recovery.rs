//! Recovery: the newest complete slot that holds together, then the journal's commits after it.

use std::ops::ControlFlow;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use futures_util::future::join;
use thiserror::Error;

use super::values::{self, CATALOGUE, ITEM_BLOCK, MEMBER_BLOCK, OPERATION_RUN};
use super::{Cause, Damaged, Key, Mark, Slot, SnapshotError, SnapshotStore};
use crate::core::restore::Restorer;
use crate::core::site::Site;
use crate::domain::limits::{RECOVERY_BLOCKS_AHEAD, RECOVERY_READ_BYTES};
use crate::domain::{Commit, SiteId};
use crate::journal::codec;
use crate::journal::{Journal, JournalError, Position};

/// A site as the disk has it.
pub struct Recovered {
    pub site: Site,
    pub at: Position,
    /// The slot it was built from, and how many commits were replayed on top.
    pub slot: Option<Slot>,
    pub replayed: u64,
    /// About what they take in the log.
    pub replayed_bytes: u64,
}

#[derive(Debug, Error)]
pub enum RecoveryError {
    #[error(
        "site {site}: no usable snapshot is left and the journal starts at commit {first}: \
         commits 1 to {missing_up_to} are missing ({why})"
    )]
    Missing { site: SiteId, first: u64, missing_up_to: u64, why: String },
    #[error(
        "site {site}: the journal ends at commit {end}, before snapshot {slot} of commit {begin}"
    )]
    JournalBehind { site: SiteId, slot: Slot, begin: u64, end: u64 },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Rebuilds a site. Blocks for as long as reading takes. Damaged databases are moved aside.
pub async fn recover(
    store: &SnapshotStore,
    journal: &dyn Journal,
    id: SiteId,
) -> Result<Recovered, RecoveryError> {
    let started = Instant::now();
    let at = journal.position(id).await?;
    let mut why = Vec::new();
    let mut base = None;
    while base.is_none() {
        let Some(slot) = store.current(id) else { break };
        let mark = store.mark(id, slot).filter(|mark| mark.format == values::FORMAT);
        let outcome = match mark {
            Some(mark) if mark.end_commit > at.commit => {
                let (begin, end) = (mark.begin_commit, at.commit);
                return Err(RecoveryError::JournalBehind { site: id, slot, begin, end });
            }
            Some(mark) if mark.begin_commit + 1 < at.first_commit => {
                Err(damaged(store, slot, "the journal was trimmed beyond it"))
            }
            Some(mark) => restore(store, id, slot, mark),
            None => Err(damaged(store, slot, "its format is not known")),
        };
        match outcome {
            Ok(site) => base = Some((slot, site)),
            Err(found) => {
                why.push(found.to_string());
                set_aside(store, &found)?;
            }
        }
    }
    let restored = started.elapsed();
    let (slot, mut site) = match base {
        Some((slot, site)) => (Some(slot), site),
        None if at.first_commit <= 1 => (None, Site::new(id)),
        None => {
            let (first, missing_up_to) = (at.first_commit, at.first_commit - 1);
            let why = if why.is_empty() { "none was found".to_owned() } else { why.join("; ") };
            return Err(RecoveryError::Missing { site: id, first, missing_up_to, why });
        }
    };
    let first = site.commit();
    let replayed_bytes = replay(journal, &mut site, at).await?;
    let replayed = site.commit() - first;
    let (restored, all) = (restored.as_secs_f64(), started.elapsed().as_secs_f64());
    tracing::info!(
        site = %id, ?slot, restored, all, replayed, replayed_bytes,
        "site {id} was read in {restored:.2} s and had replayed {replayed} commits by {all:.2} s"
    );
    Ok(Recovered { site, at, slot, replayed, replayed_bytes })
}

/// A damaged database is moved aside once; if that does not help, recovery cannot go on.
fn set_aside(store: &SnapshotStore, found: &Damaged) -> Result<(), RecoveryError> {
    match store.set_aside_damaged(found)? {
        Some(_) => Ok(()),
        None => Err(RecoveryError::Snapshot(SnapshotError::Damaged(found.clone()))),
    }
}

/// Applies what the journal holds beyond the site's commit; about how many bytes that was. The next
/// commits are read and decoded on another thread while these are applied.
async fn replay(
    journal: &dyn Journal,
    site: &mut Site,
    at: Position,
) -> Result<u64, RecoveryError> {
    let (id, mut bytes) = (site.id(), 0);
    let mut commits = read_on(journal, id, site.commit(), at).await?;
    while let Some(last) = commits.last() {
        let next = read_on(journal, id, last.number, at);
        let apply = async {
            for commit in &commits {
                site.replay(commit);
                bytes += commit.bytes_estimate() as u64;
            }
        };
        let (next, ()) = join(next, apply).await;
        commits = next?;
    }
    Ok(bytes)
}

/// The commits after `after`; none only at the journal's end.
async fn read_on(
    journal: &dyn Journal,
    site: SiteId,
    after: u64,
    at: Position,
) -> Result<Vec<Commit>, RecoveryError> {
    if after >= at.commit {
        return Ok(Vec::new());
    }
    let commits = journal.read_commits(site, after, RECOVERY_READ_BYTES).await?;
    if commits.is_empty() {
        let detail = format!("no commit follows {after}, though {} exists", at.commit);
        return Err(JournalError::Damaged { site, detail }.into());
    }
    Ok(commits)
}

fn restore(store: &SnapshotStore, id: SiteId, slot: Slot, mark: Mark) -> Result<Site, Damaged> {
    let bad = |why: String| damaged(store, slot, &why);
    let bytes = store.get(id, slot, Key::new(CATALOGUE, 0, 0))?;
    let bytes = bytes.ok_or_else(|| bad("the catalogue is missing".to_owned()))?;
    let catalogue = values::read_catalogue(&bytes).map_err(|error| bad(error.to_string()))?;
    if catalogue.commit != mark.begin_commit {
        return Err(bad("the catalogue is of another checkpoint".to_owned()));
    }
    let begin_of = |slot| store.mark(id, slot).map_or(0, |mark| mark.begin_commit);
    let begins = [begin_of(Slot::A), begin_of(Slot::B)];
    let mut restorer = Restorer::new(id, values::index_of(slot), begins, catalogue);
    restore_windows(store, id, slot, &mut restorer)?;
    scan_blocks(store, id, slot, MEMBER_BLOCK, |block, bytes| {
        let value = values::read_member_block(bytes).map_err(|error| error.to_string())?;
        restorer.member_block(block, value).map_err(|error| error.to_string())
    })?;
    scan_blocks(store, id, slot, ITEM_BLOCK, |block, bytes| {
        let value = codec::decode(bytes).map_err(|error| error.to_string())?;
        restorer.item_block(block, value).map_err(|error| error.to_string())
    })?;
    restorer.finish().map_err(|error| bad(error.to_string()))
}

fn restore_windows(
    store: &SnapshotStore,
    id: SiteId,
    slot: Slot,
    restorer: &mut Restorer,
) -> Result<(), Damaged> {
    let windows: Vec<u64> = restorer.catalogue().windows.iter().map(|window| window.runs).collect();
    for (position, runs) in windows.into_iter().enumerate() {
        let mut read = Vec::new();
        for run in 0..runs {
            let key = Key::new(OPERATION_RUN, run, position as u32);
            let bytes = store.get(id, slot, key)?;
            let bytes = bytes.ok_or_else(|| damaged(store, slot, "operation ids are missing"))?;
            let run = codec::decode(&bytes);
            read.push(run.map_err(|error| damaged(store, slot, &error.to_string()))?);
        }
        let taken = restorer.window(position, read);
        taken.map_err(|error| damaged(store, slot, &error.to_string()))?;
    }
    Ok(())
}

/// Takes every block of a kind. They are read and checked on a thread of their own meanwhile.
fn scan_blocks(
    store: &SnapshotStore,
    id: SiteId,
    slot: Slot,
    kind: u8,
    mut take: impl FnMut(u32, &[u8]) -> Result<(), String>,
) -> Result<(), Damaged> {
    let (found, blocks) = sync_channel::<(u32, Vec<u8>)>(RECOVERY_BLOCKS_AHEAD);
    thread::scope(|scope| {
        let scanning = scope.spawn(move || {
            // Whoever takes them stops listening at the first that is wrong.
            store.scan(id, slot, kind, &mut |key, bytes| match found
                .send((key.number as u32, bytes))
            {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        });
        let taken = blocks.into_iter().try_for_each(|(block, bytes)| take(block, &bytes));
        let scanned = scanning.join();
        scanned.unwrap_or_else(|_| Err(damaged(store, slot, "reading panicked")))?;
        taken.map_err(|why| damaged(store, slot, &why))
    })
}

fn damaged(store: &SnapshotStore, slot: Slot, why: &str) -> Damaged {
    let incarnation = store.incarnation(slot);
    Damaged { slot, key: None, why: why.to_owned(), cause: Cause::Database, incarnation }
}

//! The store of snapshots: two databases written in turn, shared by all sites. What a checkpoint
//! holds and when it runs is decided above; here are only keys, bytes, marks and damage.
//!
//! A database is a cache of the journal: it may be lost at the cost of start-up time. So whatever
//! is wrong with one is told as [`Damaged`] or by a missing [`Mark`], and never kept quiet.
//!
//! What is detected, and by what:
//! - **A changed byte of a value, or a value under a wrong key**: the crc over key and payload,
//!   at every `get` and `scan`.
//! - **A database that does not open**, panics or does not answer in time: moved aside at `open`,
//!   told as a [`Finding`]; later as [`Damaged`] from the call that met it.
//! - **A lost tail** (the database came back as it was earlier): the mark is the last thing
//!   written, and its twin lies outside the database's own files. Both must be equal, so neither a
//!   vanished nor an older mark is taken for the current one.
//! - **Single entries that are lost, rolled back or resurrected under a surviving mark**: the mark
//!   holds, per kind, the number of entries and the sum of their hashes. A `scan` of a kind that
//!   runs to its end compares both; `verify` does so for all kinds.
//! - **An absent entry of a slot without a mark**: `get` says damaged, not absent.
//!
//! Not detected here: one entry lost or rolled back by the database, read by `get`, in a kind that
//! nobody scanned since. The owner of the entries compares the stamp inside the value with the one
//! it keeps. Nor a whole directory replaced by an older complete copy of itself: it is a true
//! checkpoint, and its owner sees that its begin commit is older than the journal's first.

pub mod checkpoint;
mod entry;
mod files;
mod guard;
mod key;
mod mark;
mod order;
pub mod recovery;
mod serving;
mod slots;
mod store;
mod tally;
pub mod values;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::domain::limits;

pub use key::Key;
pub use mark::Mark;
pub use slots::SnapshotStore;

/// One of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    A,
    B,
}

impl Slot {
    pub const BOTH: [Slot; 2] = [Slot::A, Slot::B];

    pub const fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    /// The directory's name below the store's.
    pub const fn name(self) -> &'static str {
        match self {
            Slot::A => "a",
            Slot::B => "b",
        }
    }

    const fn index(self) -> usize {
        match self {
            Slot::A => 0,
            Slot::B => 1,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the store is opened.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotOptions {
    /// For both databases together.
    pub cache_bytes: u64,
    /// For each database. One that needs longer is moved aside.
    pub open_deadline: Duration,
}

impl Default for SnapshotOptions {
    fn default() -> Self {
        SnapshotOptions {
            cache_bytes: limits::SNAPSHOT_CACHE_BYTES_DEFAULT,
            open_deadline: Duration::from_secs(limits::SNAPSHOT_OPEN_SECONDS_MAX),
        }
    }
}

/// A database that was moved aside and replaced by an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub slot: Slot,
    /// Where it lies now.
    pub path: PathBuf,
    pub why: String,
}

/// What was read is not what was written, or could not be read. The answer to it is
/// [`SnapshotStore::set_aside_damaged`] and the other slot.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("snapshot database {slot} is damaged at {key:?}: {why}")]
pub struct Damaged {
    pub slot: Slot,
    pub key: Option<Key>,
    pub why: String,
    pub cause: Cause,
    /// Which database of that slot it was, counted from the start; 0 for none.
    pub incarnation: u64,
}

/// Whether moving the database aside would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The database is broken, or its entries are not what was written.
    Database,
    /// The slot has no mark, is being replaced, or the process lacks something outside (space,
    /// files). The database stays.
    Outside,
}

#[derive(Debug, Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The disk is full. Nothing is damaged by that; `reopen` when there is room.
    #[error("no space for snapshot database {slot}: {why}")]
    Full { slot: Slot, why: String },
    /// The world outside is wrong (permissions, another process): moving aside would not help.
    #[error("snapshot database {slot} is not usable: {why}")]
    Unusable { slot: Slot, why: String },
    #[error("snapshot slot {slot} was not begun")]
    NotBegun { slot: Slot },
    #[error("snapshot value of {bytes} bytes at {key:?} is too large")]
    ValueTooLarge { key: Key, bytes: usize },
    #[error("snapshot files: {0}")]
    Files(#[from] std::io::Error),
}

/// What a scan saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned {
    pub entries: u64,
    pub proof: Proof,
}

/// What says that a scan saw everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Number and sum of the entries are those of the completion mark.
    Mark,
    /// The slot has no mark, or was written meanwhile: each value is whole, no more is known.
    Nothing,
    /// The callback ended it early.
    Stopped,
}

/// What a completion did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completed {
    /// Writes and removals since `begin`, repeated ones too.
    pub changes: u64,
    /// How many of them were read back: all, or a sample chosen by the keys' hashes.
    pub read_back: u64,
    pub entries_total: u64,
}

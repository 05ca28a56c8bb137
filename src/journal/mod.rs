//! What an acknowledgement means: the journal. Trait, writer, gate, tail, segments, engines.

pub mod admit;
pub mod codec;
mod dense;
pub mod embedded;
mod files;
pub mod gate;
pub mod memory;
mod segment_file;
mod segments;
mod site_log;
pub mod tail;
mod writer;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;

use crate::domain::{Commit, SiteId, WrittenRecord};

pub use embedded::{Embedded, EmbeddedOptions, OpenError};
pub use memory::Memory;
pub use segments::Retention;
pub use site_log::{Durable, FailureWatcher, Lost, SiteLog, Waiter};
pub use tail::TailLimits;
pub use writer::{EXIT_JOURNAL_FAILED, Writer, WriterOptions};

pub type JournalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keys with their values, in key order.
pub type KeyValues = Vec<(Vec<u8>, Vec<u8>)>;

/// How far a site's log reaches. Numbers are those of the newest durable thing, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub commit: u64,
    pub seq: u64,
    /// The oldest commit that can still be replayed, 1 while nothing was trimmed.
    pub first_commit: u64,
    /// The oldest record that can still be read, in the log or in segments.
    pub first_seq: u64,
}

/// What one append stores of one site. Atomic.
#[derive(Clone, Debug)]
pub struct Batch {
    pub site: SiteId,
    /// Of the in-memory state that made it: after a rollback the next one is higher.
    pub generation: u64,
    /// Of the owner, for fencing.
    pub epoch: u64,
    pub batch_id: u128,
    /// The last commit before this batch.
    pub expected: u64,
    /// Dense: `expected + 1 ..`.
    pub commits: Vec<Arc<Commit>>,
}

/// What became of one site's batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    Stored(Position),
    /// The tail is not where the batch expected it, or its epoch is over.
    Conflict {
        tail: Position,
    },
    /// It may or may not be stored; ask for the tail before going on.
    Unknown,
    Full,
    Unavailable(String),
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum JournalError {
    #[error("journal of site {site} starts at {first}, asked from {asked}")]
    Trimmed { site: SiteId, first: u64, asked: u64 },
    #[error("journal of site {site} is damaged: {detail}")]
    Damaged { site: SiteId, detail: String },
    #[error("journal is unavailable: {0}")]
    Unavailable(String),
}

impl JournalError {
    /// The site was never opened here.
    pub fn unknown_site(site: SiteId) -> JournalError {
        JournalError::Unavailable(format!("site {site} is not in the journal"))
    }
}

/// A log of commits per site. One call of `append` is one sync for all its sites.
pub trait Journal: Send + Sync {
    /// New after a restore; the live protocol's epoch.
    fn incarnation(&self) -> u128;
    fn sites(&self) -> JournalFuture<'_, Result<Vec<SiteId>, JournalError>>;
    /// Registers a site durably; harmless when it exists.
    fn open_site(&self, site: SiteId) -> JournalFuture<'_, Result<Position, JournalError>>;
    fn position(&self, site: SiteId) -> JournalFuture<'_, Result<Position, JournalError>>;
    fn append(&self, batches: Vec<Batch>) -> JournalFuture<'_, Vec<Appended>>;
    /// Whole commits after `after`, oldest first, about `bytes_max` of them (at least one if any).
    fn read_commits(
        &self,
        site: SiteId,
        after: u64,
        bytes_max: usize,
    ) -> JournalFuture<'_, Result<Vec<Commit>, JournalError>>;
    /// Records after `after_seq`, oldest first, from the log or from segments; never increments.
    fn read_records(
        &self,
        site: SiteId,
        after_seq: u64,
        limit: usize,
    ) -> JournalFuture<'_, Result<Vec<WrittenRecord>, JournalError>>;
    /// Commits up to and with `up_to` may go; their records move to segments first.
    fn trim(&self, site: SiteId, up_to: u64) -> JournalFuture<'_, Result<(), JournalError>>;
    /// Small durable values beside the log: registry, webhook progress. `None` deletes.
    fn put(
        &self,
        site: Option<SiteId>,
        entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> JournalFuture<'_, Result<(), JournalError>>;
    /// The same, answered once the end of the process no longer loses it; what a power cut may take
    /// follows at once.
    fn put_soon(
        &self,
        site: Option<SiteId>,
        entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> JournalFuture<'_, Result<(), JournalError>> {
        self.put(site, entries)
    }
    fn get(
        &self,
        site: Option<SiteId>,
        key: Vec<u8>,
    ) -> JournalFuture<'_, Result<Option<Vec<u8>>, JournalError>>;
    /// Every entry whose key begins with `prefix`, in key order.
    fn scan(
        &self,
        site: Option<SiteId>,
        prefix: Vec<u8>,
    ) -> JournalFuture<'_, Result<KeyValues, JournalError>>;
}

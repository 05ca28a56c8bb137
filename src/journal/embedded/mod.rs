//! The journal on this machine's disk: TiKV's raft-engine for the log, sealed segments for older
//! events. `<data>/journal/` is the engine's, `<data>/segments/` ours.

pub mod disk;
mod entry;
mod keeper;
mod layout;
mod log;
mod plan;
mod readers;
mod site;
mod start;
mod store;
mod torn;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use self::disk::{DiskCheck, EndProcess};
use self::keeper::Keeper;
use self::log::Written;
use self::store::Store;
use super::writer::EXIT_JOURNAL_FAILED;
use super::{
    Appended, Batch, Journal, JournalError, JournalFuture, KeyValues, Position, Retention,
};
use crate::domain::limits::{LOG_BYTES_KEPT, LOG_FILE_BYTES_MAX};
use crate::domain::{Commit, SiteId, Timestamp, WrittenRecord};

const LOG_DIRECTORY: &str = "journal";
const SEGMENTS_DIRECTORY: &str = "segments";

pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

#[derive(Clone)]
pub struct EmbeddedOptions {
    pub retention: Retention,
    pub file_bytes_max: u64,
    /// Files of the log are used again above this size.
    pub log_bytes_kept: u64,
    /// By which older events age.
    pub clock: Clock,
    /// Told why the journal can no longer be trusted; the default one ends the process.
    pub end_process: EndProcess,
    /// Asked before each write and sync, for tests.
    pub disk_check: Option<DiskCheck>,
}

impl Default for EmbeddedOptions {
    fn default() -> EmbeddedOptions {
        EmbeddedOptions {
            retention: Retention::default(),
            file_bytes_max: LOG_FILE_BYTES_MAX,
            log_bytes_kept: LOG_BYTES_KEPT,
            clock: Arc::new(wall_clock),
            end_process: Arc::new(end_process),
            disk_check: None,
        }
    }
}

/// Why the journal cannot be opened. Nothing was changed.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("journal {path} is in use by another process")]
    Locked { path: PathBuf },
    #[error("journal has format {found}, this program reads up to {known}")]
    Newer { found: u32, known: u32 },
    #[error("journal is damaged: {detail}")]
    Damaged { detail: String },
    #[error("{path}: {error}")]
    Io { path: PathBuf, error: std::io::Error },
    #[error("path {0} is not valid text")]
    Path(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl OpenError {
    fn damaged(directory: &Path, detail: impl std::fmt::Display) -> OpenError {
        OpenError::Damaged { detail: format!("{}: {detail}", directory.display()) }
    }
}

pub struct Embedded {
    store: Arc<Store>,
    keeper: Keeper,
}

impl Embedded {
    /// Whether a data directory holds a journal. One that holds other parts but no journal has
    /// lost it; the caller must not start over.
    pub fn exists(data_directory: &Path) -> bool {
        torn::holds_log(&data_directory.join(LOG_DIRECTORY))
    }

    /// Opens the journal of a data directory, or makes a new one.
    pub fn open(data_directory: &Path, options: EmbeddedOptions) -> Result<Embedded, OpenError> {
        let store = Arc::new(Store::open(data_directory, options)?);
        let keeper = Keeper::start(store.clone());
        Ok(Embedded { store, keeper })
    }

    /// Lets go of what the log no longer needs, now instead of at the keeper's next round.
    pub fn purge(&self) -> Result<(), JournalError> {
        self.store.purge()
    }

    /// Runs work that reads or syncs files: off the caller's thread where that serves others too.
    fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> JournalFuture<'static, T> {
        let store = self.store.clone();
        Box::pin(async move {
            let Ok(runtime) = Handle::try_current() else { return work(&store) };
            match runtime.spawn_blocking(move || work(&store)).await {
                Ok(value) => value,
                Err(error) => match error.try_into_panic() {
                    Ok(payload) => std::panic::resume_unwind(payload),
                    // The runtime is going down: nobody waits for the answer.
                    Err(_cancelled) => std::future::pending().await,
                },
            }
        })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.keeper.stop();
    }
}

impl Journal for Embedded {
    fn incarnation(&self) -> u128 {
        self.store.incarnation()
    }

    fn sites(&self) -> JournalFuture<'_, Result<Vec<SiteId>, JournalError>> {
        Box::pin(async { Ok(self.store.sites()) })
    }

    fn open_site(&self, site: SiteId) -> JournalFuture<'_, Result<Position, JournalError>> {
        self.work(move |store| store.open_site(site))
    }

    fn position(&self, site: SiteId) -> JournalFuture<'_, Result<Position, JournalError>> {
        Box::pin(async move { self.store.position(site) })
    }

    /// Runs where it is called: the writer's thread is there to wait for the disk.
    fn append(&self, batches: Vec<Batch>) -> JournalFuture<'_, Vec<Appended>> {
        Box::pin(async move {
            let outcomes = self.store.append(&batches);
            self.keeper.wake_if_due();
            outcomes
        })
    }

    fn read_commits(
        &self,
        site: SiteId,
        after: u64,
        bytes_max: usize,
    ) -> JournalFuture<'_, Result<Vec<Commit>, JournalError>> {
        self.work(move |store| store.read_commits(site, after, bytes_max))
    }

    fn read_records(
        &self,
        site: SiteId,
        after_seq: u64,
        limit: usize,
    ) -> JournalFuture<'_, Result<Vec<WrittenRecord>, JournalError>> {
        self.work(move |store| store.read_records(site, after_seq, limit))
    }

    fn trim(&self, site: SiteId, up_to: u64) -> JournalFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.work(move |store| store.trim(site, up_to)).await?;
            self.keeper.wake();
            Ok(())
        })
    }

    fn put(
        &self,
        site: Option<SiteId>,
        entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> JournalFuture<'_, Result<(), JournalError>> {
        self.work(move |store| store.put(site, entries, None))
    }

    fn put_soon(
        &self,
        site: Option<SiteId>,
        entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> JournalFuture<'_, Result<(), JournalError>> {
        let (told, written) = oneshot::channel();
        // Whoever asked may have gone; then nobody wants to know.
        let tell: Written = Box::new(move || told.send(()).unwrap_or_default());
        let stored = self.work(move |store| store.put(site, entries, Some(tell)));
        Box::pin(async move {
            tokio::select! {
                biased;
                stored = stored => stored,
                Ok(()) = written => Ok(()),
            }
        })
    }

    fn get(
        &self,
        site: Option<SiteId>,
        key: Vec<u8>,
    ) -> JournalFuture<'_, Result<Option<Vec<u8>>, JournalError>> {
        Box::pin(async move { self.store.get(site, &key) })
    }

    fn scan(
        &self,
        site: Option<SiteId>,
        prefix: Vec<u8>,
    ) -> JournalFuture<'_, Result<KeyValues, JournalError>> {
        Box::pin(async move { self.store.scan(site, &prefix) })
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_unix_ms(since.map_or(0, |since| since.as_millis() as i64))
}

fn end_process(reason: &str) {
    eprintln!("guildhall: the journal cannot be trusted any more, the process ends: {reason}");
    std::process::exit(EXIT_JOURNAL_FAILED);
}

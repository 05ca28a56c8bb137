//! One database: the only file that names sled. Bytes in, bytes out; no panic of sled leaves it.
//!
//! sled 0.34.7 may panic or hang while opening what is damaged, panic later on pages that it
//! cannot read, never syncs a file, and answers every write with an error once one has failed.

use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::files::FileSync;
use super::guard::{Escape, caught, caught_within};
use crate::domain::limits;

/// sled tells a lock held by somebody else only in words.
const LOCKED_TEXT: &str = "could not acquire lock";
/// How long a lock may still be held by our own, just closed database.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// sled's cache weighs what it holds only after 64 accesses to one of its 256 parts; until then
/// every page read stays, 16,384 of them above any limit. Reading a page again while it is at hand
/// is cheap and makes it weigh sooner: so many times less memory is held above the limit.
const TOUCHES_A_GET: usize = 3;
const TOUCHES_A_PAGE: usize = 7;
/// For slices that their bytes ended, not their number.
const TOUCHES_A_LARGE_PAGE: usize = 31;
/// Entries of a full page.
const PAGE_ENTRIES: usize = 16;

/// Why a call failed, and so what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The files or sled's view of them are broken: move aside.
    Broken(String),
    Full(String),
    /// The world outside is wrong: moving aside would lose a good database.
    Unusable(String),
}

impl Fault {
    fn of(error: &sled::Error) -> Fault {
        match error {
            sled::Error::Io(error) => Fault::of_io(error),
            other => Fault::Broken(other.to_string()),
        }
    }

    pub fn of_io(error: &io::Error) -> Fault {
        let why = error.to_string();
        if why.contains(LOCKED_TEXT) {
            return Fault::Unusable(why);
        }
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::Full(why),
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::OutOfMemory => Fault::Unusable(why),
            _ if is_out_of_files(error) => Fault::Unusable(why),
            _ => Fault::Broken(why),
        }
    }

    fn of_escape(escape: Escape) -> Fault {
        match escape {
            Escape::Panicked(_) | Escape::Silent(_) => Fault::Broken(escape.to_string()),
            Escape::NoThread(_) => Fault::Unusable(escape.to_string()),
        }
    }

    pub fn into_text(self) -> String {
        match self {
            Fault::Broken(why) | Fault::Full(why) | Fault::Unusable(why) => why,
        }
    }
}

/// ENFILE and EMFILE, which have no kind of their own.
fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// Key and value as they are stored.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

pub(super) struct Database {
    /// Taken only when dropped.
    sled: Option<sled::Db>,
    path: PathBuf,
    files: Mutex<FileSync>,
}

impl Database {
    /// Opens or creates. Returns in time whatever sled does.
    pub fn open(path: &Path, cache_bytes: u64, deadline: Duration) -> Result<Database, Fault> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            // Written data is flushed when a checkpoint needs it, and by nobody else.
            .flush_every_ms(None);
        let name = format!("open-{}", path.file_name().unwrap_or_default().to_string_lossy());
        let opened = caught_within(deadline, &name, move || open_unlocked(&config));
        let sled = opened.map_err(Fault::of_escape)??;
        let files = Mutex::new(FileSync::new(path.to_owned()));
        Ok(Database { sled: Some(sled), path: path.to_owned(), files })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, Fault> {
        self.attempt(|sled| {
            let value = sled.get(key)?;
            touch(sled, key, TOUCHES_A_GET)?;
            Ok(value)
        })
    }

    /// Answers with the value of before. Never as a batch: sled leaks memory on large ones.
    pub fn insert(&self, key: &[u8], value: Vec<u8>) -> Result<Option<sled::IVec>, Fault> {
        self.attempt(|sled| sled.insert(key, value))
    }

    pub fn remove(&self, key: &[u8]) -> Result<Option<sled::IVec>, Fault> {
        self.attempt(|sled| sled.remove(key))
    }

    /// The next pairs after `after` (all, if none) whose keys begin with `prefix`, in key order:
    /// one slice of bounded number and size, empty at the end.
    pub fn slice(&self, prefix: &[u8], after: Option<&[u8]>) -> Result<Vec<Pair>, Fault> {
        let start = match after {
            Some(after) => Bound::Excluded(after.to_vec()),
            None => Bound::Included(prefix.to_vec()),
        };
        let range = (start, end_of(prefix));
        self.attempt(|sled| {
            let slice = collect_slice(sled.range(range))?;
            let are_large = slice.len() < limits::SNAPSHOT_SLICE_ENTRIES_MAX;
            let touches = if are_large { TOUCHES_A_LARGE_PAGE } else { TOUCHES_A_PAGE };
            for (key, _) in slice.iter().step_by(PAGE_ENTRIES) {
                touch(sled, key, touches)?;
            }
            Ok(slice)
        })
    }

    /// Everything written so far is on the disk when this returns.
    pub fn make_durable(&self) -> Result<(), Fault> {
        let Some(sled) = self.sled.clone() else {
            return Err(Fault::Unusable("closed".to_owned()));
        };
        let deadline = Duration::from_secs(limits::SNAPSHOT_FLUSH_SECONDS_MAX);
        let flushed = caught_within(deadline, "flush", move || sled.flush());
        flushed.map_err(Fault::of_escape)?.map_err(|error| Fault::of(&error))?;
        // sled hands its bytes to the kernel and no further.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.sync().map_err(|error| Fault::of_io(&error))
    }

    fn attempt<T>(&self, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, Fault> {
        let Some(sled) = &self.sled else {
            return Err(Fault::Unusable("closed".to_owned()));
        };
        caught(|| work(sled)).map_err(Fault::of_escape)?.map_err(|error| Fault::of(&error))
    }
}

impl Drop for Database {
    /// Closing flushes, and so may panic or hang as well.
    fn drop(&mut self) {
        let sled = self.sled.take();
        let deadline = Duration::from_secs(limits::SNAPSHOT_CLOSE_SECONDS_MAX);
        if let Err(why) = caught_within(deadline, "close", move || drop(sled)) {
            let path = self.path.display();
            tracing::warn!(%path, %why, "snapshot database did not close cleanly");
        }
    }
}

/// Threads of a database that was just closed may hold its lock a moment longer.
fn open_unlocked(config: &sled::Config) -> Result<sled::Db, Fault> {
    let started = Instant::now();
    loop {
        let error = match config.open() {
            Ok(sled) => return Ok(sled),
            Err(error) => error,
        };
        let is_locked = error.to_string().contains(LOCKED_TEXT);
        if !is_locked || started.elapsed() > LOCK_WAIT {
            return Err(Fault::of(&error));
        }
        #[allow(clippy::disallowed_methods, reason = "no arbiter, and nothing to wait for tells")]
        thread::sleep(LOCK_RETRY);
    }
}

fn touch(sled: &sled::Db, key: &[u8], times: usize) -> sled::Result<()> {
    for _ in 0..times {
        sled.get(key)?;
    }
    Ok(())
}

fn collect_slice(pairs: sled::Iter) -> sled::Result<Vec<Pair>> {
    let mut slice = Vec::new();
    let mut bytes = 0;
    for pair in pairs.take(limits::SNAPSHOT_SLICE_ENTRIES_MAX) {
        let (key, value) = pair?;
        bytes += value.len();
        slice.push((key.to_vec(), value.to_vec()));
        if bytes >= limits::SNAPSHOT_SLICE_BYTES_MAX {
            break;
        }
    }
    Ok(slice)
}

/// The first key after all that begin with `prefix`.
fn end_of(prefix: &[u8]) -> Bound<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX);
    kept.map_or(Bound::Unbounded, |last| {
        let mut end = prefix[..=last].to_vec();
        end[last] += 1;
        Bound::Excluded(end)
    })
}

//! The engine's files, watched: a failed sync ends the process, and while the log is opened, only
//! a torn tail may be cut off. The engine by itself would cut silently where the end of an older
//! file, or the middle of the newest, is damaged.

use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use metrics::histogram;
use raft_engine::env::{DefaultFileSystem, FileSystem, Handle, Permission, WriteExt};
use serde::{Deserialize, Serialize};

use super::torn;
use crate::journal::site_log::lock;

/// Something the engine is about to do to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskStep {
    Write,
    Sync,
}

/// Asked before each step; an error is what the disk answers. For tests.
pub type DiskCheck = Arc<dyn Fn(DiskStep) -> io::Result<()> + Send + Sync>;
/// Told why the journal cannot go on. Ends the process; a test's one may return.
pub type EndProcess = Arc<dyn Fn(&str) + Send + Sync>;

type PlainHandle = <DefaultFileSystem as FileSystem>::Handle;
type PlainReader = <DefaultFileSystem as FileSystem>::Reader;
type PlainWriter = <DefaultFileSystem as FileSystem>::Writer;

/// How far the newest file of rewritten entries reached when it was last complete on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RewriteMark {
    pub file: u64,
    pub bytes: u64,
}

/// What all files share.
pub struct Rules {
    check: Option<DiskCheck>,
    end_process: EndProcess,
    opening: AtomicBool,
    rewrite_mark: Mutex<RewriteMark>,
    cuts: Mutex<Vec<String>>,
    /// The log file that was written to last.
    newest: Mutex<Weak<WatchedHandle>>,
}

impl Rules {
    pub fn new(check: Option<DiskCheck>, end_process: EndProcess, mark: RewriteMark) -> Rules {
        Rules {
            check,
            end_process,
            opening: AtomicBool::new(true),
            rewrite_mark: Mutex::new(mark),
            cuts: Mutex::default(),
            newest: Mutex::default(),
        }
    }

    /// The log is open: what is cut from here on is the engine's own business.
    pub fn opened(&self) {
        self.opening.store(false, Ordering::Release);
    }

    /// Damage that was met while opening, as the file system told it.
    pub fn refused_cut(&self) -> Option<String> {
        lock(&self.cuts).first().cloned()
    }

    pub fn rewrite_mark(&self) -> RewriteMark {
        *lock(&self.rewrite_mark)
    }

    /// Syncs what was written to the log last. What is in older files is synced when they end.
    pub fn sync_newest(&self) -> io::Result<()> {
        let newest = lock(&self.newest).upgrade();
        newest.map_or(Ok(()), |handle| Handle::sync(&*handle))
    }

    pub fn end(&self, reason: &str) {
        (self.end_process)(reason);
    }

    fn ask(&self, step: DiskStep) -> io::Result<()> {
        self.check.as_ref().map_or(Ok(()), |check| check(step))
    }

    /// May the engine cut this file here, while it opens the log?
    fn judge_cut(&self, path: &Path, offset: u64) -> io::Result<()> {
        if !self.opening.load(Ordering::Acquire) {
            return Ok(());
        }
        let fault = torn::fault_of_cut(path, offset, self.rewrite_mark())?;
        let Some(fault) = fault else {
            let file = path.display();
            tracing::info!(%file, offset, "log ends at byte {offset}, no sync covered the rest");
            return Ok(());
        };
        lock(&self.cuts).push(fault.clone());
        Err(io::Error::new(io::ErrorKind::InvalidData, fault))
    }
}

pub struct WatchedFiles {
    pub rules: Arc<Rules>,
}

pub struct WatchedHandle {
    plain: Arc<PlainHandle>,
    path: PathBuf,
    rules: Arc<Rules>,
    written_end: AtomicU64,
}

pub struct WatchedWriter {
    plain: PlainWriter,
    rules: Arc<Rules>,
    position: u64,
    handle: Arc<WatchedHandle>,
}

impl WatchedFiles {
    fn handle(&self, plain: PlainHandle, path: &Path) -> WatchedHandle {
        WatchedHandle {
            plain: Arc::new(plain),
            path: path.to_path_buf(),
            rules: self.rules.clone(),
            written_end: AtomicU64::default(),
        }
    }
}

impl FileSystem for WatchedFiles {
    type Handle = WatchedHandle;
    type Reader = PlainReader;
    type Writer = WatchedWriter;

    fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<WatchedHandle> {
        Ok(self.handle(DefaultFileSystem.create(path.as_ref())?, path.as_ref()))
    }

    fn open<P: AsRef<Path>>(&self, path: P, permission: Permission) -> io::Result<WatchedHandle> {
        Ok(self.handle(DefaultFileSystem.open(path.as_ref(), permission)?, path.as_ref()))
    }

    fn delete<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename<P: AsRef<Path>>(&self, from: P, to: P) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn new_reader(&self, handle: Arc<WatchedHandle>) -> io::Result<PlainReader> {
        DefaultFileSystem.new_reader(handle.plain.clone())
    }

    fn new_writer(&self, handle: Arc<WatchedHandle>) -> io::Result<WatchedWriter> {
        Ok(WatchedWriter {
            plain: DefaultFileSystem.new_writer(handle.plain.clone())?,
            rules: self.rules.clone(),
            position: 0,
            handle,
        })
    }
}

impl Handle for WatchedHandle {
    fn truncate(&self, offset: usize) -> io::Result<()> {
        self.rules.judge_cut(&self.path, offset as u64)?;
        Handle::truncate(&*self.plain, offset)
    }

    fn file_size(&self) -> io::Result<usize> {
        Handle::file_size(&*self.plain)
    }

    fn sync(&self) -> io::Result<()> {
        let started = Instant::now();
        let synced = self.rules.ask(DiskStep::Sync).and_then(|()| Handle::sync(&*self.plain));
        if let Err(error) = synced {
            // What the disk holds is unknown from here on: a second try could lie.
            self.rules.end(&format!("sync of {} failed: {error}", self.path.display()));
            return Err(error);
        }
        histogram!("journal_sync_seconds").record(started.elapsed().as_secs_f64());
        if let Some(file) = torn::rewrite_number(&self.path) {
            let bytes = self.written_end.load(Ordering::Acquire);
            let mut mark = lock(&self.rules.rewrite_mark);
            *mark = (*mark).max(RewriteMark { file, bytes });
        }
        Ok(())
    }
}

impl Write for WatchedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rules.ask(DiskStep::Write)?;
        let written = self.plain.write(bytes)?;
        self.position += written as u64;
        self.handle.written_end.fetch_max(self.position, Ordering::AcqRel);
        if torn::rewrite_number(&self.handle.path).is_none() {
            *lock(&self.rules.newest) = Arc::downgrade(&self.handle);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.plain.flush()
    }
}

impl Seek for WatchedWriter {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.position = self.plain.seek(place)?;
        Ok(self.position)
    }
}

impl WriteExt for WatchedWriter {
    fn truncate(&mut self, offset: usize) -> io::Result<()> {
        self.plain.truncate(offset)?;
        self.position = offset as u64;
        Ok(())
    }

    fn allocate(&mut self, offset: usize, size: usize) -> io::Result<()> {
        self.plain.allocate(offset, size)
    }
}

//! The data directory: where things lie in it, whose it is, and who holds it. Opens no journal and
//! no snapshot. Whatever is refused here has not been touched.
//!
//! ```text
//! guildhall.format   marker: format version, whether the first start was completed, which journal
//! guildhall.lock     held while a process uses the directory; the text is that process's number
//! journal/           what an acknowledgement means
//! snapshots/         what only saves start-up time
//! admin.sock         where a running server is asked by `guildhall key`, `site`, `verify`
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::journal::embedded::Embedded;

/// The format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

const MARKER: &str = "guildhall.format";
const MARKER_DRAFT: &str = "guildhall.format.draft";
const LOCK: &str = "guildhall.lock";
const JOURNAL: &str = "journal";
const SNAPSHOTS: &str = "snapshots";
const ADMIN_SOCKET: &str = "admin.sock";
/// What a fresh file system puts into its root.
const LOST_AND_FOUND: &str = "lost+found";

/// Each is one line: file, what, what to do.
#[derive(Debug, Error)]
pub enum DataDirError {
    #[error(
        "{path} is in use by another guildhall process{holder}: stop it, or choose another \
         --data-dir"
    )]
    InUse { path: String, holder: String },
    #[error(
        "{path} holds format {found}, this program knows formats up to {FORMAT_VERSION}: use the \
         newer program that wrote it"
    )]
    Newer { path: String, found: u32 },
    #[error("{path} is not empty and has no {MARKER}: choose an empty directory for --data-dir")]
    Foreign { path: String },
    #[error("{path} is not a directory: choose another --data-dir")]
    NotADirectory { path: String },
    #[error(
        "{path} is not a marker of guildhall ({detail}): restore it, or the whole directory, \
         from a backup"
    )]
    BadMarker { path: String, detail: String },
    #[error(
        "{path} has a marker but its journal is missing at {journal}: restore it, or the \
         whole directory, from a backup"
    )]
    LostJournal { path: String, journal: String },
    #[error(
        "{path} belongs to journal {expected:032x}, but {found:032x} was found: restore the \
         whole directory from one backup"
    )]
    OtherJournal { path: String, expected: u128, found: u128 },
    #[error("cannot {action} {path}: {reason}")]
    Io { action: &'static str, path: String, reason: io::Error },
}

/// How far the first start came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The first start was not completed: nothing was promised to anybody yet.
    Begun,
    /// The journal with this incarnation holds acknowledged changes and must never be missing.
    Ready { incarnation: u128 },
}

/// A data directory that this process holds until the value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    stage: Stage,
    // Held for its lock only.
    _lock: File,
}

/// A path that may become a data directory; nothing was written yet.
#[derive(Debug)]
pub struct Vacant {
    path: PathBuf,
}

#[derive(Debug)]
pub enum Claim {
    Held(DataDir),
    Vacant(Vacant),
}

/// Takes hold of an existing data directory, or says that there is none. Writes nothing but the
/// lock's own file, and that only in a directory that is ours.
pub fn claim(path: &Path) -> Result<Claim, DataDirError> {
    match look(path)? {
        Some(_) => hold(path).map(Claim::Held),
        None => Ok(Claim::Vacant(Vacant { path: path.to_owned() })),
    }
}

impl Vacant {
    /// Makes the directory, locks it and marks it as begun.
    pub fn create(self) -> Result<DataDir, DataDirError> {
        let path = &self.path;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|reason| fault("create", path, reason))?;
        let lock = lock(path)?;
        // Whoever came first may have finished meanwhile.
        if let Some(stage) = look(path)? {
            return Ok(DataDir { path: self.path, stage, _lock: lock });
        }
        let mut data_dir = DataDir { path: self.path, stage: Stage::Begun, _lock: lock };
        data_dir.write_marker(Stage::Begun)?;
        if let Some(parent) = data_dir.path.parent().filter(|parent| *parent != Path::new("")) {
            sync_directory(parent)?;
        }
        Ok(data_dir)
    }
}

impl DataDir {
    pub fn stage(&self) -> Stage {
        self.stage
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    pub fn snapshots(&self) -> PathBuf {
        self.path.join(SNAPSHOTS)
    }

    pub fn admin_socket(&self) -> PathBuf {
        self.path.join(ADMIN_SOCKET)
    }

    /// Refuses a journal that is not the one this directory was made with.
    pub fn check_journal(&self, incarnation: u128) -> Result<(), DataDirError> {
        match self.stage {
            Stage::Ready { incarnation: expected } if expected != incarnation => {
                Err(DataDirError::OtherJournal {
                    path: self.path.join(MARKER).display().to_string(),
                    expected,
                    found: incarnation,
                })
            }
            Stage::Ready { .. } | Stage::Begun => Ok(()),
        }
    }

    /// Ends the first start: from now on a missing journal is an error.
    pub fn mark_ready(&mut self, incarnation: u128) -> Result<(), DataDirError> {
        self.write_marker(Stage::Ready { incarnation })
    }

    fn write_marker(&mut self, stage: Stage) -> Result<(), DataDirError> {
        let draft = self.path.join(MARKER_DRAFT);
        let marker = self.path.join(MARKER);
        let written = File::create(&draft).and_then(|mut file| {
            file.write_all(marker_text(stage).as_bytes())?;
            file.sync_all()
        });
        written.map_err(|reason| fault("write", &draft, reason))?;
        fs::rename(&draft, &marker).map_err(|reason| fault("write", &marker, reason))?;
        sync_directory(&self.path)?;
        self.stage = stage;
        Ok(())
    }
}

/// Where a server that uses `data_dir` listens for admin requests.
pub fn admin_socket(data_dir: &Path) -> PathBuf {
    data_dir.join(ADMIN_SOCKET)
}

/// The stage of a data directory, `None` where one may be made. Only reads.
fn look(path: &Path) -> Result<Option<Stage>, DataDirError> {
    let names = match fs::read_dir(path) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(|reason| fault("read", path, reason))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(DataDirError::NotADirectory { path: path.display().to_string() });
        }
        Err(reason) => return Err(fault("read", path, reason)),
    };
    if !names.iter().any(|name| name == MARKER) {
        // A first start that ended early may have left its lock or its draft, and nothing else.
        let ours = [LOCK, MARKER_DRAFT, LOST_AND_FOUND];
        return match names.iter().all(|name| ours.iter().any(|known| name == known)) {
            true => Ok(None),
            false => Err(DataDirError::Foreign { path: path.display().to_string() }),
        };
    }
    let marker = path.join(MARKER);
    let text = fs::read_to_string(&marker).map_err(|reason| fault("read", &marker, reason))?;
    let stage = parse_marker(&marker, &text)?;
    check_journal_is_there(path, stage)?;
    Ok(Some(stage))
}

fn hold(path: &Path) -> Result<DataDir, DataDirError> {
    let lock = lock(path)?;
    // Read again under the lock: the last holder may have changed the stage.
    match look(path)? {
        Some(stage) => Ok(DataDir { path: path.to_owned(), stage, _lock: lock }),
        None => Err(DataDirError::Foreign { path: path.display().to_string() }),
    }
}

fn check_journal_is_there(path: &Path, stage: Stage) -> Result<(), DataDirError> {
    let journal = path.join(JOURNAL);
    let has_files = Embedded::exists(path);
    match stage {
        Stage::Begun => Ok(()),
        Stage::Ready { .. } if has_files => Ok(()),
        Stage::Ready { .. } => Err(DataDirError::LostJournal {
            path: path.display().to_string(),
            journal: journal.display().to_string(),
        }),
    }
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let name = path.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&name).map_err(|reason| fault("open", &name, reason))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = holder(&mut file);
            return Err(DataDirError::InUse { path: path.display().to_string(), holder });
        }
        Err(TryLockError::Error(reason)) => return Err(fault("lock", &name, reason)),
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|reason| fault("write", &name, reason))?;
    Ok(file)
}

/// " (process 123)", or nothing where the number cannot be read.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(20).read_to_string(&mut text) {
        Ok(_) if text.trim().parse::<u32>().is_ok() => format!(" (process {})", text.trim()),
        Ok(_) | Err(_) => String::new(),
    }
}

fn marker_text(stage: Stage) -> String {
    match stage {
        Stage::Begun => format!("guildhall\nformat {FORMAT_VERSION}\nbegun\n"),
        Stage::Ready { incarnation } => {
            format!("guildhall\nformat {FORMAT_VERSION}\njournal {incarnation:032x}\n")
        }
    }
}

fn parse_marker(path: &Path, text: &str) -> Result<Stage, DataDirError> {
    let bad = |detail: &str| DataDirError::BadMarker {
        path: path.display().to_string(),
        detail: detail.to_owned(),
    };
    let mut lines = text.lines();
    if lines.next() != Some("guildhall") {
        return Err(bad("the first line is not guildhall"));
    }
    let version = lines.next().and_then(|line| line.strip_prefix("format "));
    let version: u32 = match version.map(str::parse) {
        Some(Ok(version)) => version,
        Some(Err(_)) | None => return Err(bad("the second line names no format")),
    };
    if version > FORMAT_VERSION {
        return Err(DataDirError::Newer { path: path.display().to_string(), found: version });
    }
    let third = lines.next().ok_or_else(|| bad("the third line is missing"))?;
    if third == "begun" {
        return Ok(Stage::Begun);
    }
    let incarnation = third.strip_prefix("journal ").map(|text| u128::from_str_radix(text, 16));
    match incarnation {
        Some(Ok(incarnation)) => Ok(Stage::Ready { incarnation }),
        Some(Err(_)) | None => Err(bad("the third line names no journal")),
    }
}

fn sync_directory(path: &Path) -> Result<(), DataDirError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|reason| fault("sync", path, reason))
}

fn fault(action: &'static str, path: &Path, reason: io::Error) -> DataDirError {
    DataDirError::Io { action, path: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG_FILE: &str = "0000000000000001.raftlog";

    fn made(path: &Path) -> DataDir {
        match claim(path).unwrap() {
            Claim::Held(_) => panic!("{} was taken already", path.display()),
            Claim::Vacant(vacant) => vacant.create().unwrap(),
        }
    }

    fn ready(path: &Path) -> DataDir {
        let mut data_dir = made(path);
        fs::create_dir(data_dir.journal()).unwrap();
        fs::write(data_dir.journal().join(LOG_FILE), "x").unwrap();
        data_dir.mark_ready(5).unwrap();
        data_dir
    }

    fn refusal(path: &Path) -> String {
        let before = listing(path);
        let message = claim(path).unwrap_err().to_string();
        assert_eq!(listing(path), before, "a refusal touches nothing");
        message.replace(&path.display().to_string(), "DIR")
    }

    fn listing(path: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
        let modified = |path: PathBuf| {
            let time = fs::metadata(&path).unwrap().modified().unwrap();
            (path, time)
        };
        let mut all: Vec<_> = entries.map(|entry| modified(entry.path())).collect();
        all.push(modified(path.to_owned()));
        all.sort();
        all
    }

    #[test]
    fn a_directory_is_made_begun_and_then_ready() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("deep/data");
        assert_eq!(made(&path).stage(), Stage::Begun);
        let Claim::Held(mut again) = claim(&path).unwrap() else { panic!("not held") };
        assert_eq!(again.stage(), Stage::Begun, "a first start may be tried again");
        fs::create_dir(again.journal()).unwrap();
        fs::write(again.journal().join(LOG_FILE), "x").unwrap();
        again.mark_ready(5).unwrap();
        drop(again);
        let Claim::Held(held) = claim(&path).unwrap() else { panic!("not held") };
        assert_eq!(held.stage(), Stage::Ready { incarnation: 5 });
        held.check_journal(5).unwrap();
        let message = held.check_journal(6).unwrap_err().to_string();
        assert!(message.contains("00000005, but") && message.contains("00000006 was found"));
    }

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds() {
        let temp = tempfile::tempdir().unwrap();
        let held = ready(temp.path());
        let process = std::process::id();
        assert_eq!(
            refusal(temp.path()),
            format!(
                "DIR is in use by another guildhall process (process {process}): stop it, or \
                 choose another --data-dir"
            )
        );
        drop(held);
        assert!(matches!(claim(temp.path()), Ok(Claim::Held(_))), "free again");
    }

    #[test]
    fn a_newer_format_is_refused_by_both_numbers() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join(MARKER), "guildhall\nformat 7\nsomething new\n").unwrap();
        assert_eq!(
            refusal(temp.path()),
            "DIR/guildhall.format holds format 7, this program knows formats up to 1: use the \
             newer program that wrote it"
        );
    }

    #[test]
    fn a_directory_that_lost_its_journal_is_never_begun_anew() {
        let temp = tempfile::tempdir().unwrap();
        drop(ready(temp.path()));
        fs::remove_file(temp.path().join("journal").join(LOG_FILE)).unwrap();
        let lost = "DIR has a marker but its journal is missing at DIR/journal: restore it, or the \
                    whole directory, from a backup";
        assert_eq!(refusal(temp.path()), lost);
        fs::remove_dir(temp.path().join("journal")).unwrap();
        assert_eq!(refusal(temp.path()), lost);
    }

    #[test]
    fn somebody_elses_directory_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("thesis.txt"), "precious").unwrap();
        assert_eq!(
            refusal(temp.path()),
            "DIR is not empty and has no guildhall.format: choose an empty directory for --data-dir"
        );
        fs::create_dir(temp.path().join("sub")).unwrap();
        let file = temp.path().join("thesis.txt");
        assert!(claim(&file).unwrap_err().to_string().contains("is not a directory"));
    }

    #[test]
    fn a_damaged_marker_is_told_with_its_line() {
        let temp = tempfile::tempdir().unwrap();
        for (text, fault) in [
            ("", "the first line is not guildhall"),
            ("guildhall\nformat x\n", "the second line names no format"),
            ("guildhall\nformat 1\n", "the third line is missing"),
            ("guildhall\nformat 1\njournal zz\n", "the third line names no journal"),
        ] {
            fs::write(temp.path().join(MARKER), text).unwrap();
            assert!(refusal(temp.path()).contains(fault), "{text:?}");
        }
    }

    #[test]
    fn an_interrupted_first_start_and_a_fresh_disk_count_as_empty() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join(LOST_AND_FOUND)).unwrap();
        fs::write(temp.path().join(LOCK), "").unwrap();
        fs::write(temp.path().join(MARKER_DRAFT), "guild").unwrap();
        assert_eq!(made(temp.path()).stage(), Stage::Begun);
    }
}

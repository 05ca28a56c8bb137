//! What happens once when the journal is opened: marks of format and incarnation, and a sync of
//! whatever was found, so that what is read from here on is durable.

use std::fs;
use std::io;
use std::path::Path;

use super::OpenError;
use super::disk::RewriteMark;
use super::layout::{FORMAT, FORMAT_KEY, INCARNATION_KEY, ROOT_GROUP};
use super::log::{Log, Step, WriteFault};
use super::torn;
use crate::journal::codec;
use crate::journal::files::{replace_file, sync_directory};

const REWRITE_MARK_FILE: &str = "rewritten";

/// Reads the marks, or sets them in a new journal. Answers the incarnation.
pub fn start(log: &Log, directory: &Path) -> Result<u128, OpenError> {
    let damaged = |detail: String| OpenError::damaged(directory, detail);
    let Some(format) = log.value(ROOT_GROUP, FORMAT_KEY) else {
        if !log.groups().is_empty() {
            return Err(damaged("the mark of its format is missing".to_owned()));
        }
        return create(log, directory);
    };
    let format: u32 = codec::decode(&format).map_err(|error| damaged(error.to_string()))?;
    if format > FORMAT {
        return Err(OpenError::Newer { found: format, known: FORMAT });
    }
    let incarnation = log.value(ROOT_GROUP, INCARNATION_KEY);
    let incarnation =
        incarnation.ok_or_else(|| damaged("its incarnation is missing".to_owned()))?;
    let incarnation = codec::decode(&incarnation).map_err(|error| damaged(error.to_string()))?;
    sync_found(directory).map_err(|error| io_fault(directory, error))?;
    Ok(incarnation)
}

fn create(log: &Log, directory: &Path) -> Result<u128, OpenError> {
    let incarnation = uuid::Uuid::new_v4().as_u128();
    let marks =
        [(FORMAT_KEY, codec::encode(&FORMAT)), (INCARNATION_KEY, codec::encode(&incarnation))];
    let put =
        |(key, value): (&[u8], Vec<u8>)| Step::Put { group: ROOT_GROUP, key: key.to_vec(), value };
    let written = log.ride(marks.into_iter().map(put).collect(), None);
    written.map_err(|fault| match fault {
        WriteFault::Full => io_fault(directory, io::ErrorKind::StorageFull.into()),
        WriteFault::Unavailable(reason) => io_fault(directory, io::Error::other(reason)),
    })?;
    sync_directory(directory).map_err(|error| io_fault(directory, error))?;
    Ok(incarnation)
}

/// A process that was killed may have written more than it synced; the new one reads it all.
fn sync_found(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if torn::is_log(&path) {
            fs::File::open(&path)?.sync_data()?;
        }
    }
    sync_directory(directory)
}

/// How far rewritten entries reached, as the last purge left it.
pub fn read_mark(directory: &Path) -> Result<RewriteMark, OpenError> {
    let path = directory.join(REWRITE_MARK_FILE);
    if !path.exists() {
        return Ok(RewriteMark::default());
    }
    let sealed = fs::read(&path).map_err(|error| io_fault(&path, error))?;
    let mark = codec::open(&sealed).and_then(codec::decode::<RewriteMark>);
    let mark = mark.map_err(|error| OpenError::damaged(&path, error))?;
    let newest = torn::newest_rewrite(directory).map_err(|error| io_fault(directory, error))?;
    if newest < mark.file {
        let detail = format!("file {} of rewritten entries is missing", mark.file);
        return Err(OpenError::damaged(directory, detail));
    }
    Ok(mark)
}

pub fn store_mark(directory: &Path, mark: RewriteMark) -> io::Result<()> {
    replace_file(&directory.join(REWRITE_MARK_FILE), &codec::seal(&codec::encode(&mark)))
}

fn io_fault(path: &Path, error: io::Error) -> OpenError {
    OpenError::Io { path: path.to_path_buf(), error }
}

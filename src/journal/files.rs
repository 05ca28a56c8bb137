//! Small things about files that survive a power cut.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

const UNFINISHED: &str = "tmp";

/// Reads a whole file from `offset` on.
pub fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes names in a directory survive a power cut.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// What a crash left of [`replace_file`].
pub fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == UNFINISHED)
}

/// Replaces a file so that a crash leaves the old or the new one, whole.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(UNFINISHED);
    let mut file = fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

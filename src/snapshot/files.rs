//! Files below the store's directory: making them durable, the marks' twins, moving aside.
//! Knows no database format.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Slot;
use crate::domain::{SiteId, limits};

/// The one file that is written again and again; all others are written once and then only read.
const CHANGING_FILE: &str = "db";
const MARKS_DIRECTORY: &str = "marks";
const UNFINISHED_SUFFIX: &str = ".part";

/// Brings a database's files to the disk: each file's data, and directories in which one is new.
#[derive(Debug)]
pub(super) struct FileSync {
    root: PathBuf,
    synced: HashSet<PathBuf>,
}

impl FileSync {
    pub fn new(root: PathBuf) -> FileSync {
        FileSync { root, synced: HashSet::new() }
    }

    pub fn sync(&mut self) -> io::Result<()> {
        let root = self.root.clone();
        let mut present = HashSet::new();
        self.sync_directory(&root, &mut present)?;
        self.sync_directory(&root.join("blobs"), &mut present)?;
        // A name that is gone may come back as another file.
        self.synced = present;
        Ok(())
    }

    fn sync_directory(&self, directory: &Path, present: &mut HashSet<PathBuf>) -> io::Result<()> {
        let mut is_news = false;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            if !entry.file_type()?.is_file() {
                continue;
            }
            let is_new = !self.synced.contains(&path);
            if is_new || entry.file_name() == CHANGING_FILE {
                sync_file(&path)?;
            }
            is_news |= is_new;
            present.insert(path);
        }
        if is_news { sync_directory(directory) } else { Ok(()) }
    }
}

/// A file that vanished between listing and opening was removed by its owner and needs no sync.
fn sync_file(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_data(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Creates a directory so that it survives a power cut.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn mark_path(root: &Path, site: SiteId) -> PathBuf {
    root.join(MARKS_DIRECTORY).join(site.to_string())
}

/// The twin of a mark, or `None` when it is absent or cannot be read.
pub(super) fn read_mark(root: &Path, site: SiteId) -> Option<Vec<u8>> {
    fs::read(mark_path(root, site)).ok()
}

/// Durable when it returns, and either whole or absent whenever the power fails.
pub(super) fn write_mark(root: &Path, site: SiteId, bytes: &[u8]) -> io::Result<()> {
    let directory = root.join(MARKS_DIRECTORY);
    create_directory(&directory)?;
    let path = mark_path(root, site);
    let unfinished = directory.join(format!("{site}{UNFINISHED_SUFFIX}"));
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    sync_directory(&directory)
}

/// Durable when it returns.
pub(super) fn remove_mark(root: &Path, site: SiteId) -> io::Result<()> {
    match fs::remove_file(mark_path(root, site)) {
        Ok(()) => sync_directory(&root.join(MARKS_DIRECTORY)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Moves a slot's directory out of the way, if it exists, and says where it is now. Of earlier
/// ones only the newest stay.
pub(super) fn move_aside(directory: &Path, slot: Slot) -> io::Result<PathBuf> {
    let aside = damaged_copies(directory, slot)?;
    let number = aside.last().map_or(1, |(newest, _)| newest + 1);
    let target = directory.join(format!("{slot}.damaged-{number}"));
    match fs::rename(directory.join(slot.name()), &target) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(target),
        Err(error) => return Err(error),
    }
    sync_directory(directory)?;
    let surplus = (aside.len() + 1).saturating_sub(limits::SNAPSHOT_DAMAGED_COPIES_MAX);
    for (_, path) in aside.into_iter().take(surplus) {
        fs::remove_dir_all(path)?;
    }
    Ok(target)
}

/// What was moved aside before, oldest first.
fn damaged_copies(directory: &Path, slot: Slot) -> io::Result<Vec<(u64, PathBuf)>> {
    let prefix = format!("{slot}.damaged-");
    let mut copies = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix(&prefix).and_then(|number| number.parse().ok());
        copies.extend(number.map(|number| (number, path)));
    }
    copies.sort();
    Ok(copies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_damaged_copies_stay() {
        let directory = tempfile::tempdir().expect("a directory");
        let directory = directory.path();
        for number in 1..=4 {
            create_directory(&directory.join("a")).expect("creates");
            let path = move_aside(directory, Slot::A).expect("moves");
            assert_eq!(path, directory.join(format!("a.damaged-{number}")));
        }
        let copies = damaged_copies(directory, Slot::A).expect("lists");
        let numbers: Vec<u64> = copies.into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [3, 4]);
    }

    #[test]
    fn a_mark_file_is_replaced_and_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (root, site) = (directory.path(), SiteId::from_u128(1));
        write_mark(root, site, b"one").expect("writes");
        write_mark(root, site, b"two").expect("writes");
        assert_eq!(read_mark(root, site).as_deref(), Some(b"two".as_slice()));
        remove_mark(root, site).expect("removes");
        remove_mark(root, site).expect("removes what is gone");
        assert_eq!(read_mark(root, site), None);
    }
}

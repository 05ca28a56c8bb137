//! Damaged files: a torn tail is cut, anything else is told and nothing is changed by looking.

use std::fs;
use std::path::{Path, PathBuf};

use guildhall::journal::{Embedded, EmbeddedOptions, Journal, JournalError, OpenError, Retention};
use tempfile::TempDir;

use crate::support::*;

/// A journal that was left by a kill, as files.
fn image(work: impl FnOnce(&Embedded), options: EmbeddedOptions) -> TempDir {
    let directory = TempDir::new().expect("temporary directory");
    let journal = Embedded::open(directory.path(), options).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    work(&journal);
    let image = TempDir::new().expect("temporary directory");
    copy_directory(directory.path(), image.path());
    image
}

fn log_files(directory: &Path, suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory.join("journal")).expect("list");
    let paths = entries.map(|entry| entry.expect("entry").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.to_string_lossy().ends_with(suffix)).collect();
    files.sort();
    files
}

/// Where the data of a log file ends; what follows is room that was set aside.
fn end_of_data(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// How a damaged journal presents itself: what it holds, or why it does not open or read.
fn look(directory: &Path) -> Result<Vec<u64>, String> {
    let journal = Embedded::open(directory, options());
    let journal = journal.map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    loop {
        let after = found.last().copied().unwrap_or(0);
        let read = run(journal.read_commits(SITE, after, 1 << 20));
        let read = read.map_err(|error| error.to_string())?;
        if read.is_empty() {
            return Ok(found);
        }
        found.extend(numbers(&read));
    }
}

/// Six batches of one commit each, and where in the file the last of them begins.
fn six_batches() -> (TempDir, usize) {
    let image = image(|journal| store_each(journal, 1..=5), options());
    let file = &log_files(image.path(), ".raftlog")[0];
    let last_begins = end_of_data(&fs::read(file).expect("read"));
    let journal = open(image.path());
    store(&journal, batch(6..=6));
    drop(journal);
    (image, last_begins)
}

#[test]
fn a_torn_tail_costs_the_torn_batch_and_nothing_else() {
    let (image, last_begins) = six_batches();
    let file = log_files(image.path(), ".raftlog").remove(0);
    let whole = fs::read(&file).expect("read");
    let end = end_of_data(&whole);
    assert!(end > last_begins + 50);
    for cut in (last_begins..end).step_by(5) {
        let torn = TempDir::new().expect("temporary directory");
        copy_directory(image.path(), torn.path());
        let mut bytes = whole.clone();
        bytes[cut..].fill(0);
        fs::write(log_files(torn.path(), ".raftlog").remove(0), bytes).expect("write");
        assert_eq!(look(torn.path()), Ok(vec![1, 2, 3, 4, 5]), "cut at byte {cut}");
        let journal = open(torn.path());
        assert_eq!(store(&journal, batch(6..=7)), at(7, 7));
        drop(journal);
        assert_eq!(look(torn.path()), Ok((1..=7).collect()), "cut at byte {cut}");
    }
}

#[test]
fn a_flipped_byte_before_the_last_batch_is_always_told() {
    let (image, last_begins) = six_batches();
    let file = log_files(image.path(), ".raftlog").remove(0);
    let whole = fs::read(&file).expect("read");
    for place in (0..last_begins).step_by(3) {
        let damaged = TempDir::new().expect("temporary directory");
        copy_directory(image.path(), damaged.path());
        let file = log_files(damaged.path(), ".raftlog").remove(0);
        let mut bytes = whole.clone();
        bytes[place] ^= 0x20;
        fs::write(&file, &bytes).expect("write");
        let seen = look(damaged.path());
        let unharmed = seen == Ok((1..=6).collect());
        assert!(unharmed || seen.is_err(), "byte {place}: {seen:?}");
        if seen.is_err() {
            let left = fs::read(&file).expect("read");
            let same = left[..end_of_data(&whole)] == bytes[..end_of_data(&whole)];
            assert!(same, "byte {place}: looking changed the file");
        }
    }
}

fn small_files() -> EmbeddedOptions {
    EmbeddedOptions { file_bytes_max: 2_048, log_bytes_kept: 1 << 20, ..options() }
}

#[test]
fn the_damaged_end_of_an_older_file_is_told_with_file_and_place() {
    let image = image(|journal| store_each(journal, 1..=40), small_files());
    let files = log_files(image.path(), ".raftlog");
    assert!(files.len() > 2, "{files:?}");
    let older = &files[files.len() - 2];
    let mut bytes = fs::read(older).expect("read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(older, &bytes).expect("write");
    let told = look(image.path()).expect_err("damage is told");
    let name = older.file_name().expect("name").to_string_lossy();
    assert!(told.contains("damaged"), "{told}");
    assert_eq!(fs::read(older).expect("read"), bytes, "{name} was changed");
}

#[test]
fn a_missing_file_of_the_log_is_told() {
    let image = image(|journal| store_each(journal, 1..=40), small_files());
    let files = log_files(image.path(), ".raftlog");
    for missing in &files[..files.len() - 1] {
        let robbed = TempDir::new().expect("temporary directory");
        copy_directory(image.path(), robbed.path());
        fs::remove_file(robbed.path().join("journal").join(missing.file_name().expect("name")))
            .expect("remove");
        assert!(look(robbed.path()).is_err(), "{missing:?}");
    }
}

#[test]
fn a_journal_whose_files_are_gone_is_told() {
    let image = image(|journal| store_each(journal, 1..=3), small_files());
    let log_files = [log_files(image.path(), ".raftlog"), log_files(image.path(), ".rewrite")];
    assert!(Embedded::exists(image.path()));
    for file in &log_files[0] {
        fs::remove_file(file).expect("remove");
    }
    let opened = Embedded::open(image.path(), options());
    assert!(matches!(opened, Err(OpenError::Damaged { .. })), "{:?}", opened.err());
    for file in &log_files[1] {
        fs::remove_file(file).expect("remove");
    }
    assert!(!Embedded::exists(image.path()));
}

#[test]
fn a_second_owner_of_the_directory_is_refused() {
    let directory = TempDir::new().expect("temporary directory");
    let _first = open(directory.path());
    let second = Embedded::open(directory.path(), options());
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{:?}", second.err());
}

/// Sixty records in segments of about ten, and ten in the log.
fn segmented() -> TempDir {
    let retention = Retention { file_bytes_max: 600, merge_bytes_max: 0, ..Retention::default() };
    let options = EmbeddedOptions { retention, ..options() };
    image(
        |journal| {
            store_each(journal, 1..=70);
            run(journal.trim(SITE, 60)).expect("trim");
        },
        options,
    )
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let own = directory.join("segments").join(SITE.to_string());
    let entries = fs::read_dir(own).expect("list");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("entry").path()).collect();
    files.sort();
    files
}

#[test]
fn a_damaged_segment_is_told_with_file_place_and_checksums() {
    let image = segmented();
    let files = segments(image.path());
    assert!(files.len() > 2, "{files:?}");
    let mut bytes = fs::read(&files[1]).expect("read");
    bytes[40] ^= 4;
    fs::write(&files[1], bytes).expect("write");
    let journal = open(image.path());
    let told = run(journal.read_records(SITE, 0, 100)).expect_err("damage is told");
    assert!(matches!(told, JournalError::Damaged { .. }));
    let told = told.to_string();
    let name = files[1].display().to_string();
    for part in [&name[..], "byte 8", "checksum is", "expected"] {
        assert!(told.contains(part), "{told}");
    }
    let first = files[2].file_stem().and_then(|stem| stem.to_str()).expect("name");
    let first: u64 = first.parse().expect("seq");
    assert_eq!(seqs_after(&journal, first - 1, 100), (first..=70).collect::<Vec<_>>());
}

#[test]
fn a_missing_segment_is_told() {
    let image = segmented();
    let files = segments(image.path());
    fs::remove_file(&files[1]).expect("remove");
    let journal = open(image.path());
    let told = run(journal.read_records(SITE, 0, 100)).expect_err("gap is told");
    assert!(told.to_string().contains("missing"), "{told}");
    fs::remove_file(files.last().expect("files")).expect("remove");
    drop(journal);
    let journal = open(image.path());
    assert!(run(journal.read_records(SITE, 0, 100)).is_err());
}

#[test]
fn every_flipped_byte_of_a_segment_is_told() {
    let image = segmented();
    let file = segments(image.path()).remove(1);
    let whole = fs::read(&file).expect("read");
    let journal = open(image.path());
    let before = seqs_after(&journal, 0, 100);
    assert_eq!(before, (1..=70).collect::<Vec<_>>());
    // The first eight bytes are a mark that no reader needs.
    for place in 8..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&file, bytes).expect("write");
        let seen = run(journal.read_records(SITE, 0, 100));
        assert!(seen.is_err(), "byte {place}");
    }
}

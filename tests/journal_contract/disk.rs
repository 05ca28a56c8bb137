//! What only the journal on disk can show: failing disks, files that are given back, retention.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use guildhall::domain::Timestamp;
use guildhall::journal::embedded::disk::DiskStep;
use guildhall::journal::{
    Appended, Batch, Embedded, EmbeddedOptions, Journal, JournalError, Retention,
};
use tempfile::TempDir;

use crate::support::*;

/// A disk that fails on command, once for each order.
#[derive(Clone, Default)]
struct Disk {
    orders: Arc<Mutex<Vec<(DiskStep, io::ErrorKind)>>>,
    syncs: Arc<AtomicU32>,
    ended: Arc<Mutex<Vec<String>>>,
}

impl Disk {
    fn fail_next(&self, step: DiskStep, kind: io::ErrorKind) {
        self.orders.lock().expect("orders").push((step, kind));
    }

    fn options(&self) -> EmbeddedOptions {
        let (disk, ended) = (self.clone(), self.ended.clone());
        let check = move |step| {
            if step == DiskStep::Sync {
                disk.syncs.fetch_add(1, Ordering::Relaxed);
            }
            let mut orders = disk.orders.lock().expect("orders");
            match orders.iter().position(|(ordered, _)| *ordered == step) {
                Some(place) => Err(orders.remove(place).1.into()),
                None => Ok(()),
            }
        };
        EmbeddedOptions {
            disk_check: Some(Arc::new(check)),
            end_process: Arc::new(move |reason| {
                ended.lock().expect("ended").push(reason.to_owned());
            }),
            ..options()
        }
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_once_there_is_room() {
    let (disk, directory) = (Disk::default(), TempDir::new().expect("temporary directory"));
    let journal = Embedded::open(directory.path(), disk.options()).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    store(&journal, batch(1..=2));
    disk.fail_next(DiskStep::Write, io::ErrorKind::StorageFull);
    assert_eq!(append(&journal, batch(3..=4)), Appended::Full);
    disk.fail_next(DiskStep::Write, io::ErrorKind::TimedOut);
    assert!(matches!(append(&journal, batch(3..=4)), Appended::Unavailable(_)));
    disk.fail_next(DiskStep::Write, io::ErrorKind::StorageFull);
    let put = run(journal.put(Some(SITE), vec![(b"key".to_vec(), Some(b"value".to_vec()))]));
    assert!(matches!(put, Err(JournalError::Unavailable(_))), "{put:?}");
    assert_eq!(numbers(&commits_after(&journal, SITE, 0)), [1, 2]);
    assert_eq!(store(&journal, batch(3..=5)), at(5, 5));
    drop(journal);
    let journal = open(directory.path());
    assert_eq!(numbers(&commits_after(&journal, SITE, 0)), [1, 2, 3, 4, 5]);
    assert!(disk.ended.lock().expect("ended").is_empty());
}

#[test]
fn a_failed_sync_ends_the_process_and_acknowledges_nothing() {
    let (disk, directory) = (Disk::default(), TempDir::new().expect("temporary directory"));
    let journal = Embedded::open(directory.path(), disk.options()).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    store(&journal, batch(1..=2));
    disk.fail_next(DiskStep::Sync, io::ErrorKind::Other);
    assert!(matches!(append(&journal, batch(3..=4)), Appended::Unavailable(_)));
    let ended = disk.ended.lock().expect("ended").clone();
    assert!(ended[0].contains("sync of") && ended[0].contains(".raftlog"), "{ended:?}");
    // A process that somehow lived on would store nothing more.
    assert!(matches!(append(&journal, batch(3..=4)), Appended::Unavailable(_)));
    assert_eq!(run(journal.position(SITE)), Ok(at(2, 2)));
}

#[test]
fn what_may_be_synced_later_is_answered_once_it_is_written() {
    let (gate, directory) = (Arc::new(Mutex::new(())), TempDir::new().expect("a directory"));
    let passed = gate.clone();
    let check = move |step| {
        if step == DiskStep::Sync {
            drop(passed.lock().expect("a gate"));
        }
        Ok(())
    };
    let options = EmbeddedOptions { disk_check: Some(Arc::new(check)), ..options() };
    let journal = Embedded::open(directory.path(), options).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let entry = |value: &str| vec![(b"key".to_vec(), Some(value.as_bytes().to_vec()))];
    let closed = gate.lock().expect("a gate");
    runtime.block_on(journal.put_soon(Some(SITE), entry("soon"))).expect("written");
    assert_eq!(run(journal.get(Some(SITE), b"key".to_vec())), Ok(Some(b"soon".to_vec())));
    let mut synced = journal.put(Some(SITE), entry("synced"));
    let waits = runtime.block_on(async { (&mut synced).now_or_never().is_none() });
    assert!(waits, "the sync before it is not done");
    drop(closed);
    runtime.block_on(synced).expect("synced");
    drop((runtime, journal));
    let journal = open(directory.path());
    assert_eq!(run(journal.get(Some(SITE), b"key".to_vec())), Ok(Some(b"synced".to_vec())));
}

#[test]
fn a_sync_that_fails_later_ends_the_process_too() {
    let (disk, directory) = (Disk::default(), TempDir::new().expect("temporary directory"));
    let journal = Embedded::open(directory.path(), disk.options()).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    disk.fail_next(DiskStep::Sync, io::ErrorKind::Other);
    let entry = vec![(b"key".to_vec(), Some(b"value".to_vec()))];
    // It may be answered before the sync fails, or after.
    let soon = runtime.block_on(journal.put_soon(Some(SITE), entry));
    drop(runtime);
    assert!(matches!(soon, Ok(()) | Err(JournalError::Unavailable(_))), "{soon:?}");
    assert!(!disk.ended.lock().expect("ended").is_empty());
    assert!(matches!(append(&journal, batch(1..=2)), Appended::Unavailable(_)));
}

#[test]
fn one_append_of_many_sites_is_one_sync() {
    let (disk, directory) = (Disk::default(), TempDir::new().expect("temporary directory"));
    let journal = Embedded::open(directory.path(), disk.options()).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    run(journal.open_site(OTHER_SITE)).expect("site");
    let before = disk.syncs.load(Ordering::Relaxed);
    let other = Batch { site: OTHER_SITE, ..batch(1..=50) };
    run(journal.append(vec![batch(1..=50), other]));
    assert_eq!(disk.syncs.load(Ordering::Relaxed) - before, 1);
}

fn churning(directory: &Path) -> Embedded {
    let options =
        EmbeddedOptions { file_bytes_max: 16 * 1_024, log_bytes_kept: 64 * 1_024, ..options() };
    Embedded::open(directory, options).expect("journal opens")
}

/// Appends batches of a busy site, trimming behind them, so that files are used again.
fn churn(journal: &Embedded, from: u64, batches: u64) -> u64 {
    let mut reached = from;
    for _ in 0..batches {
        store(journal, batch(reached + 1..=reached + 20));
        reached += 20;
        run(journal.trim(SITE, reached.saturating_sub(100))).expect("trim");
        journal.purge().expect("purge");
    }
    reached
}

fn log_bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory.join("journal")).expect("list");
    entries.map(|entry| entry.expect("entry").metadata().expect("metadata").len()).sum()
}

#[test]
fn a_trimmed_log_stays_small_and_forgets_nothing_it_should_keep() {
    let mut directory = TempDir::new().expect("temporary directory");
    let journal = churning(directory.path());
    run(journal.open_site(SITE)).expect("site");
    run(journal.open_site(OTHER_SITE)).expect("site");
    let quiet = Batch { site: OTHER_SITE, ..batch(1..=4) };
    assert_eq!(run(journal.append(vec![quiet])), [Appended::Stored(at(4, 4))]);
    let put = |key: &str, value: Option<&str>| {
        let entry = (key.as_bytes().to_vec(), value.map(|value| value.as_bytes().to_vec()));
        run(journal.put(Some(OTHER_SITE), vec![entry])).expect("put");
    };
    put("kept", Some("1"));
    put("deleted", Some("2"));
    let reached = churn(&journal, 0, 45);
    put("deleted", None);
    put("kept", Some("3"));
    let mut reached = churn(&journal, reached, 45);
    drop(journal);
    for _ in 0..3 {
        let image = TempDir::new().expect("temporary directory");
        copy_directory(directory.path(), image.path());
        directory = image;
        let journal = churning(directory.path());
        let get = |key: &str| run(journal.get(Some(OTHER_SITE), key.as_bytes().to_vec()));
        assert_eq!(get("kept"), Ok(Some(b"3".to_vec())));
        assert_eq!(get("deleted"), Ok(None));
        assert_eq!(numbers(&commits_after(&journal, OTHER_SITE, 0)), [1, 2, 3, 4]);
        let position = run(journal.position(SITE)).expect("position");
        assert_eq!((position.commit, position.seq), (reached, reached));
        assert!(reached - position.first_commit < 140, "{position:?}");
        let kept = numbers(&commits_after(&journal, SITE, position.first_commit - 1));
        assert_eq!(kept, (position.first_commit..=reached).collect::<Vec<_>>());
        assert_eq!(seqs_after(&journal, 0, 100_000), (1..=reached).collect::<Vec<_>>());
        let bytes = log_bytes(directory.path());
        assert!(bytes < 512 * 1_024, "the log takes {bytes} bytes");
        reached = churn(&journal, reached, 30);
    }
}

#[test]
fn damage_in_rewritten_entries_is_told() {
    let directory = TempDir::new().expect("temporary directory");
    let journal = churning(directory.path());
    run(journal.open_site(SITE)).expect("site");
    run(journal.open_site(OTHER_SITE)).expect("site");
    run(journal.append(vec![Batch { site: OTHER_SITE, ..batch(1..=4) }]));
    churn(&journal, 0, 150);
    drop(journal);
    let entries = std::fs::read_dir(directory.path().join("journal")).expect("list");
    let paths = entries.map(|entry| entry.expect("entry").path());
    let rewritten = paths.filter(|path| path.extension().is_some_and(|kind| kind == "rewrite"));
    let file = rewritten.max().expect("a file of rewritten entries");
    let mut bytes = std::fs::read(&file).expect("read");
    bytes[80] ^= 1;
    std::fs::write(&file, &bytes).expect("write");
    let opened = Embedded::open(directory.path(), options());
    let told = opened.err().expect("damage is told").to_string();
    assert!(told.contains(".rewrite is damaged at byte"), "{told}");
    assert_eq!(std::fs::read(&file).expect("read"), bytes);
}

#[test]
fn older_records_leave_by_age_and_by_size_and_readers_are_told_the_floor() {
    let directory = TempDir::new().expect("temporary directory");
    let now = Arc::new(AtomicI64::new(1_700_000_000_000));
    let clock = now.clone();
    let retention = Retention {
        age_ms_max: 10_000,
        site_bytes_max: 100_000,
        file_bytes_max: 600,
        merge_bytes_max: 0,
    };
    let options = EmbeddedOptions {
        retention,
        clock: Arc::new(move || Timestamp::from_unix_ms(clock.load(Ordering::Relaxed))),
        ..options()
    };
    let journal = Embedded::open(directory.path(), options.clone()).expect("journal opens");
    run(journal.open_site(SITE)).expect("site");
    store_each(&journal, 1..=70);
    run(journal.trim(SITE, 60)).expect("trim");
    assert_eq!(seqs_after(&journal, 0, 100), (1..=70).collect::<Vec<_>>());

    // Record n was written n ms after the clock's start.
    now.fetch_add(10_035, Ordering::Relaxed);
    run(journal.trim(SITE, 60)).expect("trim");
    let first = run(journal.position(SITE)).expect("position").first_seq;
    assert!((20..=36).contains(&first), "{first}");
    let trimmed = JournalError::Trimmed { site: SITE, first, asked: first - 1 };
    assert_eq!(run(journal.read_records(SITE, first - 2, 100)), Err(trimmed));
    assert_eq!(seqs_after(&journal, first - 1, 100), (first..=70).collect::<Vec<_>>());
    drop(journal);

    let small = Retention { site_bytes_max: 1_500, ..retention };
    let options = EmbeddedOptions { retention: small, ..options };
    let journal = Embedded::open(directory.path(), options).expect("journal opens");
    assert_eq!(run(journal.position(SITE)).expect("position").first_seq, first);
    run(journal.trim(SITE, 60)).expect("trim");
    let raised = run(journal.position(SITE)).expect("position").first_seq;
    assert!(raised > first && raised <= 61, "{raised}");
    assert_eq!(seqs_after(&journal, raised - 1, 100), (raised..=70).collect::<Vec<_>>());
}

#[test]
fn small_trims_share_a_segment_file() {
    let directory = TempDir::new().expect("temporary directory");
    let journal = open(directory.path());
    run(journal.open_site(SITE)).expect("site");
    for number in 1..=30 {
        store(&journal, batch(number..=number));
        run(journal.trim(SITE, number)).expect("trim");
    }
    let own = directory.path().join("segments").join(SITE.to_string());
    assert_eq!(std::fs::read_dir(own).expect("list").count(), 1);
    assert_eq!(seqs_after(&journal, 0, 100), (1..=30).collect::<Vec<_>>());
}

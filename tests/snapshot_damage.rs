//! Closed databases that are deleted, cut and flipped: opening never hangs or panics, and what is
//! read afterwards is right, or told as damaged.

mod snapshot_support;

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use guildhall::domain::SiteId;
use guildhall::snapshot::{Damaged, Proof, Slot, SnapshotStore};
use snapshot_support::{
    Contents, KINDS, SITES, all_of, checkpoint, contents, mark_of, open, options, scan_all,
};

const CUTS: u64 = 20;
/// Over both databases.
const FLIPS: u64 = 200;
/// A refill costs more than a trial, and needs no damage of its own each time.
const TRIALS_A_REFILL: u64 = 20;
/// Rounds per slot: enough that the database has reused segments of its file.
const ROUNDS: u64 = 6;

/// What the store said about a damaged slot, over all trials.
#[derive(Debug, Default)]
struct Tally {
    moved_aside: u64,
    mark_gone: u64,
    told_by_scan: u64,
    told_by_get: u64,
    unharmed: u64,
    /// Under a surviving mark, by `get` alone: what only the scan told.
    stale_gets_told_by_scan: u64,
}

struct Fixture {
    directory: tempfile::TempDir,
    /// By site and round, from round 1.
    contents: Vec<(SiteId, Vec<Contents>)>,
    trials: Cell<u64>,
}

impl Fixture {
    /// Slot A ends with round 2 * ROUNDS - 1, B with 2 * ROUNDS.
    fn new() -> Fixture {
        let directory = tempfile::tempdir().expect("a directory");
        let store = open(directory.path());
        for round in 1..=2 * ROUNDS {
            let slot = if round % 2 == 1 { Slot::A } else { Slot::B };
            SITES.iter().for_each(|site| checkpoint(&store, *site, slot, round));
        }
        drop(store);
        let rounds = |site| (1..=2 * ROUNDS).map(|round| contents(site, round)).collect();
        let contents = SITES.iter().map(|site| (*site, rounds(*site))).collect();
        Fixture { directory, contents, trials: Cell::new(0) }
    }

    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a directory");
        copy_directory(self.directory.path(), copy.path());
        copy
    }
}

fn newest_round(slot: Slot) -> u64 {
    match slot {
        Slot::A => 2 * ROUNDS - 1,
        Slot::B => 2 * ROUNDS,
    }
}

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("lists").map(|entry| entry.expect("is there")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("has a type").is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("copies");
        }
    }
}

/// Damages one slot, opens, and holds everything that is read against what was written.
fn check(fixture: &Fixture, slot: Slot, tally: &mut Tally, damage: impl FnOnce(&Path)) {
    let directory = fixture.copy();
    damage(&directory.path().join(slot.name()));
    let (store, findings) = SnapshotStore::open(directory.path(), options()).expect("opens");
    assert!(findings.iter().all(|finding| finding.slot == slot), "{findings:?}");
    assert!(findings.iter().all(|finding| finding.path.is_dir()), "{findings:?}");
    tally.moved_aside += findings.len() as u64;
    for (site, rounds) in &fixture.contents {
        check_whole(&store, *site, slot.other());
        check_damaged(&store, *site, slot, rounds, tally);
    }
    let trial = fixture.trials.replace(fixture.trials.get() + 1);
    if trial.is_multiple_of(TRIALS_A_REFILL) {
        check_goes_on(&store, slot);
    }
}

/// Damage is answered, and the slot filled again.
fn check_goes_on(store: &SnapshotStore, slot: Slot) {
    let _ = store.set_aside(slot, "after the test").expect("sets aside");
    checkpoint(store, SITES[0], slot, 99);
    assert_eq!(store.current(SITES[0]), Some(slot));
}

fn check_whole(store: &SnapshotStore, site: SiteId, slot: Slot) {
    assert_eq!(store.mark(site, slot), Some(mark_of(newest_round(slot))));
    assert_eq!(store.verify(site, slot).map(|seen| seen.proof), Ok(Proof::Mark));
}

fn check_damaged(
    store: &SnapshotStore,
    site: SiteId,
    slot: Slot,
    rounds: &[Contents],
    tally: &mut Tally,
) {
    let expected = &rounds[newest_round(slot) as usize - 1];
    let Some(mark) = store.mark(site, slot) else {
        tally.mark_gone += 1;
        check_only_written_values(store, site, slot, rounds);
        return;
    };
    assert_eq!(mark, mark_of(newest_round(slot)), "a mark of the past is trusted");
    let scan = KINDS.iter().try_for_each(|kind| check_scan(store, site, slot, *kind, expected));
    let mut wrong = 0;
    let mut told = 0;
    for (key, value) in expected {
        match store.get(site, slot, *key) {
            Ok(found) => wrong += u64::from(found.as_ref() != Some(value)),
            Err(_) => told += 1,
        }
    }
    assert!(wrong == 0 || scan.is_err(), "{wrong} values are wrong and no scan told it");
    tally.stale_gets_told_by_scan += u64::from(wrong > 0);
    tally.told_by_scan += u64::from(scan.is_err());
    tally.told_by_get += u64::from(told > 0);
    tally.unharmed += u64::from(scan.is_ok() && told == 0);
}

/// A scan that ends well shows exactly what was written.
fn check_scan(
    store: &SnapshotStore,
    site: SiteId,
    slot: Slot,
    kind: u8,
    expected: &Contents,
) -> Result<(), Damaged> {
    let (pairs, scanned) = scan_all(store, site, slot, kind)?;
    assert_eq!(scanned.proof, Proof::Mark);
    assert!(pairs == all_of(expected, kind), "a scan of kind {kind} showed something else");
    Ok(())
}

/// Without a mark a value may be of an earlier round, but never of another place or torn.
fn check_only_written_values(store: &SnapshotStore, site: SiteId, slot: Slot, rounds: &[Contents]) {
    for key in rounds[0].keys() {
        if let Ok(Some(found)) = store.get(site, slot, *key) {
            assert!(rounds.iter().any(|round| round[key] == found), "{key:?} was never so");
        }
    }
}

fn flip(path: &Path, position: u64, mask: u8) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("opens");
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).expect("reads");
    file.write_all_at(&[byte[0] ^ mask], position).expect("writes");
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).expect("is there").len()
}

/// SplitMix64: the same positions in every run.
fn random(seed: u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ state >> 31
}

#[test]
fn a_deleted_directory_costs_only_that_slot() {
    let fixture = Fixture::new();
    for slot in Slot::BOTH {
        let mut tally = Tally::default();
        check(&fixture, slot, &mut tally, |path| fs::remove_dir_all(path).expect("removes"));
        assert_eq!(tally.mark_gone, 2, "{tally:?}");
    }
}

#[test]
fn each_deleted_or_emptied_file_is_told() {
    let fixture = Fixture::new();
    let mut tally = Tally::default();
    for name in files_of(&fixture.directory.path().join("a")) {
        check(&fixture, Slot::A, &mut tally, |path| {
            fs::remove_file(path.join(&name)).expect("removes");
        });
        check(&fixture, Slot::A, &mut tally, |path| {
            fs::write(path.join(&name), b"").expect("empties");
        });
    }
    println!("files deleted and emptied: {tally:?}");
    assert!(tally.mark_gone >= 4, "{tally:?}");
}

fn files_of(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("lists").map(|entry| entry.expect("is there"));
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| PathBuf::from(entry.file_name())).collect()
}

#[test]
fn a_database_cut_anywhere_never_shows_anything_wrong() {
    let fixture = Fixture::new();
    for slot in Slot::BOTH {
        let mut tally = Tally::default();
        for cut in 0..CUTS {
            check(&fixture, slot, &mut tally, |path| {
                let path = path.join("db");
                let kept = length(&path) * cut / CUTS + random(cut) % 512;
                let file = OpenOptions::new().write(true).open(&path).expect("opens");
                file.set_len(kept).expect("cuts");
            });
        }
        println!("{CUTS} cuts of {slot}: {tally:?}");
        assert!(tally.mark_gone + tally.told_by_scan > 0, "{tally:?}");
    }
}

#[test]
fn a_flipped_byte_never_shows_anything_wrong() {
    let fixture = Fixture::new();
    for slot in Slot::BOTH {
        let mut tally = Tally::default();
        for trial in 0..FLIPS / 2 {
            check(&fixture, slot, &mut tally, |path| {
                let path = path.join("db");
                let seed = trial * 2 + slot as u64;
                flip(&path, random(seed) % length(&path), 1 << (random(seed + 1_000) % 8));
            });
        }
        println!("flips in {slot}: {tally:?}");
        assert!(tally.mark_gone + tally.told_by_scan > 0, "{tally:?}");
    }
}

#[test]
fn flips_in_the_small_files_never_show_anything_wrong() {
    let fixture = Fixture::new();
    let mut tally = Tally::default();
    let path = fixture.directory.path().join("a");
    let small = files_of(&path).into_iter().filter(|name| length(&path.join(name)) < 1 << 20);
    let marks = SITES.iter().map(|site| PathBuf::from("marks").join(site.to_string()));
    for name in small.filter(|name| name != Path::new("db")).chain(marks) {
        for trial in 0..8 {
            check(&fixture, Slot::A, &mut tally, |path| {
                let path = path.join(&name);
                flip(&path, random(trial) % length(&path), 0x40);
            });
        }
    }
    println!("flips in the small files: {tally:?}");
}

#[test]
fn a_database_of_an_earlier_checkpoint_under_the_newest_mark_is_not_trusted() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a");
    drop(open(directory.path()));
    checkpoint(&open(directory.path()), SITES[0], Slot::A, 1);
    let earlier = tempfile::tempdir().expect("a directory");
    copy_directory(&path, earlier.path());
    checkpoint(&open(directory.path()), SITES[0], Slot::A, 3);
    let marks = tempfile::tempdir().expect("a directory");
    copy_directory(&path.join("marks"), marks.path());
    fs::remove_dir_all(&path).expect("removes");
    copy_directory(earlier.path(), &path);
    copy_directory(marks.path(), &path.join("marks"));
    let store = open(directory.path());
    assert_eq!(store.mark(SITES[0], Slot::A), None);
}

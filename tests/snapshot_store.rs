//! The store of snapshots with real databases: what goes in comes out, and what was damaged in
//! between is told. Damage to closed files is in `snapshot_damage.rs`.

mod snapshot_support;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use guildhall::domain::SiteId;
use guildhall::domain::limits::SNAPSHOT_VALUE_BYTES_MAX;
use guildhall::snapshot::{Cause, Key, Proof, Slot, SnapshotError, SnapshotStore};
use snapshot_support::{
    KINDS, SITES, all_of, checkpoint, contents, mark_of, open, scan_all, value,
};

const SITE: SiteId = SITES[0];
const CHILD_ENV: &str = "SNAPSHOT_STORE_CHILD_DIRECTORY";
const KILLS: u64 = 12;

#[test]
fn what_was_put_comes_back_by_get_and_in_key_order_by_scan() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    assert_eq!(store.current(SITE), None);
    checkpoint(&store, SITE, Slot::A, 1);
    for (key, expected) in contents(SITE, 1) {
        assert_eq!(store.get(SITE, Slot::A, key), Ok(Some(expected)));
    }
    assert_eq!(store.get(SITE, Slot::A, Key::new(1, u64::MAX, 0)), Ok(None));
    for kind in KINDS {
        let (pairs, scanned) = scan_all(&store, SITE, Slot::A, kind).expect("is whole");
        assert_eq!(pairs, all_of(&contents(SITE, 1), kind));
        assert_eq!((scanned.entries, scanned.proof), (pairs.len() as u64, Proof::Mark));
    }
    assert_eq!(store.verify(SITE, Slot::A).map(|seen| seen.proof), Ok(Proof::Mark));
    assert_eq!(store.current(SITE), Some(Slot::A));
}

#[test]
fn a_scan_ends_when_its_reader_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    checkpoint(&store, SITE, Slot::A, 1);
    let scanned = store.scan(SITE, Slot::A, KINDS[0], &mut |_, _| ControlFlow::Break(()));
    let scanned = scanned.expect("is whole");
    assert_eq!((scanned.entries, scanned.proof), (1, Proof::Stopped));
}

#[test]
fn the_slot_with_the_later_begin_is_the_current_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for (round, slot) in [(1, Slot::A), (2, Slot::B), (3, Slot::A)] {
        checkpoint(&store, SITE, slot, round);
        assert_eq!(store.current(SITE), Some(slot));
        assert_eq!(store.mark(SITE, slot), Some(mark_of(round)));
    }
    assert_eq!(store.current(SITES[1]), None, "marks belong to one site");
}

#[test]
fn a_begun_slot_has_no_mark_not_even_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    checkpoint(&store, SITE, Slot::A, 1);
    checkpoint(&store, SITE, Slot::B, 2);
    store.begin(SITE, Slot::A).expect("begins");
    assert_eq!(store.mark(SITE, Slot::A), None);
    let absent = store.get(SITE, Slot::A, Key::new(1, u64::MAX, 0));
    assert_eq!(absent.map_err(|damaged| damaged.cause), Err(Cause::Outside));
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.mark(SITE, Slot::A), None);
    assert_eq!(store.current(SITE), Some(Slot::B));
}

#[test]
fn complete_slots_survive_a_restart_with_all_their_entries() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    for site in SITES {
        checkpoint(&store, site, Slot::A, 1);
        checkpoint(&store, site, Slot::B, 2);
    }
    drop(store);
    let store = open(directory.path());
    for site in SITES {
        for (slot, round) in [(Slot::A, 1), (Slot::B, 2)] {
            assert_eq!(store.mark(site, slot), Some(mark_of(round)));
            assert_eq!(store.verify(site, slot).map(|seen| seen.proof), Ok(Proof::Mark));
            for (key, expected) in contents(site, round) {
                assert_eq!(store.get(site, slot, key), Ok(Some(expected)));
            }
        }
    }
}

#[test]
fn an_incremental_checkpoint_changes_replaces_and_removes() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    checkpoint(&store, SITE, Slot::A, 1);
    drop(store);
    let store = open(directory.path());
    let mut expected = contents(SITE, 1);
    let keys: Vec<Key> = expected.keys().copied().collect();
    let (removed, replaced) = (&keys[..20], keys[20]);
    removed.iter().for_each(|key| drop(expected.remove(key)));
    expected.insert(replaced, b"new".to_vec());
    expected.insert(Key::new(9, 0, 0), b"another kind".to_vec());

    store.begin(SITE, Slot::A).expect("begins");
    store.remove(SITE, Slot::A, removed).expect("removes");
    store.remove(SITE, Slot::A, removed).expect("removes what is gone");
    let changes = [(Key::new(9, 0, 0), b"another kind".to_vec()), (replaced, b"new".to_vec())];
    store.put(SITE, Slot::A, &changes).expect("puts");
    let completed = store.complete(SITE, Slot::A, mark_of(2), usize::MAX).expect("completes");
    assert_eq!((completed.changes, completed.read_back), (42, 22));
    assert_eq!(completed.entries_total, expected.len() as u64);
    for kind in [KINDS[0], KINDS[1], KINDS[2], 9] {
        let (pairs, scanned) = scan_all(&store, SITE, Slot::A, kind).expect("is whole");
        assert_eq!(pairs, all_of(&expected, kind));
        assert_eq!(scanned.proof, Proof::Mark);
    }
}

#[test]
fn a_slot_that_was_wiped_holds_only_what_came_after() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    SITES.iter().for_each(|site| checkpoint(&store, *site, Slot::A, 1));
    store.begin(SITE, Slot::A).expect("begins");
    store.wipe(SITE, Slot::A).expect("wipes");
    store.put(SITE, Slot::A, &[(Key::new(1, 7, 0), b"seven".to_vec())]).expect("puts");
    let completed = store.complete(SITE, Slot::A, mark_of(2), 1_000).expect("completes");
    assert_eq!(completed.entries_total, 1);
    assert_eq!(store.verify(SITE, Slot::A).map(|seen| seen.entries), Ok(1));
    assert_eq!(store.verify(SITES[1], Slot::A).map(|seen| seen.proof), Ok(Proof::Mark));
}

#[test]
fn an_aborted_checkpoint_is_completed_by_the_next_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    store.begin(SITE, Slot::A).expect("begins");
    let some: Vec<_> = contents(SITE, 1).into_iter().take(50).collect();
    store.put(SITE, Slot::A, &some).expect("puts");
    drop(store);
    let store = open(directory.path());
    checkpoint(&store, SITE, Slot::A, 2);
    assert_eq!(store.verify(SITE, Slot::A).map(|seen| seen.proof), Ok(Proof::Mark));
}

#[test]
fn writing_without_begin_and_values_above_the_limit_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let key = Key::new(1, 1, 0);
    let refused = store.put(SITE, Slot::A, &[(key, vec![1])]);
    assert!(matches!(refused, Err(SnapshotError::NotBegun { slot: Slot::A })), "{refused:?}");
    store.begin(SITE, Slot::A).expect("begins");
    let large = [(key, vec![0; SNAPSHOT_VALUE_BYTES_MAX + 1])];
    let refused = store.put(SITE, Slot::A, &large);
    assert!(matches!(refused, Err(SnapshotError::ValueTooLarge { .. })), "{refused:?}");
}

#[test]
fn values_too_large_for_a_page_survive_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let entries: Vec<_> = (0..20).map(|n| (Key::new(1, n, 0), vec![n as u8; 300_000])).collect();
    store.begin(SITE, Slot::A).expect("begins");
    store.put(SITE, Slot::A, &entries).expect("puts");
    store.complete(SITE, Slot::A, mark_of(1), 1_000).expect("completes");
    drop(store);
    let store = open(directory.path());
    let (pairs, scanned) = scan_all(&store, SITE, Slot::A, 1).expect("is whole");
    assert_eq!((pairs, scanned.proof), (entries, Proof::Mark));
}

#[test]
fn a_second_store_on_the_same_directory_is_refused_and_moves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    checkpoint(&store, SITE, Slot::A, 1);
    let second = SnapshotStore::open(directory.path(), snapshot_support::options());
    let error = second.map(|_| ()).expect_err("is refused");
    assert!(matches!(error, SnapshotError::Unusable { .. }), "{error:?}");
    let names = fs::read_dir(directory.path()).expect("lists").count();
    assert_eq!(names, 2, "nothing was moved aside");
    assert_eq!(store.verify(SITE, Slot::A).map(|seen| seen.proof), Ok(Proof::Mark));
}

#[test]
fn setting_a_slot_aside_disturbs_no_reader_of_the_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    checkpoint(&store, SITE, Slot::A, 1);
    checkpoint(&store, SITE, Slot::B, 2);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let of_other = scope.spawn(|| read_until(&store, Slot::B, 2, &ended));
        let of_damaged = scope.spawn(|| read_until(&store, Slot::A, 1, &ended));
        let finding = store.set_aside(Slot::A, "a test says so").expect("sets aside");
        assert!(finding.path.join("db").is_file(), "{finding:?}");
        assert_eq!((store.mark(SITE, Slot::A), store.incarnation(Slot::A)), (None, 3));
        ended.store(true, Ordering::Release);
        assert_eq!(of_other.join().expect("ends"), 0, "reads of the other slot that failed");
        of_damaged.join().expect("ends without a panic and without a wrong value");
    });
    assert_eq!(store.current(SITE), Some(Slot::B));
    checkpoint(&store, SITE, Slot::A, 3);
    assert_eq!(store.current(SITE), Some(Slot::A));
    assert_eq!(store.verify(SITE, Slot::A).map(|seen| seen.proof), Ok(Proof::Mark));
}

/// Reads again and again; answers how many reads failed. What does not fail must be right.
fn read_until(store: &SnapshotStore, slot: Slot, round: u64, ended: &AtomicBool) -> u64 {
    let expected = contents(SITE, round);
    let mut failed = 0;
    while !ended.load(Ordering::Acquire) {
        for (key, value) in &expected {
            match store.get(SITE, slot, *key) {
                Ok(found) => assert_eq!(found.as_ref(), Some(value)),
                Err(_) => failed += 1,
            }
        }
    }
    failed
}

#[test]
fn damage_that_was_already_answered_moves_nothing_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let mut damaged = store.get(SITE, Slot::A, Key::new(1, 1, 0)).expect_err("has no mark");
    assert_eq!(store.set_aside_damaged(&damaged).expect("answers"), None, "nothing is broken");
    damaged.cause = Cause::Database;
    assert!(store.set_aside_damaged(&damaged).expect("answers").is_some());
    assert_eq!(store.set_aside_damaged(&damaged).expect("answers"), None);
}

#[test]
fn a_reopened_slot_keeps_its_entries() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    checkpoint(&store, SITE, Slot::A, 1);
    assert_eq!(store.reopen(Slot::A).expect("reopens"), None);
    assert_eq!(store.mark(SITE, Slot::A), Some(mark_of(1)));
    assert_eq!(store.verify(SITE, Slot::A).map(|seen| seen.proof), Ok(Proof::Mark));
}

/// Not a test of its own: what the killed processes run.
#[test]
fn child_writes_checkpoints_until_it_is_killed() {
    let Some(directory) = env::var_os(CHILD_ENV) else { return };
    let store = open(Path::new(&directory));
    let newest = store.current(SITE).and_then(|slot| store.mark(SITE, slot));
    let mut round = newest.map_or(0, |mark| mark.begin_commit);
    loop {
        round += 1;
        let slot = store.current(SITE).map_or(Slot::A, Slot::other);
        store.begin(SITE, slot).expect("begins");
        if round.is_multiple_of(5) {
            store.wipe(SITE, slot).expect("wipes");
        }
        let entries: Vec<_> = contents(SITE, round).into_iter().collect();
        for batch in entries.chunks(40) {
            store.put(SITE, slot, batch).expect("puts");
            println!("\nputting");
        }
        store.complete(SITE, slot, mark_of(round), 1_000).expect("completes");
        println!("\ncompleted {round}");
    }
}

#[test]
fn killed_writers_leave_the_newest_complete_slot_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut completed = 0;
    for kill in 0..KILLS {
        let lines = 1 + kill * 7_919 % 60;
        completed = run_and_kill(directory.path(), lines as usize).unwrap_or(completed);
        let store = open(directory.path());
        let Some(slot) = store.current(SITE) else {
            assert_eq!(completed, 0, "a completed checkpoint is lost");
            continue;
        };
        let round = store.mark(SITE, slot).expect("has a mark").begin_commit;
        // It may have completed one more than it could tell.
        assert!(round >= completed, "checkpoint {completed} is lost, newest is {round}");
        assert_eq!(store.verify(SITE, slot).map(|seen| seen.proof), Ok(Proof::Mark));
        let expected: BTreeMap<_, _> = contents(SITE, round);
        for (key, value) in expected {
            assert_eq!(store.get(SITE, slot, key), Ok(Some(value)));
        }
    }
    assert!(completed > 0, "no child ever completed a checkpoint");
}

/// The newest round that the child told before it was killed.
fn run_and_kill(directory: &Path, lines: usize) -> Option<u64> {
    let mut child = spawn_child(directory);
    let output = child.stdout.take().expect("is piped");
    let told = BufReader::new(output).lines().map_while(Result::ok);
    let told = told.filter(|line| line.starts_with("putting") || line.starts_with("completed"));
    let rounds: Vec<u64> =
        told.take(lines).filter_map(|line| line.strip_prefix("completed ")?.parse().ok()).collect();
    child.kill().expect("is killed");
    child.wait().expect("is gone");
    rounds.last().copied()
}

fn spawn_child(directory: &Path) -> Child {
    Command::new(env::current_exe().expect("an executable"))
        .args(["--exact", "child_writes_checkpoints_until_it_is_killed", "--nocapture"])
        .env(CHILD_ENV, directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child")
}

#[test]
fn values_of_the_fixture_differ_by_site_key_and_round() {
    let key = Key::new(1, 1, 0);
    assert_ne!(value(SITES[0], key, 1), value(SITES[1], key, 1));
    assert_ne!(value(SITE, key, 1), value(SITE, key, 2));
}

//! Stored bytes, as they are for ever: a change of any of them must be meant.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use guildhall::domain::batch::Change;
use guildhall::domain::command::ProducerPosition;
use guildhall::domain::{AppId, Commit, OpId};
use guildhall::journal::Batch;
use guildhall::journal::codec::{self, Before, StoredBatch};

use crate::support::*;

fn app() -> AppId {
    AppId::parse("shop").expect("app id")
}

fn every_change() -> Vec<Change> {
    let mut changes = vec![
        Change::CounterKeyNamed { number: 3, app: app(), key: "orders".to_owned() },
        Change::OpIdsSeen { app: app(), op_ids: vec![OpId([9; 16]), OpId([8; 16])] },
        Change::ProducerAdvanced {
            app: app(),
            position: ProducerPosition { producer: "till-1".to_owned(), n: 300 },
        },
    ];
    changes.extend(counted(2).changes.iter().cloned());
    changes
}

fn sample() -> Batch {
    let full = Commit { changes: every_change(), ..Commit::clone(&commit(43, 12..=13)) };
    let commits = vec![bare(42), Arc::new(full), commit(44, 14..=14)];
    Batch { generation: 3, epoch: 2, batch_id: 0xFEED, ..batch_of(41, commits) }
}

fn stored() -> StoredBatch {
    codec::encode_batch(&sample(), Before { seq: 11, changes_number: 5 })
}

#[test]
fn stored_bytes_are_those_of_the_golden_files() {
    check("batch_events_v1", &stored().events);
    check("batch_changes_v1", &stored().changes.expect("changes"));
    check("value_v1", &codec::encode(&(7_u32, "seven", vec![Some(-7_i64), None])));
    check("sealed_value_v1", &codec::seal(&codec::encode("sealed")));
}

#[test]
fn a_stored_batch_joins_to_the_commits_it_was() {
    let stored = stored();
    let (header, events) = codec::decode_events(&stored.events).expect("events");
    let (same, changes) =
        codec::decode_changes(&stored.changes.expect("changes")).expect("changes");
    assert_eq!(header, same);
    assert_eq!((header.first_commit, header.last_commit), (42, 44));
    assert_eq!((header.first_seq, header.last_seq), (12, 14));
    assert_eq!((header.changed_commits, header.changes_number), (1, 6));
    let commits = codec::join(events, changes).expect("join");
    let expected: Vec<Commit> = sample().commits.iter().map(|commit| (**commit).clone()).collect();
    assert_eq!(commits, expected);
}

#[test]
fn any_flipped_bit_of_a_stored_batch_is_found() {
    let good = stored().events;
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(codec::decode_events(&bad).is_err(), "bit {bit}");
        assert!(codec::open(&bad).is_err(), "bit {bit}");
    }
    for length in 0..good.len() {
        assert!(codec::decode_events(&good[..length]).is_err(), "length {length}");
    }
}

/// Compares with the golden file; `GOLDEN_WRITE=1` writes it instead.
pub fn check(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.hex"));
    let lines = bytes.chunks(32).map(|line| {
        let digits: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
        digits + "\n"
    });
    let found: String = lines.collect();
    if std::env::var_os("GOLDEN_WRITE").is_some() {
        fs::write(&path, &found).expect("write golden file");
    }
    let golden = fs::read_to_string(&path).expect("golden file");
    assert_eq!(found, golden, "stored bytes of {name} changed");
}

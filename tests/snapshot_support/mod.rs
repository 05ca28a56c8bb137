//! What the snapshot suites share: two sites whose contents follow from the round alone.

#![allow(dead_code, reason = "each suite uses a part")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use guildhall::domain::SiteId;
use guildhall::snapshot::{Damaged, Key, Mark, Scanned, Slot, SnapshotOptions, SnapshotStore};

pub const SITES: [SiteId; 2] = [SiteId::from_u128(0xa1), SiteId::from_u128(0xa2 << 100)];
pub const KINDS: [u8; 3] = [1, 2, 3];
const NUMBERS: u64 = 150;

pub type Contents = BTreeMap<Key, Vec<u8>>;
pub type Pairs = Vec<(Key, Vec<u8>)>;

pub fn options() -> SnapshotOptions {
    SnapshotOptions { cache_bytes: 8 << 20, open_deadline: Duration::from_secs(20) }
}

/// Opens what must be undamaged.
pub fn open(directory: &Path) -> SnapshotStore {
    let (store, findings) = SnapshotStore::open(directory, options()).expect("opens");
    assert_eq!(findings, []);
    store
}

pub fn mark_of(round: u64) -> Mark {
    Mark {
        generation: 1,
        begin_commit: round,
        end_commit: round + 1,
        entries: 3,
        checksum: round * 7,
        taken_at_ms: 1_700_000_000_000,
        format: 1,
    }
}

/// All entries of a site in a round.
pub fn contents(site: SiteId, round: u64) -> Contents {
    let keys = KINDS.iter().flat_map(|kind| {
        (0..NUMBERS).flat_map(move |number| (0..2).map(move |part| Key::new(*kind, number, part)))
    });
    keys.map(|key| (key, value(site, key, round))).collect()
}

/// Between 8 and 1,400 bytes that no other site, key or round has.
pub fn value(site: SiteId, key: Key, round: u64) -> Vec<u8> {
    let seed = [site.as_u128() as u64 ^ (site.as_u128() >> 64) as u64, key.number, round];
    let seed = seed.iter().fold(u64::from(key.kind) << 32 | u64::from(key.part), |sum, part| {
        (sum ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    let mut state = seed | 1;
    let length = 8 + (seed >> 20) as usize % 175 * 8;
    let words = (0..length / 8).flat_map(|_| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        state.to_be_bytes()
    });
    words.collect()
}

pub fn all_of(contents: &Contents, kind: u8) -> Pairs {
    let all = contents.iter().filter(|(key, _)| key.kind == kind);
    all.map(|(key, value)| (*key, value.clone())).collect()
}

/// Writes a round's contents and completes it.
pub fn checkpoint(store: &SnapshotStore, site: SiteId, slot: Slot, round: u64) {
    store.begin(site, slot).expect("begins");
    let entries: Vec<_> = contents(site, round).into_iter().collect();
    entries.chunks(128).for_each(|batch| store.put(site, slot, batch).expect("puts"));
    store.complete(site, slot, mark_of(round), 10_000).expect("completes");
}

pub fn scan_all(
    store: &SnapshotStore,
    site: SiteId,
    slot: Slot,
    kind: u8,
) -> Result<(Pairs, Scanned), Damaged> {
    let mut pairs = Vec::new();
    let scanned = store.scan(site, slot, kind, &mut |key, value| {
        pairs.push((key, value));
        ControlFlow::Continue(())
    })?;
    Ok((pairs, scanned))
}

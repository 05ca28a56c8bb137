//! Sums that prove a scan complete, and the memory of what was written since `begin`.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::key::Key;
use crate::domain::limits;

/// Number and order-free sum of the entries of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KindTally {
    pub entries: u64,
    pub sum: u64,
}

impl KindTally {
    pub fn add(&mut self, fingerprint: u64) {
        self.entries = self.entries.wrapping_add(1);
        self.sum = self.sum.wrapping_add(fingerprint);
    }

    /// Wraps instead of failing: a sum that is off by damage is found by the next scan.
    pub fn subtract(&mut self, fingerprint: u64) {
        self.entries = self.entries.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(fingerprint);
    }
}

/// The tallies of a site's kinds in one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub kinds: BTreeMap<u8, KindTally>,
}

impl Tally {
    pub fn of(&self, kind: u8) -> KindTally {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    pub fn kind(&mut self, kind: u8) -> &mut KindTally {
        self.kinds.entry(kind).or_default()
    }

    pub fn entries_total(&self) -> u64 {
        self.kinds.values().fold(0, |sum, kind| sum.wrapping_add(kind.entries))
    }
}

/// What was written or removed since `begin`, to be read back. Bounded: above the limit only keys
/// with small hashes stay, so the choice depends on the keys alone.
#[derive(Debug)]
pub(super) struct Written {
    /// The newest fingerprint of a key, `None` when it was removed.
    entries: HashMap<Key, Option<u64>, foldhash::fast::FixedState>,
    hash_max: u64,
    /// Changes seen, repeated ones too.
    pub changes: u64,
}

impl Default for Written {
    fn default() -> Self {
        let entries = HashMap::with_hasher(foldhash::fast::FixedState::default());
        Written { entries, hash_max: u64::MAX, changes: 0 }
    }
}

impl Written {
    pub fn note(&mut self, key: Key, fingerprint: Option<u64>) {
        self.changes += 1;
        if hash(key) > self.hash_max {
            return;
        }
        self.entries.insert(key, fingerprint);
        while self.entries.len() > limits::SNAPSHOT_READ_BACK_MAX {
            self.hash_max /= 2;
            let hash_max = self.hash_max;
            self.entries.retain(|key, _| hash(*key) <= hash_max);
        }
    }

    /// At most `sample` of the remembered entries, those of the smallest hashes, in key order.
    pub fn sample(&self, sample: usize) -> Vec<(Key, Option<u64>)> {
        let mut chosen: Vec<_> = self.entries.iter().map(|(key, print)| (*key, *print)).collect();
        if chosen.len() > sample {
            chosen.sort_unstable_by_key(|(key, _)| hash(*key));
            chosen.truncate(sample);
        }
        chosen.sort_unstable();
        chosen
    }
}

fn hash(key: Key) -> u64 {
    let mut bytes = [0; 13];
    bytes[0] = key.kind;
    bytes[1..9].copy_from_slice(&key.number.to_be_bytes());
    bytes[9..].copy_from_slice(&key.part.to_be_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_entries_are_all_remembered_with_their_newest_value() {
        let mut written = Written::default();
        written.note(Key::new(1, 2, 0), Some(5));
        written.note(Key::new(1, 1, 0), Some(6));
        written.note(Key::new(1, 2, 0), None);
        let all = vec![(Key::new(1, 1, 0), Some(6)), (Key::new(1, 2, 0), None)];
        assert_eq!(written.sample(10), all);
        assert_eq!(written.sample(1).len(), 1);
    }

    #[test]
    fn many_entries_leave_a_bounded_sample_that_depends_on_the_keys_alone() {
        let numbers = 0..(3 * limits::SNAPSHOT_READ_BACK_MAX as u64);
        let mut forward = Written::default();
        numbers.clone().for_each(|n| forward.note(Key::new(1, n, 0), Some(n)));
        let mut backward = Written::default();
        numbers.rev().for_each(|n| backward.note(Key::new(1, n, 0), Some(n)));
        let sample = forward.sample(usize::MAX);
        assert!(sample.len() <= limits::SNAPSHOT_READ_BACK_MAX, "{}", sample.len());
        assert!(sample.len() > limits::SNAPSHOT_READ_BACK_MAX / 4, "{}", sample.len());
        assert_eq!(sample, backward.sample(usize::MAX));
    }
}

//! One cache line per member: its id and its first counters. What does not fit goes into a map.

use std::collections::HashMap;

use crate::domain::MemberId;
use crate::domain::limits::COUNTERS_PER_MEMBER_MAX;

use super::chunked::Chunked;

/// Counters kept in the line itself.
const INLINE: usize = 4;
const EMPTY: u16 = u16::MAX;
const PRIVATE: u16 = 0x8000;

/// A counter key's number inside its site, below [`PRIVATE`].
pub type KeyNumber = u16;

/// 64 bytes: the id confirms a look-up, and the counters that follow are already in the cache.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Line {
    id: MemberId,
    counts: [i64; INLINE],
    /// Key number with the private flag on top; [`EMPTY`] where unused.
    keys: [u16; INLINE],
    has_more: bool,
}

/// One counter as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    pub key: KeyNumber,
    pub public: bool,
    pub count: i64,
}

#[derive(Debug, Default)]
pub struct Counters {
    lines: Chunked<Line>,
    more: HashMap<u32, Vec<(u16, i64)>, foldhash::fast::RandomState>,
}

/// What adding a delta did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    Changed {
        old: i64,
        new: i64,
    },
    /// The sum does not fit 64 bits: nothing was changed.
    Overflow,
    /// The member holds as many counters as it may: nothing was changed.
    TooMany,
}

impl Counters {
    pub fn push(&mut self, id: MemberId) {
        let line = Line { id, counts: [0; INLINE], keys: [EMPTY; INLINE], has_more: false };
        self.lines.push(line);
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    #[inline]
    pub fn id(&self, member: u32) -> MemberId {
        self.lines[member].id
    }

    /// The value of a counter; `None` where the member has none under that key.
    pub fn get(&self, member: u32, key: KeyNumber) -> Option<Counter> {
        self.of(member).into_iter().find(|counter| counter.key == key)
    }

    pub fn count(&self, member: u32, key: KeyNumber) -> i64 {
        let line = &self.lines[member];
        for slot in 0..INLINE {
            if line.keys[slot] & !PRIVATE == key && line.keys[slot] != EMPTY {
                return line.counts[slot];
            }
        }
        if !line.has_more {
            return 0;
        }
        let more = self.more.get(&member).into_iter().flatten();
        more.filter(|(other, _)| other & !PRIVATE == key).map(|(_, count)| *count).sum()
    }

    /// Adds `delta`, making a public counter where there is none.
    #[inline]
    pub fn add(&mut self, member: u32, key: KeyNumber, delta: i64) -> Added {
        let line = &mut self.lines[member];
        for slot in 0..INLINE {
            if line.keys[slot] & !PRIVATE == key && line.keys[slot] != EMPTY {
                let old = line.counts[slot];
                let Some(new) = old.checked_add(delta) else { return Added::Overflow };
                line.counts[slot] = new;
                return Added::Changed { old, new };
            }
        }
        self.add_elsewhere(member, key, delta)
    }

    #[cold]
    fn add_elsewhere(&mut self, member: u32, key: KeyNumber, delta: i64) -> Added {
        if let Some(count) = self.find_more(member, key) {
            let old = *count;
            let Some(new) = old.checked_add(delta) else { return Added::Overflow };
            *count = new;
            return Added::Changed { old, new };
        }
        if !self.set(member, Counter { key, public: true, count: delta }) {
            return Added::TooMany;
        }
        Added::Changed { old: 0, new: delta }
    }

    fn find_more(&mut self, member: u32, key: KeyNumber) -> Option<&mut i64> {
        if !self.lines[member].has_more {
            return None;
        }
        let more = self.more.get_mut(&member)?;
        more.iter_mut().find(|(other, _)| other & !PRIVATE == key).map(|(_, count)| count)
    }

    /// True when [`Counters::set`] of this key would find room.
    pub fn has_room(&self, member: u32, key: KeyNumber) -> bool {
        let line = &self.lines[member];
        if line.keys.iter().any(|other| *other == EMPTY || other & !PRIVATE == key) {
            return true;
        }
        let more = self.more.get(&member).map_or(&[][..], |more| more.as_slice());
        more.len() + INLINE < COUNTERS_PER_MEMBER_MAX
            || more.iter().any(|(other, _)| other & !PRIVATE == key)
    }

    /// Creates or overwrites. False, and nothing changed, where the member may hold no more.
    pub fn set(&mut self, member: u32, counter: Counter) -> bool {
        if !self.has_room(member, counter.key) {
            return false;
        }
        let stored = counter.key | if counter.public { 0 } else { PRIVATE };
        let line = &mut self.lines[member];
        let same = |other: &u16| *other != EMPTY && other & !PRIVATE == counter.key;
        if let Some(slot) = line.keys.iter().position(same) {
            (line.keys[slot], line.counts[slot]) = (stored, counter.count);
            return true;
        }
        let more = self.more.get_mut(&member).map_or(&mut [][..], |more| more.as_mut_slice());
        if let Some(entry) = more.iter_mut().find(|(other, _)| other & !PRIVATE == counter.key) {
            *entry = (stored, counter.count);
        } else if let Some(slot) = line.keys.iter().position(|other| *other == EMPTY) {
            (line.keys[slot], line.counts[slot]) = (stored, counter.count);
        } else {
            line.has_more = true;
            self.more.entry(member).or_default().push((stored, counter.count));
        }
        true
    }

    /// All counters of a member, in no promised order.
    pub fn of(&self, member: u32) -> Vec<Counter> {
        let line = &self.lines[member];
        let inline = line.keys.iter().copied().zip(line.counts);
        let inline = inline.filter(|(key, _)| *key != EMPTY);
        let more = self.more.get(&member).into_iter().flatten().copied();
        let all = inline.chain(more);
        all.map(|(key, count)| Counter { key: key & !PRIVATE, public: key & PRIVATE == 0, count })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_cache_line() {
        assert_eq!(std::mem::size_of::<Line>(), 64);
    }

    #[test]
    fn counters_beyond_the_line_are_kept_and_counted() {
        let mut counters = Counters::default();
        counters.push(MemberId::from_u128(1));
        for round in 0..3 {
            for key in 0..10 {
                let added = counters.add(0, key, i64::from(key) + 1);
                let old = round * (i64::from(key) + 1);
                assert_eq!(added, Added::Changed { old, new: old + i64::from(key) + 1 });
            }
        }
        assert!(counters.set(0, Counter { key: 7, public: false, count: -5 }));
        assert_eq!(counters.get(0, 7), Some(Counter { key: 7, public: false, count: -5 }));
        assert_eq!(counters.add(0, 7, 1), Added::Changed { old: -5, new: -4 });
        assert_eq!(counters.count(0, 9), 30);
        assert_eq!(counters.of(0).len(), 10);
    }

    #[test]
    fn a_sum_that_does_not_fit_changes_nothing() {
        let mut counters = Counters::default();
        counters.push(MemberId::from_u128(1));
        counters.add(0, 1, i64::MAX);
        assert_eq!(counters.add(0, 1, 1), Added::Overflow);
        assert_eq!(counters.count(0, 1), i64::MAX);
    }
}

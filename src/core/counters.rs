//! One cache line per member: its id and its first counters. What does not fit goes into further
//! lines, chained.

use crate::domain::MemberId;
use crate::domain::limits::COUNTERS_PER_MEMBER_MAX;

use super::chunked::Chunked;

/// Counters kept in the line itself.
const INLINE: usize = 4;
/// Counters of an extra line.
const EXTRA: usize = 6;
const NONE: u32 = u32::MAX;
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
    /// Position of the first extra line, or [`NONE`].
    more: u32,
}

/// One counter as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    pub key: KeyNumber,
    pub public: bool,
    pub count: i64,
}

/// Counters beyond those of the line, again 64 bytes; lines of one member are chained.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Extra {
    counts: [i64; EXTRA],
    keys: [u16; EXTRA],
    next: u32,
}

#[derive(Debug, Default)]
pub struct Counters {
    lines: Chunked<Line>,
    extras: Chunked<Extra>,
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
        let line = Line { id, counts: [0; INLINE], keys: [EMPTY; INLINE], more: NONE };
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
        if let Some(slot) = position_of(&line.keys, key) {
            return line.counts[slot];
        }
        self.find_extra(member, key).map_or(0, |(extra, slot)| self.extras[extra].counts[slot])
    }

    /// Where a counter beyond the line lies.
    #[inline]
    fn find_extra(&self, member: u32, key: KeyNumber) -> Option<(u32, usize)> {
        let mut extra = self.lines[member].more;
        while extra != NONE {
            let line = &self.extras[extra];
            if let Some(slot) = position_of(&line.keys, key) {
                return Some((extra, slot));
            }
            extra = line.next;
        }
        None
    }

    /// Adds `delta`, making a public counter where there is none.
    #[inline]
    pub fn add(&mut self, member: u32, key: KeyNumber, delta: i64) -> Added {
        let line = &mut self.lines[member];
        let count = match position_of(&line.keys, key) {
            Some(slot) => &mut line.counts[slot],
            None => match self.find_extra(member, key) {
                Some((extra, slot)) => &mut self.extras[extra].counts[slot],
                None => return self.add_new(member, key, delta),
            },
        };
        let old = *count;
        let Some(new) = old.checked_add(delta) else { return Added::Overflow };
        *count = new;
        Added::Changed { old, new }
    }

    #[cold]
    fn add_new(&mut self, member: u32, key: KeyNumber, delta: i64) -> Added {
        match self.set(member, Counter { key, public: true, count: delta }) {
            true => Added::Changed { old: 0, new: delta },
            false => Added::TooMany,
        }
    }

    /// True when [`Counters::set`] of this key would find room.
    pub fn has_room(&self, member: u32, key: KeyNumber) -> bool {
        let line = &self.lines[member];
        position_of(&line.keys, key).is_some()
            || line.keys.contains(&EMPTY)
            || self.find_extra(member, key).is_some()
            || self.of(member).len() < COUNTERS_PER_MEMBER_MAX
    }

    /// Creates or overwrites. False, and nothing changed, where the member may hold no more.
    pub fn set(&mut self, member: u32, counter: Counter) -> bool {
        if !self.has_room(member, counter.key) {
            return false;
        }
        let stored = counter.key | if counter.public { 0 } else { PRIVATE };
        let found = self.find_extra(member, counter.key);
        let line = &mut self.lines[member];
        if let Some(slot) = position_of(&line.keys, counter.key) {
            (line.keys[slot], line.counts[slot]) = (stored, counter.count);
        } else if let Some((extra, slot)) = found {
            let line = &mut self.extras[extra];
            (line.keys[slot], line.counts[slot]) = (stored, counter.count);
        } else if let Some(slot) = line.keys.iter().position(|other| *other == EMPTY) {
            (line.keys[slot], line.counts[slot]) = (stored, counter.count);
        } else {
            self.push_extra(member, stored, counter.count);
        }
        true
    }

    /// Puts a new counter into the member's first extra line, or into a new one before it.
    fn push_extra(&mut self, member: u32, stored: u16, count: i64) {
        let first = self.lines[member].more;
        if first != NONE {
            let line = &mut self.extras[first];
            if let Some(slot) = line.keys.iter().position(|other| *other == EMPTY) {
                (line.keys[slot], line.counts[slot]) = (stored, count);
                return;
            }
        }
        let mut line = Extra { counts: [0; EXTRA], keys: [EMPTY; EXTRA], next: first };
        (line.keys[0], line.counts[0]) = (stored, count);
        self.lines[member].more = self.extras.len() as u32;
        self.extras.push(line);
    }

    /// Takes all counters of a member away; the lines that held them stay its own.
    pub fn clear(&mut self, member: u32) {
        let line = &mut self.lines[member];
        (line.counts, line.keys) = ([0; INLINE], [EMPTY; INLINE]);
        let mut extra = line.more;
        while extra != NONE {
            let line = &mut self.extras[extra];
            (line.counts, line.keys) = ([0; EXTRA], [EMPTY; EXTRA]);
            extra = line.next;
        }
    }

    /// All counters of a member, in no promised order.
    pub fn of(&self, member: u32) -> Vec<Counter> {
        let line = &self.lines[member];
        let mut all: Vec<Counter> = used(&line.keys, &line.counts).collect();
        let mut extra = line.more;
        while extra != NONE {
            let line = &self.extras[extra];
            all.extend(used(&line.keys, &line.counts));
            extra = line.next;
        }
        all
    }
}

#[inline]
fn position_of(keys: &[u16], key: KeyNumber) -> Option<usize> {
    keys.iter().position(|other| *other != EMPTY && other & !PRIVATE == key)
}

fn used(keys: &[u16], counts: &[i64]) -> impl Iterator<Item = Counter> {
    let used = keys.iter().copied().zip(counts.iter().copied());
    used.filter(|(key, _)| *key != EMPTY).map(|(key, count)| Counter {
        key: key & !PRIVATE,
        public: key & PRIVATE == 0,
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_cache_line() {
        assert_eq!(std::mem::size_of::<Line>(), 64);
        assert_eq!(std::mem::size_of::<Extra>(), 64);
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
    fn a_member_without_counters_is_as_good_as_new() {
        let mut counters = Counters::default();
        counters.push(MemberId::from_u128(1));
        for key in 0..20 {
            assert_eq!(counters.add(0, key, 7), Added::Changed { old: 0, new: 7 });
        }
        counters.clear(0);
        assert_eq!((counters.of(0), counters.count(0, 3)), (Vec::new(), 0));
        for key in 0..20 {
            assert_eq!(counters.add(0, key, 1), Added::Changed { old: 0, new: 1 });
        }
        assert_eq!((counters.of(0).len(), counters.count(0, 19)), (20, 1));
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

//! From a hash to a place in an order of arrival of which only the newest part counts. One cache
//! line is read to tell that something is new. The index holds no keys: the caller confirms a
//! candidate against what stands at its place. What has become too old is never looked for: it is
//! overwritten when its bucket needs the room.

/// Places are kept modulo this, so that what counts must be fewer.
pub const PLACES: u32 = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 21;
const BUCKET_SLOTS: usize = 16;
const SHARDS: usize = 64;
const SHARD_SHIFT: u32 = 58;
/// Places a bucket, on average, beyond which its shard grows.
const BUCKET_PLACES_MEAN: usize = 9;

/// Slots of 11 bits of the hash, never 0, above a place; 0 where nothing was ever put.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Bucket([u32; BUCKET_SLOTS]);

/// Buckets in shards, so that growing is spread over many turns.
#[derive(Debug)]
pub struct PlaceIndex {
    shards: Vec<Vec<Bucket>>,
}

impl Default for PlaceIndex {
    fn default() -> Self {
        PlaceIndex { shards: vec![Vec::new(); SHARDS] }
    }
}

impl PlaceIndex {
    /// True where a place under `hash` is confirmed. A place may be one that counts no more.
    #[inline]
    pub fn any(&self, hash: u64, confirms: impl Fn(u32) -> bool) -> bool {
        let shard = &self.shards[shard_of(hash)];
        if shard.is_empty() {
            return false;
        }
        let (Bucket(slots), tag) = (&shard[bucket_of(hash, shard)], tag_of(hash));
        slots.iter().any(|slot| slot >> PLACE_BITS == tag && confirms(slot & (PLACES - 1)))
    }

    /// Reads the bucket of `hash`, so that it is near when it is asked: reads that do not wait for
    /// each other cost little more than one.
    #[inline]
    pub fn warm(&self, hash: u64) -> u32 {
        let shard = &self.shards[shard_of(hash)];
        if shard.is_empty() { 0 } else { shard[bucket_of(hash, shard)].0[0] }
    }

    /// Puts `place` under `hash`. False where its bucket is full of places that `counts`.
    #[inline]
    #[must_use]
    pub fn put(&mut self, hash: u64, place: u32, counts: impl Fn(u32) -> bool) -> bool {
        let shard = &mut self.shards[shard_of(hash)];
        let bucket = bucket_of(hash, shard);
        let is_free = |slot: &u32| *slot == 0 || !counts(slot & (PLACES - 1));
        match shard[bucket].0.iter_mut().find(|slot| is_free(slot)) {
            Some(slot) => *slot = tag_of(hash) << PLACE_BITS | place & (PLACES - 1),
            None => return false,
        }
        true
    }

    /// True where the shard of `hash` is too small for its part of `len` places.
    #[inline]
    pub fn must_grow(&self, hash: u64, len: usize) -> bool {
        self.shards[shard_of(hash)].len() * SHARDS * BUCKET_PLACES_MEAN <= len
    }

    /// Doubles the shard of `hash`. `hash_at` tells the hash of what stands at a place, if it still
    /// counts. Gives back the places that found no room.
    pub fn grow(&mut self, hash: u64, hash_at: impl Fn(u32) -> Option<u64>) -> Vec<u32> {
        let number = shard_of(hash);
        let buckets = (self.shards[number].len() * 2).max(1);
        let old = std::mem::replace(&mut self.shards[number], vec![Bucket::default(); buckets]);
        let mut left = Vec::new();
        for slot in old.iter().flat_map(|bucket| bucket.0).filter(|slot| *slot != 0) {
            let place = slot & (PLACES - 1);
            let Some(hash) = hash_at(place) else { continue };
            // Something newer may stand at the place of what was put here.
            let is_same = shard_of(hash) == number && tag_of(hash) == slot >> PLACE_BITS;
            if is_same && !self.put(hash, place, |_| true) {
                left.push(place);
            }
        }
        left
    }
}

#[inline]
fn shard_of(hash: u64) -> usize {
    (hash >> SHARD_SHIFT) as usize
}

/// A shard has a power of two of buckets.
#[inline]
fn bucket_of(hash: u64, shard: &[Bucket]) -> usize {
    (hash >> 20) as usize & (shard.len() - 1)
}

#[inline]
fn tag_of(hash: u64) -> u32 {
    (hash as u32 & (u32::MAX >> PLACE_BITS)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_one_cache_line() {
        assert_eq!(std::mem::size_of::<Bucket>(), 64);
    }

    #[test]
    fn a_bucket_full_of_what_counts_takes_no_more_and_forgets_what_does_not() {
        let mut index = PlaceIndex::default();
        let hash = 0x1234_5678_9abc_def0;
        assert!(index.must_grow(hash, 0));
        assert!(index.grow(hash, |_| None).is_empty());
        for place in 0..BUCKET_SLOTS as u32 {
            assert!(index.put(hash, place, |_| true));
        }
        assert!(!index.put(hash, 16, |_| true));
        assert!(index.put(hash, 17, |place| place != 3));
        assert!(index.any(hash, |place| place == 17));
        assert!(!index.any(hash, |place| place == 3));
        assert!(!index.any(hash ^ 1, |_| true), "another tag");
    }

    #[test]
    fn growing_keeps_what_counts_and_gives_back_what_has_no_room() {
        let mut index = PlaceIndex::default();
        let hash = |place: u32| 7 << SHARD_SHIFT | u64::from(place) << 20 | 5;
        for place in 0..1_000 {
            if index.must_grow(hash(place), place as usize * SHARDS) {
                let left = index.grow(hash(place), |at| (at % 2 == 0).then(|| hash(at)));
                assert!(left.is_empty());
            }
            assert!(index.put(hash(place), place, |at| at % 2 == 0));
        }
        for place in (0..1_000).step_by(2) {
            assert!(index.any(hash(place), |found| found == place), "{place}");
        }
        // All of them fall into one bucket, however many there are.
        let mut crowded = PlaceIndex::default();
        assert!(crowded.grow(5, |_| None).is_empty());
        for place in 0..16 {
            assert!(crowded.put(5, place, |_| true));
        }
        assert!(crowded.grow(5, |_| Some(5)).is_empty());
        assert!(!crowded.put(5, 16, |_| true));
    }
}

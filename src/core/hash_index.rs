//! From a hash to an ordinal, eight bytes a slot. The index holds no keys: the caller confirms a
//! candidate against the row it points to, which it is about to read anyway.

const SHARDS: usize = 64;
const SHARD_SHIFT: u32 = 58;
const SLOTS_AT_FIRST: usize = 16;

/// Open addressing in shards, so that growing one is a matter of microseconds.
#[derive(Debug)]
pub struct HashIndex {
    shards: Vec<Shard>,
    len: usize,
}

#[derive(Debug, Default)]
struct Shard {
    /// High half: low 32 bits of the hash. Low half: ordinal + 1, or 0 for an empty slot.
    slots: Vec<u64>,
    used: usize,
}

/// A removed slot: no ordinal reaches this value.
const TOMBSTONE: u64 = u32::MAX as u64;

impl Default for HashIndex {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        HashIndex { shards, len: 0 }
    }
}

/// Spreads 128 bits that may be anything (a random UUID, a hash) over 64.
#[inline]
pub fn spread(value: u128) -> u64 {
    let folded = (value as u64) ^ ((value >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (folded ^ (folded >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

impl HashIndex {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ordinal under `hash` that `confirms`.
    #[inline]
    pub fn find(&self, hash: u64, confirms: impl Fn(u32) -> bool) -> Option<u32> {
        let shard = &self.shards[(hash >> SHARD_SHIFT) as usize];
        if shard.slots.is_empty() {
            return None;
        }
        let mask = shard.slots.len() - 1;
        let tag = hash as u32;
        let mut position = tag as usize & mask;
        loop {
            let slot = shard.slots[position];
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == tag && slot as u32 as u64 != TOMBSTONE {
                let ordinal = slot as u32 - 1;
                if confirms(ordinal) {
                    return Some(ordinal);
                }
            }
            position = (position + 1) & mask;
        }
    }

    /// Reads where looking for `hash` begins, so that it is near when it is looked for: reads that
    /// do not wait for each other cost little more than one.
    #[inline]
    pub fn warm(&self, hash: u64) -> u64 {
        let slots = &self.shards[(hash >> SHARD_SHIFT) as usize].slots;
        if slots.is_empty() { 0 } else { slots[hash as u32 as usize & (slots.len() - 1)] }
    }

    /// The first ordinal that may be the one under `hash`; nearly always it is.
    #[inline]
    pub fn candidate(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds `ordinal`; the caller knows that its key is not in yet.
    pub fn insert(&mut self, hash: u64, ordinal: u32) {
        assert!(ordinal < u32::MAX - 1, "ordinal {ordinal} is out of range");
        let shard = &mut self.shards[(hash >> SHARD_SHIFT) as usize];
        if shard.used * 2 >= shard.slots.len() {
            shard.grow();
        }
        shard.place(u64::from(hash as u32) << 32 | u64::from(ordinal + 1));
        self.len += 1;
    }

    /// Takes `ordinal` out; it must be in under `hash`.
    pub fn remove(&mut self, hash: u64, ordinal: u32) {
        let shard = &mut self.shards[(hash >> SHARD_SHIFT) as usize];
        let wanted = u64::from(hash as u32) << 32 | u64::from(ordinal + 1);
        let found =
            shard.slots.iter().enumerate().cycle().skip(hash as u32 as usize & shard.mask());
        let position = found.take(shard.slots.len()).find(|(_, slot)| **slot == wanted);
        let position = position.map(|(position, _)| position);
        let position = position.expect("a key that is removed is in the index");
        shard.slots[position] = wanted & !0xffff_ffff | TOMBSTONE;
        self.len -= 1;
    }
}

impl Shard {
    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    fn place(&mut self, slot: u64) {
        let mask = self.mask();
        let mut position = (slot >> 32) as usize & mask;
        while self.slots[position] != 0 {
            position = (position + 1) & mask;
        }
        self.slots[position] = slot;
        self.used += 1;
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(SLOTS_AT_FIRST);
        let old = std::mem::replace(&mut self.slots, vec![0; slots]);
        self.used = 0;
        for slot in old {
            if slot != 0 && slot as u32 as u64 != TOMBSTONE {
                self.place(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_not_what_was_removed() {
        let mut index = HashIndex::default();
        let keys: Vec<u128> = (0..50_000u128).map(|n| n.wrapping_mul(0x9e37_79b9) << 40).collect();
        for (ordinal, key) in keys.iter().enumerate() {
            index.insert(spread(*key), ordinal as u32);
        }
        for ordinal in (0..50_000u32).step_by(3) {
            index.remove(spread(keys[ordinal as usize]), ordinal);
        }
        for (ordinal, key) in keys.iter().enumerate() {
            let found = index.find(spread(*key), |candidate| keys[candidate as usize] == *key);
            let expected = (ordinal % 3 != 0).then_some(ordinal as u32);
            assert_eq!(found, expected);
        }
        assert_eq!(index.len(), 50_000 - 16_667);
    }
}

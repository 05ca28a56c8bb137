//! Sets of ordinals: thin ones a sorted array, thick ones a compressed bitmap.

use roaring::RoaringBitmap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Up to here an array is smaller and faster than a bitmap.
const THIN_MAX: usize = 512;

#[derive(Clone, Debug, PartialEq)]
pub enum OrdinalSet {
    Thin(Vec<u32>),
    Thick(Box<RoaringBitmap>),
}

impl Default for OrdinalSet {
    fn default() -> Self {
        OrdinalSet::Thin(Vec::new())
    }
}

impl OrdinalSet {
    pub fn len(&self) -> usize {
        match self {
            OrdinalSet::Thin(ordinals) => ordinals.len(),
            OrdinalSet::Thick(bitmap) => bitmap.len() as usize,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains(&self, ordinal: u32) -> bool {
        match self {
            OrdinalSet::Thin(ordinals) => ordinals.binary_search(&ordinal).is_ok(),
            OrdinalSet::Thick(bitmap) => bitmap.contains(ordinal),
        }
    }

    /// True when it was not in before.
    pub fn insert(&mut self, ordinal: u32) -> bool {
        match self {
            OrdinalSet::Thin(ordinals) => match ordinals.binary_search(&ordinal) {
                Ok(_) => false,
                Err(position) => {
                    ordinals.insert(position, ordinal);
                    self.thicken();
                    true
                }
            },
            OrdinalSet::Thick(bitmap) => bitmap.insert(ordinal),
        }
    }

    /// True when it was in.
    pub fn remove(&mut self, ordinal: u32) -> bool {
        match self {
            OrdinalSet::Thin(ordinals) => match ordinals.binary_search(&ordinal) {
                Ok(position) => {
                    ordinals.remove(position);
                    true
                }
                Err(_) => false,
            },
            OrdinalSet::Thick(bitmap) => bitmap.remove(ordinal),
        }
    }

    /// Makes `ordinal` a member of the set, or not.
    pub fn put(&mut self, ordinal: u32, presence: Presence) {
        match presence {
            Presence::In => self.insert(ordinal),
            Presence::Out => self.remove(ordinal),
        };
    }

    fn thicken(&mut self) {
        if let OrdinalSet::Thin(ordinals) = self
            && ordinals.len() > THIN_MAX
        {
            let bitmap = RoaringBitmap::from_sorted_iter(ordinals.iter().copied());
            *self = OrdinalSet::Thick(Box::new(bitmap.expect("a thin set is sorted")));
        }
    }

    pub fn iter(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match self {
            OrdinalSet::Thin(ordinals) => Box::new(ordinals.iter().copied()),
            OrdinalSet::Thick(bitmap) => Box::new(bitmap.iter()),
        }
    }

    /// Members above `after`, ascending; all of them for `None`.
    pub fn iter_after(&self, after: Option<u32>) -> Box<dyn Iterator<Item = u32> + '_> {
        let Some(after) = after else { return self.iter() };
        match self {
            OrdinalSet::Thin(ordinals) => {
                let start = ordinals.partition_point(|ordinal| *ordinal <= after);
                Box::new(ordinals[start..].iter().copied())
            }
            OrdinalSet::Thick(bitmap) => match after.checked_add(1) {
                Some(from) => Box::new(bitmap.range(from..)),
                None => Box::new(std::iter::empty()),
            },
        }
    }

    /// How many are in both.
    pub fn common_len(&self, other: &OrdinalSet) -> usize {
        match (self, other) {
            (OrdinalSet::Thick(one), OrdinalSet::Thick(other)) => {
                one.intersection_len(other) as usize
            }
            (OrdinalSet::Thin(few), all) | (all, OrdinalSet::Thin(few)) => {
                few.iter().filter(|ordinal| all.contains(**ordinal)).count()
            }
        }
    }

    pub fn shrink(&mut self) {
        if let OrdinalSet::Thin(ordinals) = self {
            ordinals.shrink_to_fit();
        }
    }
}

/// Whether an ordinal is to be in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    In,
    Out,
}

impl FromIterator<u32> for OrdinalSet {
    fn from_iter<I: IntoIterator<Item = u32>>(ordinals: I) -> Self {
        let mut set = OrdinalSet::default();
        for ordinal in ordinals {
            set.insert(ordinal);
        }
        set
    }
}

// Stored as the gaps between ascending ordinals, or as the bitmap's own portable format.
#[derive(Serialize, Deserialize)]
enum Stored {
    Gaps(Vec<u32>),
    Bitmap(Vec<u8>),
}

impl Serialize for OrdinalSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            OrdinalSet::Thin(ordinals) => {
                let mut last = 0;
                let gaps = ordinals.iter().map(|ordinal| {
                    let gap = ordinal - last;
                    last = *ordinal;
                    gap
                });
                Stored::Gaps(gaps.collect()).serialize(serializer)
            }
            OrdinalSet::Thick(bitmap) => {
                let mut bytes = Vec::with_capacity(bitmap.serialized_size());
                bitmap.serialize_into(&mut bytes).map_err(serde::ser::Error::custom)?;
                Stored::Bitmap(bytes).serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for OrdinalSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Stored::deserialize(deserializer)? {
            Stored::Gaps(gaps) => {
                let mut last = 0u32;
                let mut ordinals = Vec::with_capacity(gaps.len());
                for (position, gap) in gaps.into_iter().enumerate() {
                    let ascends = position == 0 || gap > 0;
                    last = last.checked_add(gap).filter(|_| ascends).ok_or_else(|| {
                        serde::de::Error::custom("ordinals of a stored set do not ascend")
                    })?;
                    ordinals.push(last);
                }
                Ok(OrdinalSet::Thin(ordinals))
            }
            Stored::Bitmap(bytes) => RoaringBitmap::deserialize_from(bytes.as_slice())
                .map(|bitmap| OrdinalSet::Thick(Box::new(bitmap)))
                .map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thick_set_holds_what_the_thin_one_held() {
        let ordinals: Vec<u32> = (0..2_000).map(|n| n * 7 % 2_003).collect();
        let mut set = OrdinalSet::default();
        for ordinal in &ordinals {
            assert!(set.insert(*ordinal));
            assert!(!set.insert(*ordinal));
        }
        let mut sorted = ordinals.clone();
        sorted.sort_unstable();
        assert_eq!(set.len(), 2_000);
        assert!(set.iter().eq(sorted.iter().copied()));
        assert!(set.iter_after(Some(700)).eq(sorted.into_iter().filter(|o| *o > 700)));
        assert!(set.remove(14) && !set.remove(14) && !set.contains(14));
    }
}

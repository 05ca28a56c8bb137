//! The completion mark: what makes a slot trusted for a site. A fixed layout with its own crc.

use super::Slot;
use super::tally::{KindTally, Tally};
use crate::domain::SiteId;

const VERSION: u8 = 1;

/// What a checkpoint's owner says about it. The store keeps it as it is, and compares nothing in
/// it but that it is whole; `begin_commit` tells which of two slots is the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub generation: u64,
    /// Replay starts after it.
    pub begin_commit: u64,
    /// No entry holds anything newer.
    pub end_commit: u64,
    pub entries: u64,
    pub checksum: u64,
    pub taken_at_ms: i64,
    /// Of the payloads, for their owner.
    pub format: u8,
}

/// A mark together with the store's own proof of completeness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SealedMark {
    pub mark: Mark,
    pub tally: Tally,
}

impl SealedMark {
    /// Numbers big-endian: version, format, six numbers, kinds, crc. The crc covers site and slot
    /// too, so that a mark counts only where it was made for.
    pub fn encode(&self, site: SiteId, slot: Slot) -> Vec<u8> {
        let mark = &self.mark;
        let mut bytes = vec![VERSION, mark.format];
        let numbers =
            [mark.generation, mark.begin_commit, mark.end_commit, mark.entries, mark.checksum];
        for number in numbers {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&mark.taken_at_ms.to_be_bytes());
        bytes.push(self.tally.kinds.len() as u8);
        for (kind, tally) in &self.tally.kinds {
            bytes.push(*kind);
            bytes.extend_from_slice(&tally.entries.to_be_bytes());
            bytes.extend_from_slice(&tally.sum.to_be_bytes());
        }
        let crc = crc(&bytes, site, slot);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// `None` for anything but a whole mark of this site and slot.
    pub fn decode(bytes: &[u8], site: SiteId, slot: Slot) -> Option<SealedMark> {
        let (content, expected) = bytes.split_last_chunk::<4>()?;
        if crc(content, site, slot) != u32::from_be_bytes(*expected) {
            return None;
        }
        let mut fields = Fields { bytes: content };
        let version = fields.byte()?;
        if version != VERSION {
            return None;
        }
        let mark = Mark {
            format: fields.byte()?,
            generation: fields.number()?,
            begin_commit: fields.number()?,
            end_commit: fields.number()?,
            entries: fields.number()?,
            checksum: fields.number()?,
            taken_at_ms: fields.number()?.cast_signed(),
        };
        let mut tally = Tally::default();
        for _ in 0..fields.byte()? {
            let kind = fields.byte()?;
            *tally.kind(kind) = KindTally { entries: fields.number()?, sum: fields.number()? };
        }
        fields.bytes.is_empty().then_some(SealedMark { mark, tally })
    }
}

struct Fields<'a> {
    bytes: &'a [u8],
}

impl Fields<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        Some(u64::from_be_bytes(*first))
    }
}

fn crc(content: &[u8], site: SiteId, slot: Slot) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(site.as_bytes());
    hasher.update(slot.name().as_bytes());
    hasher.update(content);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId::from_u128(7);

    fn sealed() -> SealedMark {
        let mark = Mark {
            generation: 1,
            begin_commit: 2,
            end_commit: 3,
            entries: 4,
            checksum: u64::MAX,
            taken_at_ms: -6,
            format: 7,
        };
        let mut tally = Tally::default();
        tally.kind(0).add(11);
        tally.kind(254).add(12);
        SealedMark { mark, tally }
    }

    #[test]
    fn a_mark_comes_back_from_its_bytes_only_in_its_own_place() {
        let bytes = sealed().encode(SITE, Slot::A);
        assert_eq!(SealedMark::decode(&bytes, SITE, Slot::A), Some(sealed()));
        assert_eq!(SealedMark::decode(&bytes, SITE, Slot::B), None);
        assert_eq!(SealedMark::decode(&bytes, SiteId::from_u128(8), Slot::A), None);
    }

    #[test]
    fn a_mark_with_a_changed_or_missing_byte_is_none() {
        let bytes = sealed().encode(SITE, Slot::A);
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            assert_eq!(SealedMark::decode(&damaged, SITE, Slot::A), None);
            assert_eq!(SealedMark::decode(&bytes[..position], SITE, Slot::A), None);
        }
    }
}

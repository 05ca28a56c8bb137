//! Keys: which part of which thing of which site. The bytes sort as the fields do.

use crate::domain::SiteId;

const SITE_BYTES: usize = 16;

/// A part's place within its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// 0 to 254; 255 is the store's own.
    pub kind: u8,
    pub number: u64,
    pub part: u32,
}

impl Key {
    /// The kind of the store's own entries.
    pub(super) const KIND_RESERVED: u8 = u8::MAX;

    pub const fn new(kind: u8, number: u64, part: u32) -> Key {
        Key { kind, number, part }
    }

    /// Where the completion mark lies.
    pub(super) const fn of_mark() -> Key {
        Key { kind: Key::KIND_RESERVED, number: 0, part: 0 }
    }

    /// Site, kind, then number and part without leading zeros behind their lengths; a part 0 takes
    /// no byte. Typical keys fit the 22 bytes that the database keeps without an allocation.
    pub(super) fn encode(self, site: SiteId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SITE_BYTES + 15);
        bytes.extend_from_slice(site.as_bytes());
        bytes.push(self.kind);
        push_number(&mut bytes, self.number);
        if self.part > 0 {
            push_number(&mut bytes, u64::from(self.part));
        }
        bytes
    }

    /// `None` for bytes that no key encodes to.
    pub(super) fn decode(site: SiteId, bytes: &[u8]) -> Option<Key> {
        let rest = bytes.strip_prefix(site.as_bytes().as_slice())?;
        let (&kind, rest) = rest.split_first()?;
        let (number, rest) = take_number(rest)?;
        if rest.is_empty() {
            return Some(Key { kind, number, part: 0 });
        }
        let (part, rest) = take_number(rest)?;
        let part = u32::try_from(part).ok().filter(|part| *part > 0)?;
        rest.is_empty().then_some(Key { kind, number, part })
    }
}

/// What all keys of a site begin with.
pub(super) fn site_prefix(site: SiteId) -> Vec<u8> {
    site.as_bytes().to_vec()
}

/// What all keys of one kind of a site begin with.
pub(super) fn kind_prefix(site: SiteId, kind: u8) -> Vec<u8> {
    let mut bytes = site_prefix(site);
    bytes.push(kind);
    bytes
}

fn push_number(bytes: &mut Vec<u8>, number: u64) {
    let big_endian = number.to_be_bytes();
    let zeros = (number.leading_zeros() / 8) as usize;
    bytes.push((big_endian.len() - zeros) as u8);
    bytes.extend_from_slice(&big_endian[zeros..]);
}

fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let digits = rest.get(..usize::from(length))?;
    if digits.len() > 8 || digits.first() == Some(&0) {
        return None;
    }
    let number = digits.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit));
    Some((number, &rest[digits.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId::from_u128(7);

    fn keys() -> Vec<Key> {
        let numbers = [0, 1, 255, 256, 65_535, 65_536, u64::from(u32::MAX), u64::MAX];
        let parts = [0, 1, 255, 256, u32::MAX];
        let pairs = numbers.iter().flat_map(|n| parts.iter().map(move |p| (*n, *p)));
        let pairs: Vec<_> = pairs.collect();
        [0, 1, 255]
            .iter()
            .flat_map(|kind| pairs.iter().map(|(n, p)| Key::new(*kind, *n, *p)))
            .collect()
    }

    #[test]
    fn every_key_comes_back_from_its_bytes() {
        for key in keys() {
            assert_eq!(Key::decode(SITE, &key.encode(SITE)), Some(key));
            assert_eq!(Key::decode(SiteId::from_u128(8), &key.encode(SITE)), None);
        }
    }

    #[test]
    fn bytes_sort_as_the_fields_do() {
        let mut by_bytes = keys();
        by_bytes.sort_by_key(|key| key.encode(SITE));
        let mut by_fields = keys();
        by_fields.sort();
        assert_eq!(by_bytes, by_fields);
    }

    #[test]
    fn a_member_of_sixteen_million_needs_no_allocation() {
        assert_eq!(Key::new(3, 16_777_215, 0).encode(SITE).len(), 21);
    }

    #[test]
    fn bytes_with_leading_zeros_or_a_tail_are_no_key() {
        let mut bytes = Key::new(1, 5, 6).encode(SITE);
        bytes.push(0);
        assert_eq!(Key::decode(SITE, &bytes), None);
        let zeros = [SITE.as_bytes().as_slice(), &[1, 2, 0, 5]].concat();
        assert_eq!(Key::decode(SITE, &zeros), None);
    }
}

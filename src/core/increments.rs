//! The packed form of increments, as the log keeps them: grouped by counter key, members as
//! varint ordinals, about 3 bytes an increment in a site of a million members. Pure bytes in and
//! out; which key a number stands for, and what an increment does, is decided elsewhere.
//!
//! Layout, group after group until the bytes end (varints are LEB128, least significant first):
//!
//! ```text
//! group      key: varint u16 | count: varint, at least 1 | mode: 1 byte | body
//! mode 0     delta: zigzag varint | count × (ordinal: varint u32)      all deltas are equal
//! mode 1     count × (ordinal: varint u32 | delta: zigzag varint)      deltas differ
//! ```
//!
//! Stored for ever: a change of the layout is a new mode, never another meaning of these two.

use thiserror::Error;

use crate::domain::MemberOrdinal;

const MODE_EQUAL_DELTAS: u8 = 0;
const MODE_PAIRS: u8 = 1;

/// Bytes that are no packed increments. The offset is where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PackedError {
    #[error("packed increments end inside a group at byte {offset}")]
    Truncated { offset: usize },
    #[error("packed increments hold a number that is too large at byte {offset}")]
    NumberTooLarge { offset: usize },
    #[error("packed increments hold an empty group at byte {offset}")]
    EmptyGroup { offset: usize },
    #[error("packed increments use the unknown mode {mode} at byte {offset}")]
    UnknownMode { mode: u8, offset: usize },
}

/// Packs increments as they are applied. One packer serves turn after turn: its buffers stay.
#[derive(Clone, Debug, Default)]
pub struct Packer {
    packed: Vec<u8>,
    key: u16,
    count: u64,
    /// The first delta of the group; what all others are compared with.
    delta: i64,
    mode: Mode,
    /// The group's body as far as it is known; kept apart because the count stands before it.
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    EqualDeltas,
    Pairs,
}

impl Packer {
    pub fn new() -> Packer {
        Packer::default()
    }

    /// Increments pushed from here on are of counter key number `key`.
    pub fn begin_group(&mut self, key: u16) {
        self.end_group();
        self.key = key;
    }

    #[inline]
    pub fn push(&mut self, ordinal: MemberOrdinal, delta: i64) {
        if self.count == 0 {
            self.delta = delta;
        } else if self.mode == Mode::EqualDeltas && delta != self.delta {
            self.fall_back_to_pairs();
        }
        self.count += 1;
        put_varint(&mut self.body, u64::from(ordinal.0));
        if self.mode == Mode::Pairs {
            put_varint(&mut self.body, zigzag(delta));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty() && self.count == 0
    }

    /// All that was pushed since the last call; the packer is empty again.
    pub fn finish(&mut self) -> Vec<u8> {
        self.end_group();
        std::mem::take(&mut self.packed)
    }

    fn end_group(&mut self) {
        if self.count == 0 {
            return;
        }
        self.packed.reserve(self.body.len() + 24);
        put_varint(&mut self.packed, u64::from(self.key));
        put_varint(&mut self.packed, self.count);
        match self.mode {
            Mode::EqualDeltas => {
                self.packed.push(MODE_EQUAL_DELTAS);
                put_varint(&mut self.packed, zigzag(self.delta));
            }
            Mode::Pairs => self.packed.push(MODE_PAIRS),
        }
        self.packed.extend_from_slice(&self.body);
        self.body.clear();
        self.count = 0;
        self.mode = Mode::EqualDeltas;
    }

    /// Rewrites the body once; from then on each increment brings its own delta.
    #[cold]
    fn fall_back_to_pairs(&mut self) {
        let ordinals = std::mem::take(&mut self.body);
        self.body.reserve(ordinals.len() * 2);
        let mut delta = Vec::with_capacity(10);
        put_varint(&mut delta, zigzag(self.delta));
        for &byte in &ordinals {
            self.body.push(byte);
            // A byte without the continuation bit ends an ordinal.
            if byte < 0x80 {
                self.body.extend_from_slice(&delta);
            }
        }
        self.mode = Mode::Pairs;
    }
}

/// Calls `f` with key number, member and delta of every increment, in the order of packing.
/// On damaged bytes what came before the damage was already handed to `f`.
pub fn for_each(
    packed: &[u8],
    mut f: impl FnMut(u16, MemberOrdinal, i64),
) -> Result<(), PackedError> {
    let mut reader = Reader { bytes: packed, offset: 0 };
    while reader.offset < packed.len() {
        reader.group(&mut f)?;
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn group(&mut self, f: &mut impl FnMut(u16, MemberOrdinal, i64)) -> Result<(), PackedError> {
        let start = self.offset;
        let key = u16::try_from(self.varint()?)
            .map_err(|_| PackedError::NumberTooLarge { offset: start })?;
        let count = self.varint()?;
        if count == 0 {
            return Err(PackedError::EmptyGroup { offset: start });
        }
        match self.byte()? {
            MODE_EQUAL_DELTAS => {
                let delta = unzigzag(self.varint()?);
                for _ in 0..count {
                    f(key, self.ordinal()?, delta);
                }
            }
            MODE_PAIRS => {
                for _ in 0..count {
                    let ordinal = self.ordinal()?;
                    f(key, ordinal, unzigzag(self.varint()?));
                }
            }
            mode => return Err(PackedError::UnknownMode { mode, offset: self.offset - 1 }),
        }
        Ok(())
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, PackedError> {
        let byte = self.bytes.get(self.offset).copied();
        self.offset += 1;
        byte.ok_or(PackedError::Truncated { offset: self.bytes.len() })
    }

    #[inline]
    fn ordinal(&mut self) -> Result<MemberOrdinal, PackedError> {
        let offset = self.offset;
        let value = self.varint()?;
        let ordinal = u32::try_from(value).map_err(|_| PackedError::NumberTooLarge { offset })?;
        Ok(MemberOrdinal(ordinal))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, PackedError> {
        let start = self.offset;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            // The tenth byte has room for the one bit that is left.
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(PackedError::NumberTooLarge { offset: start })
    }
}

/// Appends 7 bits a byte. Lengths of up to 3 are written in one go: nearly all ordinals are such.
#[inline]
fn put_varint(bytes: &mut Vec<u8>, value: u64) {
    let low = |shift: u32| (value >> shift) as u8;
    if value < 1 << 7 {
        bytes.push(low(0));
    } else if value < 1 << 14 {
        bytes.extend_from_slice(&[low(0) | 0x80, low(7)]);
    } else if value < 1 << 21 {
        bytes.extend_from_slice(&[low(0) | 0x80, low(7) | 0x80, low(14)]);
    } else {
        put_long_varint(bytes, value);
    }
}

fn put_long_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Small negative numbers become small positive ones.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Increment = (u16, u32, i64);

    fn pack(increments: &[Increment]) -> Vec<u8> {
        let mut packer = Packer::new();
        let mut last = None;
        for &(key, ordinal, delta) in increments {
            if last != Some(key) {
                packer.begin_group(key);
                last = Some(key);
            }
            packer.push(MemberOrdinal(ordinal), delta);
        }
        packer.finish()
    }

    fn unpack(packed: &[u8]) -> Result<Vec<Increment>, PackedError> {
        let mut increments = Vec::new();
        for_each(packed, |key, ordinal, delta| increments.push((key, ordinal.0, delta)))?;
        Ok(increments)
    }

    #[test]
    fn nothing_packs_to_no_bytes() {
        let mut packer = Packer::new();
        packer.begin_group(7);
        assert!(packer.is_empty());
        assert_eq!(packer.finish(), Vec::<u8>::new());
        assert_eq!(unpack(&[]), Ok(Vec::new()));
    }

    #[test]
    fn stored_bytes_stay_as_they_are() {
        let equal = [(3, 1, 1), (3, 300, 1), (3, 1_000_000, 1)];
        assert_eq!(pack(&equal), [3, 3, 0, 2, 1, 0xac, 2, 0xc0, 0x84, 0x3d]);
        let differing = [(3, 1, 1), (3, 300, -2)];
        assert_eq!(pack(&differing), [3, 2, 1, 1, 2, 0xac, 2, 3]);
    }

    #[test]
    fn an_increment_takes_three_bytes_among_a_million_members() {
        let increments: Vec<Increment> = (0..1_000).map(|i| (0, i * 1_000, 1)).collect();
        let bytes = pack(&increments).len();
        assert!(bytes <= 3_010, "{bytes} bytes");
    }

    #[test]
    fn a_packer_is_empty_after_finish_and_can_be_used_again() {
        let mut packer = Packer::new();
        packer.begin_group(1);
        packer.push(MemberOrdinal(5), 2);
        packer.push(MemberOrdinal(6), 3);
        assert!(!packer.is_empty());
        let first = packer.finish();
        assert!(packer.is_empty());
        packer.begin_group(1);
        packer.push(MemberOrdinal(5), 2);
        assert_eq!(unpack(&first), Ok(vec![(1, 5, 2), (1, 6, 3)]));
        assert_eq!(unpack(&packer.finish()), Ok(vec![(1, 5, 2)]));
    }

    #[test]
    fn damage_is_told_with_its_place() {
        assert_eq!(unpack(&[3, 3, 0, 2, 1]), Err(PackedError::Truncated { offset: 5 }));
        assert_eq!(unpack(&[3, 0]), Err(PackedError::EmptyGroup { offset: 0 }));
        assert_eq!(unpack(&[3, 1, 9]), Err(PackedError::UnknownMode { mode: 9, offset: 2 }));
        let long = [0xff; 11];
        assert_eq!(unpack(&long), Err(PackedError::NumberTooLarge { offset: 0 }));
        let wide_ordinal = [3, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(unpack(&wide_ordinal), Err(PackedError::NumberTooLarge { offset: 4 }));
    }

    fn delta() -> impl Strategy<Value = i64> {
        prop_oneof![4 => Just(1_i64), 1 => -3_i64..4, 1 => any::<i64>()]
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back_in_order(
            increments in prop::collection::vec((0_u16..4, any::<u32>(), delta()), 0..200),
            wide_key in any::<u16>(),
        ) {
            let mut increments = increments;
            increments.push((wide_key, u32::MAX, i64::MIN));
            prop_assert_eq!(unpack(&pack(&increments)), Ok(increments));
        }

        #[test]
        fn any_bytes_are_read_or_refused_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            if let Ok(increments) = unpack(&bytes) {
                prop_assert_eq!(unpack(&pack(&increments)), Ok(increments));
            }
        }

        #[test]
        fn a_cut_is_never_read_as_whole(
            increments in prop::collection::vec((0_u16..1, any::<u32>(), delta()), 1..50),
            at in any::<prop::sample::Index>(),
        ) {
            let packed = pack(&increments);
            let cut = at.index(packed.len() - 1) + 1;
            if cut < packed.len() {
                prop_assert!(unpack(&packed[..cut]).is_err());
            }
        }
    }
}

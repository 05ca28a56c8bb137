//! Where each part of a site lies in a snapshot, and how its bytes are read. A paged part carries
//! its commit stamp in front, so that it can be judged without being decoded.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::Key;
use crate::core::checkpoint::SlotIndex;
use crate::core::parts::{
    Catalogue, CatalogueBeforeReports, CatalogueBeforeSettings, MemberBlock,
    MemberBlockBeforeAbouts, MemberBlockBeforeStandings, MemberBlockBeforeTies, Part, PartKey,
};
use crate::journal::codec::{self, CodecError};

use super::Slot;

pub const CATALOGUE: u8 = 1;
pub const MEMBER_BLOCK: u8 = 2;
pub const FACTS: u8 = 3;
pub const GRAPH: u8 = 4;
pub const ITEM_BLOCK: u8 = 5;
pub const ITEM: u8 = 6;
pub const OPERATION_RUN: u8 = 7;
pub const ABOUT: u8 = 8;

/// Of the payloads; part of every completion mark.
pub const FORMAT: u8 = 1;

#[derive(Debug, Error)]
pub enum ValueError {
    #[error("a stored part is shorter than its stamp")]
    Short,
    #[error(transparent)]
    Codec(#[from] CodecError),
}

pub fn slot_of(index: SlotIndex) -> Slot {
    match index {
        SlotIndex::First => Slot::A,
        SlotIndex::Second => Slot::B,
    }
}

pub fn index_of(slot: Slot) -> SlotIndex {
    match slot {
        Slot::A => SlotIndex::First,
        Slot::B => SlotIndex::Second,
    }
}

pub fn key_of(part: PartKey) -> Key {
    match part {
        PartKey::Facts(member) => Key::new(FACTS, member.into(), 0),
        PartKey::Graph(member) => Key::new(GRAPH, member.into(), 0),
        PartKey::Item(item) => Key::new(ITEM, item.into(), 0),
        PartKey::About(member) => Key::new(ABOUT, member.into(), 0),
    }
}

/// Stamp, then the value.
pub fn stamped(commit: u64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + value.len());
    bytes.extend_from_slice(&commit.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// The stamp of a stored part and its encoded value.
pub fn split(bytes: &[u8]) -> Result<(u64, &[u8]), ValueError> {
    let (stamp, value) = bytes.split_first_chunk::<8>().ok_or(ValueError::Short)?;
    Ok((u64::from_le_bytes(*stamp), value))
}

/// The catalogue, of this version or of one before.
pub fn read_catalogue(bytes: &[u8]) -> Result<Catalogue, ValueError> {
    first_of(
        bytes,
        &[
            decoded::<Catalogue, Catalogue>,
            decoded::<CatalogueBeforeSettings, Catalogue>,
            |bytes| {
                let before = codec::decode::<CatalogueBeforeReports>(bytes)?;
                Ok(CatalogueBeforeSettings::from(before).into())
            },
        ],
    )
}

/// A block of members, of this version or of one before.
pub fn read_member_block(bytes: &[u8]) -> Result<MemberBlock, ValueError> {
    first_of(
        bytes,
        &[
            decoded::<MemberBlock, MemberBlock>,
            decoded::<MemberBlockBeforeTies, MemberBlock>,
            |bytes| {
                let before = codec::decode::<MemberBlockBeforeStandings>(bytes)?;
                Ok(MemberBlockBeforeTies::from(before).into())
            },
            |bytes| {
                let before = codec::decode::<MemberBlockBeforeAbouts>(bytes)?;
                let before = MemberBlockBeforeStandings::from(before);
                Ok(MemberBlockBeforeTies::from(before).into())
            },
        ],
    )
}

type Reading<T> = fn(&[u8]) -> Result<T, CodecError>;

fn decoded<Stored, T>(bytes: &[u8]) -> Result<T, CodecError>
where
    Stored: DeserializeOwned,
    T: From<Stored>,
{
    Ok(codec::decode::<Stored>(bytes)?.into())
}

/// Values that grew at their end, the newest form first. What is none of them is told as what it
/// should be.
fn first_of<T>(bytes: &[u8], readings: &[Reading<T>]) -> Result<T, ValueError> {
    let (newest, older) = readings.split_first().expect("a value has a form");
    newest(bytes).or_else(|error| {
        older.iter().find_map(|reading| reading(bytes).ok()).ok_or(ValueError::Codec(error))
    })
}

/// A stored part with its stamp.
pub fn read_part(part: PartKey, bytes: &[u8]) -> Result<(u64, Part), ValueError> {
    let (commit, value) = split(bytes)?;
    let part = match part {
        PartKey::Facts(_) => Part::Facts(Arc::new(codec::decode(value)?)),
        PartKey::Graph(_) => Part::Graph(codec::decode(value)?),
        PartKey::Item(_) => Part::Item(codec::decode(value)?),
        PartKey::About(_) => Part::About(codec::decode(value)?),
    };
    Ok((commit, part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::settings::{DefaultPrivacy, SettingStep};

    #[test]
    fn a_block_from_before_ties_terms_or_abouts_is_read_and_a_torn_one_is_not() {
        let oldest = MemberBlockBeforeAbouts { stamp: 7, changed: 3, ..Default::default() };
        let older = MemberBlockBeforeStandings::from(oldest.clone());
        let old = MemberBlockBeforeTies::from(older.clone());
        let expected = MemberBlock::from(old.clone());
        let before = [codec::encode(&oldest), codec::encode(&older), codec::encode(&old)];
        for bytes in before.into_iter().chain([codec::encode(&expected)]) {
            assert_eq!(read_member_block(&bytes).expect("a block"), expected);
            assert!(read_member_block(&[&bytes[..], &[1]].concat()).is_err());
        }
    }

    #[test]
    fn a_catalogue_from_before_settings_or_reports_is_read_and_a_torn_one_is_not() {
        let oldest = CatalogueBeforeReports { commit: 7, members: 3, ..Default::default() };
        let older = CatalogueBeforeSettings::from(oldest.clone());
        for bytes in [codec::encode(&oldest), codec::encode(&older)] {
            let read = read_catalogue(&bytes).expect("an older one");
            assert_eq!(read, Catalogue::from(older.clone()));
        }
        let settings = vec![SettingStep::DefaultPrivacy(DefaultPrivacy::default())];
        let catalogue = Catalogue { commit: 8, settings, ..Catalogue::default() };
        let bytes = codec::encode(&catalogue);
        assert_eq!(read_catalogue(&bytes).expect("one of today"), catalogue);
        assert!(read_catalogue(&[&bytes[..], &[0]].concat()).is_err());
        assert!(read_catalogue(&bytes[..bytes.len() - 3]).is_err());
    }
}

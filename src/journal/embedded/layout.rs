//! What stands where in the engine: groups, keys, and the small values that describe them.

use serde::{Deserialize, Serialize};

use crate::domain::SiteId;

/// Version of everything in this file; a newer one is refused by name.
pub const FORMAT: u32 = 1;
/// Values of no site: the registry and what callers keep beside it.
pub const ROOT_GROUP: u64 = 1;
/// Sites take groups from here on.
pub const FIRST_SITE_GROUP: u64 = 16;
/// Groups set aside for a site; one of them is not used yet.
pub const GROUPS_PER_SITE: u64 = 4;

pub const FORMAT_KEY: &[u8] = b"iformat";
pub const INCARNATION_KEY: &[u8] = b"iincarnation";
pub const FLOOR_KEY: &[u8] = b"ifloor";
pub const SITE_PREFIX: &[u8] = b"isite/";
const CALLER_PREFIX: u8 = b'u';

const DELETED: u8 = 0;
const PRESENT: u8 = 1;

/// Which groups hold a site. Stored, never computed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteGroups {
    pub events: u64,
    pub changes: u64,
    pub values: u64,
}

impl SiteGroups {
    pub fn at(first: u64) -> SiteGroups {
        SiteGroups { events: first, changes: first + 1, values: first + 2 }
    }

    pub fn next_free(self) -> u64 {
        self.events + GROUPS_PER_SITE
    }

    pub fn contains(self, group: u64) -> bool {
        (self.events..self.next_free()).contains(&group)
    }
}

/// Everything up to here has left the log; its records went to segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    pub entry: u64,
    pub commit: u64,
    pub seq: u64,
    pub changes_number: u64,
}

pub fn site_key(site: SiteId) -> Vec<u8> {
    [SITE_PREFIX, site.as_bytes()].concat()
}

pub fn site_of_key(key: &[u8]) -> Option<SiteId> {
    let bytes = key.strip_prefix(SITE_PREFIX)?;
    Some(SiteId::from_bytes(bytes.try_into().ok()?))
}

/// A caller's key, kept apart from ours.
pub fn caller_key(key: &[u8]) -> Vec<u8> {
    [&[CALLER_PREFIX], key].concat()
}

pub fn key_of_caller(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(&[CALLER_PREFIX])
}

/// A caller's value. A deletion is stored as a value too: the engine may forget that a key was
/// deleted and show its last value again after a restart.
pub fn caller_value(value: Option<Vec<u8>>) -> Vec<u8> {
    match value {
        Some(bytes) => [&[PRESENT][..], &bytes].concat(),
        None => vec![DELETED],
    }
}

pub fn value_of_caller(stored: &[u8]) -> Option<&[u8]> {
    stored.strip_prefix(&[PRESENT])
}

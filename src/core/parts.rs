//! The stored forms of state: what checkpoints copy out and recovery takes in. Fields are only
//! appended; every stored value carries a version byte and a checksum outside of these types.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::event::{Badge, Endpoint, MemberFacts};
use crate::domain::profile::{ActivityStatus, PrivacyStatus, Status};
use crate::domain::settings::SettingStep;
use crate::domain::{AppId, MemberId, OpId, Timestamp};

use super::abouts::AboutRow;
use super::badges::Held;
use super::graph::Graph;
use super::items::{Item, ItemRow};
use super::member_reports::StoredReports;
use super::standings::Standing;
use super::ties::Tie;

/// Members, and likewise items, of one block share a key in the snapshot.
pub const BLOCK: u32 = 32;

/// Names a part that can be paged in and out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartKey {
    Facts(u32),
    Graph(u32),
    Item(u32),
    About(u32),
}

/// A part as it is read back, with the stamp of the commit it holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Facts(Arc<MemberFacts>),
    Graph(Graph),
    Item(Item),
    About(Arc<str>),
}

/// A paged part in its stored form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped<T> {
    /// Commit of the part's last change.
    pub commit: u64,
    pub value: T,
}

/// The resident side of up to [`BLOCK`] neighbouring members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberBlock {
    /// Commit up to which the block holds everything.
    pub stamp: u64,
    /// Commit of the block's last change.
    pub changed: u64,
    pub members: Vec<ResidentMember>,
    /// Of those that tell about themselves, by ordinal.
    pub abouts: Vec<(u32, AboutRow)>,
    /// Of those against whom something stands, by ordinal.
    pub standings: Vec<(u32, Standing)>,
    /// Of those who are bound by something, by ordinal.
    pub ties: Vec<(u32, Vec<Tie>)>,
}

/// A block as it was before roles: still read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberBlockBeforeTies {
    pub stamp: u64,
    pub changed: u64,
    pub members: Vec<ResidentMember>,
    pub abouts: Vec<(u32, AboutRow)>,
    pub standings: Vec<(u32, Standing)>,
}

impl From<MemberBlockBeforeTies> for MemberBlock {
    fn from(old: MemberBlockBeforeTies) -> MemberBlock {
        let MemberBlockBeforeTies { stamp, changed, members, abouts, standings } = old;
        MemberBlock { stamp, changed, members, abouts, standings, ties: Vec::new() }
    }
}

/// A block as it was before blocks and mutes had terms: still read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberBlockBeforeStandings {
    pub stamp: u64,
    pub changed: u64,
    pub members: Vec<ResidentMember>,
    pub abouts: Vec<(u32, AboutRow)>,
}

impl From<MemberBlockBeforeStandings> for MemberBlockBeforeTies {
    fn from(old: MemberBlockBeforeStandings) -> MemberBlockBeforeTies {
        let MemberBlockBeforeStandings { stamp, changed, members, abouts } = old;
        MemberBlockBeforeTies { stamp, changed, members, abouts, standings: Vec::new() }
    }
}

/// A block as it was before abouts: still read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberBlockBeforeAbouts {
    pub stamp: u64,
    pub changed: u64,
    pub members: Vec<ResidentMember>,
}

impl From<MemberBlockBeforeAbouts> for MemberBlockBeforeStandings {
    fn from(old: MemberBlockBeforeAbouts) -> MemberBlockBeforeStandings {
        let MemberBlockBeforeAbouts { stamp, changed, members } = old;
        MemberBlockBeforeStandings { stamp, changed, members, abouts: Vec::new() }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidentMember {
    pub id: MemberId,
    pub email: u128,
    pub slug: u128,
    pub nickname: Option<Arc<str>>,
    pub created_at: Timestamp,
    pub last_seq: u64,
    pub member_seq: u64,
    pub facts_commit: u64,
    pub graph_commit: u64,
    pub status: Status,
    pub privacy: PrivacyStatus,
    pub activity: ActivityStatus,
    pub counters: Vec<StoredCounter>,
    pub badges: Vec<Held>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredCounter {
    pub key: u16,
    pub public: bool,
    pub count: i64,
    /// Value at the last report, where the counter changed since.
    pub reported: Option<i64>,
}

/// The rows of up to [`BLOCK`] neighbouring items.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ItemBlock {
    pub stamp: u64,
    pub changed: u64,
    pub rows: Vec<ItemRow>,
}

/// All that is neither member nor item, as of the checkpoint's first turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    pub commit: u64,
    pub seq: u64,
    pub time: Timestamp,
    pub members: u32,
    pub items: u32,
    pub keys: Vec<(AppId, String)>,
    pub badges: Vec<StoredBadge>,
    pub endpoints: Vec<Arc<Endpoint>>,
    pub producers: Vec<(AppId, String, u64)>,
    pub windows: Vec<StoredWindow>,
    pub reports: StoredReports,
    /// What leads to the settings from nothing.
    pub settings: Vec<SettingStep>,
}

/// The catalogue as it was before settings: still read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogueBeforeSettings {
    pub commit: u64,
    pub seq: u64,
    pub time: Timestamp,
    pub members: u32,
    pub items: u32,
    pub keys: Vec<(AppId, String)>,
    pub badges: Vec<StoredBadge>,
    pub endpoints: Vec<Arc<Endpoint>>,
    pub producers: Vec<(AppId, String, u64)>,
    pub windows: Vec<StoredWindow>,
    pub reports: StoredReports,
}

impl From<CatalogueBeforeSettings> for Catalogue {
    fn from(old: CatalogueBeforeSettings) -> Catalogue {
        Catalogue {
            commit: old.commit,
            seq: old.seq,
            time: old.time,
            members: old.members,
            items: old.items,
            keys: old.keys,
            badges: old.badges,
            endpoints: old.endpoints,
            producers: old.producers,
            windows: old.windows,
            reports: old.reports,
            settings: Vec::new(),
        }
    }
}

/// The catalogue as it was before reports: still read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogueBeforeReports {
    pub commit: u64,
    pub seq: u64,
    pub time: Timestamp,
    pub members: u32,
    pub items: u32,
    pub keys: Vec<(AppId, String)>,
    pub badges: Vec<StoredBadge>,
    pub endpoints: Vec<Arc<Endpoint>>,
    pub producers: Vec<(AppId, String, u64)>,
    pub windows: Vec<StoredWindow>,
}

impl From<CatalogueBeforeReports> for CatalogueBeforeSettings {
    fn from(old: CatalogueBeforeReports) -> CatalogueBeforeSettings {
        CatalogueBeforeSettings {
            commit: old.commit,
            seq: old.seq,
            time: old.time,
            members: old.members,
            items: old.items,
            keys: old.keys,
            badges: old.badges,
            endpoints: old.endpoints,
            producers: old.producers,
            windows: old.windows,
            reports: StoredReports::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredBadge {
    pub badge: Arc<Badge>,
    pub deleted: bool,
}

/// An app's operation window; its runs are values of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWindow {
    pub app: AppId,
    pub first_run: u64,
    pub runs: u64,
    pub floor_ms: i64,
}

/// One run of operation ids, oldest first.
pub type OperationRun = Arc<Vec<OpId>>;

//! A site as the journal tells it, in plain maps and sets. Of members and items it holds one
//! stretch of ordinals, so that a large site is checked stretch after stretch in little memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::findings::Findings;
use super::operations::SeenOperations;
use crate::core::abouts::AboutRow;
use crate::core::directory::{email_hash, text_hash};
use crate::core::graph::{EdgeKind, EdgeOperation, Graph};
use crate::core::items::ItemOperation;
use crate::core::ordinal_set::Presence;
use crate::core::parts::BLOCK;
use crate::core::standings::Standing;
use crate::core::ties::Tie;
use crate::domain::command::ItemDetails;
use crate::domain::event::{Badge, Endpoint, MemberFacts};
use crate::domain::profile::{ActivityStatus, PrivacyStatus, Status};
use crate::domain::report::MemberReport;
use crate::domain::settings::SettingStep;
use crate::domain::{AppId, BadgeId, EndpointId, FieldId, ItemKey, MemberId, ReportId, Timestamp};
use crate::journal::codec;

/// Ordinals that a model looks at closely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub members: Range<u32>,
    pub items: Range<u32>,
}

/// What is compared of a profile: that it is the same one, not what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactsMark {
    pub commit: u64,
    pub revision: u64,
    pub hash: u128,
}

/// What is compared of an about: that it is the same one, not what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AboutMark {
    pub row: AboutRow,
    pub hash: u128,
}

impl AboutMark {
    pub fn of(row: AboutRow, content: &str) -> AboutMark {
        AboutMark { row, hash: xxh3_128(content.as_bytes()) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: MemberId,
    pub email: u128,
    pub slug: u128,
    pub nickname: Option<String>,
    pub created_at: Timestamp,
    pub status: Status,
    pub privacy: PrivacyStatus,
    pub activity: ActivityStatus,
    pub facts: FactsMark,
    pub last_seq: u64,
    pub member_seq: u64,
    pub graph_commit: u64,
    pub edges: Edges,
    pub about: Option<AboutMark>,
    pub standing: Option<Standing>,
    pub ties: BTreeSet<Tie>,
    /// By key number: public or not, and the count.
    pub counters: BTreeMap<u16, (bool, i64)>,
    /// By badge number: since when.
    pub badges: BTreeMap<u16, Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    pub following: BTreeSet<u32>,
    pub followers: BTreeSet<u32>,
    pub likes: BTreeSet<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub key: ItemKey,
    pub details: ItemDetails,
    pub created_at: Timestamp,
    pub author: Option<u32>,
    pub commit: u64,
    pub likers: BTreeSet<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KnownBadge {
    pub badge: Arc<Badge>,
    pub deleted: bool,
}

/// All that is neither member nor item.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    pub keys: Vec<(AppId, String)>,
    pub badges: Vec<KnownBadge>,
    pub endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    pub producers: BTreeMap<(AppId, String), u64>,
    pub reports: BTreeMap<ReportId, Arc<MemberReport>>,
    /// Reported members whose case the owner has looked at.
    pub reviewed: BTreeSet<MemberId>,
    /// The newest step of each setting, by what it sets.
    pub settings: BTreeMap<String, SettingStep>,
    pub field_order: Vec<FieldId>,
}

#[derive(Debug)]
pub struct Model {
    /// What it was built from, as a report names it.
    pub name: String,
    pub stretch: Stretch,
    pub commit: u64,
    pub seq: u64,
    pub time: Timestamp,
    pub ids: BTreeMap<MemberId, u32>,
    pub item_ordinals: BTreeMap<u128, u32>,
    pub members: BTreeMap<u32, Member>,
    pub items: BTreeMap<u32, Item>,
    pub catalogue: Catalogue,
    /// Only in a model that looks at them: it takes much memory and is needed once a run.
    pub operations: Option<SeenOperations>,
    /// Commit up to which a block already was folded when it was stored.
    pub member_stamps: BTreeMap<u32, u64>,
    pub item_stamps: BTreeMap<u32, u64>,
    pub records_folded: u64,
    pub increments_folded: u64,
    /// What the journal tells that cannot be.
    pub findings: Findings,
}

impl Model {
    /// The site before its first commit.
    pub fn empty(name: &str, stretch: Stretch) -> Model {
        Model {
            name: name.to_owned(),
            stretch,
            commit: 0,
            seq: 0,
            time: Timestamp::default(),
            ids: BTreeMap::new(),
            item_ordinals: BTreeMap::new(),
            members: BTreeMap::new(),
            items: BTreeMap::new(),
            catalogue: Catalogue::default(),
            operations: None,
            member_stamps: BTreeMap::new(),
            item_stamps: BTreeMap::new(),
            records_folded: 0,
            increments_folded: 0,
            findings: Findings::default(),
        }
    }

    pub fn member_name(&self, member: u32) -> String {
        let here = self.members.get(&member).map(|member| member.id);
        let anywhere = || self.ids.iter().find(|(_, other)| **other == member).map(|(id, _)| *id);
        match here.or_else(anywhere) {
            Some(id) => format!("member {id}"),
            None => "a member that does not exist".to_owned(),
        }
    }

    pub fn item_name(&self, item: u32) -> String {
        match self.items.get(&item) {
            Some(item) => format!("item {}/{}", item.key.app, item.key.item),
            None => format!("item number {item}"),
        }
    }

    pub fn key_name(&self, key: u16) -> String {
        match self.catalogue.keys.get(usize::from(key)) {
            Some((app, key)) => format!("counter {app}/{key}"),
            None => format!("counter number {key}"),
        }
    }

    pub fn badge_name(&self, badge: u16) -> String {
        match self.catalogue.badges.get(usize::from(badge)) {
            Some(known) => format!("badge {}", known.badge.id),
            None => format!("badge number {badge}"),
        }
    }

    pub fn key_number(&self, app: &AppId, key: &str) -> Option<u16> {
        let mut keys = self.catalogue.keys.iter();
        let found = keys.position(|(other, name)| other == app && name == key);
        found.map(|number| number as u16)
    }

    pub fn badge_number(&self, id: BadgeId) -> Option<u16> {
        let mut badges = self.catalogue.badges.iter();
        badges.position(|known| known.badge.id == id).map(|number| number as u16)
    }

    /// True where what was stored of the member already holds this commit.
    pub fn holds_member(&self, member: u32, commit: u64) -> bool {
        self.member_stamps.get(&(member / BLOCK)).is_some_and(|stamp| commit <= *stamp)
    }

    pub fn holds_item(&self, item: u32, commit: u64) -> bool {
        self.item_stamps.get(&(item / BLOCK)).is_some_and(|stamp| commit <= *stamp)
    }
}

impl FactsMark {
    pub fn of(facts: &MemberFacts, commit: u64) -> FactsMark {
        let hash = xxh3_128(&codec::encode(facts));
        FactsMark { commit, revision: facts.revision, hash }
    }
}

impl Member {
    pub fn of(facts: &MemberFacts, commit: u64) -> Member {
        Member {
            id: facts.id,
            email: facts.login_email.as_deref().map_or(0, email_hash),
            slug: facts.slug.as_deref().map_or(0, text_hash),
            nickname: facts.profile.nickname.as_ref().map(|name| name.to_lowercase()),
            created_at: facts.created_at,
            status: facts.status,
            privacy: facts.privacy,
            activity: facts.activity,
            facts: FactsMark::of(facts, commit),
            last_seq: 0,
            member_seq: 0,
            graph_commit: 0,
            edges: Edges::default(),
            about: None,
            standing: None,
            ties: BTreeSet::new(),
            counters: BTreeMap::new(),
            badges: BTreeMap::new(),
        }
    }
}

impl Edges {
    pub fn of(graph: &Graph) -> Edges {
        Edges {
            following: graph.following.iter().collect(),
            followers: graph.followers.iter().collect(),
            likes: graph.likes.iter().collect(),
        }
    }

    /// Puts an operation that waits for its stored part.
    pub fn put(&mut self, operation: &EdgeOperation) {
        let set = match operation.kind {
            EdgeKind::Following => &mut self.following,
            EdgeKind::Follower => &mut self.followers,
            EdgeKind::Like => &mut self.likes,
        };
        put(set, operation.peer, operation.presence);
    }
}

impl Item {
    pub fn put(&mut self, operation: &ItemOperation) {
        match operation {
            ItemOperation::Liker { liker, presence } => put(&mut self.likers, *liker, *presence),
            ItemOperation::Details(details) => self.details = (**details).clone(),
        }
    }
}

fn put(set: &mut BTreeSet<u32>, ordinal: u32, presence: Presence) {
    match presence {
        Presence::In => set.insert(ordinal),
        Presence::Out => set.remove(&ordinal),
    };
}

//! One site: the synchronous, deterministic machine that owns everything that belongs to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::event::Endpoint;
use crate::domain::{AppId, EndpointId, MemberId, MemberOrdinal, SiteId, Timestamp};

use super::abouts::Abouts;
use super::badges::Badges;
use super::checkpoint::Stamps;
use super::counters::{Counters, KeyNumber};
use super::directory::Directory;
use super::entries::{Activity, Entries};
use super::items::Items;
use super::member_reports::MemberReports;
use super::operations::Operations;
use super::settings::Settings;
use super::standings::Standings;
use super::ties::Ties;

/// Key of the built-in counter of likes that a member's items received.
pub const LIKES_RECEIVED: &str = "likes.received";
/// Key of the built-in counter of likes that a member gave.
pub const LIKES_GIVEN: &str = "likes.given";

#[derive(Debug)]
pub struct Site {
    pub(super) id: SiteId,
    /// Number of the last changing turn, and seq of the last record.
    pub(super) commit: u64,
    pub(super) seq: u64,
    /// Time of the last commit; the site's time never runs backwards.
    pub(super) time: Timestamp,
    pub(super) directory: Directory,
    pub(super) counters: Counters,
    pub(super) keys: CounterKeys,
    pub(super) entries: Entries,
    pub(super) items: Items,
    pub(super) badges: Badges,
    pub(super) endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    pub(super) operations: Operations,
    pub(super) reports: Reports,
    pub(super) member_reports: MemberReports,
    pub(super) abouts: Abouts,
    pub(super) standings: Standings,
    pub(super) ties: Ties,
    pub(super) settings: Settings,
    pub(super) stamps: Stamps,
    /// Deleted members that may have edges left. Lists and totals go without them.
    pub(super) erasing: BTreeSet<u32>,
    /// Between the first change of a turn and its end.
    pub(super) torn: bool,
}

impl Site {
    pub fn new(id: SiteId) -> Site {
        Site {
            id,
            commit: 0,
            seq: 0,
            time: Timestamp::default(),
            directory: Directory::default(),
            counters: Counters::default(),
            keys: CounterKeys::default(),
            entries: Entries::default(),
            items: Items::default(),
            badges: Badges::default(),
            endpoints: BTreeMap::new(),
            operations: Operations::default(),
            reports: Reports::default(),
            member_reports: MemberReports::default(),
            abouts: Abouts::default(),
            standings: Standings::default(),
            ties: Ties::default(),
            settings: Settings::default(),
            stamps: Stamps::default(),
            erasing: BTreeSet::new(),
            torn: false,
        }
    }

    pub fn id(&self) -> SiteId {
        self.id
    }

    pub fn commit(&self) -> u64 {
        self.commit
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// True where a turn began to change the state and did not come to its end.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    pub fn members_len(&self) -> usize {
        self.directory.living_len()
    }

    pub fn entries_len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub fn find_member(&self, id: MemberId) -> Option<MemberOrdinal> {
        self.directory.find(id, &self.counters).map(MemberOrdinal)
    }

    /// Marks a member as having an actor, so that its parts stay in memory; or not any more.
    pub fn set_active(&mut self, member: MemberOrdinal, activity: Activity) {
        self.entries.set_active(member.0, activity);
        if activity == Activity::Passive {
            self.release_member(member.0);
        }
    }

    /// True while anything of the member is in memory beyond its row.
    pub fn holds_entry(&self, member: MemberOrdinal) -> bool {
        self.entries.get(member.0).is_some()
    }

    /// Commit of the last change that the member itself made or underwent in its own parts.
    pub fn member_commit(&self, member: MemberOrdinal) -> u64 {
        let row = self.directory.row(member.0);
        row.facts_commit.max(row.graph_commit)
    }

    /// Who has live listeners: counters are reported while anybody listens.
    pub fn set_live_listeners(&mut self, listeners: usize) {
        self.reports.live_listeners = listeners;
        self.reports.settle(|_| true);
    }
}

/// Numbers of counter keys; a number is never given to another key.
#[derive(Debug, Default)]
pub struct CounterKeys {
    names: Vec<(AppId, String)>,
    numbers: HashMap<AppId, HashMap<String, KeyNumber>>,
}

impl CounterKeys {
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn find(&self, app: &AppId, key: &str) -> Option<KeyNumber> {
        self.numbers.get(app)?.get(key).copied()
    }

    pub fn knows_app(&self, app: &AppId) -> bool {
        self.numbers.contains_key(app)
    }

    pub fn apps_len(&self) -> usize {
        self.numbers.len()
    }

    pub fn name(&self, number: KeyNumber) -> (&AppId, &str) {
        let (app, key) = &self.names[number as usize];
        (app, key)
    }

    pub fn push(&mut self, app: AppId, key: String) {
        let number = self.names.len() as KeyNumber;
        self.numbers.entry(app.clone()).or_default().insert(key.clone(), number);
        self.names.push((app, key));
    }

    pub fn names(&self) -> &[(AppId, String)] {
        &self.names
    }
}

/// Counters that changed since they were last reported, while anybody takes reports.
#[derive(Debug, Default)]
pub struct Reports {
    /// Value at the last report, of counters that differ from it since. Which of them go first is
    /// decided by what happened alone, not by a seed of the process: the machine is deterministic.
    dirty: HashMap<(u32, KeyNumber), i64, foldhash::fast::FixedState>,
    /// Endpoints that take `counter.updated`; a disabled one counts too.
    pub(super) endpoints: usize,
    pub(super) live_listeners: usize,
}

impl Reports {
    #[inline]
    pub fn tracks(&self) -> bool {
        self.endpoints > 0 || self.live_listeners > 0
    }

    /// Notes the value that a counter had before its first change since the last report.
    #[inline]
    pub fn note(&mut self, member: u32, key: KeyNumber, old: i64) {
        if self.tracks() {
            self.dirty.entry((member, key)).or_insert(old);
        }
    }

    pub fn reported(&mut self, member: u32, key: KeyNumber) {
        self.dirty.remove(&(member, key));
    }

    pub fn restore(&mut self, member: u32, key: KeyNumber, old: i64) {
        self.dirty.insert((member, key), old);
    }

    pub fn of(&self, member: u32, key: KeyNumber) -> Option<i64> {
        self.dirty.get(&(member, key)).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.dirty.is_empty()
    }

    /// Up to `limit` counters to report, in no promised order.
    pub fn take(&self, limit: usize) -> Vec<(u32, KeyNumber, i64)> {
        let each = self.dirty.iter().map(|((member, key), old)| (*member, *key, *old));
        let mut taken: Vec<_> = each.take(limit).collect();
        taken.sort_unstable();
        taken
    }

    /// Forgets what nobody takes any more, of members to whom that is news.
    pub fn settle(&mut self, is_news: impl Fn(u32) -> bool) {
        if !self.tracks() {
            self.dirty.retain(|(member, _), _| !is_news(*member));
        }
    }
}

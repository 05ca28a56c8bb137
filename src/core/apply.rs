//! Applying facts: changes state, cannot fail, has no effects. Live turns and recovery both run it;
//! what a restored block already holds is skipped by the block's stamp.

use std::sync::Arc;

use crate::domain::command::ItemDetails;
use crate::domain::event::{Endpoint, MemberFacts};
use crate::domain::id::ItemOrdinal;
use crate::domain::{Change, Commit, Event, ItemKey, MemberId, MemberOrdinal, Record, Timestamp};

use super::badges::Held;
use super::counters::{Added, Counter};
use super::directory::Row;
use super::event_pattern::EventFilter;
use super::fault::{Fault, planted};
use super::graph::{EdgeKind, EdgeOperation};
use super::increments;
use super::items::{Item, ItemOperation, NO_AUTHOR};
use super::ordinal_set::{OrdinalSet, Presence};
use super::site::{LIKES_GIVEN, LIKES_RECEIVED, Site};
use super::ties::SlugChange;

use crate::domain::AppId;

/// Where in the order of commits an event is applied.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub commit: u64,
    pub time: Timestamp,
}

impl Site {
    /// Replays a commit from the journal. No rule is evaluated: their outcomes are records too.
    pub fn replay(&mut self, commit: &Commit) {
        assert_eq!(commit.number, self.commit + 1, "commits are replayed without a gap");
        let at = At { commit: commit.number, time: commit.time };
        for change in &commit.changes {
            self.apply_change(at, change);
        }
        for record in &commit.records {
            self.apply_record(at, record);
        }
        (self.commit, self.time) = (commit.number, commit.time);
    }

    pub(super) fn apply_change(&mut self, at: At, change: &Change) {
        let known = at.commit <= self.stamps.restored_catalogue();
        match change {
            Change::CounterKeyNamed { number, app, key } => {
                if self.keys.len() == *number as usize {
                    self.keys.push(app.clone(), key.clone());
                }
            }
            Change::Increments { packed } => self.apply_increments(at, packed),
            Change::CounterSet { member, key, public, count } => {
                let counter = Counter { key: *key, public: *public, count: *count };
                self.apply_counter_set(at, member.0, counter);
            }
            Change::OpIdsSeen { app, op_ids } if !known => self.operations.remember(app, op_ids),
            Change::ProducerAdvanced { app, position } if !known => {
                self.operations.advance_producer(app, &position.producer, position.n);
            }
            Change::OpIdsSeen { .. } | Change::ProducerAdvanced { .. } => {}
            Change::MemberErased { member } => self.apply_member_erased(at, member.0),
        }
    }

    fn apply_increments(&mut self, at: At, packed: &[u8]) {
        let read = increments::for_each(packed, |key, member, delta| {
            if self.is_news(member.0, at) {
                self.apply_increment(at, member.0, key, delta);
            }
        });
        read.expect("increments were packed by this module and checked by the journal");
    }

    pub(super) fn apply_increment(&mut self, at: At, member: u32, key: u16, delta: i64) {
        let added = self.counters.add(member, key, delta);
        let Added::Changed { old, .. } = added else {
            panic!("an increment that was counted once fits again: member {member} key {key}");
        };
        self.reports.note(member, key, old);
        self.stamps.touch_member(member, at.commit);
    }

    pub(super) fn apply_counter_set(&mut self, at: At, member: u32, counter: Counter) {
        if !self.is_news(member, at) {
            return;
        }
        self.reports.note(member, counter.key, self.counters.count(member, counter.key));
        assert!(self.counters.set(member, counter), "a decided counter has room");
        self.stamps.touch_member(member, at.commit);
    }

    pub(super) fn apply_record(&mut self, at: At, record: &Record) {
        if let Event::MemberCreated { ordinal, facts, .. } = &record.event {
            self.apply_member_created(at, *ordinal, facts);
        }
        for touch in &record.touches {
            let member = self.known(touch.member);
            if self.is_news(member, at) {
                let row = self.directory.row_mut(member);
                assert_eq!(row.last_seq, touch.previous_seq, "a channel's chain has no gap");
                row.last_seq = record.seq;
                if record.event.member() == Some(touch.member) {
                    row.member_seq = record.member_seq;
                }
                self.stamps.touch_member(member, at.commit);
            }
        }
        self.apply_event(at, &record.event);
        self.seq = self.seq.max(record.seq);
    }

    fn apply_event(&mut self, at: At, event: &Event) {
        match event {
            // What a member's part in the community is was told with its facts.
            Event::MemberCreated { .. } | Event::Community { .. } => {}
            Event::MemberUpdated { facts, .. } => self.apply_member_updated(at, facts),
            Event::MemberDeleted { member, .. } => self.apply_member_deleted(at, *member),
            Event::About { step } => self.apply_about(at, step),
            Event::Moderated { ruling } => self.apply_ruling(at, ruling),
            Event::Tie { step } => self.apply_tie(at, step),
            Event::FollowCreated { follower, followed } => {
                self.apply_follow(at, *follower, *followed, Presence::In);
            }
            Event::FollowDeleted { follower, followed } => {
                self.apply_follow(at, *follower, *followed, Presence::Out);
            }
            Event::ItemCreated { ordinal, item, details } => {
                self.apply_item_created(at, *ordinal, item, details);
            }
            Event::ItemUpdated { item, details } => self.apply_item_updated(at, item, details),
            Event::ItemLiked { item, liker, author } => {
                self.apply_like(at, Like { item, liker: *liker, author: *author }, Presence::In);
            }
            Event::ItemUnliked { item, liker, author } => {
                self.apply_like(at, Like { item, liker: *liker, author: *author }, Presence::Out);
            }
            Event::CounterUpdated { member, app, key, new, .. } => {
                self.apply_report(at, *member, (app, key), *new);
            }
            Event::BadgeAssigned { badge, member, .. } => {
                let member = self.known(*member);
                if let (true, Some(badge)) =
                    (self.is_news(member, at), self.badges.number_even_if_deleted(*badge))
                {
                    self.badges.assign(member, Held { badge, assigned_at: at.time });
                    self.stamps.touch_member(member, at.commit);
                }
            }
            Event::BadgeUnassigned { badge, member, .. } => {
                let member = self.known(*member);
                if let (true, Some(badge)) =
                    (self.is_news(member, at), self.badges.number_even_if_deleted(*badge))
                {
                    self.badges.unassign(member, badge);
                    self.stamps.touch_member(member, at.commit);
                }
            }
            Event::BadgeCreated { .. }
            | Event::BadgeUpdated { .. }
            | Event::BadgeDeleted { .. }
            | Event::EndpointCreated { .. }
            | Event::EndpointDeleted { .. }
            | Event::EndpointSecretRotated { .. }
            | Event::EndpointDisabled { .. }
            | Event::EndpointUpdated { .. }
            | Event::EndpointEnabled { .. }
            | Event::EndpointReported { .. }
            | Event::EndpointReplay { .. }
            | Event::Reported { .. }
            | Event::Setting { .. } => self.apply_to_catalogue(at, event),
        }
    }

    fn apply_to_catalogue(&mut self, at: At, event: &Event) {
        if at.commit <= self.stamps.restored_catalogue() {
            return;
        }
        match event {
            Event::BadgeCreated { badge } => {
                let rule = badge.rule.as_ref();
                let key = rule.and_then(|rule| self.keys.find(&rule.app, &rule.key));
                self.badges.push(badge.clone(), false, key);
            }
            Event::BadgeUpdated { badge } => self.badges.update(badge.clone()),
            Event::BadgeDeleted { badge } => self.badges.delete(*badge),
            Event::Reported { step } => self.member_reports.apply(step),
            Event::Setting { step } => self.settings.apply(step),
            Event::EndpointCreated { endpoint } | Event::EndpointUpdated { endpoint } => {
                self.endpoints.insert(endpoint.id, endpoint.clone());
            }
            Event::EndpointDeleted { endpoint } => {
                self.endpoints.remove(endpoint);
            }
            Event::EndpointSecretRotated { endpoint, sealed_secret, overlap_until } => {
                self.change_endpoint(*endpoint, |endpoint| {
                    endpoint.rotate(sealed_secret.clone(), *overlap_until, at.time);
                });
            }
            Event::EndpointDisabled { endpoint, reason } => {
                self.change_endpoint(*endpoint, |endpoint| {
                    endpoint.disabled = Some(reason.clone());
                });
            }
            Event::EndpointEnabled { endpoint } => {
                self.change_endpoint(*endpoint, |endpoint| {
                    endpoint.disabled = None;
                    endpoint.settings.enabled_at = Some(at.time);
                });
            }
            Event::EndpointReplay { endpoint, step } => {
                self.change_endpoint(*endpoint, |endpoint| endpoint.replay(step));
            }
            Event::MemberCreated { .. }
            | Event::MemberUpdated { .. }
            | Event::MemberDeleted { .. }
            | Event::About { .. }
            | Event::Moderated { .. }
            | Event::Tie { .. }
            | Event::Community { .. }
            | Event::FollowCreated { .. }
            | Event::FollowDeleted { .. }
            | Event::ItemCreated { .. }
            | Event::ItemUpdated { .. }
            | Event::ItemLiked { .. }
            | Event::ItemUnliked { .. }
            | Event::CounterUpdated { .. }
            | Event::BadgeAssigned { .. }
            | Event::BadgeUnassigned { .. }
            | Event::EndpointReported { .. } => {}
        }
        if event.is_operational() {
            self.count_reporting_endpoints();
            let (reports, stamps) = (&mut self.reports, &self.stamps);
            reports.settle(|member| at.commit > stamps.restored_member(member));
        }
    }

    fn change_endpoint(
        &mut self,
        id: crate::domain::EndpointId,
        change: impl FnOnce(&mut Endpoint),
    ) {
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            let mut changed = Endpoint::clone(endpoint);
            change(&mut changed);
            *endpoint = Arc::new(changed);
        }
    }

    pub(super) fn count_reporting_endpoints(&mut self) {
        let takes = |endpoint: &&Arc<Endpoint>| {
            let filter = EventFilter::parse(&endpoint.event_types);
            filter.is_ok_and(|filter| filter.takes_counter_reports())
        };
        self.reports.endpoints = self.endpoints.values().filter(takes).count();
    }

    fn apply_member_created(&mut self, at: At, ordinal: MemberOrdinal, facts: &Arc<MemberFacts>) {
        if (ordinal.0 as usize) < self.directory.len() {
            return;
        }
        assert_eq!(ordinal.0 as usize, self.directory.len(), "ordinals are dense");
        self.counters.push(facts.id);
        let member = self.directory.push(facts.id, Row::of(facts, at.commit));
        self.entries.put_facts(member, facts.clone());
        self.stamps.touch_member(member, at.commit);
    }

    pub(super) fn apply_member_updated(&mut self, at: At, facts: &Arc<MemberFacts>) {
        let member = self.known(facts.id);
        if !self.is_news(member, at) {
            return;
        }
        let old = self.directory.row(member).slug;
        self.directory.update(member, facts, at.commit);
        let new = self.directory.row(member).slug;
        if old != new && old != 0 {
            self.ties.give_up_slug(member, SlugChange { old, new }, at.time);
        }
        self.entries.put_facts(member, facts.clone());
        self.stamps.touch_member(member, at.commit);
    }

    fn apply_follow(&mut self, at: At, follower: MemberId, followed: MemberId, presence: Presence) {
        let (follower, followed) = (self.known(follower), self.known(followed));
        let following = EdgeOperation { kind: EdgeKind::Following, presence, peer: followed };
        let followers = EdgeOperation { kind: EdgeKind::Follower, presence, peer: follower };
        self.apply_edge(at, follower, following);
        if !planted(Fault::HalfFollow) {
            self.apply_edge(at, followed, followers);
        }
    }

    fn apply_edge(&mut self, at: At, member: u32, operation: EdgeOperation) {
        if !self.is_news(member, at) {
            return;
        }
        let row = self.directory.row_mut(member);
        let stored_commit = std::mem::replace(&mut row.graph_commit, at.commit);
        self.entries.put_edge(member, stored_commit, operation);
        self.stamps.touch_member(member, at.commit);
    }

    fn apply_item_created(
        &mut self,
        at: At,
        ordinal: ItemOrdinal,
        key: &Arc<ItemKey>,
        details: &ItemDetails,
    ) {
        if (ordinal.0 as usize) < self.items.len() {
            return;
        }
        assert_eq!(ordinal.0 as usize, self.items.len(), "ordinals are dense");
        let author = details.author.map_or(NO_AUTHOR, |author| self.known(author));
        let (key, details, created_at) = (key.clone(), details.clone(), at.time);
        let item = Item { key, details, created_at, likers: OrdinalSet::default() };
        let item = self.items.push(item, author, at.commit);
        self.stamps.touch_item(item, at.commit);
    }

    fn apply_item_updated(&mut self, at: At, key: &ItemKey, details: &ItemDetails) {
        let item = self.known_item(key);
        if at.commit <= self.stamps.restored_item(item) {
            return;
        }
        let author = details.author.map_or(NO_AUTHOR, |author| self.known(author));
        self.items.put(item, ItemOperation::Details(Box::new(details.clone())));
        let row = self.items.row_mut(item);
        (row.author, row.commit) = (author, at.commit);
        self.stamps.touch_item(item, at.commit);
    }

    fn apply_like(&mut self, at: At, like: Like<'_>, presence: Presence) {
        let (item, liker) = (self.known_item(like.item), self.known(like.liker));
        if at.commit > self.stamps.restored_item(item) {
            self.items.put(item, ItemOperation::Liker { liker, presence });
            self.items.row_mut(item).commit = at.commit;
            self.stamps.touch_item(item, at.commit);
        }
        self.apply_edge(at, liker, EdgeOperation { kind: EdgeKind::Like, presence, peer: item });
        let delta = match presence {
            Presence::In => 1,
            Presence::Out => -1,
        };
        self.apply_built_in(at, liker, LIKES_GIVEN, delta);
        let kept = presence == Presence::Out && planted(Fault::UnlikeKeepsTotal);
        if let Some(author) = like.author.filter(|_| !kept) {
            let author = self.known(author);
            self.apply_built_in(at, author, LIKES_RECEIVED, delta);
        }
    }

    fn apply_built_in(&mut self, at: At, member: u32, key: &str, delta: i64) {
        let number = self.keys.find(&AppId::built_in(), key);
        let number = number.expect("a built-in key is named in or before the commit that uses it");
        if self.is_news(member, at) && !self.directory.is_deleted(member) {
            self.apply_increment(at, member, number, delta);
        }
    }

    fn apply_report(&mut self, at: At, member: MemberId, key: (&AppId, &str), new: i64) {
        let (member, Some(number)) = (self.known(member), self.keys.find(key.0, key.1)) else {
            return;
        };
        if self.is_news(member, at) {
            self.reports.reported(member, number);
            if self.counters.count(member, number) != new {
                self.reports.note(member, number, new);
            }
            self.stamps.touch_member(member, at.commit);
        }
    }

    /// False where the member's restored block already holds what this commit does.
    #[inline]
    pub(super) fn is_news(&self, member: u32, at: At) -> bool {
        at.commit > self.stamps.restored_member(member) || planted(Fault::ReplayDoubles)
    }

    pub(super) fn known(&self, id: MemberId) -> u32 {
        let found = self.directory.find_ever(id, &self.counters);
        found.expect("a record names members that are or were there")
    }

    fn known_item(&self, key: &ItemKey) -> u32 {
        self.items.find(key).expect("a record names items that exist")
    }
}

#[derive(Clone, Copy)]
struct Like<'a> {
    item: &'a ItemKey,
    liker: MemberId,
    author: Option<MemberId>,
}

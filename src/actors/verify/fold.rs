//! What a commit does, read a second time: plain steps on plain maps, nothing shared with the
//! machine that made it. Whatever cannot be is noted and stepped over.

use std::sync::Arc;

use super::fold_settings::ties_after;
use super::model::{Edges, Item, KnownBadge, Member, Model};
use crate::core::erasure::tombstone;
use crate::core::increments;
use crate::core::items::item_hash;
use crate::core::site::{LIKES_GIVEN, LIKES_RECEIVED};
use crate::domain::command::ItemDetails;
use crate::domain::endpoint::ReplayStep;
use crate::domain::event::{Endpoint, MemberFacts};
use crate::domain::profile::Status;
use crate::domain::{
    AppId, BadgeId, Change, Commit, EndpointId, Event, ItemKey, MemberId, Record, Timestamp,
};

/// Whose set changes, and which way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    In,
    Out,
}

impl Model {
    /// Takes in the commit that follows; one that is already in is stepped over.
    pub fn fold(&mut self, commit: &Commit) {
        if commit.number <= self.commit {
            return;
        }
        if commit.number != self.commit + 1 {
            let after = self.commit;
            self.findings.note(|| format!("log: commit {} follows {after}", commit.number));
        }
        if commit.time < self.time {
            self.findings
                .note(|| format!("log: commit {} is older than the one before", commit.number));
        }
        (self.commit, self.time) = (commit.number, commit.time);
        for change in &commit.changes {
            self.fold_change(change);
        }
        for record in &commit.records {
            self.fold_record(record);
        }
    }

    fn fold_change(&mut self, change: &Change) {
        match change {
            Change::CounterKeyNamed { number, app, key } => {
                let expected = self.catalogue.keys.len();
                if usize::from(*number) != expected {
                    let at = self.commit;
                    self.findings
                        .note(|| format!("log: commit {at}: key {number} is not {expected}"));
                }
                self.catalogue.keys.push((app.clone(), key.clone()));
            }
            Change::Increments { packed } => {
                let mut all = Vec::new();
                let read = increments::for_each(packed, |key, member, delta| {
                    all.push((key, member.0, delta));
                });
                if let Err(error) = read {
                    let at = self.commit;
                    self.findings.note(|| format!("log: commit {at}: {error}"));
                }
                self.increments_folded += all.len() as u64;
                all.into_iter().for_each(|(key, member, delta)| self.count(member, key, delta));
            }
            Change::CounterSet { member, key, public, count } => {
                if let Some(member) = self.member(member.0) {
                    member.counters.insert(*key, (*public, *count));
                }
            }
            Change::OpIdsSeen { app, op_ids } => {
                let at = self.commit;
                let Some(operations) = &mut self.operations else { return };
                for op_id in op_ids {
                    if !operations.see(app, *op_id) {
                        let id = op_id.as_u128();
                        let line =
                            || format!("log: commit {at}: operation {id:032x} of app {app} again");
                        self.findings.note(line);
                    }
                }
            }
            Change::MemberErased { member } => self.member_erased(member.0),
            Change::ProducerAdvanced { app, position } => {
                let producer = (app.clone(), position.producer.clone());
                let last = self.catalogue.producers.insert(producer, position.n).unwrap_or(0);
                if position.n != last + 1 {
                    let (at, name, n) = (self.commit, &position.producer, position.n);
                    let who = format!("producer {name} of app {app}");
                    let line = || format!("log: commit {at}: {who}: batch {n} follows {last}");
                    self.findings.note(line);
                }
            }
        }
    }

    fn fold_record(&mut self, record: &Record) {
        self.records_folded += 1;
        if record.seq != self.seq + 1 {
            let (seq, after) = (record.seq, self.seq);
            self.findings.note(|| format!("log: record {seq} follows {after}"));
        }
        self.seq = record.seq;
        if let Event::MemberCreated { ordinal, facts, .. } = &record.event {
            self.create_member(ordinal.0, facts);
        }
        self.fold_touches(record);
        self.fold_event(record);
    }

    /// The members whose channels carry the record, each linked to the record before it.
    fn fold_touches(&mut self, record: &Record) {
        let concerned = [record.event.member(), record.event.affected_member()];
        let concerned: Vec<MemberId> = concerned.into_iter().flatten().collect();
        let touched: Vec<MemberId> = record.touches.iter().map(|touch| touch.member).collect();
        let seq = record.seq;
        self.findings.compare(|| format!("log: record {seq}: touches"), &concerned, &touched);
        for touch in &record.touches {
            let is_own = record.event.member() == Some(touch.member);
            let Some(member) = self.member_by_id(touch.member, seq) else { continue };
            let previous = std::mem::replace(&mut member.last_seq, seq);
            let own = is_own.then(|| std::mem::replace(&mut member.member_seq, record.member_seq));
            let id = touch.member;
            let what = || format!("log: record {seq}: previous seq of member {id}");
            self.findings.compare(what, &previous, &touch.previous_seq);
            if let Some(own) = own {
                let what = || format!("log: record {seq}: own sequence of member {id}");
                self.findings.compare(what, &(own + 1), &record.member_seq);
            }
        }
    }

    fn fold_event(&mut self, record: &Record) {
        let seq = record.seq;
        match &record.event {
            Event::MemberCreated { .. }
            | Event::EndpointReported { .. }
            | Event::Community { .. } => {}
            Event::MemberUpdated { facts, .. } => self.update_member(facts, seq),
            Event::MemberDeleted { member, .. } => self.delete_member(*member, record),
            Event::FollowCreated { follower, followed } => {
                self.follow(*follower, *followed, Step::In, seq);
            }
            Event::FollowDeleted { follower, followed } => {
                self.follow(*follower, *followed, Step::Out, seq);
            }
            Event::ItemCreated { ordinal, item, details } => {
                self.create_item(ordinal.0, item, details, record);
            }
            Event::ItemUpdated { item, details } => self.update_item(item, details, seq),
            Event::ItemLiked { item, liker, author } => {
                self.like(Like { item, liker: *liker, author: *author, seq }, Step::In);
            }
            Event::ItemUnliked { item, liker, author } => {
                self.like(Like { item, liker: *liker, author: *author, seq }, Step::Out);
            }
            Event::CounterUpdated { member, app, key, public, new, .. } => {
                self.check_report(*member, (app, key), (*public, *new), seq);
            }
            Event::BadgeAssigned { badge, member, .. } => {
                self.badge(*badge, *member, Step::In, record);
            }
            Event::BadgeUnassigned { badge, member, .. } => {
                self.badge(*badge, *member, Step::Out, record);
            }
            Event::BadgeCreated { badge } => {
                self.catalogue.badges.push(KnownBadge { badge: badge.clone(), deleted: false });
            }
            Event::BadgeUpdated { badge } => {
                self.known_badge(badge.id, seq, |known| known.badge = badge.clone());
            }
            Event::BadgeDeleted { badge } => {
                self.known_badge(*badge, seq, |known| known.deleted = true);
            }
            Event::EndpointCreated { endpoint } | Event::EndpointUpdated { endpoint } => {
                self.catalogue.endpoints.insert(endpoint.id, endpoint.clone());
            }
            Event::EndpointDeleted { endpoint } => {
                self.catalogue.endpoints.remove(endpoint);
            }
            Event::EndpointSecretRotated { endpoint, sealed_secret, overlap_until } => {
                let (now, until) = (record.time, *overlap_until);
                self.endpoint(*endpoint, seq, |one| rotate(one, sealed_secret, until, now));
            }
            Event::EndpointDisabled { endpoint, reason } => {
                self.endpoint(*endpoint, seq, |endpoint| endpoint.disabled = Some(reason.clone()));
            }
            Event::Reported { step } => self.report_step(step, seq),
            Event::About { step } => self.about_step(step, seq),
            Event::Moderated { ruling } => self.ruling(ruling, record),
            Event::Setting { step } => self.catalogue.setting_step(step),
            Event::Tie { step } => self.tie_step(step, seq),
            Event::EndpointReplay { endpoint, step } => self.replay(*endpoint, step, seq),
            Event::EndpointEnabled { endpoint } => {
                self.endpoint(*endpoint, seq, |endpoint| {
                    endpoint.disabled = None;
                    endpoint.settings.enabled_at = Some(record.time);
                });
            }
        }
    }

    fn replay(&mut self, endpoint: EndpointId, step: &ReplayStep, seq: u64) {
        self.endpoint(endpoint, seq, |endpoint| match step {
            ReplayStep::Started(job) => endpoint.settings.replays.push(job.clone()),
            ReplayStep::Finished { id } => {
                endpoint.settings.replays.retain(|job| job.id != *id);
            }
        });
    }

    /// The member, if this commit is news to it and it lies in the stretch.
    fn member(&mut self, member: u32) -> Option<&mut Member> {
        if self.holds_member(member, self.commit) {
            return None;
        }
        self.members.get_mut(&member)
    }

    fn ordinal(&mut self, id: MemberId, seq: u64) -> Option<u32> {
        let found = self.ids.get(&id).copied();
        if found.is_none() {
            self.findings.note(|| format!("log: record {seq}: member {id} was never created"));
        }
        found
    }

    pub(super) fn member_by_id(&mut self, id: MemberId, seq: u64) -> Option<&mut Member> {
        let member = self.ordinal(id, seq)?;
        self.member(member)
    }

    fn create_member(&mut self, ordinal: u32, facts: &Arc<MemberFacts>) {
        if self.holds_member(ordinal, self.commit) {
            return;
        }
        let (expected, id) = (self.ids.len() as u32, facts.id);
        self.findings.compare(|| format!("log: ordinal of member {id}"), &expected, &ordinal);
        if self.ids.insert(id, ordinal).is_some() {
            self.findings.note(|| format!("log: member {id} is created twice"));
        }
        if self.stretch.members.contains(&ordinal) {
            self.members.insert(ordinal, Member::of(facts, self.commit));
        }
    }

    pub(super) fn update_member(&mut self, facts: &Arc<MemberFacts>, seq: u64) {
        let (commit, time) = (self.commit, self.time);
        let Some(member) = self.member_by_id(facts.id, seq) else { return };
        let (fresh, old) = (Member::of(facts, commit), member.clone());
        *member = Member {
            last_seq: old.last_seq,
            member_seq: old.member_seq,
            graph_commit: old.graph_commit,
            edges: old.edges,
            about: old.about,
            standing: old.standing,
            ties: ties_after(old.slug, fresh.slug, old.ties, time),
            counters: old.counters,
            badges: old.badges,
            ..fresh
        };
    }

    /// Its row stays, and says nothing of who it was; its edges end in records of their own.
    fn delete_member(&mut self, id: MemberId, record: &Record) {
        let commit = self.commit;
        let Some(member) = self.member_by_id(id, record.seq) else { return };
        let facts = Arc::new(tombstone(id, member.created_at, record.time));
        let old = member.clone();
        *member = Member {
            last_seq: old.last_seq,
            member_seq: old.member_seq,
            graph_commit: old.graph_commit,
            edges: old.edges,
            about: old.about,
            badges: old.badges,
            ..Member::of(&facts, commit)
        };
    }

    fn member_erased(&mut self, member: u32) {
        let (at, name) = (self.commit, self.member_name(member));
        let Some(member) = self.member(member) else { return };
        let is_bare = member.edges == Edges::default() && member.status == Status::Deleted;
        member.graph_commit = 0;
        if !is_bare {
            self.findings.note(|| format!("log: commit {at}: {name} is erased, but not bare"));
        }
    }

    fn follow(&mut self, follower: MemberId, followed: MemberId, step: Step, seq: u64) {
        let (Some(from), Some(to)) = (self.ordinal(follower, seq), self.ordinal(followed, seq))
        else {
            return;
        };
        let commit = self.commit;
        let mut changed = [true, true];
        if let Some(member) = self.member(from) {
            member.graph_commit = commit;
            changed[0] = put(&mut member.edges.following, to, step);
        }
        if let Some(member) = self.member(to) {
            member.graph_commit = commit;
            changed[1] = put(&mut member.edges.followers, from, step);
        }
        if changed != [true, true] {
            let line = || format!("log: record {seq}: {follower} and {followed}: already so");
            self.findings.note(line);
        }
    }

    fn create_item(
        &mut self,
        ordinal: u32,
        key: &Arc<ItemKey>,
        details: &ItemDetails,
        record: &Record,
    ) {
        let author = details.author.and_then(|author| self.ordinal(author, record.seq));
        if self.holds_item(ordinal, self.commit) {
            return;
        }
        let expected = self.item_ordinals.len() as u32;
        let what = || format!("log: ordinal of item {}/{}", key.app, key.item);
        self.findings.compare(what, &expected, &ordinal);
        self.item_ordinals.insert(item_hash(key), ordinal);
        if self.stretch.items.contains(&ordinal) {
            let (key, details) = ((**key).clone(), details.clone());
            let (created_at, commit, likers) = (record.time, self.commit, Default::default());
            self.items.insert(ordinal, Item { key, details, created_at, author, commit, likers });
        }
    }

    fn item(&mut self, key: &ItemKey, seq: u64) -> Option<(u32, Option<&mut Item>)> {
        let Some(ordinal) = self.item_ordinals.get(&item_hash(key)).copied() else {
            let line = || format!("log: record {seq}: item {}/{} was never put", key.app, key.item);
            self.findings.note(line);
            return None;
        };
        if self.holds_item(ordinal, self.commit) {
            return Some((ordinal, None));
        }
        let commit = self.commit;
        let mut item = self.items.get_mut(&ordinal);
        if let Some(item) = &mut item {
            item.commit = commit;
        }
        Some((ordinal, item))
    }

    fn update_item(&mut self, key: &ItemKey, details: &ItemDetails, seq: u64) {
        let author = details.author.and_then(|author| self.ordinal(author, seq));
        if let Some((_, Some(item))) = self.item(key, seq) {
            (item.details, item.author) = (details.clone(), author);
        }
    }

    fn like(&mut self, like: Like<'_>, step: Step) {
        let (seq, commit) = (like.seq, self.commit);
        let Some(liker) = self.ordinal(like.liker, seq) else { return };
        let Some((ordinal, item)) = self.item(like.item, seq) else { return };
        let mut changed = item.is_none_or(|item| put(&mut item.likers, liker, step));
        if let Some(member) = self.member(liker) {
            member.graph_commit = commit;
            changed &= put(&mut member.edges.likes, ordinal, step);
        }
        if !changed {
            let line = || format!("log: record {seq}: like by member {}: already so", like.liker);
            self.findings.note(line);
        }
        let delta = match step {
            Step::In => 1,
            Step::Out => -1,
        };
        self.count_derived(liker, LIKES_GIVEN, delta);
        if let Some(author) = like.author.and_then(|author| self.ordinal(author, seq)) {
            self.count_derived(author, LIKES_RECEIVED, delta);
        }
    }

    fn count_derived(&mut self, member: u32, key: &str, delta: i64) {
        match self.key_number(&AppId::built_in(), key) {
            Some(number) => self.count(member, number, delta),
            None => {
                let at = self.commit;
                self.findings.note(|| format!("log: commit {at}: counter {key} has no number"));
            }
        }
    }

    fn count(&mut self, member: u32, key: u16, delta: i64) {
        let at = self.commit;
        let Some(counted) = self.member(member) else { return };
        // Of a deleted member nothing is counted any more, though its likes have yet to end.
        if counted.status == Status::Deleted {
            return;
        }
        let (_, count) = counted.counters.entry(key).or_insert((true, 0));
        match count.checked_add(delta) {
            Some(sum) => *count = sum,
            None => {
                let (who, what) = (self.member_name(member), self.key_name(key));
                self.findings.note(|| format!("log: commit {at}: {who}: {what} overflows"));
            }
        }
    }

    /// A report of a counter is made in a turn of its own: it tells the value as it stands then.
    fn check_report(&mut self, id: MemberId, key: (&AppId, &str), reported: (bool, i64), seq: u64) {
        let number = self.key_number(key.0, key.1);
        let Some(member) = self.member_by_id(id, seq) else { return };
        let counted = number.and_then(|number| member.counters.get(&number).copied());
        let counted = counted.unwrap_or((true, 0));
        let what = || format!("log: record {seq}: member {id}: counter {}/{}", key.0, key.1);
        self.findings.compare(what, &counted, &reported);
    }

    fn badge(&mut self, badge: BadgeId, member: MemberId, step: Step, record: &Record) {
        let (seq, since) = (record.seq, record.time);
        let Some(number) = self.badge_number(badge) else {
            let line = || format!("log: record {seq}: badge {badge} was never created");
            return self.findings.note(line);
        };
        let Some(holder) = self.member_by_id(member, seq) else { return };
        let changed = match step {
            Step::In => holder.badges.insert(number, since).is_none(),
            Step::Out => holder.badges.remove(&number).is_some(),
        };
        if !changed {
            let line = || format!("log: record {seq}: member {member}: badge {badge}: already so");
            self.findings.note(line);
        }
    }

    fn known_badge(&mut self, id: BadgeId, seq: u64, change: impl FnOnce(&mut KnownBadge)) {
        match self.catalogue.badges.iter_mut().find(|known| known.badge.id == id) {
            Some(known) => change(known),
            None => {
                self.findings.note(|| format!("log: record {seq}: badge {id} was never created"));
            }
        }
    }

    fn endpoint(&mut self, id: EndpointId, seq: u64, change: impl FnOnce(&mut Endpoint)) {
        match self.catalogue.endpoints.get_mut(&id) {
            Some(endpoint) => change(Arc::make_mut(endpoint)),
            None => {
                let line = || format!("log: record {seq}: endpoint {id} was never created");
                self.findings.note(line);
            }
        }
    }
}

struct Like<'a> {
    item: &'a ItemKey,
    liker: MemberId,
    author: Option<MemberId>,
    seq: u64,
}

/// The secret that was replaced goes in front of those before it; what is over is forgotten.
fn rotate(endpoint: &mut Endpoint, sealed: &[u8], until: Timestamp, now: Timestamp) {
    let mut older = Vec::new();
    if until > now {
        older.extend(endpoint.previous_secret.clone());
        older.extend(endpoint.settings.older_secrets.iter().cloned());
    }
    endpoint.settings.older_secrets = older.into_iter().filter(|(_, end)| *end > now).collect();
    endpoint.previous_secret = Some((endpoint.sealed_secret.clone(), until));
    endpoint.sealed_secret = sealed.to_vec();
}

/// False where it was so already.
fn put(set: &mut std::collections::BTreeSet<u32>, ordinal: u32, step: Step) -> bool {
    match step {
        Step::In => set.insert(ordinal),
        Step::Out => set.remove(&ordinal),
    }
}

#[cfg(test)]
mod tests;

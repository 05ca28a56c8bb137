//! What a request must lead to, told from the model alone: the facts it makes, or the code of its
//! refusal. A second reading of the rules, as naive as can be.

use std::collections::BTreeSet;

use guildhall::core::query::Viewer;
use guildhall::domain::command::{IncrementBatch, ItemDetails, NewMember};
use guildhall::domain::event::MemberFacts;
use guildhall::domain::profile::{ActivityStatus, Status};
use guildhall::domain::report::ReportStep;
use guildhall::domain::{
    AppId, BadgeId, Change, Command, Commit, EndpointId, Event, ItemKey, MemberId, OpId,
};

use crate::model::{CounterKey, Model};
use crate::packed;
use crate::requests::Request;

/// What a commit does, in words that both sides can be put into.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    Created(MemberId),
    Updated(MemberId),
    Followed(MemberId, MemberId),
    Unfollowed(MemberId, MemberId),
    ItemCreated(ItemKey),
    ItemUpdated(ItemKey),
    Liked(MemberId, ItemKey),
    Unliked(MemberId, ItemKey),
    Counted(CounterKey, i64),
    CounterSet(CounterKey, bool, i64),
    Seen(AppId, OpId),
    Advanced(AppId, String, u64),
    BadgeCreated(BadgeId),
    BadgeUpdated(BadgeId),
    BadgeDeleted(BadgeId),
    Awarded(BadgeId, MemberId),
    Revoked(BadgeId, MemberId),
    Reported(CounterKey),
    EndpointCreated(EndpointId),
    EndpointDeleted(EndpointId),
    EndpointRotated(EndpointId),
    EndpointDisabled(EndpointId),
    EndpointUpdated(EndpointId),
    EndpointEnabled(EndpointId),
    EndpointReported(EndpointId),
    EndpointReplay(EndpointId),
    Deleted(MemberId),
    /// A step of the queue of reports, by its name.
    Report(&'static str, MemberId),
    About(&'static str, MemberId),
    Ruled(&'static str, MemberId),
    Set(&'static str),
    Tied(&'static str, MemberId),
    Erased(MemberId),
}

#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub facts: Vec<Fact>,
    pub accepted: usize,
    pub duplicates: usize,
    /// Indexes of refused lines with their codes.
    pub faults: Vec<(u32, &'static str)>,
}

pub type Predicted = Result<Expected, &'static str>;

/// A commit in the words of [`Fact`]; the naming of keys is left out.
pub fn facts_of(model: &Model, commit: &Commit) -> Vec<Fact> {
    let mut keys = model.keys.clone();
    let mut facts = Vec::new();
    for change in &commit.changes {
        let counter = |keys: &[(AppId, String)], member: u32, key: u16| -> CounterKey {
            let (app, key) = keys[key as usize].clone();
            (model.member_order[member as usize], app, key)
        };
        match change {
            Change::CounterKeyNamed { app, key, .. } => keys.push((app.clone(), key.clone())),
            Change::Increments { packed } => {
                let read = packed::read(packed).into_iter();
                facts.extend(
                    read.map(|(key, member, delta)| {
                        Fact::Counted(counter(&keys, member, key), delta)
                    }),
                );
            }
            Change::CounterSet { member, key, public, count } => {
                facts.push(Fact::CounterSet(counter(&keys, member.0, *key), *public, *count));
            }
            Change::OpIdsSeen { app, op_ids } => {
                facts.extend(op_ids.iter().map(|op_id| Fact::Seen(app.clone(), *op_id)));
            }
            Change::MemberErased { member } => {
                facts.push(Fact::Erased(model.member_order[member.0 as usize]));
            }
            Change::ProducerAdvanced { app, position } => {
                facts.push(Fact::Advanced(app.clone(), position.producer.clone(), position.n));
            }
        }
    }
    facts.extend(commit.records.iter().map(|record| fact_of(&record.event)));
    facts
}

fn fact_of(event: &Event) -> Fact {
    match event {
        Event::MemberCreated { facts, .. } => Fact::Created(facts.id),
        Event::MemberUpdated { facts, .. } => Fact::Updated(facts.id),
        Event::FollowCreated { follower, followed } => Fact::Followed(*follower, *followed),
        Event::FollowDeleted { follower, followed } => Fact::Unfollowed(*follower, *followed),
        Event::ItemCreated { item, .. } => Fact::ItemCreated((**item).clone()),
        Event::ItemUpdated { item, .. } => Fact::ItemUpdated((**item).clone()),
        Event::ItemLiked { item, liker, .. } => Fact::Liked(*liker, (**item).clone()),
        Event::ItemUnliked { item, liker, .. } => Fact::Unliked(*liker, (**item).clone()),
        Event::CounterUpdated { member, app, key, .. } => {
            Fact::Reported((*member, app.clone(), key.clone()))
        }
        Event::BadgeCreated { badge } => Fact::BadgeCreated(badge.id),
        Event::BadgeUpdated { badge } => Fact::BadgeUpdated(badge.id),
        Event::BadgeDeleted { badge } => Fact::BadgeDeleted(*badge),
        Event::BadgeAssigned { badge, member, .. } => Fact::Awarded(*badge, *member),
        Event::BadgeUnassigned { badge, member, .. } => Fact::Revoked(*badge, *member),
        Event::EndpointCreated { endpoint } => Fact::EndpointCreated(endpoint.id),
        Event::EndpointDeleted { endpoint } => Fact::EndpointDeleted(*endpoint),
        Event::EndpointSecretRotated { endpoint, .. } => Fact::EndpointRotated(*endpoint),
        Event::EndpointDisabled { endpoint, .. } => Fact::EndpointDisabled(*endpoint),
        Event::EndpointUpdated { endpoint } => Fact::EndpointUpdated(endpoint.id),
        Event::EndpointEnabled { endpoint } => Fact::EndpointEnabled(*endpoint),
        Event::EndpointReported { endpoint, .. } => Fact::EndpointReported(*endpoint),
        Event::EndpointReplay { endpoint, .. } => Fact::EndpointReplay(*endpoint),
        Event::MemberDeleted { member, .. } => Fact::Deleted(*member),
        Event::About { step } => Fact::About(step.type_name(), step.member()),
        Event::Moderated { ruling } => Fact::Ruled(ruling.type_name(), ruling.facts.id),
        Event::Setting { step } => Fact::Set(step.type_name()),
        Event::Tie { step } => Fact::Tied(step.type_name(), step.member()),
        Event::Community { member, step } => Fact::Tied(step.type_name(), *member),
        Event::Reported { step } => Fact::Report(step.type_name(), reported(step)),
    }
}

fn reported(step: &ReportStep) -> MemberId {
    match step {
        ReportStep::Created(report) => report.reported,
        ReportStep::Deleted { reported, .. } => *reported,
        ReportStep::MemberAdded { member, .. }
        | ReportStep::MemberRemoved { member }
        | ReportStep::MemberReviewed { member } => *member,
    }
}

impl Model {
    /// What `request` must lead to in this state. Questions lead to nothing.
    pub fn predict(&self, request: &Request) -> Predicted {
        match request {
            Request::Command(command) => self.predict_command(command),
            Request::Ingest(batch) => self.predict_batch(batch),
            Request::ImportMembers(lines) => Ok(self.predict_members(lines)),
            Request::ImportFollows(lines) => Ok(self.predict_follows(lines)),
            Request::Query(query) => self.refuses(query).map_or(Ok(Expected::default()), Err),
            Request::Report | Request::WorkOff => Ok(Expected::default()),
        }
    }

    fn predict_command(&self, command: &Command) -> Predicted {
        match command {
            Command::CreateMember(new) => {
                one(self.creatable(new, &BTreeSet::new(), &BTreeSet::new())?)
            }
            Command::UpdateProfile { member, patch } => self.predict_update(*member, patch),
            Command::Follow { follower, followed } => {
                let is_new = self.followable(*follower, *followed, Viewer::Member(*follower))?;
                when(is_new, Fact::Followed(*follower, *followed))
            }
            Command::Unfollow { follower, followed } => {
                self.facts(*follower)?;
                self.facts(*followed)?;
                let is_followed = self.following.contains(&(*follower, *followed));
                let by = Viewer::Member(*follower);
                if !is_followed && !self.is_shown(*followed, by) {
                    return Err(self.unseen(*followed, by));
                }
                when(is_followed, Fact::Unfollowed(*follower, *followed))
            }
            Command::DeleteMember { member, content_assignee } => {
                self.predict_deletion(*member, *content_assignee)
            }
            Command::PutItem { item, details } => self.predict_item(item, details),
            Command::Like { liker, item } => self.predict_like(*liker, item),
            Command::Unlike { liker, item } => {
                self.facts(*liker)?;
                self.items.get(item).ok_or("ITEM_NOT_FOUND")?;
                let is_liked = self.likers.contains(&(item.clone().into(), *liker));
                when(is_liked, Fact::Unliked(*liker, item.clone()))
            }
            Command::SetCounter { .. } | Command::IncrementCounter { .. } => {
                self.predict_counter(command)
            }
            Command::CreateBadge(_)
            | Command::DeleteBadge { .. }
            | Command::UpdateBadge { .. }
            | Command::MoveBadge { .. }
            | Command::OrderBadges { .. }
            | Command::AssignBadge { .. }
            | Command::UnassignBadge { .. }
            | Command::AssignBadges { .. }
            | Command::UnassignBadges { .. }
            | Command::TakeBadge { .. } => self.predict_badge(command),
            Command::CreateAbout { .. }
            | Command::UpdateAbout { .. }
            | Command::DeleteAbout { .. } => self.predict_about(command),
            Command::Moderate { member, act, terms } => {
                self.predict_moderation(*member, *act, terms)
            }
            Command::Community { member, act } => self.predict_community(*member, *act),
            Command::Setting(wish) => self.predict_setting(wish),
            Command::Tie { member, wish } => self.predict_tie(*member, wish),
            Command::ReportMember(_)
            | Command::DeleteReports { .. }
            | Command::ReviewReports { .. } => self.predict_report(command),
            Command::CreateEndpoint(_)
            | Command::DeleteEndpoint { .. }
            | Command::RotateEndpointSecret { .. }
            | Command::DisableEndpoint { .. }
            | Command::UpdateEndpoint { .. }
            | Command::EnableEndpoint { .. }
            | Command::ReportEndpoint { .. }
            | Command::ReplayEndpoint { .. }
            | Command::FinishReplay { .. } => self.predict_endpoint(command),
        }
    }

    fn predict_item(&self, item: &ItemKey, details: &ItemDetails) -> Predicted {
        details.author.map_or(Ok(()), |author| self.facts(author).map(|_| ()))?;
        let Some(known) = self.items.get(item) else {
            return one(Fact::ItemCreated(item.clone()));
        };
        if known == details {
            return Ok(Expected::default());
        }
        let (before, after) = (self.author_of(item), details.author);
        let likes = self.likers_of(&item.clone().into()).len() as i64;
        let mut facts = vec![Fact::ItemUpdated(item.clone())];
        match (before, after) {
            _ if likes == 0 || before == after => {}
            (None, Some(heir)) => {
                let counter = (heir, AppId::built_in(), "likes.received".to_owned());
                let old = self.count(&counter).map_or(0, |count| count.count);
                facts.push(Fact::CounterSet(counter.clone(), true, old + likes));
                self.award(&counter, (old, old + likes), &mut BTreeSet::new(), &mut facts);
            }
            _ => return Err("ITEM_AUTHOR_IMMUTABLE"),
        }
        Ok(Expected { facts, ..Expected::default() })
    }

    fn predict_deletion(&self, member: MemberId, assignee: Option<MemberId>) -> Predicted {
        self.facts(member)?;
        if let Some(assignee) = assignee {
            self.facts(assignee)?;
            if assignee == member {
                return Err("CONTENT_ASSIGNEE_INVALID");
            }
            if !self.is_shown(assignee, Viewer::Member(member)) {
                return Err("MEMBER_NOT_FOUND");
            }
        }
        let held = self.held.keys().filter(|(_, holder)| *holder == member);
        let revoked = held.map(|(badge, _)| Fact::Revoked(*badge, member));
        let mut facts: Vec<Fact> = std::iter::once(Fact::Deleted(member)).chain(revoked).collect();
        let about = self.abouts.get(&member).map(|_| Fact::About("about.deleted", member));
        facts.extend(about);
        facts.extend(self.reports_ended(member));
        Ok(Expected { facts, ..Expected::default() })
    }

    fn predict_like(&self, liker: MemberId, item: &ItemKey) -> Predicted {
        self.social(liker)?;
        self.items.get(item).ok_or("ITEM_NOT_FOUND")?;
        if self.likers.contains(&(item.clone().into(), liker)) {
            return Ok(Expected::default());
        }
        if self.author_of(item).is_some_and(|author| self.are_apart(liker, author)) {
            return Err("ITEM_NOT_FOUND");
        }
        let mut facts = vec![Fact::Liked(liker, item.clone())];
        let mut awarded = BTreeSet::new();
        let given = (liker, AppId::built_in(), "likes.given".to_owned());
        let received =
            self.author_of(item).map(|id| (id, AppId::built_in(), "likes.received".to_owned()));
        for counter in std::iter::once(given).chain(received) {
            let old = self.count(&counter).map_or(0, |count| count.count);
            self.award(&counter, (old, old + 1), &mut awarded, &mut facts);
        }
        Ok(Expected { facts, ..Expected::default() })
    }

    fn predict_counter(&self, command: &Command) -> Predicted {
        let (mut facts, mut awarded) = (Vec::new(), BTreeSet::new());
        match command {
            Command::SetCounter { app, member, key, public, count } => {
                self.facts(*member)?;
                let counter = (*member, app.clone(), key.clone());
                let old = self.count(&counter);
                if old.is_some_and(|old| old.count == *count && old.public == *public) {
                    return Ok(Expected::default());
                }
                facts.push(Fact::CounterSet(counter.clone(), *public, *count));
                let old = old.map_or(0, |old| old.count);
                self.award(&counter, (old, *count), &mut awarded, &mut facts);
            }
            Command::IncrementCounter { app, member, key, delta, op_id } => {
                self.facts(*member)?;
                let seen = op_id.map(|op_id| (app.clone(), op_id));
                if seen.as_ref().is_some_and(|seen| self.op_ids.contains(seen)) {
                    return Ok(Expected { duplicates: 1, ..Expected::default() });
                }
                let counter = (*member, app.clone(), key.clone());
                let old = self.count(&counter).map_or(0, |old| old.count);
                let new = old.checked_add(*delta).ok_or("COUNTER_OVERFLOW")?;
                if *delta != 0 {
                    facts.push(Fact::Counted(counter.clone(), *delta));
                }
                facts.extend(seen.map(|(app, op_id)| Fact::Seen(app, op_id)));
                self.award(&counter, (old, new), &mut awarded, &mut facts);
            }
            other => unreachable!("{} moves no counter", other.kind()),
        }
        Ok(Expected { facts, accepted: 1, ..Expected::default() })
    }

    fn predict_batch(&self, batch: &IncrementBatch) -> Predicted {
        let app = batch.app.clone().expect("a batch has its app");
        let mut expected = Expected::default();
        if let Some(position) = &batch.producer {
            let named = (app.clone(), position.producer.clone());
            let last = self.producers.get(&named).copied().unwrap_or(0);
            if position.n <= last {
                expected.duplicates = batch.lines.len();
                return Ok(expected);
            }
            if position.n > last + 1 {
                return Err("PRODUCER_GAP");
            }
        }
        let mut counts = std::collections::BTreeMap::new();
        let (mut seen, mut awarded) = (BTreeSet::new(), BTreeSet::new());
        for key in 0..batch.keys.len() {
            let lines = batch.lines.iter().enumerate().filter(|(_, line)| line.key as usize == key);
            for (position, line) in lines {
                let op_id = batch.op_ids.get(position).copied().flatten();
                if !self.members.contains_key(&line.member) {
                    expected.faults.push((line.index, "MEMBER_NOT_FOUND"));
                    continue;
                }
                let named = op_id.map(|op_id| (app.clone(), op_id));
                if named.as_ref().is_some_and(|n| self.op_ids.contains(n) || seen.contains(n)) {
                    expected.duplicates += 1;
                    continue;
                }
                let counter = (line.member, app.clone(), batch.keys[key].clone());
                let old = *counts
                    .entry(counter.clone())
                    .or_insert_with(|| self.count(&counter).map_or(0, |count| count.count));
                let Some(new) = old.checked_add(line.delta) else {
                    expected.faults.push((line.index, "COUNTER_OVERFLOW"));
                    continue;
                };
                expected.accepted += 1;
                if line.delta != 0 {
                    expected.facts.push(Fact::Counted(counter.clone(), line.delta));
                }
                if let Some((app, op_id)) = named {
                    expected.facts.push(Fact::Seen(app.clone(), op_id));
                    seen.insert((app, op_id));
                }
                self.award(&counter, (old, new), &mut awarded, &mut expected.facts);
                counts.insert(counter, new);
            }
        }
        if let Some(position) = &batch.producer {
            expected.facts.push(Fact::Advanced(app, position.producer.clone(), position.n));
        }
        expected.faults.sort();
        Ok(expected)
    }

    fn predict_members(&self, lines: &[(u32, NewMember)]) -> Expected {
        let mut expected = Expected::default();
        let (mut ids, mut emails) = (BTreeSet::new(), BTreeSet::new());
        for (index, new) in lines {
            match self.creatable(new, &ids, &emails) {
                Ok(created) => {
                    ids.insert(new.id);
                    emails.extend(new.login_email.as_ref().map(|email| email.to_lowercase()));
                    expected.accepted += 1;
                    expected.facts.push(created);
                }
                Err(code) => expected.faults.push((*index, code)),
            }
        }
        expected
    }

    fn predict_follows(&self, lines: &[(u32, MemberId, MemberId)]) -> Expected {
        let mut expected = Expected::default();
        let mut added = BTreeSet::new();
        for (index, follower, followed) in lines {
            match self.followable(*follower, *followed, Viewer::Owner) {
                Ok(is_new) => {
                    expected.accepted += 1;
                    if is_new && added.insert((*follower, *followed)) {
                        expected.facts.push(Fact::Followed(*follower, *followed));
                    }
                }
                Err(code) => expected.faults.push((*index, code)),
            }
        }
        expected
    }

    fn creatable(
        &self,
        new: &NewMember,
        ids: &BTreeSet<MemberId>,
        emails: &BTreeSet<String>,
    ) -> Result<Fact, &'static str> {
        if self.ever(new.id).is_some() || ids.contains(&new.id) {
            return Err("MEMBER_ALREADY_EXISTS");
        }
        let email = new.login_email.as_ref().map(|email| email.to_lowercase());
        let taken = |email: &String| self.emails.contains(email) || emails.contains(email);
        match email.as_ref().is_some_and(taken) {
            true => Err("LOGIN_EMAIL_ALREADY_EXISTS"),
            false => Ok(Fact::Created(new.id)),
        }
    }

    /// Whether a follow would be a new one.
    fn followable(
        &self,
        follower: MemberId,
        followed: MemberId,
        by: Viewer,
    ) -> Result<bool, &'static str> {
        self.social(follower)?;
        if follower == followed {
            return Err("SELF_FOLLOW_FORBIDDEN");
        }
        match self.facts(followed)?.status {
            Status::Approved if self.following.contains(&(follower, followed)) => Ok(false),
            Status::Approved if self.is_shown(followed, by) => Ok(true),
            Status::Approved => Err(self.unseen(followed, by)),
            Status::Pending | Status::Blocked | Status::Offline | Status::Deleted => {
                Err("MEMBER_NOT_FOUND")
            }
        }
    }

    fn social(&self, member: MemberId) -> Result<(), &'static str> {
        let facts = self.facts(member)?;
        match (facts.status, facts.activity) {
            (Status::Pending, _) => Err("MEMBER_PENDING"),
            (Status::Blocked, _) => Err("MEMBER_BLOCKED"),
            (Status::Offline, _) => Err("MEMBER_OFFLINE"),
            (Status::Deleted, _) => Err("MEMBER_NOT_FOUND"),
            (Status::Approved, ActivityStatus::Muted) => Err("MEMBER_MUTED"),
            (Status::Approved, ActivityStatus::Active) => Ok(()),
        }
    }

    pub fn facts(&self, member: MemberId) -> Result<&MemberFacts, &'static str> {
        let known = self.members.get(&member).ok_or("MEMBER_NOT_FOUND")?;
        Ok(&known.facts)
    }
}

pub fn one(fact: Fact) -> Predicted {
    when(true, fact)
}

pub fn when(happens: bool, fact: Fact) -> Predicted {
    let facts = if happens { vec![fact] } else { Vec::new() };
    Ok(Expected { facts, ..Expected::default() })
}

//! Deciding: looks at the state, changes nothing, answers with events or a refusal. No events means
//! "already so".

use std::sync::Arc;

use crate::domain::command::{Command, ItemDetails, NewBadge, NewEndpoint, NewMember};
use crate::domain::event::{
    AssignmentReason, Badge, Endpoint, MemberFacts, MemberOrigin, UnassignmentReason,
};
use crate::domain::id::ItemOrdinal;
use crate::domain::limits::{
    APPS_PER_SITE_MAX, BADGES_PER_MEMBER_MAX, BADGES_PER_SITE_MAX, COUNTER_KEYS_PER_SITE_MAX,
    ENDPOINTS_PER_SITE_MAX, FOLLOWING_PER_MEMBER_MAX, ITEMS_PER_SITE_MAX, LIKES_PER_MEMBER_MAX,
    MEMBERS_PER_SITE_MAX,
};
use crate::domain::profile::{ActivityStatus, Status};
use crate::domain::{
    AppId, AssignmentId, BadgeId, Change, EndpointId, Event, ItemKey, MemberId, MemberOrdinal,
    OpId, Refusal, Timestamp,
};

use super::badges::{AssignmentKey, BadgeNumber, assignment_id, assignment_key};
use super::counters::{Counter, KeyNumber};
use super::directory::{email_hash, text_hash};
use super::entries::GraphView;
use super::increments::Packer;
use super::items::Item;
use super::operations::Judgement;
use super::parts::PartKey;
use super::site::{LIKES_GIVEN, LIKES_RECEIVED, Site};
use super::turn::Stop;

/// How long a rotated secret keeps signing beside the new one.
const SECRET_OVERLAP_MS: i64 = 24 * 3_600 * 1_000;

/// What a command leads to, not yet applied.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub events: Vec<Event>,
    pub changes: Vec<Change>,
    pub answering: Answering,
}

/// What the caller is told afterwards.
#[derive(Clone, Debug)]
pub(super) enum Answering {
    Done,
    Member(u32),
    Item(u32),
    Counters { member: u32, app: AppId, duplicate: bool },
    Badge(BadgeNumber),
    Assignment { member: u32, badge: BadgeNumber },
    Endpoint(EndpointId),
}

impl Decision {
    fn new(events: Vec<Event>, answering: Answering) -> Decision {
        Decision { events, changes: Vec::new(), answering }
    }

    fn already(answering: Answering) -> Decision {
        Decision::new(Vec::new(), answering)
    }
}

type Decided = Result<Decision, Stop>;

impl Site {
    pub(super) fn decide(&self, command: &Command, now: Timestamp) -> Decided {
        match command {
            Command::CreateMember(new) => {
                let events = vec![self.member_created(new, MemberOrigin::Creation, now)?];
                Ok(Decision::new(events, Answering::Member(self.directory.len() as u32)))
            }
            Command::UpdateProfile { member, patch } => self.decide_update(*member, patch, now),
            Command::Follow { follower, followed } => self.decide_follow(*follower, *followed),
            Command::Unfollow { follower, followed } => self.decide_unfollow(*follower, *followed),
            Command::PutItem { item, details } => self.decide_put_item(item, details),
            Command::Like { liker, item } => self.decide_like(*liker, item, now),
            Command::Unlike { liker, item } => self.decide_unlike(*liker, item),
            Command::SetCounter { app, member, key, public, count } => {
                let set = SetCounter { app, member: *member, key, public: *public, count: *count };
                self.decide_set_counter(set, now)
            }
            Command::IncrementCounter { app, member, key, delta, op_id } => {
                let increment = Increment { app, member: *member, key, delta: *delta };
                self.decide_increment(increment, *op_id, now)
            }
            Command::CreateBadge(new) => self.decide_create_badge(new, now),
            Command::DeleteBadge { badge } => {
                self.badge(*badge)?;
                Ok(Decision::new(vec![Event::BadgeDeleted { badge: *badge }], Answering::Done))
            }
            Command::AssignBadge { badge, member } => self.decide_assign(*badge, *member, now),
            Command::UnassignBadge { assignment } => self.decide_unassign(*assignment),
            Command::CreateEndpoint(new) => self.decide_create_endpoint(new, now),
            Command::DeleteEndpoint { endpoint } => {
                self.endpoint(*endpoint)?;
                let deleted = Event::EndpointDeleted { endpoint: *endpoint };
                Ok(Decision::new(vec![deleted], Answering::Done))
            }
            Command::RotateEndpointSecret { endpoint, sealed_secret } => {
                self.endpoint(*endpoint)?;
                let rotated = Event::EndpointSecretRotated {
                    endpoint: *endpoint,
                    sealed_secret: sealed_secret.clone(),
                    overlap_until: now.plus_ms(SECRET_OVERLAP_MS),
                };
                Ok(Decision::new(vec![rotated], Answering::Endpoint(*endpoint)))
            }
            Command::DisableEndpoint { endpoint, reason } => {
                let (endpoint, reason) = (*endpoint, reason.clone());
                if self.endpoint(endpoint)?.disabled.is_some() {
                    return Ok(Decision::already(Answering::Endpoint(endpoint)));
                }
                let disabled = Event::EndpointDisabled { endpoint, reason };
                Ok(Decision::new(vec![disabled], Answering::Endpoint(endpoint)))
            }
        }
    }

    pub(super) fn member_created(
        &self,
        new: &NewMember,
        origin: MemberOrigin,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        limit(self.directory.len(), MEMBERS_PER_SITE_MAX, "MEMBER_LIMIT", "members of this site")?;
        if self.find_member(new.id).is_some() {
            return Err(conflict("MEMBER_ALREADY_EXISTS", format!("member {} exists", new.id)));
        }
        if let Some(email) = &new.login_email
            && self.directory.find_email(email_hash(email)).is_some()
        {
            let detail = "another member of this site has this login e-mail".to_owned();
            return Err(conflict("LOGIN_EMAIL_ALREADY_EXISTS", detail));
        }
        let facts = MemberFacts {
            id: new.id,
            login_email: new.login_email.clone(),
            slug: Some(self.free_slug(new)),
            status: new.status.unwrap_or_default(),
            privacy: new.privacy.unwrap_or_default(),
            activity: new.activity.unwrap_or_default(),
            created_at: new.created_at.unwrap_or(now),
            updated_at: now,
            revision: 1,
            profile: Arc::new(new.profile.clone()),
        };
        let ordinal = MemberOrdinal(self.directory.len() as u32);
        Ok(Event::MemberCreated { ordinal, facts: Arc::new(facts), origin })
    }

    /// From the nickname, else the login e-mail; made unique by a piece of the member's id.
    fn free_slug(&self, new: &NewMember) -> String {
        let email_name = new.login_email.as_deref().and_then(|email| email.split('@').next());
        let source = new.profile.nickname.as_deref().or(email_name).unwrap_or("member");
        let slug = slug_of(source);
        if self.directory.find_slug(text_hash(&slug)).is_none() {
            return slug;
        }
        let id = new.id.uuid().simple().to_string();
        let longer = [8, 16, 32].map(|len| format!("{slug}-{}", &id[32 - len..]));
        let free = |slug: &&String| self.directory.find_slug(text_hash(slug)).is_none();
        longer.iter().find(free).unwrap_or(&longer[2]).clone()
    }

    fn decide_update(
        &self,
        id: MemberId,
        patch: &crate::domain::command::ProfilePatch,
        now: Timestamp,
    ) -> Decided {
        let member = self.member(id)?;
        let facts = self.entries.facts(member).ok_or_else(|| need(PartKey::Facts(member)))?;
        let (changed, changes) = super::profile_edit::edit(facts, patch);
        if changes.is_empty() {
            return Ok(Decision::already(Answering::Member(member)));
        }
        let revision = facts.revision + 1;
        let facts = Arc::new(MemberFacts { updated_at: now, revision, ..changed });
        let updated = Event::MemberUpdated { facts, changes };
        Ok(Decision::new(vec![updated], Answering::Member(member)))
    }

    fn decide_follow(&self, follower: MemberId, followed: MemberId) -> Decided {
        let from = self.social_member(follower)?;
        if follower == followed {
            let detail = "a member cannot follow itself".to_owned();
            return Err(Refusal::Conflict { code: "SELF_FOLLOW_FORBIDDEN", detail }.into());
        }
        let to = self.member(followed)?;
        match self.directory.row(to).status {
            Status::Approved => {}
            Status::Pending | Status::Blocked | Status::Offline => {
                return Err(member_not_found(followed).into());
            }
        }
        let graph = self.graph(from)?;
        if graph.follows(to) {
            return Ok(Decision::already(Answering::Done));
        }
        limit(graph.following_len(), FOLLOWING_PER_MEMBER_MAX, "FOLLOW_LIMIT", "follows")?;
        let created = Event::FollowCreated { follower, followed };
        Ok(Decision::new(vec![created], Answering::Done))
    }

    fn decide_unfollow(&self, follower: MemberId, followed: MemberId) -> Decided {
        let (from, to) = (self.member(follower)?, self.member(followed)?);
        if !self.graph(from)?.follows(to) {
            return Ok(Decision::already(Answering::Done));
        }
        let deleted = Event::FollowDeleted { follower, followed };
        Ok(Decision::new(vec![deleted], Answering::Done))
    }

    fn decide_put_item(&self, key: &ItemKey, details: &ItemDetails) -> Decided {
        if let Some(author) = details.author {
            self.member(author)?;
        }
        let Some(ordinal) = self.items.find(key) else {
            limit(self.items.len(), ITEMS_PER_SITE_MAX, "ITEM_LIMIT", "items of this site")?;
            let ordinal = ItemOrdinal(self.items.len() as u32);
            let (item, details) = (Arc::new(key.clone()), details.clone());
            let created = Event::ItemCreated { ordinal, item, details };
            return Ok(Decision::new(vec![created], Answering::Item(ordinal.0)));
        };
        let item = self.item(ordinal)?;
        if item.details == *details {
            return Ok(Decision::already(Answering::Item(ordinal)));
        }
        if item.details.author != details.author && !item.likers.is_empty() {
            let detail = "an item that is liked keeps its author".to_owned();
            return Err(conflict("ITEM_AUTHOR_IMMUTABLE", detail).into());
        }
        let updated = Event::ItemUpdated { item: item.key.clone(), details: details.clone() };
        Ok(Decision::new(vec![updated], Answering::Item(ordinal)))
    }

    fn decide_like(&self, liker: MemberId, key: &ItemKey, now: Timestamp) -> Decided {
        let member = self.social_member(liker)?;
        let ordinal = self.items.find(key).ok_or_else(|| item_not_found(key))?;
        let (graph, item) = self.graph_and_item(member, ordinal)?;
        if graph.likes(ordinal) {
            return Ok(Decision::already(Answering::Item(ordinal)));
        }
        limit(graph.likes_len(), LIKES_PER_MEMBER_MAX, "LIKE_LIMIT", "likes")?;
        let author = item.details.author;
        let mut events = vec![Event::ItemLiked { item: item.key.clone(), liker, author }];
        self.built_in_awards(member, LIKES_GIVEN, now, &mut events);
        if let Some(author) = self.items.author(ordinal) {
            self.built_in_awards(author, LIKES_RECEIVED, now, &mut events);
        }
        let changes = self.built_in_keys();
        Ok(Decision { events, changes, answering: Answering::Item(ordinal) })
    }

    fn decide_unlike(&self, liker: MemberId, key: &ItemKey) -> Decided {
        let member = self.member(liker)?;
        let ordinal = self.items.find(key).ok_or_else(|| item_not_found(key))?;
        let (graph, item) = self.graph_and_item(member, ordinal)?;
        if !graph.likes(ordinal) {
            return Ok(Decision::already(Answering::Item(ordinal)));
        }
        let (item, author) = (item.key.clone(), item.details.author);
        let events = vec![Event::ItemUnliked { item, liker, author }];
        Ok(Decision::new(events, Answering::Item(ordinal)))
    }

    /// Names the built-in counters once, in the first commit that needs them.
    fn built_in_keys(&self) -> Vec<Change> {
        let app = AppId::built_in();
        let unnamed = [LIKES_GIVEN, LIKES_RECEIVED].into_iter();
        let unnamed = unnamed.filter(|key| self.keys.find(&app, key).is_none());
        let numbered = (self.keys.len() as KeyNumber..).zip(unnamed);
        let named = numbered.map(|(number, key)| {
            let (app, key) = (app.clone(), key.to_owned());
            Change::CounterKeyNamed { number, app, key }
        });
        named.collect()
    }

    fn built_in_awards(&self, member: u32, key: &str, now: Timestamp, into: &mut Vec<Event>) {
        if let Some(number) = self.keys.find(&AppId::built_in(), key) {
            let old = self.counters.count(member, number);
            self.awards(Step { member, key: number, old, new: old + 1 }, now, into);
        }
    }

    /// Events for the rule lines that a counter's step crosses.
    pub(super) fn awards(&self, step: Step, now: Timestamp, into: &mut Vec<Event>) {
        let crossed = self.badges.crossed(step.member, step.key, step.old, step.new);
        self.award(step, &crossed, now, into);
    }

    pub(super) fn award(
        &self,
        step: Step,
        badges: &[BadgeNumber],
        now: Timestamp,
        into: &mut Vec<Event>,
    ) {
        for badge in badges {
            let (app, key) = self.keys.name(step.key);
            let (app, key) = (app.clone(), key.to_owned());
            let reason = AssignmentReason::RuleReached { app, key, count: step.new };
            into.push(self.badge_assigned(step.member, *badge, reason, now));
        }
    }

    fn badge_assigned(
        &self,
        member: u32,
        badge: BadgeNumber,
        reason: AssignmentReason,
        now: Timestamp,
    ) -> Event {
        let key = AssignmentKey { member, badge, assigned_at: now };
        Event::BadgeAssigned {
            badge: self.badges.slot(badge).badge.id,
            member: self.counters.id(member),
            assignment: assignment_id(self.id, key),
            reason,
        }
    }

    fn decide_set_counter(&self, set: SetCounter<'_>, now: Timestamp) -> Decided {
        let member = self.member(set.member)?;
        let (key, named) = self.key_number(set.app, set.key)?;
        let known = self.keys.find(set.app, set.key);
        let old = known.and_then(|key| self.counters.get(member, key));
        let counter = Counter { key, public: set.public, count: set.count };
        let answering = Answering::Counters { member, app: set.app.clone(), duplicate: false };
        if old == Some(counter) {
            return Ok(Decision::already(answering));
        }
        if !self.counters.has_room(member, key) {
            return Err(too_many_counters(set.member).into());
        }
        let (public, count) = (set.public, set.count);
        let mut changes: Vec<Change> = named.into_iter().collect();
        changes.push(Change::CounterSet { member: MemberOrdinal(member), key, public, count });
        let mut events = Vec::new();
        let old = old.map_or(0, |counter| counter.count);
        self.awards(Step { member, key, old, new: count }, now, &mut events);
        Ok(Decision { events, changes, answering })
    }

    fn decide_increment(
        &self,
        increment: Increment<'_>,
        op_id: Option<OpId>,
        now: Timestamp,
    ) -> Decided {
        let Increment { app, member: id, key, delta } = increment;
        let member = self.member(id)?;
        let answering = |duplicate| Answering::Counters { member, app: app.clone(), duplicate };
        if let Some(op_id) = op_id {
            match self.operations.judge(app, op_id) {
                Judgement::New => {}
                Judgement::Duplicate => return Ok(Decision::already(answering(true))),
                Judgement::Expired { floor_ms } => return Err(op_id_expired(floor_ms).into()),
            }
        }
        let (key, named) = self.key_number(app, key)?;
        if !self.counters.has_room(member, key) {
            return Err(too_many_counters(id).into());
        }
        let old = if named.is_some() { 0 } else { self.counters.count(member, key) };
        let new = old.checked_add(delta).ok_or_else(|| overflow(id))?;
        let mut changes: Vec<Change> = named.into_iter().collect();
        if delta != 0 {
            let mut packer = Packer::default();
            packer.begin_group(key);
            packer.push(MemberOrdinal(member), delta);
            changes.push(Change::Increments { packed: packer.finish() });
        }
        if let Some(op_id) = op_id {
            changes.push(Change::OpIdsSeen { app: app.clone(), op_ids: vec![op_id] });
        }
        let mut events = Vec::new();
        self.awards(Step { member, key, old, new }, now, &mut events);
        Ok(Decision { events, changes, answering: answering(false) })
    }

    /// The number of a counter key, with the change that names it where it is new.
    pub(super) fn key_number(
        &self,
        app: &AppId,
        key: &str,
    ) -> Result<(KeyNumber, Option<Change>), Refusal> {
        self.key_number_after(app, key, 0)
    }

    /// Like [`Site::key_number`], where the same turn has already named `named` new keys.
    pub(super) fn key_number_after(
        &self,
        app: &AppId,
        key: &str,
        named: usize,
    ) -> Result<(KeyNumber, Option<Change>), Refusal> {
        if let Some(number) = self.keys.find(app, key) {
            return Ok((number, None));
        }
        let keys = self.keys.len() + named;
        limit(keys, COUNTER_KEYS_PER_SITE_MAX, "COUNTER_KEY_LIMIT", "counter keys of this site")?;
        if !self.keys.knows_app(app) {
            limit(self.keys.apps_len(), APPS_PER_SITE_MAX, "APP_LIMIT", "apps of this site")?;
        }
        let number = keys as KeyNumber;
        let named = Change::CounterKeyNamed { number, app: app.clone(), key: key.to_owned() };
        Ok((number, Some(named)))
    }

    fn decide_create_badge(&self, new: &NewBadge, now: Timestamp) -> Decided {
        let badges = self.badges.live().count();
        limit(badges, BADGES_PER_SITE_MAX, "BADGE_LIMIT", "badges of this site")?;
        limit(self.badges.slots().len(), BadgeNumber::MAX.into(), "BADGE_LIMIT", "badges")?;
        let named = match &new.rule {
            Some(rule) => self.key_number(&rule.app, &rule.key)?.1,
            None => None,
        };
        let mut slug = slug_of(&new.title);
        if self.badges.has_title_slug(&slug) {
            slug = format!("{slug}-{}", &new.id.uuid().simple().to_string()[24..]);
        }
        let badge = Badge {
            id: new.id,
            title: new.title.clone(),
            description: new.description.clone(),
            background_color: new.background_color.clone(),
            text_color: new.text_color.clone(),
            icon: new.icon.clone(),
            permissions_enabled: new.permissions_enabled,
            slug,
            revision: 1,
            created_at: now,
            updated_at: now,
            rule: new.rule.clone(),
        };
        let number = self.badges.slots().len() as BadgeNumber;
        Ok(Decision {
            events: vec![Event::BadgeCreated { badge: Arc::new(badge) }],
            changes: named.into_iter().collect(),
            answering: Answering::Badge(number),
        })
    }

    fn decide_assign(&self, badge: BadgeId, id: MemberId, now: Timestamp) -> Decided {
        let number = self.badge(badge)?;
        let member = self.member(id)?;
        let answering = Answering::Assignment { member, badge: number };
        if self.badges.holds(member, number) {
            return Ok(Decision::already(answering));
        }
        let held = self.badges.held(member).len();
        limit(held, BADGES_PER_MEMBER_MAX, "MEMBER_BADGE_LIMIT", "badges of this member")?;
        let assigned = self.badge_assigned(member, number, AssignmentReason::Assigned, now);
        Ok(Decision::new(vec![assigned], answering))
    }

    fn decide_unassign(&self, assignment: AssignmentId) -> Decided {
        let (member, number) = self.assignment_of(assignment).ok_or_else(|| {
            let detail = format!("badge assignment {assignment} is not known");
            Refusal::NotFound { code: "BADGE_ASSIGNMENT_NOT_FOUND", detail }
        })?;
        let unassigned = Event::BadgeUnassigned {
            badge: self.badges.slot(number).badge.id,
            member: self.counters.id(member),
            assignment,
            reason: UnassignmentReason::Unassigned,
        };
        Ok(Decision::new(vec![unassigned], Answering::Done))
    }

    /// Member and badge of an assignment that stands.
    pub(super) fn assignment_of(&self, id: AssignmentId) -> Option<(u32, BadgeNumber)> {
        let key = assignment_key(self.id, id)?;
        let exists = (key.badge as usize) < self.badges.slots().len()
            && !self.badges.slot(key.badge).deleted;
        let held = self.badges.held_one(key.member, key.badge).filter(|_| exists)?;
        (held.assigned_at == key.assigned_at).then_some((key.member, key.badge))
    }

    /// Events that revoke up to `records_max` holders of a deleted badge.
    pub(super) fn revocations(&self, badge: BadgeNumber, records_max: usize) -> Vec<Event> {
        let id = self.badges.slot(badge).badge.id;
        let holders = self.badges.holders(badge).into_iter().flat_map(|all| all.iter());
        let holders = holders.take(records_max);
        let revoked = holders.filter_map(|member| {
            let held = self.badges.held_one(member, badge)?;
            let key = AssignmentKey { member, badge, assigned_at: held.assigned_at };
            Some(Event::BadgeUnassigned {
                badge: id,
                member: self.counters.id(member),
                assignment: assignment_id(self.id, key),
                reason: UnassignmentReason::BadgeDeleted,
            })
        });
        revoked.collect()
    }

    fn decide_create_endpoint(&self, new: &NewEndpoint, now: Timestamp) -> Decided {
        let endpoints = self.endpoints.len();
        limit(endpoints, ENDPOINTS_PER_SITE_MAX, "ENDPOINT_LIMIT", "webhook endpoints")?;
        let endpoint = Endpoint {
            id: new.id,
            url: new.url.clone(),
            event_types: new.event_types.clone(),
            sealed_secret: new.sealed_secret.clone(),
            previous_secret: None,
            // Its own creation is the last event that it does not get.
            after_seq: self.seq + 1,
            created_at: now,
            disabled: None,
        };
        let created = Event::EndpointCreated { endpoint: Arc::new(endpoint) };
        Ok(Decision::new(vec![created], Answering::Endpoint(new.id)))
    }

    pub(super) fn member(&self, id: MemberId) -> Result<u32, Refusal> {
        self.directory.find(id, &self.counters).ok_or_else(|| member_not_found(id))
    }

    /// A member that acts socially: approved and not muted.
    fn social_member(&self, id: MemberId) -> Result<u32, Refusal> {
        let member = self.member(id)?;
        let row = self.directory.row(member);
        match row.status {
            Status::Approved => {}
            Status::Pending => return Err(forbidden("MEMBER_PENDING", "is not approved yet")),
            Status::Blocked => return Err(forbidden("MEMBER_BLOCKED", "is blocked")),
            Status::Offline => return Err(forbidden("MEMBER_OFFLINE", "is disconnected")),
        }
        match row.activity {
            ActivityStatus::Active => Ok(member),
            ActivityStatus::Muted => Err(forbidden("MEMBER_MUTED", "is muted")),
        }
    }

    pub(super) fn graph(&self, member: u32) -> Result<GraphView<'_>, Stop> {
        let stored_commit = self.directory.row(member).graph_commit;
        self.entries.graph(member, stored_commit).ok_or_else(|| need(PartKey::Graph(member)))
    }

    pub(super) fn item(&self, item: u32) -> Result<&Item, Stop> {
        self.items.whole(item).ok_or_else(|| need(PartKey::Item(item)))
    }

    /// Both at once, so that what is missing is loaded in one go.
    fn graph_and_item(&self, member: u32, item: u32) -> Result<(GraphView<'_>, &Item), Stop> {
        match (self.graph(member), self.item(item)) {
            (Ok(graph), Ok(item)) => Ok((graph, item)),
            (Err(_), Err(_)) => Err(Stop::Need(vec![PartKey::Graph(member), PartKey::Item(item)])),
            (Err(stop), Ok(_)) | (Ok(_), Err(stop)) => Err(stop),
        }
    }

    pub(super) fn badge(&self, id: BadgeId) -> Result<BadgeNumber, Refusal> {
        self.badges.number(id).ok_or_else(|| {
            let detail = format!("badge {id} is not known");
            Refusal::NotFound { code: "BADGE_NOT_FOUND", detail }
        })
    }

    pub(super) fn endpoint(&self, id: EndpointId) -> Result<&Arc<Endpoint>, Refusal> {
        self.endpoints.get(&id).ok_or_else(|| {
            let detail = format!("webhook endpoint {id} is not known");
            Refusal::NotFound { code: "ENDPOINT_NOT_FOUND", detail }
        })
    }
}

struct SetCounter<'a> {
    app: &'a AppId,
    member: MemberId,
    key: &'a str,
    public: bool,
    count: i64,
}

struct Increment<'a> {
    app: &'a AppId,
    member: MemberId,
    key: &'a str,
    delta: i64,
}

/// A counter's step from one value to another.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub member: u32,
    pub key: KeyNumber,
    pub old: i64,
    pub new: i64,
}

fn need(part: PartKey) -> Stop {
    Stop::Need(vec![part])
}

fn limit(have: usize, max: usize, code: &'static str, what: &str) -> Result<(), Refusal> {
    if have < max {
        return Ok(());
    }
    let detail = format!("the limit of {max} {what} is reached");
    Err(Refusal::LimitReached { code, detail, limit: max as u64 })
}

fn conflict(code: &'static str, detail: String) -> Refusal {
    Refusal::Conflict { code, detail }
}

fn forbidden(code: &'static str, what: &str) -> Refusal {
    Refusal::Forbidden { code, detail: format!("the member {what}") }
}

pub(super) fn member_not_found(id: MemberId) -> Refusal {
    Refusal::NotFound { code: "MEMBER_NOT_FOUND", detail: format!("member {id} is not known") }
}

pub(super) fn item_not_found(key: &ItemKey) -> Refusal {
    let detail = format!("item {} of app {} is not known", key.item, key.app);
    Refusal::NotFound { code: "ITEM_NOT_FOUND", detail }
}

fn op_id_expired(floor_ms: i64) -> Refusal {
    let detail = format!("operation ids of {floor_ms} ms and before can no longer be told apart");
    Refusal::Conflict { code: "OP_ID_EXPIRED", detail }
}

fn overflow(id: MemberId) -> Refusal {
    let detail = format!("the counter of member {id} does not hold that sum");
    Refusal::Conflict { code: "COUNTER_OVERFLOW", detail }
}

fn too_many_counters(id: MemberId) -> Refusal {
    let limit = crate::domain::limits::COUNTERS_PER_MEMBER_MAX as u64;
    let detail = format!("member {id} holds {limit} counters, as many as it may");
    Refusal::LimitReached { code: "COUNTER_LIMIT", detail, limit }
}

/// Letters and digits in lower case, everything else becomes single dashes.
fn slug_of(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "member".to_owned() } else { slug.to_owned() }
}

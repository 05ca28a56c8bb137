//! The auditor's own idea of a site: plain sets and maps, folded from the durable log alone, with
//! no line of the product's `apply`. Totals are never kept: they are counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall::core::standings::Standing;
use guildhall::domain::about::About;
use guildhall::domain::command::ItemDetails;
use guildhall::domain::event::{Badge, Endpoint, MemberFacts};
use guildhall::domain::profile::{ActivityStatus, PrivacyStatus, Status};
use guildhall::domain::report::MemberReport;
use guildhall::domain::{
    AppId, AssignmentId, BadgeId, Change, Commit, EndpointId, Event, ItemKey, MemberId, OpId,
    Record, Timestamp, WrittenRecord,
};

use crate::packed;
use crate::setting_rules::Settings;

pub type CounterKey = (MemberId, AppId, String);

#[derive(Clone, Debug)]
pub struct Member {
    pub facts: Arc<MemberFacts>,
    pub member_seq: u64,
    /// Seqs of the records of its channel.
    pub channel: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub public: bool,
    pub count: i64,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub commit: u64,
    pub time_ms: i64,
    pub records: Vec<WrittenRecord>,
    pub members: BTreeMap<MemberId, Member>,
    /// Deleted members: nothing but the place in the order and in their channels.
    pub gone: BTreeMap<MemberId, Member>,
    pub member_order: Vec<MemberId>,
    pub emails: BTreeSet<String>,
    /// Follower, followed; and the other way round.
    pub following: BTreeSet<(MemberId, MemberId)>,
    pub followers: BTreeSet<(MemberId, MemberId)>,
    pub items: BTreeMap<Arc<ItemKey>, ItemDetails>,
    pub item_order: Vec<Arc<ItemKey>>,
    pub likers: BTreeSet<(Arc<ItemKey>, MemberId)>,
    pub likes: BTreeSet<(MemberId, Arc<ItemKey>)>,
    /// Author, item, liker.
    pub received: BTreeSet<(MemberId, Arc<ItemKey>, MemberId)>,
    pub keys: Vec<(AppId, String)>,
    /// All but the built-in counters, which are sizes of sets.
    pub counters: BTreeMap<CounterKey, Count>,
    pub badges: BTreeMap<BadgeId, Arc<Badge>>,
    pub badge_order: Vec<BadgeId>,
    pub badges_deleted: BTreeSet<BadgeId>,
    pub held: BTreeMap<(BadgeId, MemberId), AssignmentId>,
    pub endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    pub op_ids: BTreeSet<(AppId, OpId)>,
    pub producers: BTreeMap<(AppId, String), u64>,
    pub reports: Reports,
    /// By number.
    pub member_reports: BTreeMap<u32, Arc<MemberReport>>,
    pub reviewed: BTreeSet<MemberId>,
    pub abouts: BTreeMap<MemberId, Arc<About>>,
    pub standings: BTreeMap<MemberId, Standing>,
    pub settings: Settings,
}

/// What those who take reports were told last.
#[derive(Clone, Debug, Default)]
pub struct Reports {
    /// Commit since which some endpoint takes counter reports without a break.
    pub since: Option<u64>,
    /// Last reported value, or the value when reporting began.
    pub told: BTreeMap<CounterKey, i64>,
    /// Counters that were reported since then.
    pub connected: BTreeSet<CounterKey>,
}

impl Model {
    pub fn seq(&self) -> u64 {
        self.records.len() as u64
    }

    pub fn record(&self, seq: u64) -> &WrittenRecord {
        &self.records[seq as usize - 1]
    }

    pub fn fold(&mut self, commit: &Commit) {
        assert_eq!(commit.number, self.commit + 1, "commits are dense");
        assert!(commit.time.unix_ms >= self.time_ms, "time does not run backwards");
        assert!(
            !commit.records.is_empty() || !commit.changes.is_empty(),
            "commit {} changes nothing",
            commit.number
        );
        (self.commit, self.time_ms) = (commit.number, commit.time.unix_ms);
        for change in &commit.changes {
            self.fold_change(change);
        }
        for record in &commit.records {
            assert_eq!(record.seq, self.seq() + 1, "seqs are dense");
            assert_eq!(record.time, commit.time, "a record has its commit's time");
            self.fold_event(&record.event);
            self.fold_touches(record);
            self.records.push(record.clone());
        }
    }

    fn fold_touches(&mut self, record: &Record) {
        let mut touched: Vec<MemberId> = record.touches.iter().map(|touch| touch.member).collect();
        let mut concerned: Vec<MemberId> = concerned(&record.event);
        touched.sort();
        concerned.sort();
        concerned.dedup();
        assert_eq!(touched, concerned, "record {} goes to those it concerns", record.seq);
        for touch in &record.touches {
            let member = self.ever_mut(touch.member);
            let previous = member.channel.last().copied().unwrap_or(0);
            assert_eq!(touch.previous_seq, previous, "the chain of {} has no gap", touch.member);
            member.channel.push(record.seq);
        }
        let Some(owner) = concerned_first(&record.event) else {
            return assert_eq!(record.member_seq, 0, "record {} is nobody's", record.seq);
        };
        let member = self.ever_mut(owner);
        member.member_seq += 1;
        assert_eq!(record.member_seq, member.member_seq, "member seqs of {owner} are dense");
    }

    fn ever_mut(&mut self, member: MemberId) -> &mut Member {
        let (living, gone) = (&mut self.members, &mut self.gone);
        let found = living.get_mut(&member).or_else(|| gone.get_mut(&member));
        found.expect("a record's members are or were there")
    }

    pub fn ever(&self, member: MemberId) -> Option<&Member> {
        self.members.get(&member).or_else(|| self.gone.get(&member))
    }

    /// An item's author, while it is there.
    pub fn author_of(&self, item: &ItemKey) -> Option<MemberId> {
        self.items[item].author.filter(|author| self.members.contains_key(author))
    }

    fn fold_change(&mut self, change: &Change) {
        match change {
            Change::MemberErased { member } => {
                let member = self.member_order[member.0 as usize];
                assert!(self.gone.contains_key(&member), "{member} is deleted before it is erased");
                let left =
                    peers(&self.following, member).len() + peers(&self.followers, member).len();
                assert_eq!((left, self.likes_of(member).count()), (0, 0), "edges of {member}");
            }
            Change::CounterKeyNamed { number, app, key } => {
                assert_eq!(*number as usize, self.keys.len(), "key numbers are dense");
                let named = (app.clone(), key.clone());
                assert!(!self.keys.contains(&named), "{named:?} is named once");
                self.keys.push(named);
            }
            Change::Increments { packed } => {
                for (key, member, delta) in packed::read(packed) {
                    let count = self.counter_mut(member, key);
                    count.count = count.count.checked_add(delta).expect("a sum fits");
                }
            }
            // Sizes of sets are not kept: what is told of one is compared with the set.
            Change::CounterSet { key, .. } if self.keys[*key as usize].0 == AppId::built_in() => {}
            Change::CounterSet { member, key, public, count } => {
                *self.counter_mut(member.0, *key) = Count { public: *public, count: *count };
            }
            Change::OpIdsSeen { app, op_ids } => {
                for op_id in op_ids {
                    let is_new = self.op_ids.insert((app.clone(), *op_id));
                    assert!(is_new, "operation {op_id:?} of {app} was counted twice");
                }
            }
            Change::ProducerAdvanced { app, position } => {
                let named = (app.clone(), position.producer.clone());
                let last = self.producers.insert(named, position.n).unwrap_or(0);
                assert_eq!(position.n, last + 1, "numbers of {} are dense", position.producer);
            }
        }
    }

    fn counter_mut(&mut self, member: u32, key: u16) -> &mut Count {
        let (app, key) = self.keys[key as usize].clone();
        let member = self.member_order[member as usize];
        let fresh = Count { public: true, count: 0 };
        self.counters.entry((member, app, key)).or_insert(fresh)
    }

    fn fold_event(&mut self, event: &Event) {
        match event {
            Event::MemberCreated { ordinal, facts, .. } => {
                assert_eq!(ordinal.0 as usize, self.member_order.len(), "ordinals are dense");
                self.member_order.push(facts.id);
                if let Some(email) = &facts.login_email {
                    assert!(self.emails.insert(email.to_lowercase()), "an e-mail is one member's");
                }
                self.fold_slug(facts.id, None, facts.slug.as_deref());
                let member = Member { facts: facts.clone(), member_seq: 0, channel: Vec::new() };
                assert!(self.members.insert(facts.id, member).is_none(), "created once");
            }
            Event::MemberUpdated { facts, .. } => self.fold_update(facts),
            Event::MemberDeleted { member, .. } => self.fold_deletion(*member),
            Event::FollowCreated { follower, followed } => {
                assert!(self.following.insert((*follower, *followed)), "a follow is new");
                self.followers.insert((*followed, *follower));
            }
            Event::FollowDeleted { follower, followed } => {
                assert!(self.following.remove(&(*follower, *followed)), "an unfollow ends one");
                self.followers.remove(&(*followed, *follower));
            }
            Event::ItemCreated { ordinal, item, details } => {
                assert_eq!(ordinal.0 as usize, self.item_order.len(), "ordinals are dense");
                self.item_order.push(item.clone());
                self.items.insert(item.clone(), details.clone());
            }
            Event::ItemUpdated { item, details } => self.fold_item_update(item, details),
            Event::ItemLiked { item, liker, author } => {
                assert_eq!(*author, self.author_of(item), "a like names the author");
                assert!(self.likers.insert((item.clone(), *liker)), "a like is new");
                self.likes.insert((*liker, item.clone()));
                self.received.extend(author.map(|author| (author, item.clone(), *liker)));
            }
            Event::ItemUnliked { item, liker, author } => {
                assert_eq!(*author, self.author_of(item), "an unlike names the author");
                assert!(self.likers.remove(&(item.clone(), *liker)), "an unlike ends one");
                self.likes.remove(&(*liker, item.clone()));
                if let Some(author) = author {
                    self.received.remove(&(*author, item.clone(), *liker));
                }
            }
            Event::Reported { step } => self.fold_report_step(step),
            Event::About { step } => self.fold_about(step),
            Event::Moderated { ruling } => self.fold_ruling(ruling),
            Event::Setting { .. } | Event::Tie { .. } | Event::Community { .. } => {
                self.fold_setting(event)
            }
            Event::CounterUpdated { .. } => self.fold_report(event),
            Event::BadgeCreated { .. }
            | Event::BadgeUpdated { .. }
            | Event::BadgeDeleted { .. }
            | Event::BadgeAssigned { .. }
            | Event::BadgeUnassigned { .. } => self.fold_badge(event),
            Event::EndpointCreated { .. }
            | Event::EndpointDeleted { .. }
            | Event::EndpointSecretRotated { .. }
            | Event::EndpointDisabled { .. }
            | Event::EndpointUpdated { .. }
            | Event::EndpointEnabled { .. }
            | Event::EndpointReported { .. }
            | Event::EndpointReplay { .. } => self.fold_endpoint(event),
        }
    }

    fn fold_item_update(&mut self, item: &Arc<ItemKey>, details: &ItemDetails) {
        self.items.insert(item.clone(), details.clone());
        if let Some(author) = details.author {
            let likers = self.likers_of(item);
            let received = likers.into_iter().map(|liker| (author, item.clone(), liker));
            self.received.extend(received);
        }
    }

    fn fold_deletion(&mut self, member: MemberId) {
        let mut known = self.members.remove(&member).expect("a member is deleted once");
        if let Some(email) = &known.facts.login_email {
            self.emails.remove(&email.to_lowercase());
        }
        self.forget_standing(member);
        self.settings.held.retain(|(holder, _)| *holder != member);
        self.settings.given_up.remove(&member);
        self.settings.blocks.retain(|(by, other)| ![by, other].contains(&&member));
        let updated_at = Timestamp::from_unix_ms(self.time_ms);
        known.facts = Arc::new(MemberFacts {
            login_email: None,
            slug: None,
            status: Status::Deleted,
            privacy: PrivacyStatus::Private,
            activity: ActivityStatus::Active,
            updated_at,
            revision: 0,
            profile: Arc::default(),
            ..MemberFacts::clone(&known.facts)
        });
        self.gone.insert(member, known);
        self.counters.retain(|(of, _, _), _| *of != member);
        self.received.retain(|(author, _, _)| *author != member);
        self.reports.told.retain(|(of, _, _), _| *of != member);
        self.reports.connected.retain(|(of, _, _)| *of != member);
    }

    fn fold_endpoint(&mut self, event: &Event) {
        match event {
            Event::EndpointCreated { endpoint } => {
                assert_eq!(endpoint.after_seq, self.seq() + 1, "it gets what comes after it");
                self.endpoints.insert(endpoint.id, endpoint.clone());
            }
            Event::EndpointDeleted { endpoint } => {
                self.endpoints.remove(endpoint);
            }
            Event::EndpointSecretRotated { endpoint, sealed_secret, .. } => {
                self.endpoint_mut(*endpoint).sealed_secret.clone_from(sealed_secret);
            }
            Event::EndpointDisabled { endpoint, reason } => {
                self.endpoint_mut(*endpoint).disabled = Some(reason.clone());
            }
            Event::EndpointUpdated { endpoint } => {
                let before = self.endpoints.insert(endpoint.id, endpoint.clone());
                assert!(before.is_some(), "an endpoint that is updated is known");
            }
            Event::EndpointEnabled { endpoint } => self.endpoint_mut(*endpoint).disabled = None,
            Event::EndpointReported { .. } => {}
            Event::EndpointReplay { endpoint, step } => self.endpoint_mut(*endpoint).replay(step),
            other => unreachable!("{} is no endpoint's event", other.type_name()),
        }
        self.begin_or_end_reports();
    }

    fn endpoint_mut(&mut self, id: EndpointId) -> &mut Endpoint {
        Arc::make_mut(self.endpoints.get_mut(&id).expect("a changed endpoint exists"))
    }

    fn begin_or_end_reports(&mut self) {
        let takes = |endpoint: &Arc<Endpoint>| {
            let patterns = &endpoint.event_types;
            patterns.is_empty()
                || patterns.iter().any(|p| ["*", "counter.*", "counter.updated"].contains(&&**p))
        };
        match (self.endpoints.values().any(takes), self.reports.since) {
            (true, None) => {
                let now = self.all_counters();
                let told = now.into_iter().map(|(key, count)| (key, count.count)).collect();
                let (since, connected) = (Some(self.commit), BTreeSet::new());
                self.reports = Reports { since, told, connected };
            }
            (false, Some(_)) => self.reports = Reports::default(),
            (true, Some(_)) | (false, None) => {}
        }
    }

    fn fold_report(&mut self, event: &Event) {
        let Event::CounterUpdated { member, app, key, public, old, new } = event else { return };
        let counter = (*member, app.clone(), key.clone());
        let now = self.count(&counter).unwrap_or(Count { public: true, count: 0 });
        assert_eq!((*public, *new), (now.public, now.count), "a report of {key} tells what is");
        assert_ne!(old, new, "a report tells a change");
        if self.reports.since.is_none() {
            return;
        }
        let told = self.reports.told.insert(counter.clone(), *new).unwrap_or(0);
        // The first one may connect to what only live listeners were told before.
        if !self.reports.connected.insert(counter) {
            assert_eq!(*old, told, "reports of {key} of {member} connect");
        }
    }

    /// Every counter with its value; the built-in ones are counted.
    pub fn all_counters(&self) -> BTreeMap<CounterKey, Count> {
        let mut all = self.counters.clone();
        let app = AppId::built_in();
        for (member, item) in &self.likes {
            let given = (*member, app.clone(), "likes.given".to_owned());
            let given = self.members.contains_key(member).then_some(given);
            let author = self.author_of(item);
            let received = author.map(|author| (author, app.clone(), "likes.received".to_owned()));
            for key in received.into_iter().chain(given) {
                all.entry(key).or_insert(Count { public: true, count: 0 }).count += 1;
            }
        }
        all
    }

    pub fn count(&self, counter: &CounterKey) -> Option<Count> {
        let (member, app, key) = counter;
        if *app != AppId::built_in() {
            return self.counters.get(counter).copied();
        }
        let count = match key.as_str() {
            _ if self.gone.contains_key(member) => 0,
            "likes.given" => self.likes_of(*member).count(),
            _ => self.received_by(*member),
        };
        Some(Count { public: true, count: count as i64 })
    }

    pub fn received_by(&self, author: MemberId) -> usize {
        let from = self.received.range((author, least_item(), MemberId::from_u128(0))..);
        from.take_while(|(one, _, _)| *one == author).count()
    }

    pub fn likes_of(&self, member: MemberId) -> impl Iterator<Item = &Arc<ItemKey>> {
        let from = self.likes.range((member, least_item())..);
        from.take_while(move |(liker, _)| *liker == member).map(|(_, item)| item)
    }

    pub fn likers_of(&self, item: &Arc<ItemKey>) -> Vec<MemberId> {
        let from = self.likers.range((item.clone(), MemberId::from_u128(0))..);
        from.take_while(|(liked, _)| liked == item).map(|(_, liker)| *liker).collect()
    }

    /// Of these members those that lists show: who is there and approved.
    pub fn listed(&self, mut members: Vec<MemberId>) -> Vec<MemberId> {
        members.retain(|member| self.is_listed(*member));
        members
    }

    pub fn is_listed(&self, member: MemberId) -> bool {
        let known = self.members.get(&member);
        known.is_some_and(|known| known.facts.status == Status::Approved)
    }
}

fn least_item() -> Arc<ItemKey> {
    let app = AppId::parse("-").expect("a short name is an app id");
    Arc::new(ItemKey { app, item: String::new() })
}

/// All that the far sides of `member` in a set of pairs.
pub fn peers(pairs: &BTreeSet<(MemberId, MemberId)>, member: MemberId) -> Vec<MemberId> {
    let least = MemberId::from_u128(0);
    let from = pairs.range((member, least)..);
    from.take_while(|(one, _)| *one == member).map(|(_, other)| *other).collect()
}

fn concerned_first(event: &Event) -> Option<MemberId> {
    concerned(event).first().copied()
}

/// Whom an event is about, the acting member first.
fn concerned(event: &Event) -> Vec<MemberId> {
    match event {
        Event::MemberCreated { facts, .. } | Event::MemberUpdated { facts, .. } => vec![facts.id],
        Event::FollowCreated { follower, followed }
        | Event::FollowDeleted { follower, followed } => vec![*follower, *followed],
        Event::ItemLiked { liker, author, .. } | Event::ItemUnliked { liker, author, .. } => {
            std::iter::once(*liker).chain(*author).collect()
        }
        Event::ItemCreated { details, .. } | Event::ItemUpdated { details, .. } => {
            details.author.into_iter().collect()
        }
        Event::CounterUpdated { member, .. }
        | Event::BadgeAssigned { member, .. }
        | Event::BadgeUnassigned { member, .. }
        | Event::MemberDeleted { member, .. }
        | Event::Community { member, .. } => vec![*member],
        Event::About { step } => vec![step.member()],
        Event::Moderated { ruling } => vec![ruling.facts.id],
        Event::Tie { step } => vec![step.member()],
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
        | Event::Setting { .. }
        | Event::Reported { .. } => Vec::new(),
    }
}

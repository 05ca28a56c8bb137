//! The hub: which session reads which channel as whom, and what a durable record means for them.
//! Pure: records in, deliveries out. Frames, sockets and the questions asked of the site are the
//! shell's. Visibility is judged at the moment of sending, here.

use std::collections::{BTreeMap, BTreeSet};

use super::channel::{Channel, Topic};
use super::fault::{Fault, planted};
use super::query::Viewer;
use super::recovery::Recovered;
use super::visibility::{Audience, is_shown_to_others, sees};
use crate::domain::event::MemberFacts;
use crate::domain::limits::SUBSCRIPTION_PENDING_RECORDS_MAX;
use crate::domain::profile::Status;
use crate::domain::settings::{Candidates, SettingStep, Visibility};
use crate::domain::ties::TieStep;
use crate::domain::{Event, MemberId, WrittenRecord};

/// One live session, as the shell numbers it; never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u64);

/// The live side of one site for the sessions of one worker.
#[derive(Debug)]
pub struct Hub {
    /// Seq of the newest record that was published here.
    position: u64,
    topics: BTreeMap<Topic, Vec<Subscriber>>,
}

#[derive(Debug)]
struct Subscriber {
    session: SessionKey,
    channel: Channel,
    viewer: Viewer,
    audience: Audience,
    state: Reading,
}

#[derive(Debug)]
enum Reading {
    /// The channel is being asked for; what is published meanwhile waits here.
    Opening(Box<Held>),
    /// Records after `after` are delivered.
    Open { after: u64 },
}

/// Who reads a channel, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAs {
    pub viewer: Viewer,
    pub audience: Audience,
}

/// Records of one topic published after `since`, oldest first.
#[derive(Debug, Default)]
struct Held {
    since: u64,
    records: Vec<WrittenRecord>,
}

/// What a published record means for sessions, to be done in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The same frame for all these sessions.
    Publish {
        channel: Channel,
        audience: Audience,
        records: Vec<WrittenRecord>,
        sessions: Vec<SessionKey>,
    },
    /// The channel went out of these sessions' sight; they are no longer in it.
    Cut { channel: Channel, sessions: Vec<SessionKey> },
    /// The member behind these sessions may no longer be here; they are out of its channels.
    Expel { sessions: Vec<SessionKey> },
}

/// What the site answered about a channel that is being opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Everything up to it is durable and in the answer.
    pub seq: u64,
    /// `None` where the client did not ask to recover.
    pub recovered: Option<Recovered>,
}

/// What opening a channel came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    Reading(Reader),
    /// The answer is older than what this hub has published: ask again.
    Stale,
    /// Nothing of it may be seen; looks the same as a channel that never was.
    Hidden,
    /// The session left meanwhile.
    Gone,
}

/// A subscription from here on: what was missed, then what came while the channel was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    pub seq: u64,
    pub recovered: Option<Recovered>,
    pub live: Vec<WrittenRecord>,
}

impl Hub {
    /// A hub that will be given every record after `position`.
    pub fn new(position: u64) -> Hub {
        Hub { position, topics: BTreeMap::new() }
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Begins to hold the channel's records for a session, until [`Hub::open`]. Called before the
    /// site is asked, so that nothing falls between its answer and the first delivery.
    pub fn subscribe(&mut self, session: SessionKey, channel: Channel, reader: ReadAs) {
        let ReadAs { viewer, audience } = reader;
        let subscribers = self.topics.entry(channel.topic()).or_default();
        let known = subscribers.iter().any(|it| it.session == session && it.channel == channel);
        assert!(!known, "a session subscribes to a channel once");
        let held = Held { since: self.position, records: Vec::new() };
        let state = Reading::Opening(Box::new(held));
        subscribers.push(Subscriber { session, channel, viewer, audience, state });
    }

    /// Takes the site's answer and lets the channel flow, or says why not.
    pub fn open(&mut self, session: SessionKey, channel: Channel, opening: Opening) -> Opened {
        let position = self.position;
        let Some(subscriber) = self.find(session, channel) else { return Opened::Gone };
        let Reading::Opening(held) = &mut subscriber.state else { return Opened::Gone };
        if opening.seq < held.since {
            return Opened::Stale;
        }
        let mut live = std::mem::take(&mut held.records);
        live.retain(|record| record.seq > opening.seq);
        let hidden = match subscriber.audience {
            Audience::Public | Audience::Follower => hides(channel, subscriber.viewer, &live),
            Audience::SelfMember => expels(channel, &live),
            Audience::App => false,
        };
        if hidden {
            self.unsubscribe(session, channel);
            return Opened::Hidden;
        }
        let audience = subscriber.audience;
        subscriber.state = Reading::Open { after: opening.seq.max(position) };
        let topic = channel.topic();
        live.retain(|record| carries(topic, record) && sees(&record.event, audience));
        // Records up to the answer's seq that this hub has yet to publish are skipped by `after`.
        Opened::Reading(Reader { seq: opening.seq, recovered: opening.recovered, live })
    }

    /// Takes a session out of a channel, open or opening.
    pub fn unsubscribe(&mut self, session: SessionKey, channel: Channel) {
        let Some(subscribers) = self.topics.get_mut(&channel.topic()) else { return };
        subscribers.retain(|it| it.session != session || it.channel != channel);
        if subscribers.is_empty() {
            self.topics.remove(&channel.topic());
        }
    }

    fn find(&mut self, session: SessionKey, channel: Channel) -> Option<&mut Subscriber> {
        let subscribers = self.topics.get_mut(&channel.topic())?;
        subscribers.iter_mut().find(|it| it.session == session && it.channel == channel)
    }

    /// Publishes durable records: dense, in order, right after the ones before.
    pub fn publish(&mut self, records: &[WrittenRecord]) -> Vec<Delivery> {
        let mut topics: BTreeMap<Topic, Vec<WrittenRecord>> = BTreeMap::new();
        for record in records {
            assert!(record.seq == self.position + 1, "records are published densely");
            self.position = record.seq;
            for topic in self.concerned(record) {
                if self.topics.contains_key(&topic) {
                    let stretch = topics.entry(topic).or_default();
                    // A record is published once, even if it names a member twice.
                    if stretch.last().is_none_or(|last| last.seq != record.seq) {
                        stretch.push(record.clone());
                    }
                }
            }
        }
        let mut deliveries = Vec::new();
        for (topic, records) in topics {
            self.publish_topic(topic, &records, &mut deliveries);
        }
        deliveries
    }

    /// The topics that carry the record, and those out of which it may turn readers.
    fn concerned(&self, record: &WrittenRecord) -> Vec<Topic> {
        let carrying = topics_of(record);
        if let Event::Tie { step: TieStep::Blocked { blocked, .. } } = &record.event {
            return carrying.chain([Topic::Member(*blocked)]).collect();
        }
        if closed_to(record).is_none() {
            return carrying.collect();
        }
        let members = self.topics.keys().filter(|topic| matches!(topic, Topic::Member(_)));
        carrying.chain(members.copied()).collect()
    }

    fn publish_topic(
        &mut self,
        topic: Topic,
        records: &[WrittenRecord],
        deliveries: &mut Vec<Delivery>,
    ) {
        let Some(subscribers) = self.topics.get_mut(&topic) else { return };
        let mut rest = records;
        while !rest.is_empty() {
            let turn = rest.iter().position(|record| turns_away(topic, record).is_some());
            let (stretch, after) = rest.split_at(turn.unwrap_or(rest.len()));
            deliver(topic, subscribers, stretch, deliveries);
            rest = after;
            if let [turn, after @ ..] = after {
                turn_away(topic, subscribers, turn, deliveries);
                deliver(topic, subscribers, std::slice::from_ref(turn), deliveries);
                rest = after;
            }
        }
        for subscriber in subscribers.iter_mut() {
            subscriber.hold(records);
        }
        if subscribers.is_empty() {
            self.topics.remove(&topic);
        }
    }
}

impl Subscriber {
    /// Keeps records for a channel that is still being opened. Too many, and it starts over: the
    /// answer will be older than `since`, and the site is asked again.
    fn hold(&mut self, records: &[WrittenRecord]) {
        let Reading::Opening(held) = &mut self.state else { return };
        let Some(newest) = records.last() else { return };
        if held.records.len() + records.len() > SUBSCRIPTION_PENDING_RECORDS_MAX {
            held.since = newest.seq;
            held.records = Vec::new();
        } else if !planted(Fault::HubForgetsOpening) {
            held.records.extend_from_slice(records);
        }
    }

    /// How many of these records it is already past; `None` while its channel is being opened.
    fn past(&self, records: &[WrittenRecord]) -> Option<usize> {
        match &self.state {
            Reading::Opening(_) => None,
            Reading::Open { after } => {
                Some(records.iter().take_while(|record| record.seq <= *after).count())
            }
        }
    }
}

/// Groups the readers who get the same frame, and says what is in it.
fn deliver(
    topic: Topic,
    subscribers: &[Subscriber],
    records: &[WrittenRecord],
    deliveries: &mut Vec<Delivery>,
) {
    let mut groups: BTreeMap<(Channel, Audience, usize), Vec<SessionKey>> = BTreeMap::new();
    for subscriber in subscribers {
        let Some(past) = subscriber.past(records) else { continue };
        let group = (subscriber.channel, subscriber.audience, past);
        groups.entry(group).or_default().push(subscriber.session);
    }
    for ((channel, audience, past), sessions) in groups {
        let is_shown =
            |record: &&WrittenRecord| carries(topic, record) && sees(&record.event, audience);
        let records: Vec<WrittenRecord> =
            records[past..].iter().filter(is_shown).cloned().collect();
        if !records.is_empty() {
            deliveries.push(Delivery::Publish { channel, audience, records, sessions });
        }
    }
}

/// A change that ends what others may see of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TurnedAway {
    whom: Hidden,
    /// The member itself may no longer be here either.
    expelled: bool,
}

/// Whom a change leaves in the dark about members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hidden {
    Nobody,
    Visitors,
    Others,
    Member(MemberId),
}

impl Hidden {
    fn hides_from(self, viewer: Viewer) -> bool {
        match self {
            Hidden::Nobody => false,
            Hidden::Visitors => viewer == Viewer::Visitor,
            Hidden::Others => viewer != Viewer::Owner,
            Hidden::Member(member) => viewer == Viewer::Member(member),
        }
    }
}

/// What a change of the site's privacy settings means for all members at once.
fn closed_to(record: &WrittenRecord) -> Option<Hidden> {
    let Event::Setting { step: SettingStep::MemberPrivacy(privacy) } = &record.event else {
        return None;
    };
    Some(match (privacy.candidates, privacy.visibility) {
        (Candidates::NoOne, _) => Hidden::Others,
        (Candidates::Anyone, Visibility::MembersOnly) => Hidden::Visitors,
        (Candidates::Anyone, Visibility::All) => Hidden::Nobody,
    })
}

fn turns_away(topic: Topic, record: &WrittenRecord) -> Option<TurnedAway> {
    let Topic::Member(of_topic) = topic else { return None };
    if let Some(whom) = closed_to(record) {
        return (whom != Hidden::Nobody).then_some(TurnedAway { whom, expelled: false });
    }
    if let Some(whom) = parted(of_topic, record) {
        return Some(TurnedAway { whom, expelled: false });
    }
    let (member, hidden, expelled) = match &record.event {
        Event::MemberUpdated { facts, .. } => (facts.id, !is_shown_to_others(facts), is_out(facts)),
        Event::Moderated { ruling } => {
            let facts = &ruling.facts;
            (facts.id, !is_shown_to_others(facts), is_out(facts))
        }
        Event::MemberDeleted { member, .. } => (*member, true, true),
        _ => return None,
    };
    let turned = TurnedAway { whom: Hidden::Others, expelled };
    (of_topic == member && hidden).then_some(turned)
}

/// Who sees the member no more, because one of both blocks the other.
fn parted(member: MemberId, record: &WrittenRecord) -> Option<Hidden> {
    match &record.event {
        Event::Tie { step: TieStep::Blocked { member: by, blocked } } if *by == member => {
            Some(Hidden::Member(*blocked))
        }
        Event::Tie { step: TieStep::Blocked { member: by, blocked } } if *blocked == member => {
            Some(Hidden::Member(*by))
        }
        _ => None,
    }
}

/// Whether the member itself may not be here.
fn is_out(facts: &MemberFacts) -> bool {
    facts.status != Status::Approved
}

/// Takes out those who may no longer see the member, before anything of the change is shown.
fn turn_away(
    topic: Topic,
    subscribers: &mut Vec<Subscriber>,
    record: &WrittenRecord,
    deliveries: &mut Vec<Delivery>,
) {
    let Some(turned) = turns_away(topic, record) else { return };
    let mut cut: BTreeMap<Channel, Vec<SessionKey>> = BTreeMap::new();
    let mut expelled = BTreeSet::new();
    let one = std::slice::from_ref(record);
    subscribers.retain(|it| {
        let is_reached = it.past(one) == Some(0);
        match it.audience {
            Audience::Public | Audience::Follower
                if is_reached && turned.whom.hides_from(it.viewer) =>
            {
                cut.entry(it.channel).or_default().push(it.session);
                false
            }
            Audience::SelfMember if is_reached && turned.expelled => {
                expelled.insert(it.session);
                false
            }
            Audience::Public | Audience::Follower | Audience::SelfMember | Audience::App => true,
        }
    });
    for (channel, sessions) in cut {
        deliveries.push(Delivery::Cut { channel, sessions });
    }
    if !expelled.is_empty() {
        deliveries.push(Delivery::Expel { sessions: expelled.into_iter().collect() });
    }
}

/// Whether one of these records takes even the member itself out of its channel.
fn expels(channel: Channel, records: &[WrittenRecord]) -> bool {
    let mut turned = records.iter().filter_map(|record| turns_away(channel.topic(), record));
    turned.any(|turned| turned.expelled)
}

/// Whether the last of these records that speaks of the channel's member, or of all members, hides
/// it from the viewer.
fn hides(channel: Channel, viewer: Viewer, records: &[WrittenRecord]) -> bool {
    let Some(member) = channel.member() else { return false };
    let of_member = records.iter().rev().find_map(|record| hides_member(record, member));
    let of_all = records.iter().rev().find_map(closed_to);
    // A block that ended meanwhile hides too: whoever asks again gets in.
    let of_both = records.iter().filter_map(|record| parted(member, record));
    of_member.unwrap_or(false) || of_all.into_iter().chain(of_both).any(|it| it.hides_from(viewer))
}

/// Whether a record hides the member from others; `None` where it says nothing about that.
fn hides_member(record: &WrittenRecord, member: MemberId) -> Option<bool> {
    match &record.event {
        Event::MemberUpdated { facts, .. } if facts.id == member => {
            Some(!is_shown_to_others(facts))
        }
        Event::Moderated { ruling } if ruling.facts.id == member => {
            Some(!is_shown_to_others(&ruling.facts))
        }
        Event::MemberDeleted { member: deleted, .. } if *deleted == member => Some(true),
        _ => None,
    }
}

fn topics_of(record: &WrittenRecord) -> impl Iterator<Item = Topic> + '_ {
    let members = record.touches.iter().map(|touch| Topic::Member(touch.member));
    members.chain(std::iter::once(Topic::Site))
}

/// Whether the record is one of the topic's; some that are not still turn its readers away.
fn carries(topic: Topic, record: &WrittenRecord) -> bool {
    topics_of(record).any(|one| one == topic)
}

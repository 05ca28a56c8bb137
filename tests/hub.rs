//! The hub and its recoveries: what a reader sees is every record it may see, once and in order, or
//! the word to reload. Random readers come and go against a plain model.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use guildhall::core::channel::Channel;
use guildhall::core::hub::{Delivery, Hub, Opened, Opening, SessionKey};
use guildhall::core::query::Viewer;
use guildhall::core::recovery::{Recovered, StreamPosition};
use guildhall::core::visibility::{Audience, audience};
use guildhall::domain::moderation::{Ruling, Terms, Verdict};
use guildhall::domain::profile::{PrivacyStatus, Status};
use guildhall::domain::{Event, WrittenRecord};
use proptest::prelude::*;

#[path = "hub/log.rs"]
mod log;
#[path = "hub/privacy.rs"]
mod privacy;

use log::*;

#[test]
fn a_recovery_walks_only_along_its_own_channel() {
    let mut log = Log::default();
    for _ in 0..5 {
        log.write(follow(0, 1));
        log.write(follow(2, 3));
    }
    let channel = Channel::Member(member(1));
    assert_eq!(seqs(log.recover(&at(4), channel, Audience::App)), Some(vec![5, 7, 9]));
    assert_eq!(seqs(log.recover(&at(7), Channel::Site, Audience::App)), Some(vec![8, 9, 10]));
    let quiet = Channel::Member(member(9));
    assert_eq!(seqs(log.recover(&at(0), quiet, Audience::App)), Some(vec![]));
    assert_eq!(seqs(log.recover(&at(10), channel, Audience::App)), Some(vec![]));
}

#[test]
fn a_recovery_is_whole_or_nothing() {
    let mut log = Log::default();
    for _ in 0..301 {
        log.write(counted(0, true));
    }
    let channel = Channel::Member(member(0));
    assert_eq!(seqs(log.recover(&at(1), channel, Audience::Public)).map(|it| it.len()), Some(300));
    assert_eq!(seqs(log.recover(&at(0), channel, Audience::Public)), None);
    assert_eq!(seqs(log.recover(&at(302), channel, Audience::Public)), None);
    let foreign = StreamPosition { offset: 300, epoch: "e2".to_owned() };
    assert_eq!(seqs(log.recover(&foreign, channel, Audience::Public)), None);
    log.first_seq = 100;
    assert_eq!(seqs(log.recover(&at(99), channel, Audience::Public)).map(|it| it.len()), Some(202));
    assert_eq!(seqs(log.recover(&at(98), channel, Audience::Public)), None);
}

#[test]
fn hidden_records_cost_steps_but_no_places() {
    let mut log = Log::default();
    for _ in 0..3_001 {
        log.write(counted(0, false));
    }
    let channel = Channel::Member(member(0));
    assert_eq!(seqs(log.recover(&at(1), channel, Audience::Public)), Some(vec![]));
    assert_eq!(seqs(log.recover(&at(0), channel, Audience::Public)), None);
}

#[test]
fn an_answer_older_than_what_was_published_is_asked_for_again() {
    let (mut log, mut hub) = (Log::default(), Hub::new(0));
    let (key, channel) = (SessionKey(1), Channel::Member(member(0)));
    hub.subscribe(key, channel, by(Viewer::Owner, Audience::App));
    let answer = |log: &Log| Opening { seq: log.durable(), recovered: None };
    let early = answer(&log);
    for _ in 0..1_100 {
        log.write(counted(0, true));
    }
    for round in log.records.chunks(64) {
        assert_eq!(hub.publish(round), []);
    }
    assert_eq!(hub.open(key, channel, early), Opened::Stale);
    let Opened::Reading(reader) = hub.open(key, channel, answer(&log)) else { panic!("not open") };
    assert_eq!((reader.seq, reader.live.len()), (1_100, 0));
    assert_eq!(hub.open(key, channel, answer(&log)), Opened::Gone);
    hub.unsubscribe(key, channel);
    assert!(hub.is_empty());
}

#[test]
fn a_member_deleted_while_its_channel_opens_does_not_get_in() {
    let (mut log, mut hub) = (Log::default(), Hub::new(0));
    let (key, channel) = (SessionKey(1), Channel::Personal(member(0)));
    hub.subscribe(key, channel, by(Viewer::Member(member(0)), Audience::SelfMember));
    let early = Opening { seq: log.durable(), recovered: None };
    log.write(Event::MemberDeleted { member: member(0), content_assignee: None });
    hub.publish(&log.records);
    assert_eq!(hub.open(key, channel, early), Opened::Hidden);
    assert!(hub.is_empty());
}

#[test]
fn who_is_blocked_is_put_out_and_nobody_else_reads_on_or_learns_of_it() {
    let (mut log, mut hub) = (Log::default(), Hub::new(0));
    let open = |hub: &mut Hub, key, channel, audience| {
        let viewer = match audience {
            Audience::App => Viewer::Owner,
            Audience::SelfMember => Viewer::Member(member(0)),
            Audience::Public | Audience::Follower => Viewer::Member(member(1)),
        };
        hub.subscribe(SessionKey(key), channel, by(viewer, audience));
        let opening = Opening { seq: 0, recovered: None };
        assert!(matches!(hub.open(SessionKey(key), channel, opening), Opened::Reading(_)));
    };
    let (own, others) = (Channel::Personal(member(0)), Channel::Member(member(0)));
    open(&mut hub, 1, own, Audience::SelfMember);
    open(&mut hub, 2, others, Audience::Public);
    open(&mut hub, 3, others, Audience::App);
    let ruling = |verdict, status| {
        let Event::MemberUpdated { facts, .. } = turned(0, PrivacyStatus::Public, status) else {
            unreachable!()
        };
        let (terms, was) = (Terms::default(), Status::Approved);
        Event::Moderated { ruling: Arc::new(Ruling { facts, verdict, terms, was }) }
    };
    log.write(ruling(Verdict::Muted, Status::Approved));
    log.write(ruling(Verdict::Blocked, Status::Blocked));
    let told = hub.publish(&log.records);
    let shown: Vec<(Audience, Vec<u64>)> = told
        .iter()
        .filter_map(|delivery| {
            let Delivery::Publish { audience, records, .. } = delivery else { return None };
            Some((*audience, records.iter().map(|record| record.seq).collect()))
        })
        .collect();
    let (app, own) = (Audience::App, Audience::SelfMember);
    assert_eq!(shown, [(app, vec![1]), (own, vec![1]), (app, vec![2])]);
    assert!(told.contains(&Delivery::Expel { sessions: vec![SessionKey(1)] }));
    assert!(told.contains(&Delivery::Cut { channel: others, sessions: vec![SessionKey(2)] }));
}

/// One reader as a client sees it.
struct Reader {
    channel: Channel,
    viewer: Viewer,
    state: State,
}

enum State {
    Away {
        position: u64,
    },
    /// The answer that the site gave, on its way to the hub.
    Opening {
        key: SessionKey,
        from: u64,
        answer: Option<Opening>,
    },
    Open {
        key: SessionKey,
        from: u64,
        seen: Vec<u64>,
    },
}

struct World {
    log: Log,
    hub: Hub,
    readers: Vec<Reader>,
    next_key: u64,
}

#[derive(Clone, Debug)]
enum Step {
    Write(u8, u8, u8),
    /// The hub takes up to so many durable records.
    Publish(u8),
    Come(u8),
    Answer(u8),
    Open(u8),
    Leave(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, 0..4_u8, 0..4_u8).prop_map(|(kind, one, two)| Step::Write(kind, one, two)),
        4 => (1..5_u8).prop_map(Step::Publish),
        2 => any::<u8>().prop_map(Step::Come),
        3 => any::<u8>().prop_map(Step::Answer),
        3 => any::<u8>().prop_map(Step::Open),
        1 => any::<u8>().prop_map(Step::Leave),
    ]
}

impl World {
    fn new() -> World {
        let mut readers = Vec::new();
        for number in 0..4 {
            let channels = [
                (Channel::Member(member(number)), Viewer::Owner),
                (Channel::Member(member(number)), Viewer::Member(member(3 - number))),
                (Channel::Personal(member(number)), Viewer::Member(member(number))),
                (Channel::Site, Viewer::Owner),
            ];
            let away =
                |(channel, viewer)| Reader { channel, viewer, state: State::Away { position: 0 } };
            readers.extend(channels.map(away));
        }
        World { log: Log::default(), hub: Hub::new(0), readers, next_key: 1 }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Write(kind, one, two) => self.write(kind, one, two),
            Step::Publish(count) => self.publish(count),
            Step::Come(place) => self.come(place),
            Step::Answer(place) => self.answer(place),
            Step::Open(place) => self.open(place),
            Step::Leave(place) => self.leave(place),
        }
    }

    fn write(&mut self, kind: u8, one: u8, two: u8) {
        let (public, approved) = (PrivacyStatus::Public, Status::Approved);
        self.log.write(match kind {
            0 => turned(one, PrivacyStatus::Private, approved),
            1 => turned(one, public, approved),
            2 => turned(one, public, Status::Blocked),
            3 => counted(one, two.is_multiple_of(2)),
            _ => follow(one, (one + 1 + two % 3) % 4),
        });
    }

    fn publish(&mut self, count: u8) {
        let from = self.hub.position() as usize;
        let to = (from + usize::from(count)).min(self.log.records.len());
        for delivery in self.hub.publish(&self.log.records[from..to]) {
            match delivery {
                Delivery::Publish { channel, audience, records, sessions } => {
                    for session in sessions {
                        self.deliver(session, channel, audience, &records);
                    }
                }
                Delivery::Cut { channel, sessions } => {
                    for session in sessions {
                        let reader = self.reader(session, channel);
                        assert_eq!(audience(reader.viewer, channel), Some(Audience::Public));
                        self.depart(session, channel);
                    }
                }
                Delivery::Expel { sessions } => {
                    for session in sessions {
                        let reader = self.readers.iter().find(|it| it.key() == Some(session));
                        let channel = reader.unwrap().channel;
                        assert!(matches!(channel, Channel::Personal(_)));
                        self.depart(session, channel);
                    }
                }
            }
        }
    }

    fn reader(&mut self, key: SessionKey, channel: Channel) -> &mut Reader {
        let found = |it: &&mut Reader| it.key() == Some(key) && it.channel == channel;
        self.readers.iter_mut().find(found).expect("a delivery to someone who is there")
    }

    fn deliver(&mut self, key: SessionKey, channel: Channel, to: Audience, all: &[WrittenRecord]) {
        let reader = self.reader(key, channel);
        assert_eq!(audience(reader.viewer, channel), Some(to));
        let State::Open { seen, .. } = &mut reader.state else { panic!("delivered too early") };
        seen.extend(all.iter().map(|record| record.seq));
    }

    /// Comes back where it left off; half of the time it asks for nothing, as a new reader does.
    fn come(&mut self, place: u8) {
        let key = SessionKey(self.next_key);
        self.next_key += 1;
        let count = self.readers.len();
        let reader = &mut self.readers[usize::from(place) % count];
        let State::Away { position } = reader.state else { return };
        let whom = audience(reader.viewer, reader.channel).unwrap();
        let as_whom = by(reader.viewer, whom);
        self.hub.subscribe(key, reader.channel, as_whom);
        reader.state = State::Opening { key, from: position, answer: None };
    }

    /// The site answers as of now; the answer may reach the hub much later.
    fn answer(&mut self, place: u8) {
        let count = self.readers.len();
        let reader = &mut self.readers[usize::from(place) % count];
        let State::Opening { key, from, answer } = &mut reader.state else { return };
        let (key, channel) = (*key, reader.channel);
        if self.log.is_hidden_from(reader.viewer, channel) {
            self.hub.unsubscribe(key, channel);
            reader.state = State::Away { position: *from };
            return;
        }
        let whom = audience(reader.viewer, channel).unwrap();
        let asks = key.0 % 3 != 0;
        let recovered = asks.then(|| self.log.recover(&at(*from), channel, whom));
        *answer = Some(Opening { seq: self.log.barrier(channel).seq, recovered });
    }

    fn open(&mut self, place: u8) {
        let count = self.readers.len();
        let reader = &mut self.readers[usize::from(place) % count];
        let State::Opening { key, from, answer } = &mut reader.state else { return };
        let (key, channel, from) = (*key, reader.channel, *from);
        let Some(answer) = answer.take() else { return };
        match self.hub.open(key, channel, answer) {
            Opened::Reading(opened) => {
                let live = opened.live.iter().map(|record| record.seq);
                let (from, missed) = match opened.recovered {
                    Some(Recovered::Whole(missed)) => (from, missed),
                    Some(Recovered::Lost) | None => (opened.seq, Vec::new()),
                };
                let seen = missed.iter().map(|record| record.seq).chain(live).collect();
                reader.state = State::Open { key, from, seen };
            }
            Opened::Stale => {}
            Opened::Hidden => reader.state = State::Away { position: from },
            Opened::Gone => panic!("nobody left"),
        }
    }

    fn leave(&mut self, place: u8) {
        let count = self.readers.len();
        let reader = &self.readers[usize::from(place) % count];
        let (Some(key), channel) = (reader.key(), reader.channel) else { return };
        self.hub.unsubscribe(key, channel);
        self.depart(key, channel);
    }

    fn depart(&mut self, key: SessionKey, channel: Channel) {
        let reader = self.reader(key, channel);
        let position = match &reader.state {
            State::Away { position } => *position,
            State::Opening { from, .. } => *from,
            State::Open { from, seen, .. } => seen.last().copied().unwrap_or(*from),
        };
        reader.state = State::Away { position };
    }

    /// Every open reader has seen exactly what the model says, up to where the hub is.
    fn audit(&self) {
        for reader in &self.readers {
            let State::Open { from, seen, .. } = &reader.state else { continue };
            let whom = audience(reader.viewer, reader.channel).unwrap();
            let end = self.hub.position().max(seen.last().copied().unwrap_or(0));
            let expected = self.log.of_channel(reader.channel, whom, *from, end);
            assert_eq!(*seen, expected, "{} from {from}", reader.channel);
        }
    }

    /// Nobody who may not see a member is in its channel, once the hub has caught up.
    fn audit_visibility(&mut self) {
        while self.hub.position() < self.log.durable() {
            self.publish(u8::MAX);
        }
        self.audit();
        for reader in &self.readers {
            let is_open = matches!(reader.state, State::Open { .. });
            let is_hidden = self.log.is_hidden_from(reader.viewer, reader.channel);
            assert!(!(is_open && is_hidden), "{} is in sight of a stranger", reader.channel);
        }
    }
}

impl Reader {
    fn key(&self) -> Option<SessionKey> {
        match &self.state {
            State::Away { .. } => None,
            State::Opening { key, .. } | State::Open { key, .. } => Some(*key),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_reader_ever_sees_a_gap_or_a_repeat(steps in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
            world.audit();
        }
        world.audit_visibility();
    }
}

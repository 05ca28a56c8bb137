//! A durable log as a site makes it, and the events that fill it.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall::core::channel::{Channel, Topic};
use guildhall::core::hub::ReadAs;
use guildhall::core::query::Viewer;
use guildhall::core::recovery::{Barrier, Recovered, Recovery, StreamPosition};
use guildhall::core::visibility::{Audience, audience, is_shown_to_others, sees};
use guildhall::domain::event::{MemberFacts, Record};
use guildhall::domain::profile::{ActivityStatus, PrivacyStatus, Profile, Status};
use guildhall::domain::{AppId, Event, MemberId, Timestamp, Touch, WrittenRecord};

pub const EPOCH: &str = "e1";

/// The durable log, with links per channel as the site makes them.
#[derive(Default)]
pub struct Log {
    pub records: Vec<WrittenRecord>,
    pub last_seqs: BTreeMap<MemberId, u64>,
    pub private: BTreeMap<MemberId, bool>,
    pub first_seq: u64,
}

pub fn by(viewer: Viewer, audience: Audience) -> ReadAs {
    ReadAs { viewer, audience }
}

pub fn member(number: u8) -> MemberId {
    MemberId::from_u128(u128::from(number) + 1)
}

impl Log {
    pub fn write(&mut self, event: Event) -> u64 {
        let seq = self.records.len() as u64 + 1;
        if let Event::MemberUpdated { facts, .. } = &event {
            self.private.insert(facts.id, !is_shown_to_others(facts));
        }
        let mut touches = Vec::new();
        for member in [event.member(), event.affected_member()].into_iter().flatten() {
            let previous_seq = self.last_seqs.insert(member, seq).unwrap_or(0);
            touches.push(Touch { member, previous_seq });
        }
        let time = Timestamp::from_unix_ms(seq as i64);
        let touches = touches.into_iter().collect();
        self.records.push(Arc::new(Record { seq, time, member_seq: 1, touches, event }));
        seq
    }

    pub fn durable(&self) -> u64 {
        self.records.len() as u64
    }

    pub fn barrier(&self, channel: Channel) -> Barrier {
        let seq = self.durable();
        let last_seq = match channel.member() {
            Some(member) => self.last_seqs.get(&member).copied().unwrap_or(0),
            None => seq,
        };
        Barrier { seq, last_seq }
    }

    pub fn is_hidden_from(&self, viewer: Viewer, channel: Channel) -> bool {
        let private = |member| self.private.get(&member).copied().unwrap_or(false);
        audience(viewer, channel) == Some(Audience::Public) && channel.member().is_some_and(private)
    }

    /// The model: every record of the channel after `offset`, found by looking at all of them.
    pub fn of_channel(
        &self,
        channel: Channel,
        as_whom: Audience,
        offset: u64,
        end: u64,
    ) -> Vec<u64> {
        let in_channel = |record: &&WrittenRecord| match channel.topic() {
            Topic::Site => true,
            Topic::Member(member) => record.touches.iter().any(|touch| touch.member == member),
        };
        let in_range = |record: &&WrittenRecord| record.seq > offset && record.seq <= end;
        let records = self.records.iter().filter(in_range).filter(in_channel);
        records.filter(|record| sees(&record.event, as_whom)).map(|record| record.seq).collect()
    }

    pub fn recover(
        &self,
        asked: &StreamPosition,
        channel: Channel,
        as_whom: Audience,
    ) -> Recovered {
        let barrier = self.barrier(channel);
        let mut walk = Recovery::start(asked, EPOCH, barrier, channel, as_whom);
        while let Some(seq) = walk.wants() {
            let record = self.records.get(seq as usize - 1);
            walk.give(record.filter(|record| record.seq >= self.first_seq).cloned());
        }
        walk.finish()
    }
}

pub fn follow(follower: u8, followed: u8) -> Event {
    Event::FollowCreated { follower: member(follower), followed: member(followed) }
}

pub fn counted(who: u8, public: bool) -> Event {
    let key = "views".to_owned();
    Event::CounterUpdated {
        member: member(who),
        app: AppId::site_code(),
        key,
        public,
        old: 0,
        new: 1,
    }
}

pub fn turned(who: u8, privacy: PrivacyStatus, status: Status) -> Event {
    let facts = MemberFacts {
        id: member(who),
        login_email: None,
        slug: None,
        status,
        privacy,
        activity: ActivityStatus::Active,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        revision: 1,
        profile: Arc::new(Profile::default()),
    };
    Event::MemberUpdated { facts: Arc::new(facts), changes: Vec::new() }
}

pub fn at(offset: u64) -> StreamPosition {
    StreamPosition { offset, epoch: EPOCH.to_owned() }
}

pub fn seqs(recovered: Recovered) -> Option<Vec<u64>> {
    match recovered {
        Recovered::Whole(records) => Some(records.iter().map(|record| record.seq).collect()),
        Recovered::Lost => None,
    }
}

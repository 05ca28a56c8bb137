//! Recovery of a channel: walking back from its newest record along each record's link to the one
//! before. Pure: it says which record it wants next and is given it; reading is done by the shell.
//! All or nothing: a client gets every visible record it missed, or is told to reload.

use super::channel::{Channel, Topic};
use super::fault::{Fault, planted};
use super::visibility::{Audience, sees};
use crate::domain::WrittenRecord;
use crate::domain::limits::{RECOVERY_RECORDS_MAX, RECOVERY_STEPS_MAX};

/// Where a client says it stopped reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPosition {
    pub offset: u64,
    /// The incarnation of the journal that numbered it, as text.
    pub epoch: String,
}

/// Where the channel stands: everything up to `seq` is durable and in this answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    pub seq: u64,
    /// Seq of the channel's newest record; 0 where there is none.
    pub last_seq: u64,
}

/// A walk from the channel's newest record back to where the client stopped.
#[derive(Debug)]
pub struct Recovery {
    topic: Topic,
    audience: Audience,
    offset: u64,
    next: u64,
    steps: usize,
    state: State,
    /// Newest first.
    records: Vec<WrittenRecord>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Walking,
    Whole,
    Lost,
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// Every visible record after the client's offset, oldest first.
    Whole(Vec<WrittenRecord>),
    /// Something is out of reach; the client has to reload.
    Lost,
}

impl Recovery {
    pub fn start(
        asked: &StreamPosition,
        epoch: &str,
        barrier: Barrier,
        channel: Channel,
        audience: Audience,
    ) -> Recovery {
        let foreign = asked.epoch != epoch || asked.offset > barrier.seq;
        let quiet = barrier.last_seq <= asked.offset;
        let state = match (foreign, quiet) {
            (true, _) => State::Lost,
            (false, true) => State::Whole,
            (false, false) => State::Walking,
        };
        Recovery {
            topic: channel.topic(),
            audience,
            offset: asked.offset,
            next: barrier.last_seq,
            steps: 0,
            state,
            records: Vec::new(),
        }
    }

    /// Seq of the record that the walk needs next; `None` when it is over.
    pub fn wants(&self) -> Option<u64> {
        (self.state == State::Walking).then_some(self.next)
    }

    /// Hands over the record that was wanted; `None` where it is no longer kept.
    pub fn give(&mut self, record: Option<WrittenRecord>) {
        assert!(self.state == State::Walking, "a finished walk was given a record");
        self.steps += 1;
        self.state = self.step(record);
    }

    fn step(&mut self, record: Option<WrittenRecord>) -> State {
        let Some(record) = record else { return State::Lost };
        assert!(record.seq == self.next, "the walk wanted another record");
        let Some(previous) = previous_seq(self.topic, &record) else { return State::Lost };
        assert!(previous < record.seq, "a channel's links go back");
        if sees(&record.event, self.audience) {
            self.records.push(record);
        }
        if self.records.len() > RECOVERY_RECORDS_MAX {
            return State::Lost;
        }
        let short = u64::from(planted(Fault::RecoveryStopsShort));
        if previous <= self.offset + short {
            return State::Whole;
        }
        if self.steps >= RECOVERY_STEPS_MAX {
            return State::Lost;
        }
        self.next = previous;
        State::Walking
    }

    pub fn finish(mut self) -> Recovered {
        match self.state {
            State::Whole => {
                self.records.reverse();
                Recovered::Whole(self.records)
            }
            State::Walking | State::Lost => Recovered::Lost,
        }
    }
}

/// Seq of the record before this one in the topic; `None` where the record is not of the topic.
fn previous_seq(topic: Topic, record: &WrittenRecord) -> Option<u64> {
    match topic {
        Topic::Site => Some(record.seq - 1),
        Topic::Member(member) => record
            .touches
            .iter()
            .find(|touch| touch.member == member)
            .map(|touch| touch.previous_seq),
    }
}

//! What deleting a member leaves behind: its row becomes a tombstone at once, its edges end in
//! slices. The state itself is the job: a tombstone that names a graph has work left.

use std::sync::Arc;

use super::apply::At;
use super::site::Site;
use super::turn::{Stop, WorkedOff};
use crate::domain::event::MemberFacts;
use crate::domain::profile::{ActivityStatus, PrivacyStatus, Profile, Status};
use crate::domain::{Change, MemberId, MemberOrdinal, Timestamp};

impl Site {
    /// Ends up to `records_max` edges of one deleted member, or says that none is left.
    pub(super) fn erase(&mut self, records_max: usize, now: Timestamp) -> WorkedOff {
        let Some(member) = self.erasing.first().copied() else { return WorkedOff::Nothing };
        let (events, changes) = match self.edges_ended(member, records_max) {
            Err(Stop::Need(parts)) => return WorkedOff::Need(parts),
            Err(Stop::Refused(refusal)) => unreachable!("erasing is no wish: {refusal:?}"),
            Ok(events) if events.is_empty() => {
                (events, vec![Change::MemberErased { member: MemberOrdinal(member) }])
            }
            Ok(events) => (events, Vec::new()),
        };
        WorkedOff::Done(self.commit_all(events, changes, now))
    }

    pub(super) fn apply_member_deleted(&mut self, at: At, id: MemberId) {
        let member = self.known(id);
        if !self.is_news(member, at) {
            return;
        }
        for counter in self.counters.of(member) {
            self.reports.reported(member, counter.key);
        }
        self.counters.clear(member);
        self.standings.remove(member);
        self.ties.forget(member);
        let row = self.directory.row(member);
        if row.graph_commit != 0 {
            self.erasing.insert(member);
        }
        let facts = Arc::new(tombstone(id, row.created_at, at.time));
        self.directory.update(member, &facts, at.commit);
        self.entries.put_facts(member, facts);
        self.stamps.touch_member(member, at.commit);
    }

    pub(super) fn apply_member_erased(&mut self, at: At, member: u32) {
        if !self.is_news(member, at) {
            return;
        }
        self.directory.row_mut(member).graph_commit = 0;
        self.entries.forget_graph(member);
        self.erasing.remove(&member);
        self.stamps.touch_member(member, at.commit);
    }
}

/// What is kept of a deleted member: that it was.
pub fn tombstone(id: MemberId, created_at: Timestamp, deleted_at: Timestamp) -> MemberFacts {
    MemberFacts {
        id,
        login_email: None,
        slug: None,
        status: Status::Deleted,
        privacy: PrivacyStatus::Private,
        activity: ActivityStatus::Active,
        created_at,
        updated_at: deleted_at,
        revision: 0,
        profile: Arc::new(Profile::default()),
    }
}

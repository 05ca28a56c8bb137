//! What a site decides about a member: in or out, heard or not.

use std::sync::Arc;

use super::refuse::{conflict, forbidden, need};
use super::{Answering, Decided, Decision};
use crate::core::parts::PartKey;
use crate::core::site::Site;
use crate::core::standings::Sanction;
use crate::domain::event::MemberFacts;
use crate::domain::moderation::{Act, Ruling, Terms, Verdict};
use crate::domain::profile::{ActivityStatus, Status};
use crate::domain::{Event, MemberId, Refusal, Timestamp};

/// Where a member stands, for the rules.
struct Stand<'a> {
    status: Status,
    activity: ActivityStatus,
    block: Option<&'a Sanction>,
    mute: Option<&'a Sanction>,
}

impl Site {
    pub(super) fn decide_moderate(
        &self,
        id: MemberId,
        act: Act,
        terms: &Terms,
        now: Timestamp,
    ) -> Decided {
        let member = self.member(id)?;
        let facts = self.entries.facts(member).ok_or_else(|| need(PartKey::Facts(member)))?;
        let standing = self.standings.get(member);
        let stand = Stand {
            status: facts.status,
            activity: facts.activity,
            block: standing.and_then(|standing| standing.block.as_ref()),
            mute: standing.and_then(|standing| standing.mute.as_ref()),
        };
        if act == Act::Block && !self.is_blockable(member) {
            let detail = format!("member {id} holds a role that cannot be blocked");
            return Err(conflict("OWNER_MEMBER_BLOCK_FORBIDDEN", detail).into());
        }
        let Some(verdict) = stand.verdict(act, terms)? else {
            return Ok(Decision::already(Answering::Member(member)));
        };
        let (status, activity) = stand.after(verdict);
        let was = stand.was();
        let facts = MemberFacts { status, activity, updated_at: now, ..(**facts).clone() };
        let ruling = Ruling { facts: Arc::new(facts), verdict, terms: terms.clone(), was };
        let event = Event::Moderated { ruling: Arc::new(ruling) };
        Ok(Decision::new(vec![event], Answering::Member(member)))
    }
}

impl Stand<'_> {
    /// What the act comes to; nothing where it is so already.
    fn verdict(&self, act: Act, terms: &Terms) -> Result<Option<Verdict>, Refusal> {
        let says = |sanction: Option<&Sanction>| match sanction {
            Some(sanction) => sanction.terms.agree(terms),
            None => Terms::default().agree(terms),
        };
        let verdict = match (act, self.status) {
            (_, Status::Deleted) => return Err(offline()),
            (Act::Mute, _) => match self.activity {
                ActivityStatus::Muted if says(self.mute) => None,
                ActivityStatus::Active | ActivityStatus::Muted => Some(Verdict::Muted),
            },
            (Act::Unmute, _) => match self.activity {
                ActivityStatus::Muted => Some(Verdict::Unmuted),
                ActivityStatus::Active => None,
            },
            (Act::Disconnect, Status::Offline) | (Act::Approve, Status::Approved) => None,
            (Act::Disconnect, Status::Approved | Status::Pending | Status::Blocked) => {
                Some(Verdict::Disconnected)
            }
            (Act::Approve | Act::Block, Status::Offline) => return Err(offline()),
            (Act::Approve, Status::Pending) => Some(Verdict::Approved),
            (Act::Approve, Status::Blocked) => Some(Verdict::Unblocked),
            (Act::Block, Status::Blocked) => (!says(self.block)).then_some(Verdict::Blocked),
            (Act::Block, Status::Approved | Status::Pending) => Some(Verdict::Blocked),
            (Act::Reject, Status::Pending) => Some(Verdict::Rejected),
            (Act::Reject, Status::Blocked) => None,
            (Act::Reject, Status::Approved | Status::Offline) => {
                let detail = "only who asked to join can be rejected".to_owned();
                return Err(conflict("MEMBER_NOT_PENDING", detail));
            }
        };
        Ok(verdict)
    }

    fn after(&self, verdict: Verdict) -> (Status, ActivityStatus) {
        let status = match verdict {
            Verdict::Approved | Verdict::Unblocked => Status::Approved,
            Verdict::Rejected | Verdict::Blocked => Status::Blocked,
            Verdict::Disconnected => Status::Offline,
            Verdict::Muted | Verdict::Unmuted => self.status,
        };
        let activity = match verdict {
            Verdict::Muted => ActivityStatus::Muted,
            Verdict::Unmuted => ActivityStatus::Active,
            Verdict::Approved
            | Verdict::Rejected
            | Verdict::Blocked
            | Verdict::Unblocked
            | Verdict::Disconnected => self.activity,
        };
        (status, activity)
    }

    /// What the member is when no block stands against it.
    fn was(&self) -> Status {
        match (self.status, self.block) {
            (Status::Blocked, Some(block)) => block.was,
            (Status::Blocked, None) => Status::Approved,
            (Status::Pending | Status::Approved | Status::Offline | Status::Deleted, _) => {
                self.status
            }
        }
    }
}

fn offline() -> Refusal {
    conflict("MEMBER_OFFLINE", "the member was disconnected, which is for good".to_owned())
}

/// Why a member of this status may not act; `None` where it may.
pub(in crate::core) fn standing_refusal(status: Status) -> Option<Refusal> {
    match status {
        Status::Approved => None,
        Status::Pending => Some(forbidden("MEMBER_PENDING", "is not approved yet")),
        Status::Blocked => Some(forbidden("MEMBER_BLOCKED", "is blocked")),
        Status::Offline => Some(forbidden("MEMBER_OFFLINE", "is disconnected")),
        Status::Deleted => Some(forbidden("MEMBER_DELETED", "was deleted")),
    }
}

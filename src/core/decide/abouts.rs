//! What members tell about themselves: one document a member.

use std::sync::Arc;

use super::refuse::conflict;
use super::{Answering, Decided, Decision};
use crate::core::site::Site;
use crate::domain::about::{About, AboutStep};
use crate::domain::{AboutId, Event, MemberId, Refusal, Timestamp};

impl Site {
    pub(super) fn decide_create_about(
        &self,
        id: MemberId,
        content: &Arc<str>,
        now: Timestamp,
    ) -> Decided {
        let member = self.member(id)?;
        if self.abouts.row(member).is_some() {
            let detail = format!("member {id} has an about already: update it");
            return Err(conflict("MEMBER_ABOUT_ALREADY_EXISTS", detail).into());
        }
        let about = About {
            id: self.about_id(member, now),
            member: id,
            revision: 1,
            content: content.clone(),
            created_at: now,
        };
        let created = AboutStep::Created(Arc::new(about));
        Ok(Decision::new(vec![Event::About { step: created }], Answering::About(member)))
    }

    pub(super) fn decide_update_about(&self, update: AboutUpdate<'_>) -> Decided {
        let AboutUpdate { about: id, by, revision, content } = update;
        let member = self.own_about(id, by)?;
        let row = self.abouts.row(member).ok_or_else(|| about_not_found(id))?;
        if revision != row.revision {
            let current = row.revision;
            let detail = format!("revision {revision} is not the current one, {current}");
            return Err(conflict("INVALID_REVISION", detail).into());
        }
        let about = About {
            id,
            member: self.counters.id(member),
            revision: row.revision + 1,
            content: content.clone(),
            created_at: row.created_at,
        };
        let updated = AboutStep::Updated(Arc::new(about));
        Ok(Decision::new(vec![Event::About { step: updated }], Answering::About(member)))
    }

    pub(super) fn decide_delete_about(&self, id: AboutId, by: Option<MemberId>) -> Decided {
        let member = self.own_about(id, by)?;
        let deleted = AboutStep::Deleted { about: id, member: self.counters.id(member) };
        Ok(Decision::new(vec![Event::About { step: deleted }], Answering::Done))
    }

    /// The event that ends a member's about, where it has one.
    pub(super) fn about_ended(&self, member: u32) -> Option<Event> {
        let row = self.abouts.row(member)?;
        let about = self.about_id(member, row.created_at);
        Some(Event::About { step: AboutStep::Deleted { about, member: self.counters.id(member) } })
    }

    /// The about, if it is the caller's to change; another's looks like none.
    fn own_about(&self, id: AboutId, by: Option<MemberId>) -> Result<u32, Refusal> {
        let member = self.about_member(id).ok_or_else(|| about_not_found(id))?;
        match by.is_none_or(|by| by == self.counters.id(member)) {
            true => Ok(member),
            false => Err(about_not_found(id)),
        }
    }
}

pub(in crate::core) fn about_not_found(id: AboutId) -> Refusal {
    let detail = format!("member about {id} is not known");
    Refusal::NotFound { code: "MEMBER_ABOUT_NOT_FOUND", detail }
}

/// An update as it was asked for; `by` is the member that asks, none where a key does.
pub(super) struct AboutUpdate<'a> {
    pub about: AboutId,
    pub by: Option<MemberId>,
    pub revision: u64,
    pub content: &'a Arc<str>,
}

//! Roles of members.

use super::refuse::{forbidden, limit};
use super::{Answering, Decided, Decision};
use crate::core::site::Site;
use crate::core::ties::Tie;
use crate::core::turn::Stop;
use crate::domain::limits::ROLES_PER_MEMBER_MAX;
use crate::domain::profile::Status;
use crate::domain::ties::{TieStep, TieWish};
use crate::domain::{Event, MemberId};

impl Site {
    pub(super) fn decide_tie(&self, member: MemberId, wish: &TieWish) -> Decided {
        let step = match wish {
            TieWish::AssignRole { key } => self.role_assigned(member, key),
            TieWish::UnassignRole { key } => self.role_unassigned(member, key),
        };
        Ok(match step? {
            Some(step) => Decision::new(vec![Event::Tie { step }], Answering::Done),
            None => Decision::already(Answering::Done),
        })
    }

    fn role_assigned(&self, id: MemberId, key: &str) -> Result<Option<TieStep>, Stop> {
        let member = self.member(id)?;
        let role = self.role(key)?;
        if self.ties.holds(member, Tie::Role(role.id)) {
            return Ok(None);
        }
        if self.directory.row(member).status == Status::Blocked {
            return Err(forbidden("MEMBER_BLOCKED", "is blocked").into());
        }
        let held = self.roles_of(member).len();
        limit(held, ROLES_PER_MEMBER_MAX, "MEMBER_ROLE_LIMIT", "roles of a member")?;
        Ok(Some(TieStep::RoleAssigned { member: id, role: role.clone() }))
    }

    fn role_unassigned(&self, id: MemberId, key: &str) -> Result<Option<TieStep>, Stop> {
        let member = self.member(id)?;
        let role = self.role(key)?;
        let holds = self.ties.holds(member, Tie::Role(role.id));
        Ok(holds.then(|| TieStep::RoleUnassigned { member: id, role: role.clone() }))
    }
}

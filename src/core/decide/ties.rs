//! Roles of members, and whom a member blocks for itself.

use super::refuse::{conflict, forbidden, limit};
use super::{Answering, Decided, Decision};
use crate::core::query::Viewer;
use crate::core::site::Site;
use crate::core::ties::Tie;
use crate::core::turn::Stop;
use crate::domain::limits::{BLOCKS_PER_MEMBER_MAX, ROLES_PER_MEMBER_MAX};
use crate::domain::profile::Status;
use crate::domain::ties::{TieStep, TieWish};
use crate::domain::{Event, MemberId, Refusal};

impl Site {
    pub(super) fn decide_tie(&self, member: MemberId, wish: &TieWish) -> Decided {
        let step = match wish {
            TieWish::AssignRole { key } => self.role_assigned(member, key),
            TieWish::UnassignRole { key } => self.role_unassigned(member, key),
            TieWish::Block { other } => return self.decide_block(member, *other),
            TieWish::Unblock { other } => return self.decide_unblock(member, *other),
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

    /// Neither sees the other any more, and whatever follows or asked to follow ends.
    fn decide_block(&self, member: MemberId, blocked: MemberId) -> Decided {
        let from = self.member(member)?;
        if member == blocked {
            return Err(
                conflict("SELF_BLOCKING_FORBIDDEN", "nobody blocks itself".to_owned()).into()
            );
        }
        let to = self.member(blocked)?;
        if self.ties.holds(from, Tie::Blocks(to)) {
            let detail = format!("member {blocked} is blocked already");
            return Err(conflict("MEMBER_ALREADY_BLOCKED", detail).into());
        }
        self.visible_member(blocked, Viewer::Member(member))?;
        if !self.is_blockable(to) {
            let detail = format!("member {blocked} holds a role that cannot be blocked");
            return Err(conflict("ADMIN_BLOCKING_FORBIDDEN", detail).into());
        }
        let held = self.ties.blocked_by(from).count();
        limit(held, BLOCKS_PER_MEMBER_MAX, "BLOCK_LIMIT", "blocks of a member")?;
        let graph = self.graph(from)?;
        let ends = |follower, followed| Event::FollowDeleted { follower, followed };
        let mut events = vec![Event::Tie { step: TieStep::Blocked { member, blocked } }];
        events.extend(graph.follows(to).then(|| ends(member, blocked)));
        events.extend(graph.is_followed_by(to).then(|| ends(blocked, member)));
        Ok(Decision::new(events, Answering::Done))
    }

    fn decide_unblock(&self, member: MemberId, blocked: MemberId) -> Decided {
        let from = self.member(member)?;
        if member == blocked {
            let detail = "nobody blocks itself".to_owned();
            return Err(conflict("SELF_UNBLOCKING_FORBIDDEN", detail).into());
        }
        let to = self.directory.find(blocked, &self.counters);
        if !to.is_some_and(|to| self.ties.holds(from, Tie::Blocks(to))) {
            let detail = format!("member {blocked} is not blocked by you");
            return Err(Refusal::NotFound { code: "BLOCK_DOES_NOT_EXIST", detail }.into());
        }
        let step = TieStep::Unblocked { member, blocked };
        Ok(Decision::new(vec![Event::Tie { step }], Answering::Done))
    }
}

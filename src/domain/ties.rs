//! What binds a member beyond follows and likes: the roles it holds, whom it blocks. Stored for
//! ever in this order: variants and fields are only appended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::MemberId;
use super::settings::RoleDefinition;

/// What happened to a tie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TieStep {
    RoleAssigned {
        member: MemberId,
        role: Arc<RoleDefinition>,
    },
    RoleUnassigned {
        member: MemberId,
        role: Arc<RoleDefinition>,
    },
    /// The other is not told: this is on the channel of who blocks alone.
    Blocked {
        member: MemberId,
        blocked: MemberId,
    },
    Unblocked {
        member: MemberId,
        blocked: MemberId,
    },
}

impl TieStep {
    pub fn member(&self) -> MemberId {
        match self {
            TieStep::RoleAssigned { member, .. }
            | TieStep::RoleUnassigned { member, .. }
            | TieStep::Blocked { member, .. }
            | TieStep::Unblocked { member, .. } => *member,
        }
    }

    /// The dotted public name of the event.
    pub fn type_name(&self) -> &'static str {
        match self {
            TieStep::RoleAssigned { .. } => "member.role_assigned",
            TieStep::RoleUnassigned { .. } => "member.role_unassigned",
            TieStep::Blocked { .. } => "member_to_member_block.created",
            TieStep::Unblocked { .. } => "member_to_member_block.deleted",
        }
    }
}

/// What is wished for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TieWish {
    AssignRole { key: String },
    UnassignRole { key: String },
    Block { other: MemberId },
    Unblock { other: MemberId },
}

impl TieWish {
    /// For metrics and quarantine.
    pub fn kind(&self) -> &'static str {
        match self {
            TieWish::AssignRole { .. } => "assign_role",
            TieWish::UnassignRole { .. } => "unassign_role",
            TieWish::Block { .. } => "block_for_oneself",
            TieWish::Unblock { .. } => "unblock_for_oneself",
        }
    }
}

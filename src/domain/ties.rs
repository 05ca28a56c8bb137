//! What binds a member beyond follows and likes: the roles it holds. Stored for ever in this order:
//! variants and fields are only appended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::MemberId;
use super::settings::RoleDefinition;

/// What happened to a tie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TieStep {
    RoleAssigned { member: MemberId, role: Arc<RoleDefinition> },
    RoleUnassigned { member: MemberId, role: Arc<RoleDefinition> },
}

impl TieStep {
    pub fn member(&self) -> MemberId {
        match self {
            TieStep::RoleAssigned { member, .. } | TieStep::RoleUnassigned { member, .. } => {
                *member
            }
        }
    }

    /// The dotted public name of the event.
    pub fn type_name(&self) -> &'static str {
        match self {
            TieStep::RoleAssigned { .. } => "member.role_assigned",
            TieStep::RoleUnassigned { .. } => "member.role_unassigned",
        }
    }
}

/// What is wished for a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TieWish {
    AssignRole { key: String },
    UnassignRole { key: String },
}

impl TieWish {
    /// For metrics and quarantine.
    pub fn kind(&self) -> &'static str {
        match self {
            TieWish::AssignRole { .. } => "assign_role",
            TieWish::UnassignRole { .. } => "unassign_role",
        }
    }
}

//! What a site decides about one of its members: who may take part, and who may speak. Stored for
//! ever in this order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::event::MemberFacts;
use super::profile::Status;

/// A wish of whoever runs the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Lets somebody in, for the first time or again.
    Approve,
    /// Turns somebody away who asked to join.
    Reject,
    Block,
    /// For good: nobody comes back from it.
    Disconnect,
    Mute,
    Unmute,
}

/// What is said along with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub reason: Option<String>,
    /// It ends by itself then.
    pub until: Option<Timestamp>,
    /// Who decided; none where time did.
    pub by: Option<String>,
}

impl Terms {
    /// Whether they say the same, whoever does.
    pub fn agree(&self, other: &Terms) -> bool {
        (&self.reason, self.until) == (&other.reason, other.until)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    Approved,
    Rejected,
    Blocked,
    Unblocked,
    Muted,
    Unmuted,
    Disconnected,
}

/// What was decided, with the member as it is from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    pub facts: Arc<MemberFacts>,
    pub verdict: Verdict,
    pub terms: Terms,
    /// What the member was before it was blocked, and is again when that ends by itself.
    pub was: Status,
}

impl Ruling {
    /// The dotted public name.
    pub fn type_name(&self) -> &'static str {
        match self.verdict {
            Verdict::Approved => "member.approved",
            Verdict::Rejected => "member.rejected",
            Verdict::Blocked => "member.blocked",
            Verdict::Unblocked => "member.unblocked",
            Verdict::Muted => "member.muted",
            Verdict::Unmuted => "member.unmuted",
            Verdict::Disconnected => "member.disconnected",
        }
    }
}

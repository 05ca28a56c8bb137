//! Members who report members: what the owner's queue holds. Stored for ever in this order.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::id::{MemberId, ReportId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReportCategory {
    Spam,
    Impersonation,
    Harassment,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberReport {
    pub id: ReportId,
    /// Dense per site in order of creation, with gaps where reports were deleted.
    pub number: u32,
    pub reported: MemberId,
    /// `None` where a key reported.
    pub reporter: Option<MemberId>,
    pub category: ReportCategory,
    pub description: Option<String>,
    pub created_at: Timestamp,
}

/// A wish to report, not yet judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewReport {
    /// Chosen by the shell (random), so that the core stays deterministic.
    pub id: ReportId,
    pub reported: MemberId,
    pub reporter: Option<MemberId>,
    pub category: ReportCategory,
    pub description: Option<String>,
}

/// What happened in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportStep {
    Created(Arc<MemberReport>),
    Deleted {
        report: ReportId,
        reported: MemberId,
    },
    /// The first report of a member came.
    MemberAdded {
        member: MemberId,
        last_report_at: Timestamp,
    },
    /// No report of the member is left.
    MemberRemoved {
        member: MemberId,
    },
    /// The owner looked at all reports of the member; a further one opens the case again.
    MemberReviewed {
        member: MemberId,
    },
}

impl ReportStep {
    /// The dotted public name.
    pub fn type_name(&self) -> &'static str {
        match self {
            ReportStep::Created(_) => "report.created",
            ReportStep::Deleted { .. } => "report.deleted",
            ReportStep::MemberAdded { .. } => "reported_member.created",
            ReportStep::MemberRemoved { .. } => "reported_member.deleted",
            ReportStep::MemberReviewed { .. } => "reported_member.reviewed",
        }
    }
}

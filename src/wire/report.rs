//! Reports about members, as keys see them.

use serde::Serialize;

use super::time::WireTime;
use crate::core::member_reports::ReportedMember;
use crate::domain::report::{MemberReport, ReportCategory, ReportStep};
use crate::domain::{MemberId, ReportId};

pub const CATEGORY_NAMES: &[(&str, ReportCategory)] = &[
    ("SPAM", ReportCategory::Spam),
    ("IMPERSONATION", ReportCategory::Impersonation),
    ("HARASSMENT", ReportCategory::Harassment),
    ("OTHER", ReportCategory::Other),
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportBody<'a> {
    id: ReportId,
    reported_member_id: MemberId,
    #[serde(skip_serializing_if = "Option::is_none")]
    reporting_member_id: Option<MemberId>,
    reason: ReportReason<'a>,
    created_date: WireTime,
}

#[derive(Serialize)]
struct ReportReason<'a> {
    category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedMemberBody {
    reported_member_id: MemberId,
    /// A number as text, as the wire has it.
    report_count: String,
    reviewed: bool,
    last_report_date: WireTime,
}

impl<'a> From<&'a MemberReport> for ReportBody<'a> {
    fn from(report: &'a MemberReport) -> ReportBody<'a> {
        let named = CATEGORY_NAMES.iter().find(|(_, category)| *category == report.category);
        ReportBody {
            id: report.id,
            reported_member_id: report.reported,
            reporting_member_id: report.reporter,
            reason: ReportReason {
                category: named.map_or("UNKNOWN", |(name, _)| name),
                description: report.description.as_deref(),
            },
            created_date: WireTime(report.created_at),
        }
    }
}

impl From<&ReportedMember> for ReportedMemberBody {
    fn from(reported: &ReportedMember) -> ReportedMemberBody {
        ReportedMemberBody {
            reported_member_id: reported.member,
            report_count: reported.reports.to_string(),
            reviewed: reported.reviewed,
            last_report_date: WireTime(reported.last_report_at),
        }
    }
}

/// What an event of the queue says.
#[derive(Serialize)]
#[serde(untagged)]
pub enum ReportData<'a> {
    #[serde(rename_all = "camelCase")]
    Created { member_report: ReportBody<'a> },
    #[serde(rename_all = "camelCase")]
    Deleted { member_report_id: ReportId, reported_member_id: MemberId },
    #[serde(rename_all = "camelCase")]
    Added { reported_member: ReportedMemberBody },
    #[serde(rename_all = "camelCase")]
    Of { reported_member_id: MemberId },
}

pub fn report_data(step: &ReportStep) -> ReportData<'_> {
    match step {
        ReportStep::Created(report) => {
            ReportData::Created { member_report: ReportBody::from(&**report) }
        }
        ReportStep::Deleted { report, reported } => {
            ReportData::Deleted { member_report_id: *report, reported_member_id: *reported }
        }
        ReportStep::MemberAdded { member, last_report_at } => {
            let (reviewed, last_report_at) = (false, *last_report_at);
            let added = ReportedMember { member: *member, reports: 1, reviewed, last_report_at };
            ReportData::Added { reported_member: ReportedMemberBody::from(&added) }
        }
        ReportStep::MemberRemoved { member } | ReportStep::MemberReviewed { member } => {
            ReportData::Of { reported_member_id: *member }
        }
    }
}

//! Reporting members, and what the owner does with the reports.

use std::sync::Arc;

use super::refuse::{conflict, forbidden, limit, member_not_found};
use super::{Answering, Decided, Decision};
use crate::core::query::Viewer;
use crate::core::site::Site;
use crate::core::ties::Tie;
use crate::domain::limits::{
    REPORTS_PER_MEMBER_MAX, REPORTS_PER_REPORTER_MAX, REPORTS_PER_SITE_MAX,
};
use crate::domain::profile::{PrivacyStatus, Status};
use crate::domain::report::{MemberReport, NewReport, ReportStep};
use crate::domain::{Event, MemberId, Refusal, Timestamp};

impl Site {
    pub(super) fn decide_report_member(&self, new: &NewReport, now: Timestamp) -> Decided {
        if let Some(reporter) = new.reporter {
            self.admitted_reporter(reporter, new.reported)?;
        }
        let reported = self.member(new.reported)?;
        if self.directory.row(reported).status == Status::Blocked {
            let detail = "a member that is blocked already is not reported".to_owned();
            return Err(conflict("CANNOT_REPORT_BLOCKED_MEMBER", detail).into());
        }
        let same = |report: &&Arc<MemberReport>| {
            report.id == new.id || (new.reporter.is_some() && report.reporter == new.reporter)
        };
        if let Some(known) = self.member_reports.about(new.reported).find(same) {
            return Ok(Decision::already(Answering::Report(known.clone())));
        }
        if let Some(reporter) = new.reporter {
            let own = self.member_reports.all();
            let own = own.filter(|report| report.reporter == Some(reporter)).count();
            limit(own, REPORTS_PER_REPORTER_MAX, "REPORT_LIMIT", "waiting reports by one member")?;
        }
        let (site, case) = (self.member_reports.len(), self.member_reports.about(new.reported));
        limit(site, REPORTS_PER_SITE_MAX, "REPORT_LIMIT", "reports of this site")?;
        limit(case.len(), REPORTS_PER_MEMBER_MAX, "REPORT_LIMIT", "reports of this member")?;
        let report = Arc::new(MemberReport {
            id: new.id,
            number: self.member_reports.next_number(),
            reported: new.reported,
            reporter: new.reporter,
            category: new.category,
            description: new.description.clone(),
            created_at: now,
        });
        let mut steps = vec![ReportStep::Created(report.clone())];
        if case.len() == 0 {
            let (member, last_report_at) = (new.reported, now);
            steps.push(ReportStep::MemberAdded { member, last_report_at });
        }
        Ok(Decision::new(events(steps), Answering::Report(report)))
    }

    /// Muted members may report: who is harassed is not asked to be heard elsewhere.
    fn admitted_reporter(&self, reporter: MemberId, reported: MemberId) -> Result<(), Refusal> {
        let from = self.member(reporter)?;
        match self.directory.row(from).status {
            Status::Approved => {}
            Status::Pending => return Err(forbidden("MEMBER_PENDING", "is not approved yet")),
            Status::Blocked => return Err(forbidden("MEMBER_BLOCKED", "is blocked")),
            Status::Offline => return Err(forbidden("MEMBER_OFFLINE", "is disconnected")),
            Status::Deleted => return Err(member_not_found(reporter)),
        }
        if reporter == reported {
            let detail = "a member cannot report itself".to_owned();
            return Err(conflict("SELF_REPORTING_FORBIDDEN", detail));
        }
        let to = self.member(reported)?;
        let row = self.directory.row(to);
        // A public member that was blocked is known, and its reporter is told why it is no case.
        let was_public = row.status == Status::Blocked
            && row.privacy == PrivacyStatus::Public
            && self.settings.shows_members()
            && !self.ties.are_apart(from, to);
        // Who blocks somebody may still tell why.
        let blocks = self.ties.holds(from, Tie::Blocks(to));
        match was_public || blocks || self.is_visible(to, Viewer::Member(reporter)) {
            true => Ok(()),
            false => Err(member_not_found(reported)),
        }
    }

    pub(super) fn decide_delete_reports(&self, member: MemberId) -> Decided {
        self.member(member)?;
        Ok(Decision::new(self.reports_ended(member), Answering::Done))
    }

    /// Events that empty a member's case; none where there is none.
    pub(super) fn reports_ended(&self, member: MemberId) -> Vec<Event> {
        let reports = self.member_reports.about(member);
        let mut steps: Vec<ReportStep> = reports
            .map(|report| ReportStep::Deleted { report: report.id, reported: member })
            .collect();
        if !steps.is_empty() {
            steps.push(ReportStep::MemberRemoved { member });
        }
        events(steps)
    }

    pub(super) fn decide_review_reports(&self, member: MemberId) -> Decided {
        self.member(member)?;
        let case = self.member_reports.reported(member).ok_or_else(|| {
            let detail = format!("member {member} is not reported");
            Refusal::NotFound { code: "REPORTED_MEMBER_NOT_FOUND", detail }
        })?;
        if case.reviewed {
            return Ok(Decision::already(Answering::Done));
        }
        let reviewed = ReportStep::MemberReviewed { member };
        Ok(Decision::new(events(vec![reviewed]), Answering::Done))
    }
}

fn events(steps: Vec<ReportStep>) -> Vec<Event> {
    steps.into_iter().map(|step| Event::Reported { step }).collect()
}

//! Reports about members: what the log says of them, and what asking for one must lead to.

use guildhall::core::query::{Query, View, Viewer};
use guildhall::domain::profile::Status;
use guildhall::domain::report::{NewReport, ReportStep};
use guildhall::domain::{Command, MemberId};

use crate::model::Model;
use crate::rules::{Expected, Fact, Predicted, one, when};

impl Model {
    pub fn about(&self, member: MemberId) -> usize {
        self.member_reports.values().filter(|report| report.reported == member).count()
    }

    pub fn fold_report_step(&mut self, step: &ReportStep) {
        match step {
            ReportStep::Created(report) => {
                let last = self.member_reports.last_key_value().map(|(number, _)| *number);
                assert!(last < Some(report.number), "reports are numbered in order");
                self.member_reports.insert(report.number, report.clone());
                self.reviewed.remove(&report.reported);
            }
            ReportStep::Deleted { report, reported } => {
                let before = self.member_reports.len();
                self.member_reports.retain(|_, one| one.id != *report);
                assert_eq!(self.member_reports.len() + 1, before, "a report is deleted once");
                if self.about(*reported) == 0 {
                    self.reviewed.remove(reported);
                }
            }
            ReportStep::MemberAdded { member, .. } => assert_eq!(self.about(*member), 1),
            ReportStep::MemberRemoved { member } => assert_eq!(self.about(*member), 0),
            ReportStep::MemberReviewed { member } => {
                assert!(self.about(*member) > 0 && self.reviewed.insert(*member));
            }
        }
    }

    pub fn predict_report(&self, command: &Command) -> Predicted {
        match command {
            Command::ReportMember(new) => self.predict_new_report(new),
            Command::DeleteReports { member } => {
                self.facts(*member)?;
                Ok(Expected { facts: self.reports_ended(*member), ..Expected::default() })
            }
            Command::ReviewReports { member } => {
                self.facts(*member)?;
                if self.about(*member) == 0 {
                    return Err("REPORTED_MEMBER_NOT_FOUND");
                }
                let is_news = !self.reviewed.contains(member);
                when(is_news, Fact::Report("reported_member.reviewed", *member))
            }
            other => unreachable!("{} is no command on reports", other.kind()),
        }
    }

    fn predict_new_report(&self, new: &NewReport) -> Predicted {
        if let Some(reporter) = new.reporter {
            match self.facts(reporter)?.status {
                Status::Approved => {}
                Status::Pending => return Err("MEMBER_PENDING"),
                Status::Blocked => return Err("MEMBER_BLOCKED"),
                Status::Offline => return Err("MEMBER_OFFLINE"),
                Status::Deleted => return Err("MEMBER_NOT_FOUND"),
            }
            if reporter == new.reported {
                return Err("SELF_REPORTING_FORBIDDEN");
            }
            self.facts(new.reported)?;
            if !self.is_reportable(new.reported, reporter) {
                return Err("MEMBER_NOT_FOUND");
            }
        }
        if self.facts(new.reported)?.status == Status::Blocked {
            return Err("CANNOT_REPORT_BLOCKED_MEMBER");
        }
        let same = |reporter| reporter == new.reporter && new.reporter.is_some();
        let mut known = self.member_reports.values().filter(|one| one.reported == new.reported);
        if known.any(|one| one.id == new.id || same(one.reporter)) {
            return Ok(Expected::default());
        }
        let created = Fact::Report("report.created", new.reported);
        if self.about(new.reported) > 0 {
            return one(created);
        }
        let facts = vec![created, Fact::Report("reported_member.created", new.reported)];
        Ok(Expected { facts, ..Expected::default() })
    }

    /// Members that others know of: the public ones, blocked or not.
    fn is_reportable(&self, member: MemberId, reporter: MemberId) -> bool {
        use guildhall::domain::profile::PrivacyStatus;
        let facts = &self.members[&member].facts;
        let blocks = self.settings.blocks.contains(&(reporter, member));
        blocks
            || !self.is_closed_to(Viewer::Member(reporter))
                && !self.are_apart(reporter, member)
                && facts.privacy == PrivacyStatus::Public
                && matches!(facts.status, Status::Approved | Status::Blocked)
    }

    pub fn reports_ended(&self, member: MemberId) -> Vec<Fact> {
        let count = self.about(member);
        let mut facts = vec![Fact::Report("report.deleted", member); count];
        facts.extend((count > 0).then_some(Fact::Report("reported_member.deleted", member)));
        facts
    }

    pub fn check_reports(&self, query: &Query, view: &View) {
        match (query, view) {
            (Query::Reports { filter, .. }, View::Reports(found)) => {
                let fits = |member: &MemberId| {
                    filter.reported.as_ref().is_none_or(|wanted| wanted.contains(member))
                };
                let all = self.member_reports.values().filter(|report| fits(&report.reported));
                assert_eq!(found.total, all.clone().count(), "reports in all");
                let shown = found.items.iter().all(|one| all.clone().any(|other| one == other));
                assert!(shown, "a report that nobody made");
            }
            (Query::ReportedMembers { .. }, View::ReportedMembers(found)) => {
                let mut members: Vec<MemberId> =
                    self.member_reports.values().map(|report| report.reported).collect();
                members.sort();
                members.dedup();
                assert_eq!(found.total, members.len(), "reported members in all");
                for one in &found.items {
                    let told = (one.reports, one.reviewed);
                    let known = (self.about(one.member), self.reviewed.contains(&one.member));
                    assert_eq!(told, known, "the case of {}", one.member);
                }
            }
            (query, view) => panic!("{query:?} was answered {view:?}"),
        }
    }
}

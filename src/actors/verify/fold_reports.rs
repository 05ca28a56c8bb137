//! The owner's queue of reports, and what members tell about themselves, read a second time.

use super::model::{AboutMark, Model};
use crate::core::abouts::AboutRow;
use crate::domain::MemberId;
use crate::domain::about::AboutStep;
use crate::domain::report::ReportStep;

impl Model {
    pub(super) fn report_step(&mut self, step: &ReportStep, seq: u64) {
        let has_reports = |model: &Model, member: MemberId| {
            model.catalogue.reports.values().any(|report| report.reported == member)
        };
        let is_sound = match step {
            ReportStep::Created(report) => {
                self.catalogue.reviewed.remove(&report.reported);
                self.catalogue.reports.insert(report.id, report.clone()).is_none()
            }
            ReportStep::Deleted { report, reported } => {
                let removed = self.catalogue.reports.remove(report);
                if !has_reports(self, *reported) {
                    self.catalogue.reviewed.remove(reported);
                }
                removed.is_some_and(|report| report.reported == *reported)
            }
            ReportStep::MemberAdded { member, .. } => has_reports(self, *member),
            ReportStep::MemberRemoved { member } => !has_reports(self, *member),
            ReportStep::MemberReviewed { member } => {
                has_reports(self, *member) && self.catalogue.reviewed.insert(*member)
            }
        };
        if !is_sound {
            let name = step.type_name();
            self.findings.note(|| format!("log: record {seq}: {name} of what is not so"));
        }
    }

    pub(super) fn about_step(&mut self, step: &AboutStep, seq: u64) {
        let commit = self.commit;
        let Some(member) = self.member_by_id(step.member(), seq) else { return };
        let before = member.about.map_or(0, |about| about.row.revision);
        let after = match step {
            AboutStep::Created(about) | AboutStep::Updated(about) => {
                let (revision, created_at) = (about.revision, about.created_at);
                let row = AboutRow { revision, created_at, commit };
                Some(AboutMark::of(row, &about.content))
            }
            AboutStep::Deleted { .. } => None,
        };
        let connects = after.map_or(before > 0, |about| about.row.revision == before + 1);
        member.about = after;
        if !connects {
            let name = step.type_name();
            self.findings.note(|| format!("log: record {seq}: {name} follows revision {before}"));
        }
    }
}

//! The owner's queue of reports, read a second time.

use super::model::Model;
use crate::domain::MemberId;
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
}

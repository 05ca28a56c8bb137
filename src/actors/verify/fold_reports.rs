//! The owner's queue of reports, what members tell about themselves and what is decided about them,
//! read a second time.

use super::model::{AboutMark, Model};
use crate::core::abouts::AboutRow;
use crate::core::standings::{Sanction, Standing};
use crate::domain::about::AboutStep;
use crate::domain::moderation::{Ruling, Verdict};
use crate::domain::report::ReportStep;
use crate::domain::{MemberId, Record};

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

    pub(super) fn ruling(&mut self, ruling: &Ruling, record: &Record) {
        self.update_member(&ruling.facts, record.seq);
        let Some(member) = self.member_by_id(ruling.facts.id, record.seq) else { return };
        let mut standing = member.standing.take().unwrap_or_default();
        let (terms, since, was) = (ruling.terms.clone(), record.time, ruling.was);
        let sanction = Some(Sanction { terms, since, was });
        match ruling.verdict {
            Verdict::Blocked | Verdict::Rejected => standing.block = sanction,
            Verdict::Muted => standing.mute = sanction,
            Verdict::Unmuted => standing.mute = None,
            Verdict::Approved | Verdict::Unblocked | Verdict::Disconnected => standing.block = None,
        }
        member.standing = (standing != Standing::default()).then_some(standing);
    }
}

//! The owner's queue of reports about members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::report::{MemberReport, ReportStep};
use crate::domain::{MemberId, ReportId, Timestamp};

#[derive(Debug, Default)]
pub struct MemberReports {
    /// By number.
    reports: BTreeMap<u32, Arc<MemberReport>>,
    /// Numbers by reported member, each list ascending and not empty.
    cases: BTreeMap<MemberId, Vec<u32>>,
    reviewed: BTreeSet<MemberId>,
}

/// As it is stored, and compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReports {
    pub reports: Vec<Arc<MemberReport>>,
    pub reviewed: Vec<MemberId>,
}

/// A member that was reported, with how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedMember {
    pub member: MemberId,
    pub reports: usize,
    pub reviewed: bool,
    pub last_report_at: Timestamp,
}

impl MemberReports {
    pub fn len(&self) -> usize {
        self.reports.len()
    }

    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// The number of the next report.
    pub fn next_number(&self) -> u32 {
        self.reports.last_key_value().map_or(0, |(number, _)| number + 1)
    }

    pub fn get(&self, number: u32) -> &Arc<MemberReport> {
        &self.reports[&number]
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<MemberReport>> {
        self.reports.values()
    }

    /// Reports about a member, oldest first.
    pub fn about(&self, member: MemberId) -> impl ExactSizeIterator<Item = &Arc<MemberReport>> {
        let numbers = self.cases.get(&member).map_or(&[][..], Vec::as_slice);
        numbers.iter().map(|number| &self.reports[number])
    }

    pub fn reported(&self, member: MemberId) -> Option<ReportedMember> {
        let last = self.about(member).last()?;
        Some(ReportedMember {
            member,
            reports: self.about(member).len(),
            reviewed: self.reviewed.contains(&member),
            last_report_at: last.created_at,
        })
    }

    pub fn reported_members(&self) -> impl Iterator<Item = MemberId> {
        self.cases.keys().copied()
    }

    pub fn apply(&mut self, step: &ReportStep) {
        match step {
            ReportStep::Created(report) => self.insert(report.clone()),
            ReportStep::Deleted { report, reported } => self.remove(*report, *reported),
            ReportStep::MemberReviewed { member } => {
                self.reviewed.insert(*member);
            }
            // Both follow from the reports themselves.
            ReportStep::MemberAdded { .. } | ReportStep::MemberRemoved { .. } => {}
        }
    }

    fn insert(&mut self, report: Arc<MemberReport>) {
        self.cases.entry(report.reported).or_default().push(report.number);
        self.reviewed.remove(&report.reported);
        self.reports.insert(report.number, report);
    }

    fn remove(&mut self, id: ReportId, reported: MemberId) {
        let Some(numbers) = self.cases.get_mut(&reported) else { return };
        let reports = &mut self.reports;
        numbers.retain(|number| {
            let stays = reports[number].id != id;
            if !stays {
                reports.remove(number);
            }
            stays
        });
        if numbers.is_empty() {
            self.cases.remove(&reported);
            self.reviewed.remove(&reported);
        }
    }

    pub fn stored(&self) -> StoredReports {
        StoredReports {
            reports: self.reports.values().cloned().collect(),
            reviewed: self.reviewed.iter().copied().collect(),
        }
    }

    pub fn restored(stored: &StoredReports) -> MemberReports {
        let mut restored = MemberReports::default();
        stored.reports.iter().for_each(|report| restored.insert(report.clone()));
        restored.reviewed = stored.reviewed.iter().copied().collect();
        restored
    }
}

//! Pages of the owner's queue of reports.

use std::sync::Arc;

use super::member_reports::ReportedMember;
use super::query::{Page, PageOf, ReportFilter};
use super::site::Site;
use super::views::page_of;
use crate::domain::MemberId;
use crate::domain::report::MemberReport;

impl Site {
    pub(super) fn reports_page(
        &self,
        filter: &ReportFilter,
        page: &Page,
    ) -> PageOf<Arc<MemberReport>> {
        let fits = |report: &&Arc<MemberReport>| {
            let reporter = report.reporter;
            filter.ids.as_ref().is_none_or(|ids| ids.contains(&report.id))
                && filter.reported.as_ref().is_none_or(|ids| ids.contains(&report.reported))
                && filter
                    .reporters
                    .as_ref()
                    .is_none_or(|ids| reporter.is_some_and(|reporter| ids.contains(&reporter)))
        };
        let found: Vec<u32> =
            self.member_reports.all().filter(fits).map(|report| report.number).collect();
        page_of(page, found.into_iter()).map(|number| self.member_reports.get(number).clone())
    }

    pub(super) fn reported_page(
        &self,
        members: &Option<Vec<MemberId>>,
        page: &Page,
    ) -> PageOf<ReportedMember> {
        let wanted = |member: &MemberId| members.as_ref().is_none_or(|ids| ids.contains(member));
        let reported = self.member_reports.reported_members().filter(wanted);
        let mut found: Vec<u32> =
            reported.filter_map(|member| self.find_member(member)).map(|one| one.0).collect();
        found.sort_unstable();
        page_of(page, found.into_iter()).map(|member| {
            let reported = self.member_reports.reported(self.counters.id(member));
            reported.expect("a listed member is reported")
        })
    }
}

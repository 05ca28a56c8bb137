//! Reports about members: anybody reports, keys look at the queue.

use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::id_filter::{Narrow, only};
use super::id_window::window;
use crate::core::query::{Outcome, Query, ReportFilter, View};
use crate::domain::limits::REPORT_DESCRIPTION_BYTES_MAX;
use crate::domain::report::NewReport;
use crate::domain::{Command, MemberId, ReportId};
use crate::wire::report::{CATEGORY_NAMES, ReportBody, ReportedMemberBody};

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("memberReport");
    let reason = place.child("reason");
    let mut faults = Faults::new();
    let reported: Option<MemberId> = faults.needed_id(&place.child("reportedMemberId"));
    let category = faults.choice(&reason.child("category"), CATEGORY_NAMES);
    if !reason.child("category").is_there() {
        faults.add(&reason.child("category"), "REQUIRED", "a report says why");
    }
    let description = faults.text(&reason.child("description"), REPORT_DESCRIPTION_BYTES_MAX);
    let description = description.filter(|text| !text.is_empty()).map(str::to_owned);
    faults.done()?;
    let (Some(reported), Some(category)) = (reported, category) else { return unexpected() };
    let reporter = call.member_or_key()?;
    let id = ReportId::from(call.front.new_uuid());
    let new = NewReport { id, reported, reporter, category, description };
    let answer = call.command(Command::ReportMember(Box::new(new))).await?;
    let Outcome::Report(report) = answer.value else { return unexpected() };
    Reply::json(answer.seq, &json!({"memberReport": ReportBody::from(&*report)}))
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let (bound, filter) = window::<ReportFilter>(&call, &root.child("query"), "reports")?;
    let answer = call.ask(Query::Reports { filter, page: bound.page.clone() }).await?;
    let View::Reports(page) = answer.value else { return unexpected() };
    let shown: Vec<ReportBody<'_>> = page.items.iter().map(|one| (&**one).into()).collect();
    let metadata = bound.metadata(&page, &call.list("reports")?);
    Reply::json(answer.seq, &json!({"memberReports": shown, "pagingMetadata": metadata}))
}

pub async fn query_members(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let query = root.child("query");
    members(&call, &query).await
}

pub async fn list_members(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    members(&call, &Node::root(&input)).await
}

async fn members(call: &Call, place: &Node<'_>) -> Result<Reply, Problem> {
    let (bound, wanted) = window::<Reported>(call, place, "reported members")?;
    let query = Query::ReportedMembers { members: wanted.members, page: bound.page.clone() };
    let answer = call.ask(query).await?;
    let View::ReportedMembers(page) = answer.value else { return unexpected() };
    let shown: Vec<ReportedMemberBody> = page.items.iter().map(Into::into).collect();
    let metadata = bound.metadata(&page, &call.list("reported members")?);
    Reply::json(answer.seq, &json!({"reportedMembers": shown, "pagingMetadata": metadata}))
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    Reply::empty(call.command(Command::DeleteReports { member }).await?.seq)
}

pub async fn review(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    Reply::empty(call.command(Command::ReviewReports { member }).await?.seq)
}

/// Which reported members; `None` means all.
#[derive(Default)]
struct Reported {
    members: Option<Vec<MemberId>>,
}

impl Narrow for Reported {
    const FIELDS: &'static str = "reportedMemberId";

    fn narrow(&mut self, field: &Node<'_>, name: &str, faults: &mut Faults) -> bool {
        let is_known = name == "reportedMemberId";
        if is_known {
            only(&mut self.members, field, faults);
        }
        is_known
    }
}

impl Narrow for ReportFilter {
    const FIELDS: &'static str = "id, reportedMemberId and reportingMemberId";

    fn narrow(&mut self, field: &Node<'_>, name: &str, faults: &mut Faults) -> bool {
        match name {
            "id" | "_id" => only(&mut self.ids, field, faults),
            "reportedMemberId" => only(&mut self.reported, field, faults),
            "reportingMemberId" => only(&mut self.reporters, field, faults),
            _ => return false,
        }
        true
    }
}

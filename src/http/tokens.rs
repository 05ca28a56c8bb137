//! Member tokens: the owner lets one of the site's members act.

use actix_web::http::StatusCode;
use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use crate::core::query::{Query, View, Viewer};
use crate::domain::profile::Status;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let mut faults = Faults::new();
    let member = faults.needed_id(&Node::root(&body).child("memberId"));
    faults.done()?;
    let Some(id) = member else { return unexpected() };
    let answer = call.ask(Query::Member { id, viewer: Viewer::Owner }).await?;
    let View::Member(facts) = answer.value else { return unexpected() };
    check_status(facts.status)?;
    let issued = call.front.issue_member_token(call.caller()?.site, id);
    let token = issued.ok_or_else(Problem::internal)?;
    let expires_in = token.expires_in_seconds;
    let body = json!({"accessToken": token.access_token, "expiresIn": expires_in});
    Reply::with_seq(answer.seq, body)
}

/// Whether a member in this state may be let in.
pub(super) fn check_status(status: Status) -> Result<(), Problem> {
    let forbidden = |code, detail: &str| Err(Problem::new(StatusCode::FORBIDDEN, code, detail));
    match status {
        Status::Approved => Ok(()),
        Status::Pending => forbidden("MEMBER_PENDING", "the member is not approved yet"),
        Status::Blocked => forbidden("MEMBER_BLOCKED", "the member is blocked"),
        Status::Offline => forbidden("MEMBER_OFFLINE", "the member is disconnected"),
        Status::Deleted => Err(Problem::not_found("MEMBER_NOT_FOUND", "member")),
    }
}

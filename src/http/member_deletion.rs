//! Members and parts of them that go: one, oneself, many at once, all addresses, e-mails, phones.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::members::changed;
use crate::actors::handle::CallError;
use crate::domain::command::ProfilePatch;
use crate::domain::limits::MEMBERS_PER_BULK_MAX;
use crate::domain::{Command, MemberId};

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let command = Command::DeleteMember { member, content_assignee: None };
    let seq = call.command(command).await?.seq;
    forget_ways_in(&call, member).await?;
    Reply::empty(seq)
}

/// `contentAssigneeId` says who takes over what the member authored; apps are told.
pub async fn delete_my(call: Call) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    let input = call.query()?;
    let mut faults = Faults::new();
    let content_assignee = faults.id(&Node::root(&input).child("contentAssigneeId"));
    faults.done()?;
    let command = Command::DeleteMember { member, content_assignee };
    let seq = call.command(command).await?.seq;
    forget_ways_in(&call, member).await?;
    Reply::empty(seq)
}

/// Password and logins go with the member. What a crash leaves of them opens nothing: there is
/// nobody any more whom they prove.
async fn forget_ways_in(call: &Call, member: MemberId) -> Result<(), Problem> {
    Ok(call.desk()?.identity.accounts.forget(call.caller()?.site, member).await?)
}

pub async fn delete_many(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let mut faults = Faults::new();
    let root = Node::root(&body);
    let place = root.child("memberIds");
    let members: Vec<MemberId> = faults.ids(&place, MEMBERS_PER_BULK_MAX);
    if place.value().is_none_or(|sent| *sent == json!([])) {
        faults.add(&place, "REQUIRED", "at least one id is needed");
    }
    faults.done()?;
    let (mut results, mut failures, mut seq) = (Vec::new(), 0, 0);
    for (index, member) in members.iter().enumerate() {
        let command = Command::DeleteMember { member: *member, content_assignee: None };
        let error = match call.site()?.command(command).await {
            Ok(answer) => {
                seq = answer.seq;
                forget_ways_in(&call, *member).await?;
                Value::Null
            }
            Err(CallError::Refused(refusal)) => {
                failures += 1;
                json!({"code": refusal.code(), "description": refusal.to_string()})
            }
            // What fails of the world fails the whole; what was done is not found the next time.
            Err(error) => return Err(error.into()),
        };
        results.push(json!({"itemMetadata": item(*member, index, error)}));
    }
    let counts = json!({
        "totalSuccesses": members.len() - failures,
        "totalFailures": failures,
        "undetailedFailures": 0,
    });
    Reply::json(seq, &json!({"results": results, "bulkActionMetadata": counts}))
}

fn item(member: MemberId, index: usize, error: Value) -> Value {
    let success = error.is_null();
    let mut item = json!({"id": member, "originalIndex": index, "success": success});
    if !success {
        item["error"] = error;
    }
    item
}

pub async fn delete_addresses(call: Call) -> Result<Reply, Problem> {
    without(call, ProfilePatch { addresses: Some(Vec::new()), ..ProfilePatch::default() }).await
}

pub async fn delete_emails(call: Call) -> Result<Reply, Problem> {
    without(call, ProfilePatch { emails: Some(Vec::new()), ..ProfilePatch::default() }).await
}

pub async fn delete_phones(call: Call) -> Result<Reply, Problem> {
    without(call, ProfilePatch { phones: Some(Vec::new()), ..ProfilePatch::default() }).await
}

async fn without(call: Call, patch: ProfilePatch) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    changed(call.command(Command::UpdateProfile { member, patch: Box::new(patch) }).await?)
}

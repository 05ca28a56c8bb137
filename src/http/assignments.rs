//! Badge assignments, v4: create, get, query, delete, one by one and by the dozen.

use serde_json::{Value, json};

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::text_filter::{Asked, asked};
use crate::actors::handle::Answer;
use crate::core::query::{AssignmentField, Outcome, Query, View};
use crate::domain::limits::ASSIGNMENTS_PER_BULK_MAX;
use crate::domain::{AssignmentId, BadgeId, Command, MemberId};
use crate::wire::badge::AssignmentBody;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let wanted = wanted(&root.child("badgeAssignment"), &mut faults);
    faults.done()?;
    let Some((badge, member)) = wanted else { return unexpected() };
    let answer = call.command(Command::AssignBadge { badge, member }).await?;
    let Outcome::Assignment(assignment) = answer.value else { return unexpected() };
    Reply::json(answer.seq, &json!({"badgeAssignment": AssignmentBody::from(&assignment)}))
}

fn wanted(place: &Node<'_>, faults: &mut Faults) -> Option<(BadgeId, MemberId)> {
    let badge = faults.needed_id(&place.child("badgeId"));
    let member = faults.needed_id(&place.child("memberId"));
    Some((badge?, member?))
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let answer = call.ask(Query::Assignment { id: assignment_id(&call)? }).await?;
    let View::Assignment(assignment) = answer.value else { return unexpected() };
    Reply::json(answer.seq, &json!({"badgeAssignment": AssignmentBody::from(&assignment)}))
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let assignment = assignment_id(&call)?;
    let answer = call.command(Command::UnassignBadge { assignment }).await?;
    Reply::empty(answer.seq)
}

/// One commit for all; what cannot be assigned is told for itself.
pub async fn create_many(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("badgeAssignments");
    let mut faults = Faults::new();
    let mut pairs = Vec::new();
    let listed = faults.needed_list(&place, ASSIGNMENTS_PER_BULK_MAX);
    for (position, value) in listed.iter().enumerate() {
        let position = position.to_string();
        pairs.extend(wanted(&place.element(&position, value), &mut faults));
    }
    let with_entities = faults.flag(&root.child("returnEntity")).unwrap_or(false);
    faults.done()?;
    let answer = call.command(Command::AssignBadges { pairs }).await?;
    told(answer, |_| Value::Null, with_entities)
}

pub async fn delete_many(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let assignments: Vec<AssignmentId> =
        faults.needed_ids(&root.child("badgeAssignmentIds"), ASSIGNMENTS_PER_BULK_MAX);
    faults.done()?;
    let command = Command::UnassignBadges { assignments: assignments.clone() };
    told(call.command(command).await?, |index| json!(assignments[index]), false)
}

/// The result of each, in the order they were asked for. `id` names what was refused.
fn told(
    answer: Answer<Outcome>,
    id: impl Fn(usize) -> Value,
    with_entities: bool,
) -> Result<Reply, Problem> {
    let Outcome::Assignments(outcomes) = answer.value else { return unexpected() };
    let failures = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    let each = outcomes.iter().enumerate().map(|(index, outcome)| match outcome {
        Ok(assignment) => {
            let id = assignment.id;
            let item = json!({"id": id, "originalIndex": index, "success": true});
            match with_entities {
                true => json!({"itemMetadata": item, "item": AssignmentBody::from(assignment)}),
                false => json!({"itemMetadata": item}),
            }
        }
        Err(refusal) => {
            let error = json!({"code": refusal.code(), "description": refusal.to_string()});
            let mut item = json!({"originalIndex": index, "success": false, "error": error});
            if let id @ Value::String(_) = id(index) {
                item["id"] = id;
            }
            json!({"itemMetadata": item})
        }
    });
    let results: Vec<Value> = each.collect();
    let counts = json!({
        "totalSuccesses": outcomes.len() - failures,
        "totalFailures": failures,
        "undetailedFailures": 0,
    });
    Reply::json(answer.seq, &json!({"results": results, "bulkActionMetadata": counts}))
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let Asked { bound, filter, order } =
        asked::<AssignmentField>(&call, &root.child("query"), "assignments")?;
    let answer = call.ask(Query::Assignments { filter, order, page: bound.page.clone() }).await?;
    let View::Assignments(page) = answer.value else { return unexpected() };
    let shown: Vec<AssignmentBody> = page.items.iter().map(AssignmentBody::from).collect();
    let metadata = bound.metadata(&page, &call.list("assignments")?);
    Reply::json(answer.seq, &json!({"badgeAssignments": shown, "pagingMetadata": metadata}))
}

fn assignment_id(call: &Call) -> Result<AssignmentId, Problem> {
    call.id("BADGE_ASSIGNMENT_NOT_FOUND", "badge assignment")
}

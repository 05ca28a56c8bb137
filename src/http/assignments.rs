//! Badge assignments, v4: create, delete, query by badge and member.

use serde_json::{Value, json};

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::id_filter::{self, Narrow, only};
use super::page::Window;
use crate::core::query::{Outcome, Query, View};
use crate::domain::{BadgeId, Command, MemberId};
use crate::wire::badge::AssignmentBody;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("badgeAssignment");
    let mut faults = Faults::new();
    let badge: Option<BadgeId> = faults.needed_id(&place.child("badgeId"));
    let member: Option<MemberId> = faults.needed_id(&place.child("memberId"));
    faults.done()?;
    let (Some(badge), Some(member)) = (badge, member) else { return unexpected() };
    let answer = call.command(Command::AssignBadge { badge, member }).await?;
    let Outcome::Assignment(assignment) = answer.value else { return unexpected() };
    Reply::json(answer.seq, &json!({"badgeAssignment": AssignmentBody::from(&assignment)}))
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let assignment = call.id("BADGE_ASSIGNMENT_NOT_FOUND", "badge assignment")?;
    let answer = call.command(Command::UnassignBadge { assignment }).await?;
    Reply::empty(answer.seq)
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("query");
    let mut faults = Faults::new();
    let window = Window::read(&place, &mut faults);
    let filter = place.child("filter");
    let wanted = Wanted::read(&filter, &mut faults);
    faults.done()?;
    let scope = filter.value().filter(|value| **value != json!({}));
    let scope = scope.map(Value::to_string).unwrap_or_default();
    let list = call.list("assignments")?;
    let bound = window.bind(&list, scope.clone())?;
    let wanted = if scope == bound.scope { wanted } else { Wanted::carried(&bound.scope)? };
    let (badges, members) = (wanted.badges, wanted.members);
    let query = Query::Assignments { badges, members, page: bound.page.clone() };
    let answer = call.ask(query).await?;
    let View::Assignments(page) = answer.value else { return unexpected() };
    let shown: Vec<AssignmentBody> = page.items.iter().map(AssignmentBody::from).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::json(answer.seq, &json!({"badgeAssignments": shown, "pagingMetadata": metadata}))
}

/// Of which badges and which members; `None` means of all.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    badges: Option<Vec<BadgeId>>,
    members: Option<Vec<MemberId>>,
}

impl Wanted {
    fn read(filter: &Node<'_>, faults: &mut Faults) -> Wanted {
        id_filter::read(filter, faults)
    }

    fn carried(scope: &str) -> Result<Wanted, Problem> {
        let value: Value = serde_json::from_str(scope).map_err(|_| Problem::internal())?;
        let mut faults = Faults::new();
        let wanted = Wanted::read(&Node::root(&value), &mut faults);
        faults.done().map(|()| wanted)
    }
}

impl Narrow for Wanted {
    const FIELDS: &'static str = "badgeId and memberId";

    fn narrow(&mut self, field: &Node<'_>, name: &str, faults: &mut Faults) -> bool {
        match name {
            "badgeId" => only(&mut self.badges, field, faults),
            "memberId" => only(&mut self.members, field, faults),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(filter: Value) -> Result<Wanted, Vec<&'static str>> {
        let mut faults = Faults::new();
        let wanted = Wanted::read(&Node::root(&filter), &mut faults);
        if faults.is_empty() {
            return Ok(wanted);
        }
        Err(faults.into_violations().into_iter().map(|v| v.rule).collect())
    }

    #[test]
    fn both_sides_narrow() {
        let (badge, member) = (BadgeId::from_u128(1), MemberId::from_u128(2));
        let other = BadgeId::from_u128(3);
        let both = Wanted { badges: Some(vec![badge]), members: Some(vec![member]) };
        let bare = json!({"badgeId": badge, "memberId": {"$in": [member]}});
        assert_eq!(read(bare), Ok(both));
        let twice = json!({"$and": [{"badgeId": {"$in": [badge, other]}}, {"badgeId": badge}]});
        assert_eq!(read(twice), Ok(Wanted { badges: Some(vec![badge]), members: None }));
        assert_eq!(read(json!({})), Ok(Wanted::default()));
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        assert_eq!(read(json!({"badgeId": {"$ne": "x"}})), Err(vec!["UNSUPPORTED_OPERATOR"]));
        assert_eq!(read(json!({"$or": []})), Err(vec!["UNSUPPORTED_FILTER"]));
        assert_eq!(read(json!({"badgeId": "x"})), Err(vec!["FORMAT"]));
        assert_eq!(read(json!({"$and": [{"$and": []}]})), Err(vec!["UNSUPPORTED_FILTER"]));
    }
}

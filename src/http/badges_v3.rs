//! Badges, v3: the same badges with an icon that is a text, and who holds them.

use serde_json::{Value, json};

use super::badge_input::{new_badge_v3, patch_v3};
use super::badges::{badge_id, ordered};
use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::Window;
use crate::actors::handle::Answer;
use crate::core::query::{BadgeFilter, Outcome, Query, View};
use crate::domain::limits::{BADGE_MEMBERS_PER_CALL_MAX, MEMBERS_PER_BULK_MAX};
use crate::domain::{BadgeId, Command, MemberId, Refusal};
use crate::wire::badge::BadgeV3Body;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let id = BadgeId::from(call.front.new_uuid());
    let new = new_badge_v3(id, &root.child("badge"), call.app()?, &mut faults);
    faults.done()?;
    changed(call.command(Command::CreateBadge(Box::new(new))).await?)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let answer = call.ask(Query::Badge { id: badge_id(&call)? }).await?;
    let View::Badge(badge) = answer.value else { return unexpected() };
    Reply::json(answer.seq, &json!({"badge": BadgeV3Body::from(&*badge)}))
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let badge = badge_id(&call)?;
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let patch = patch_v3(&root.child("badge"), &mut faults);
    faults.done()?;
    let command = Command::UpdateBadge { badge, revision: None, patch: Box::new(patch) };
    changed(call.command(command).await?)
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let mut faults = Faults::new();
    let window = Window::read(&Node::root(&input), &mut faults);
    faults.done()?;
    let list = call.list("badges v3")?;
    let bound = window.bind(&list, String::new())?;
    let (filter, page) = (BadgeFilter::everything(), bound.page.clone());
    let answer = call.ask(Query::Badges { filter, order: Vec::new(), page }).await?;
    let View::Badges(page) = answer.value else { return unexpected() };
    let shown: Vec<BadgeV3Body> = page.items.iter().map(|one| BadgeV3Body::from(&**one)).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::json(answer.seq, &json!({"badges": shown, "metadata": metadata}))
}

pub async fn order(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let badges = ordered(&call, &Node::root(&body).child("badgeIds")).await?;
    let shown: Vec<BadgeV3Body> =
        badges.value.iter().map(|one| BadgeV3Body::from(&**one)).collect();
    Reply::json(badges.seq, &json!({ "badges": shown }))
}

/// Answers with those who hold the badge now; ids of nobody are left out.
pub async fn assign(call: Call) -> Result<Reply, Problem> {
    let badge = badge_id(&call)?;
    let members = members(&call.json()?, BADGE_MEMBERS_PER_CALL_MAX)?;
    let pairs = members.into_iter().map(|member| (badge, member)).collect();
    let answer = call.command(Command::AssignBadges { pairs }).await?;
    let Outcome::Assignments(results) = answer.value else { return unexpected() };
    let mut holders: Vec<MemberId> = Vec::with_capacity(results.len());
    for result in results {
        match result {
            Ok(assignment) => holders.push(assignment.member),
            Err(Refusal::NotFound { code: "MEMBER_NOT_FOUND", .. }) => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Reply::json(answer.seq, &json!({ "memberIds": holders }))
}

pub async fn unassign(call: Call) -> Result<Reply, Problem> {
    let badge = badge_id(&call)?;
    let members = members(&call.query()?, BADGE_MEMBERS_PER_CALL_MAX)?;
    Reply::empty(call.command(Command::TakeBadge { badge, members }).await?.seq)
}

pub async fn list_members(call: Call) -> Result<Reply, Problem> {
    let badge = badge_id(&call)?;
    let input = call.query()?;
    let mut faults = Faults::new();
    let window = Window::read(&Node::root(&input), &mut faults);
    faults.done()?;
    let list = call.list(format!("holders of {badge}"))?;
    let bound = window.bind(&list, String::new())?;
    let answer = call.ask(Query::Holders { badge, page: bound.page.clone() }).await?;
    let View::MemberIds(page) = answer.value else { return unexpected() };
    let metadata = bound.metadata(&page, &list);
    Reply::json(answer.seq, &json!({"memberIds": page.items, "metadata": metadata}))
}

pub async fn count_members(call: Call) -> Result<Reply, Problem> {
    let answer = call.ask(Query::HoldersCounts).await?;
    let View::HoldersCounts(counts) = answer.value else { return unexpected() };
    let counts = counts.into_iter();
    let counts: Vec<Value> =
        counts.map(|(badge, count)| json!({"badgeId": badge, "memberCount": count})).collect();
    Reply::json(answer.seq, &json!({ "badgeMemberCounts": counts }))
}

pub async fn list_badges_of(call: Call) -> Result<Reply, Problem> {
    let members = members(&call.json()?, MEMBERS_PER_BULK_MAX)?;
    let answer = call.ask(Query::BadgesOfMembers { members }).await?;
    let View::BadgesOfMembers(held) = answer.value else { return unexpected() };
    let held = held.into_iter();
    let held: Vec<Value> =
        held.map(|(member, badges)| json!({"memberId": member, "badgeIds": badges})).collect();
    Reply::json(answer.seq, &json!({ "memberBadgeIds": held }))
}

fn members(input: &Value, count_max: usize) -> Result<Vec<MemberId>, Problem> {
    let root = Node::root(input);
    let mut faults = Faults::new();
    let members = faults.needed_ids(&root.child("memberIds"), count_max);
    faults.done().map(|()| members)
}

fn changed(answer: Answer<Outcome>) -> Result<Reply, Problem> {
    let Outcome::Badge(badge) = answer.value else { return unexpected() };
    Reply::json(answer.seq, &json!({"badge": BadgeV3Body::from(&*badge)}))
}

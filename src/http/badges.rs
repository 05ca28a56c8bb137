//! Badges, v4: create, get, query, update, delete, and their display order.

use std::sync::Arc;

use serde_json::json;

use super::badge_input::{new_badge, patch};
use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::text_filter::{Asked, asked};
use crate::actors::handle::Answer;
use crate::core::query::{BadgeField, Outcome, Query, View};
use crate::domain::badge::BadgePlace;
use crate::domain::event::Badge;
use crate::domain::limits::BADGES_PER_ORDER_MAX;
use crate::domain::{BadgeId, Command};
use crate::wire::badge::BadgeBody;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let id = BadgeId::from(call.front.new_uuid());
    let new = new_badge(id, &root.child("badge"), call.app()?, &mut faults);
    faults.done()?;
    changed(call.command(Command::CreateBadge(Box::new(new))).await?)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let answer = call.ask(Query::Badge { id: badge_id(&call)? }).await?;
    match answer.value {
        View::Badge(badge) => shown(answer.seq, badge),
        _ => unexpected(),
    }
}

/// Only what is sent changes, at the revision that was seen if one is sent.
pub async fn update(call: Call) -> Result<Reply, Problem> {
    let badge = badge_id(&call)?;
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("badge");
    let mut faults = Faults::new();
    let patch = patch(&place, &root.child("fieldMask"), &mut faults);
    let revision = faults.bounded(&place.child("revision"), 1..=i64::MAX);
    faults.done()?;
    let revision = revision.map(i64::unsigned_abs);
    let command = Command::UpdateBadge { badge, revision, patch: Box::new(patch) };
    changed(call.command(command).await?)
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let answer = call.command(Command::DeleteBadge { badge: badge_id(&call)? }).await?;
    Reply::empty(answer.seq)
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let Asked { bound, filter, order } =
        asked::<BadgeField>(&call, &root.child("query"), "badges")?;
    let answer = call.ask(Query::Badges { filter, order, page: bound.page.clone() }).await?;
    let View::Badges(page) = answer.value else { return unexpected() };
    let badges: Vec<BadgeBody> = page.items.iter().map(|badge| BadgeBody::from(&**badge)).collect();
    let metadata = bound.metadata(&page, &call.list("badges")?);
    Reply::json(answer.seq, &json!({"badges": badges, "pagingMetadata": metadata}))
}

/// Without a position a badge moves to the end, which is the first of the wire's three.
pub async fn move_one(call: Call) -> Result<Reply, Problem> {
    let badge = badge_id(&call)?;
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let place = place(&root, &mut faults);
    faults.done()?;
    Reply::empty(call.command(Command::MoveBadge { badge, place }).await?.seq)
}

fn place(root: &Node<'_>, faults: &mut Faults) -> BadgePlace {
    let positions = [("LAST", "LAST"), ("FIRST", "FIRST"), ("AFTER", "AFTER")];
    match faults.choice(&root.child("position"), &positions) {
        Some("FIRST") => BadgePlace::First,
        Some("AFTER") => {
            let after = faults.needed_id(&root.child("moveAfterBadgeId"));
            after.map_or(BadgePlace::Last, BadgePlace::After)
        }
        _ => BadgePlace::Last,
    }
}

pub async fn order(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let badges = ordered(&call, &Node::root(&body).child("ids")).await?;
    let shown: Vec<BadgeBody> =
        badges.value.iter().map(|badge| BadgeBody::from(&**badge)).collect();
    Reply::json(badges.seq, &json!({ "badges": shown }))
}

/// Puts the badges that are named first; answers with all of them.
pub async fn ordered(call: &Call, ids: &Node<'_>) -> Result<Answer<Vec<Arc<Badge>>>, Problem> {
    let mut faults = Faults::new();
    let badges = faults.needed_ids(ids, BADGES_PER_ORDER_MAX);
    faults.done()?;
    let answer = call.command(Command::OrderBadges { badges }).await?;
    let Outcome::Badges(badges) = answer.value else { return unexpected() };
    Ok(Answer { seq: answer.seq, value: badges })
}

pub fn badge_id(call: &Call) -> Result<BadgeId, Problem> {
    call.id("BADGE_NOT_FOUND", "badge")
}

fn changed(answer: Answer<Outcome>) -> Result<Reply, Problem> {
    match answer.value {
        Outcome::Badge(badge) => shown(answer.seq, badge),
        _ => unexpected(),
    }
}

fn shown(seq: u64, badge: Arc<Badge>) -> Result<Reply, Problem> {
    Reply::json(seq, &json!({"badge": BadgeBody::from(&*badge)}))
}

//! Badges, v4: create, get, query, delete.

use std::sync::Arc;

use serde_json::json;

use super::badge_input::new_badge;
use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::Window;
use crate::core::query::{Outcome, Query, View};
use crate::domain::event::Badge;
use crate::domain::{BadgeId, Command};
use crate::wire::badge::BadgeBody;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let id = BadgeId::from(call.front.new_uuid());
    let new = new_badge(id, &root.child("badge"), call.app()?, &mut faults);
    faults.done()?;
    let answer = call.command(Command::CreateBadge(Box::new(new))).await?;
    match answer.value {
        Outcome::Badge(badge) => shown(answer.seq, badge),
        _ => unexpected(),
    }
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let answer = call.ask(Query::Badge { id: badge_id(&call)? }).await?;
    match answer.value {
        View::Badge(badge) => shown(answer.seq, badge),
        _ => unexpected(),
    }
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let answer = call.command(Command::DeleteBadge { badge: badge_id(&call)? }).await?;
    Reply::empty(answer.seq)
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("query");
    let mut faults = Faults::new();
    let window = Window::read(&place, &mut faults);
    refuse_filter(&place, &mut faults);
    faults.done()?;
    let list = call.list("badges")?;
    let bound = window.bind(&list, String::new())?;
    let answer = call.ask(Query::Badges { page: bound.page.clone() }).await?;
    let View::Badges(page) = answer.value else { return unexpected() };
    let badges: Vec<BadgeBody> = page.items.iter().map(|badge| BadgeBody::from(&**badge)).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::json(answer.seq, &json!({"badges": badges, "pagingMetadata": metadata}))
}

fn refuse_filter(place: &Node<'_>, faults: &mut Faults) {
    let filter = place.child("filter");
    let conditions = filter.value().and_then(|value| value.as_object());
    if conditions.is_some_and(|conditions| !conditions.is_empty()) {
        faults.add(&filter, "UNSUPPORTED_FILTER", "badges cannot be filtered yet: read them all");
    }
}

fn badge_id(call: &Call) -> Result<BadgeId, Problem> {
    call.id("BADGE_NOT_FOUND", "badge")
}

fn shown(seq: u64, badge: Arc<Badge>) -> Result<Reply, Problem> {
    Reply::json(seq, &json!({"badge": BadgeBody::from(&*badge)}))
}

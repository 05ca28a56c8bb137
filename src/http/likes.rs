//! Likes of an item: the member of the token acts.

use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::Window;
use super::shape_item::{item_json, item_key};
use crate::actors::handle::Answer;
use crate::core::query::{Outcome, Query, View};
use crate::domain::Command;

pub async fn like(call: Call) -> Result<Reply, Problem> {
    let (liker, item) = (call.acting_member()?, item_key(&call)?);
    counted(call.command(Command::Like { liker, item }).await?, true)
}

pub async fn unlike(call: Call) -> Result<Reply, Problem> {
    let (liker, item) = (call.acting_member()?, item_key(&call)?);
    counted(call.command(Command::Unlike { liker, item }).await?, false)
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let item = item_key(&call)?;
    let input = call.query()?;
    let mut faults = Faults::new();
    let window = Window::read(&Node::root(&input), &mut faults);
    faults.done()?;
    let list = call.list(format!("likes/{}/{}", item.app, item.item))?;
    let bound = window.bind(&list, String::new())?;
    let (page, viewer) = (bound.page.clone(), call.viewer()?);
    let answer = call.ask(Query::Likers { item, page, viewer }).await?;
    let View::MemberIds(page) = answer.value else { return unexpected() };
    let metadata = bound.metadata_of_people(&page, &list);
    let body = json!({"total": page.total, "memberIds": page.items, "pagingMetadata": metadata});
    Reply::with_seq(answer.seq, body)
}

fn counted(answer: Answer<Outcome>, is_liked: bool) -> Result<Reply, Problem> {
    let Outcome::Item(view) = answer.value else { return unexpected() };
    let body = json!({"liked": is_liked, "total": view.likes, "item": item_json(&view)});
    Reply::with_seq(answer.seq, body)
}

//! Items: what members authored in some app, as the app tells it.

use serde_json::json;

use super::access::Access;
use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::shape_item::{item_details, item_json, item_key};
use crate::actors::handle::Role;
use crate::core::query::{Outcome, Query, View};
use crate::domain::{Command, ItemKey};

pub async fn put(call: Call) -> Result<Reply, Problem> {
    let item = item_key(&call)?;
    check_owner(&call, &item)?;
    let body = call.json()?;
    let mut faults = Faults::new();
    let details = item_details(&Node::root(&body), &mut faults);
    faults.done()?;
    let answer = call.command(Command::PutItem { item, details }).await?;
    let Outcome::Item(view) = answer.value else { return unexpected() };
    Reply::with_seq(answer.seq, json!({"item": item_json(&view)}))
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let item = item_key(&call)?;
    let answer = call.ask(Query::Item { item }).await?;
    let View::Item(view) = answer.value else { return unexpected() };
    Reply::with_seq(answer.seq, json!({"item": item_json(&view)}))
}

/// An app writes its own items; the owner writes everyone's.
fn check_owner(call: &Call, item: &ItemKey) -> Result<(), Problem> {
    match &call.caller()?.role {
        Role::Owner { .. } => Ok(()),
        Role::App { app, .. } if *app == item.app => Ok(()),
        Role::App { .. } => Err(Problem::forbidden("an app's key writes items of its own app")),
        Role::Member { .. } | Role::Visitor => Err(Problem::forbidden(Access::Keys.wanted())),
    }
}

//! What a site decides about its members: approve, reject, block, disconnect, mute, unmute.

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::members::changed;
use crate::core::query::{Query, View};
use crate::domain::limits::{MODERATION_REASON_BYTES_MAX, MODERATOR_BYTES_MAX};
use crate::domain::moderation::{Act, Terms};
use crate::domain::{Command, Timestamp};
use crate::wire::moderation::standing_body;
use crate::wire::time::parse_time;

pub async fn approve(call: Call) -> Result<Reply, Problem> {
    moderate(call, Act::Approve).await
}

pub async fn reject(call: Call) -> Result<Reply, Problem> {
    moderate(call, Act::Reject).await
}

pub async fn block(call: Call) -> Result<Reply, Problem> {
    moderate(call, Act::Block).await
}

pub async fn disconnect(call: Call) -> Result<Reply, Problem> {
    moderate(call, Act::Disconnect).await
}

pub async fn mute(call: Call) -> Result<Reply, Problem> {
    moderate(call, Act::Mute).await
}

pub async fn unmute(call: Call) -> Result<Reply, Problem> {
    moderate(call, Act::Unmute).await
}

/// What stands against a member.
pub async fn get(call: Call) -> Result<Reply, Problem> {
    let answer = call.ask(Query::Standing { member: call.member_id()? }).await?;
    let View::Standing(standing) = answer.value else { return unexpected() };
    Reply::json(answer.seq, &standing_body(&standing, answer.seq))
}

async fn moderate(call: Call, act: Act) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let terms = terms(&call, act)?;
    changed(call.command(Command::Moderate { member, act, terms }).await?)
}

/// `reason`, `until` and `by` stand beside the wire's `id`. Without `by` it is the key's app.
fn terms(call: &Call, act: Act) -> Result<Terms, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let mut text = |name, bytes_max| {
        let text = faults.text(&root.child(name), bytes_max).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let reason = text("reason", MODERATION_REASON_BYTES_MAX);
    let by = text("by", MODERATOR_BYTES_MAX).or_else(|| call.app().ok().map(|app| app.to_string()));
    let until = match act {
        Act::Block | Act::Mute => end(&root.child("until"), call.front.now(), &mut faults),
        Act::Approve | Act::Reject | Act::Disconnect | Act::Unmute => None,
    };
    faults.done()?;
    Ok(Terms { reason, until, by })
}

fn end(node: &Node<'_>, now: Timestamp, faults: &mut Faults) -> Option<Timestamp> {
    let text = faults.text(node, 64)?;
    let Some(end) = parse_time(text) else {
        faults.add(node, "FORMAT", "a time has the form 2026-11-23T09:30:00.000Z");
        return None;
    };
    if end <= now {
        faults.add(node, "MIN_VALUE", "until lies in the past");
    }
    Some(end)
}

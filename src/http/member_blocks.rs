//! Whom members block for themselves.

use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::Window;
use crate::core::query::{MemberBlocked, Query, View};
use crate::domain::Command;
use crate::domain::ties::TieWish;

pub async fn block(call: Call) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    let body = call.json()?;
    let mut faults = Faults::new();
    let other = faults.needed_id(&Node::root(&body).child("memberId"));
    faults.done()?;
    let Some(other) = other else { return unexpected() };
    let wish = TieWish::Block { other };
    Reply::empty(call.command(Command::Tie { member, wish }).await?.seq)
}

pub async fn unblock(call: Call) -> Result<Reply, Problem> {
    let (member, other) = (call.acting_member()?, call.member_id()?);
    let wish = TieWish::Unblock { other };
    Reply::empty(call.command(Command::Tie { member, wish }).await?.seq)
}

pub async fn list_my(call: Call) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    let (window, list) = (window(&call)?, call.list("blocking")?);
    let bound = window.bind(&list, member.to_string())?;
    let answer = call.ask(Query::Blocking { member, page: bound.page.clone() }).await?;
    let View::MemberIds(page) = answer.value else { return unexpected() };
    let metadata = bound.metadata(&page, &list);
    let body = json!({"blockedMemberIds": page.items, "pagingMetadata": metadata});
    Reply::json(answer.seq, &body)
}

pub async fn list_of(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let (window, list) = (window(&call)?, call.list("member blocks")?);
    let bound = window.bind(&list, member.to_string())?;
    let answer = call.ask(Query::Blocks { member, page: bound.page.clone() }).await?;
    let View::Blocks(page) = answer.value else { return unexpected() };
    let shape = |block: &MemberBlocked| match block {
        MemberBlocked::Blocking(other) => json!({"memberId": other, "blockDirection": "BLOCKING"}),
        MemberBlocked::Blocked(other) => json!({"memberId": other, "blockDirection": "BLOCKED"}),
    };
    let shown: Vec<_> = page.items.iter().map(shape).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::json(answer.seq, &json!({"memberBlocks": shown, "pagingMetadata": metadata}))
}

fn window(call: &Call) -> Result<Window, Problem> {
    let input = call.query()?;
    let mut faults = Faults::new();
    let window = Window::read(&Node::root(&input), &mut faults);
    faults.done().map(|()| window)
}

//! Following: the member of the token acts; lists go both ways.

use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::Window;
use crate::core::query::{Page, Query, View, Viewer};
use crate::domain::{Command, MemberId};

pub async fn follow(call: Call) -> Result<Reply, Problem> {
    let (follower, followed) = (call.acting_member()?, call.member_id()?);
    let answer = call.command(Command::Follow { follower, followed }).await?;
    Reply::empty(answer.seq)
}

pub async fn unfollow(call: Call) -> Result<Reply, Problem> {
    let (follower, followed) = (call.acting_member()?, call.member_id()?);
    let answer = call.command(Command::Unfollow { follower, followed }).await?;
    Reply::empty(answer.seq)
}

pub async fn list_my_followers(call: Call) -> Result<Reply, Problem> {
    list(&call, call.acting_member()?, Direction::Followers).await
}

pub async fn list_my_following(call: Call) -> Result<Reply, Problem> {
    list(&call, call.acting_member()?, Direction::Following).await
}

pub async fn list_followers(call: Call) -> Result<Reply, Problem> {
    list(&call, call.member_id()?, Direction::Followers).await
}

pub async fn list_following(call: Call) -> Result<Reply, Problem> {
    list(&call, call.member_id()?, Direction::Following).await
}

#[derive(Clone, Copy)]
enum Direction {
    Followers,
    Following,
}

impl Direction {
    fn query(self, member: MemberId, page: Page, viewer: Viewer) -> Query {
        match self {
            Direction::Followers => Query::Followers { member, page, viewer },
            Direction::Following => Query::Following { member, page, viewer },
        }
    }

    fn list_name(self, member: MemberId) -> String {
        match self {
            Direction::Followers => format!("followers/{member}"),
            Direction::Following => format!("following/{member}"),
        }
    }
}

async fn list(call: &Call, member: MemberId, direction: Direction) -> Result<Reply, Problem> {
    let input = call.query()?;
    let mut faults = Faults::new();
    let window = Window::read(&Node::root(&input), &mut faults);
    faults.done()?;
    let list = call.list(direction.list_name(member))?;
    let bound = window.bind(&list, String::new())?;
    let query = direction.query(member, bound.page.clone(), call.viewer()?);
    let answer = call.ask(query).await?;
    let View::MemberIds(page) = answer.value else { return unexpected() };
    let metadata = bound.metadata_of_people(&page, &list);
    Reply::json(answer.seq, &json!({"memberIds": page.items, "pagingMetadata": metadata}))
}

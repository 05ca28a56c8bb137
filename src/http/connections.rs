//! How one member stands to up to a hundred others, both ways.

use serde_json::{Value, json};

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use crate::core::query::{Connection, Query, View};
use crate::domain::MemberId;
use crate::domain::limits::CONNECTIONS_MAX;

pub async fn query_my(call: Call) -> Result<Reply, Problem> {
    of(&call, call.acting_member()?).await
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    of(&call, call.member_id()?).await
}

async fn of(call: &Call, member: MemberId) -> Result<Reply, Problem> {
    let body = call.json()?;
    let mut faults = Faults::new();
    let root = Node::root(&body);
    let others = faults.ids(&root.child("connectedMemberIds"), CONNECTIONS_MAX);
    faults.done()?;
    let viewer = call.viewer()?;
    let answer = call.ask(Query::Connections { member, others, viewer }).await?;
    let View::Connections(connections) = answer.value else { return unexpected() };
    let connected: Vec<Value> = connections.iter().map(shape).collect();
    Reply::json(answer.seq, &json!({"connectedMembers": connected}))
}

fn shape(connection: &Connection) -> Value {
    json!({
        "connectedMemberId": connection.connected_member,
        "followedByMember": connection.followed_by_member,
        "followingMember": connection.following_member,
    })
}

//! Roles: which there are, and who holds them.

use serde_json::{Map, Value, json};

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::id_filter::{self, Narrow, only};
use super::privacy::revision;
use crate::core::query::{Outcome, Query, SettingsAsked, View};
use crate::domain::limits::{ROLE_KEY_BYTES_MAX, ROLE_TITLE_BYTES_MAX};
use crate::domain::settings::{RoleDefinition, SettingStep, SettingWish};
use crate::domain::ties::TieWish;
use crate::domain::{Command, MemberId, RoleId};
use crate::wire::settings::{RoleBody, RoleDefinitionBody};

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let key = key_of(&root, &mut faults);
    let title = faults.needed_text(&root.child("roleTitle"), ROLE_TITLE_BYTES_MAX);
    let blockable = faults.flag(&root.child("blockable")).unwrap_or(true);
    faults.done()?;
    let (id, title) = (RoleId::from(call.front.new_uuid()), title.unwrap_or_default().to_owned());
    defined(&call, SettingWish::CreateRole { id, key, title, blockable }).await
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let blockable = faults.flag(&root.child("blockable"));
    let revision = revision(&root, &mut faults);
    faults.done()?;
    let key = call.param(0).to_owned();
    defined(&call, SettingWish::UpdateRole { key, blockable, revision }).await
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let wish = SettingWish::DeleteRole { key: call.param(0).to_owned() };
    Reply::empty(call.command(Command::Setting(Box::new(wish))).await?.seq)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let (seq, roles) = asked(&call, SettingsAsked::Role { key: call.param(0).to_owned() }).await?;
    let role: Option<RoleDefinitionBody<'_>> = roles.first().map(|role| (&**role).into());
    Reply::json(seq, &json!({ "role": role }))
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let (seq, roles) = asked(&call, SettingsAsked::Roles).await?;
    let roles: Vec<RoleDefinitionBody<'_>> = roles.iter().map(|role| (&**role).into()).collect();
    Reply::json(seq, &json!({ "roles": roles }))
}

pub async fn assign(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let body = call.json()?;
    let mut faults = Faults::new();
    let key = key_of(&Node::root(&body), &mut faults);
    faults.done()?;
    tied(&call, member, (key.clone(), TieWish::AssignRole { key })).await
}

pub async fn unassign(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let input = call.query()?;
    let mut faults = Faults::new();
    let key = key_of(&Node::root(&input), &mut faults);
    faults.done()?;
    tied(&call, member, (key.clone(), TieWish::UnassignRole { key })).await
}

pub async fn get_of_member(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    // Who is not there holds no roles; here that is told.
    let viewer = call.viewer()?;
    call.ask(Query::Member { id: member, viewer }).await?;
    let answer = call.ask(Query::RolesOf { members: Some(vec![member]) }).await?;
    let View::RolesOf(held) = answer.value else { return unexpected() };
    let roles = held.first().map(|(_, roles)| bodies(roles)).unwrap_or_default();
    Reply::json(answer.seq, &json!({ "roles": roles }))
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let query = root.child("query");
    let wanted: Holders = id_filter::read(&query.child("filter"), &mut faults);
    faults.done()?;
    let answer = call.ask(Query::RolesOf { members: wanted.members }).await?;
    let View::RolesOf(held) = answer.value else { return unexpected() };
    let of_member = |(member, roles): &(MemberId, Vec<_>)| {
        (member.to_string(), json!({"roles": bodies(roles)}))
    };
    let held: Map<String, Value> = held.iter().map(of_member).collect();
    Reply::json(answer.seq, &json!({ "rolesByMemberId": held }))
}

type Definitions = Vec<std::sync::Arc<RoleDefinition>>;

fn bodies(roles: &Definitions) -> Vec<RoleBody<'_>> {
    roles.iter().map(|role| (&**role).into()).collect()
}

/// Keys are in paths, so they hold nothing that a path would tear apart.
fn key_of(root: &Node<'_>, faults: &mut Faults) -> String {
    let node = root.child("roleKey");
    let key = faults.needed_text(&node, ROLE_KEY_BYTES_MAX).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !key.chars().all(is_plain) {
        faults.add(&node, "FORMAT", "a role's key is of letters, digits, -, _ and .");
    }
    key.to_owned()
}

async fn asked(call: &Call, asked: SettingsAsked) -> Result<(u64, Definitions), Problem> {
    let answer = call.ask(Query::Settings(asked)).await?;
    let View::Settings(steps) = answer.value else { return unexpected() };
    let role = |step| match step {
        SettingStep::Role { role, .. } => Some(role),
        SettingStep::DefaultPrivacy(_)
        | SettingStep::MemberPrivacy(_)
        | SettingStep::RoleDeleted { .. }
        | SettingStep::Field(_) => None,
    };
    Ok((answer.seq, steps.into_iter().filter_map(role).collect()))
}

async fn defined(call: &Call, wish: SettingWish) -> Result<Reply, Problem> {
    let answer = call.command(Command::Setting(Box::new(wish))).await?;
    let Outcome::Setting(SettingStep::Role { role, .. }) = answer.value else {
        return unexpected();
    };
    Reply::json(answer.seq, &json!({"role": RoleDefinitionBody::from(&*role)}))
}

async fn tied(
    call: &Call,
    member: MemberId,
    (key, wish): (String, TieWish),
) -> Result<Reply, Problem> {
    let answer = call.command(Command::Tie { member, wish }).await?;
    Reply::json(answer.seq, &json!({ "roleKey": key }))
}

/// Whose roles; `None` means those of all who hold any.
#[derive(Default)]
struct Holders {
    members: Option<Vec<MemberId>>,
}

impl Narrow for Holders {
    const FIELDS: &'static str = "memberId";

    fn narrow(&mut self, field: &Node<'_>, name: &str, faults: &mut Faults) -> bool {
        let is_known = name == "memberId";
        if is_known {
            only(&mut self.members, field, faults);
        }
        is_known
    }
}

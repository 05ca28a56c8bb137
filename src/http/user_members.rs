//! Members as users of the platform see them: here everybody is a user of one site, under one id.

use serde::Serialize;
use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::filter::{self, Vocabulary};
use super::page::Window;
use crate::core::query::{MemberFilter, MemberOrder, Query, View};
use crate::domain::event::MemberFacts;
use crate::domain::{MemberId, SiteId};
use crate::wire::member::{Fieldset, ImageBody, member_json};
use crate::wire::time::WireTime;

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let place = root.child("query");
    let window = Window::read(&place, &mut faults);
    let site = call.caller()?.site;
    let wanted = read(&place.child("filter"), site, &mut faults);
    let order = filter::read_order(&place, &mut faults);
    faults.done()?;
    let sent = |name| place.child(name).value().cloned();
    let (asked, sort) = (sent("filter"), sent("sort").or_else(|| sent("sorting")));
    let scope = match (&asked, &sort) {
        (None, None) => String::new(),
        (filter, sort) => json!({"filter": filter, "sort": sort}).to_string(),
    };
    let list = call.list("user members")?;
    let bound = window.bind(&list, scope.clone())?;
    let (filter, order) = match scope == bound.scope {
        true => (wanted, order),
        false => carried(&bound.scope, site)?,
    };
    let (page, viewer) = (bound.page.clone(), call.viewer()?);
    let answer = call.ask(Query::Members { filter, order, page, viewer }).await?;
    let View::Members(page) = answer.value else { return unexpected() };
    let shown: Vec<UserMember> = page.items.iter().map(|facts| user_member(facts, site)).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::json(answer.seq, &json!({"userMembers": shown, "metadata": metadata}))
}

fn read(node: &Node<'_>, site: SiteId, faults: &mut Faults) -> MemberFilter {
    filter::read(node, Vocabulary::UserMembers { site }, faults)
}

/// A next page may be asked for by its cursor alone: then the cursor tells the rest.
fn carried(scope: &str, site: SiteId) -> Result<(MemberFilter, MemberOrder), Problem> {
    let value: serde_json::Value = serde_json::from_str(scope).map_err(|_| Problem::internal())?;
    let (root, mut faults) = (Node::root(&value), Faults::new());
    let filter = read(&root.child("filter"), site, &mut faults);
    let order = filter::read_order(&root, &mut faults);
    faults.done().map(|()| (filter, order))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserMember {
    member_id: MemberId,
    user_id: MemberId,
    contact_id: MemberId,
    site_members_instance_id: SiteId,
    meta_site_id: SiteId,
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<ImageBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nickname: Option<String>,
    privacy_status: &'static str,
    created_date: WireTime,
    updated_date: WireTime,
    status: &'static str,
    activity_status: &'static str,
}

fn user_member(facts: &MemberFacts, site: SiteId) -> UserMember {
    let member = member_json(facts, Fieldset::Extended);
    UserMember {
        member_id: member.id,
        user_id: member.id,
        contact_id: member.contact_id,
        site_members_instance_id: site,
        meta_site_id: site,
        photo: member.profile.photo,
        nickname: member.profile.nickname,
        privacy_status: member.privacy_status,
        created_date: member.created_date,
        updated_date: member.updated_date,
        status: member.status,
        activity_status: member.activity_status,
    }
}

//! What members tell about themselves: one document a member, with a revision.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::id_filter::{Narrow, only};
use super::id_window::window;
use crate::actors::handle::Answer;
use crate::core::query::{AboutFilter, Outcome, Query, View};
use crate::domain::about::About;
use crate::domain::limits::ABOUT_CONTENT_BYTES_MAX;
use crate::domain::{AboutId, Command, MemberId};
use crate::wire::about::AboutBody;

/// Written as they are: documents are large, and a tree of one many times larger.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    member_abouts: Vec<AboutBody>,
    metadata: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    member_about: AboutBody,
}

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("memberAbout");
    let mut faults = Faults::new();
    let member = author(&call, &place, &mut faults)?;
    let content = content(&place, &mut faults);
    faults.done()?;
    let (Some(member), Some(content)) = (member, content) else { return unexpected() };
    changed(call.command(Command::CreateAbout { member, content }).await?)
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let about = about_id(&call)?;
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("memberAbout");
    let mut faults = Faults::new();
    let content = content(&place, &mut faults);
    let revision = faults.needed_bounded(&place.child("revision"), 1..=i64::MAX);
    faults.done()?;
    let (Some(content), Some(revision)) = (content, revision) else { return unexpected() };
    let (by, revision) = (call.member_or_key()?, revision.unsigned_abs());
    changed(call.command(Command::UpdateAbout { about, by, revision, content }).await?)
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let (about, by) = (about_id(&call)?, call.member_or_key()?);
    Reply::empty(call.command(Command::DeleteAbout { about, by }).await?.seq)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let query = Query::About { id: about_id(&call)?, viewer: call.viewer()? };
    seen(call.ask(query).await?)
}

pub async fn get_my(call: Call) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    seen(call.ask(Query::OwnAbout { member }).await?)
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let (bound, filter) = window::<AboutFilter>(&call, &root.child("query"), "abouts")?;
    let (page, viewer) = (bound.page.clone(), call.viewer()?);
    let answer = call.ask(Query::Abouts { filter, page, viewer }).await?;
    let View::Abouts(page) = answer.value else { return unexpected() };
    let shown: Vec<AboutBody> = page.items.iter().map(AboutBody::from).collect();
    let metadata = bound.metadata(&page, &call.list("abouts")?);
    Reply::json(answer.seq, &Listed { member_abouts: shown, metadata })
}

/// A member writes about itself; a key says about whom.
fn author(call: &Call, place: &Node<'_>, faults: &mut Faults) -> Result<Option<MemberId>, Problem> {
    let here = place.child("memberId");
    let Some(own) = call.member_or_key()? else { return Ok(faults.needed_id(&here)) };
    let named: Option<MemberId> = faults.id(&here);
    if named.is_some_and(|named| named != own) {
        return Err(Problem::forbidden("a member writes about itself"));
    }
    Ok(Some(own))
}

fn content(place: &Node<'_>, faults: &mut Faults) -> Option<Arc<str>> {
    let here = place.child("content");
    let Some(content @ Value::Object(_)) = here.value() else {
        faults.add(&here, "REQUIRED", "this must be a rich content document");
        return None;
    };
    let text = content.to_string();
    if text.len() > ABOUT_CONTENT_BYTES_MAX {
        let detail = format!("a document may take {ABOUT_CONTENT_BYTES_MAX} bytes as JSON");
        faults.add(&here, "MAX_LENGTH", detail);
    }
    Some(text.into())
}

fn about_id(call: &Call) -> Result<AboutId, Problem> {
    call.id("MEMBER_ABOUT_NOT_FOUND", "member about")
}

fn changed(answer: Answer<Outcome>) -> Result<Reply, Problem> {
    match answer.value {
        Outcome::About(about) => shown(answer.seq, &about),
        _ => unexpected(),
    }
}

fn seen(answer: Answer<View>) -> Result<Reply, Problem> {
    match answer.value {
        View::About(about) => shown(answer.seq, &about),
        _ => unexpected(),
    }
}

fn shown(seq: u64, about: &About) -> Result<Reply, Problem> {
    Reply::json(seq, &Shown { member_about: AboutBody::from(about) })
}

impl Narrow for AboutFilter {
    const FIELDS: &'static str = "id and memberId";

    fn narrow(&mut self, field: &Node<'_>, name: &str, faults: &mut Faults) -> bool {
        match name {
            "id" | "_id" => only(&mut self.ids, field, faults),
            "memberId" => only(&mut self.members, field, faults),
            _ => return false,
        }
        true
    }
}

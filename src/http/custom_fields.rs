//! Fields that a site adds to its members' profiles.

use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::Window;
use super::privacy::revision;
use crate::actors::handle::Answer;
use crate::core::query::{Outcome, PageOf, PageStart, Query, SettingsAsked, View};
use crate::domain::custom_field::{
    FieldDefinition, FieldKind, FieldPatch, FieldStep, FieldWish, NewField,
};
use crate::domain::limits::{FIELD_NAME_CHARS_MAX, FIELDS_PER_SITE_MAX};
use crate::domain::profile::PrivacyStatus;
use crate::domain::settings::{SettingStep, SettingWish};
use crate::domain::{Command, FieldId};
use crate::wire::custom_field::{FieldBody, KIND_NAMES, PRIVACY_NAMES, SOCIAL_NAMES, section};

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let place = root.child("field");
    let name = name(&place, &mut faults);
    if !place.child("name").is_there() {
        faults.add(&place.child("name"), "REQUIRED", "name is required");
    }
    let kind = faults.choice(&place.child("fieldType"), KIND_NAMES);
    let privacy = faults.choice(&place.child("defaultPrivacy"), PRIVACY_NAMES);
    let social = faults.choice(&place.child("socialType"), SOCIAL_NAMES);
    faults.done()?;
    let new = NewField {
        id: FieldId::from(call.front.new_uuid()),
        name: name.unwrap_or_default(),
        default_privacy: privacy.unwrap_or(PrivacyStatus::Public),
        kind: kind.unwrap_or(FieldKind::Text),
        social,
    };
    defined(wished(&call, FieldWish::Create(new)).await?)
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let place = root.child("field");
    let name = name(&place, &mut faults);
    let default_privacy = faults.choice(&place.child("defaultPrivacy"), PRIVACY_NAMES);
    let social = faults.choice(&place.child("socialType"), SOCIAL_NAMES);
    let revision = revision(&place, &mut faults);
    faults.done()?;
    let (id, patch) = (field_id(&call)?, FieldPatch { name, default_privacy, social });
    defined(wished(&call, FieldWish::Update { id, patch, revision }).await?)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let (seq, fields) = asked(&call, SettingsAsked::Field { id: field_id(&call)? }).await?;
    let field: Option<FieldBody<'_>> = fields.first().map(FieldBody::from);
    Reply::json(seq, &json!({ "field": field }))
}

/// Hidden fields are on no list; whoever knows the id still gets one.
pub async fn list(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let mut faults = Faults::new();
    let window = Window::read(&Node::root(&input), &mut faults);
    faults.done()?;
    let list = call.list("custom fields")?;
    let bound = window.bind(&list, String::new())?;
    let (seq, all) = asked(&call, SettingsAsked::Fields).await?;
    let (total, start) = (all.len(), offset(&bound.page.start));
    let shown: Vec<FieldBody<'_>> =
        all.iter().skip(start).take(bound.page.limit).map(FieldBody::from).collect();
    let (items, next) = (vec![(); shown.len()], None);
    let metadata = bound.metadata(&PageOf { items, total, hidden: 0, next }, &list);
    Reply::json(seq, &json!({"fields": shown, "metadata": metadata}))
}

/// Lists of a hundred at most are read by offset; a cursor of theirs is never given out.
pub(super) fn offset(start: &PageStart) -> usize {
    match start {
        PageStart::Offset(offset) => *offset,
        PageStart::After(_) => usize::MAX,
    }
}

pub async fn hide(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let mut faults = Faults::new();
    let revision = revision(&Node::root(&body), &mut faults);
    faults.done()?;
    let id = field_id(&call)?;
    Reply::empty(wished(&call, FieldWish::Hide { id, revision }).await?.seq)
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let mut faults = Faults::new();
    let revision = revision(&Node::root(&input), &mut faults);
    faults.done()?;
    let id = field_id(&call)?;
    Reply::empty(wished(&call, FieldWish::Delete { id, revision }).await?.seq)
}

pub async fn order(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let sections = [("GENERAL", "GENERAL"), ("SOCIAL", "SOCIAL")];
    let wanted = faults.choice(&root.child("section"), &sections);
    let ids = faults.needed_ids(&root.child("fieldIds"), FIELDS_PER_SITE_MAX);
    faults.done()?;
    wished(&call, FieldWish::Order { ids }).await?;
    let (seq, fields) = asked(&call, SettingsAsked::Fields).await?;
    let is_in =
        |field: &&FieldDefinition| wanted.is_none_or(|wanted| wanted == section(field.kind));
    let fields: Vec<FieldBody<'_>> = fields.iter().filter(is_in).map(FieldBody::from).collect();
    let mut answer = json!({ "fields": fields });
    if let Some(section) = wanted {
        answer["section"] = json!(section);
    }
    Reply::json(seq, &answer)
}

pub(super) fn field_id(call: &Call) -> Result<FieldId, Problem> {
    call.id("CUSTOM_FIELD_NOT_FOUND", "custom field")
}

fn name(place: &Node<'_>, faults: &mut Faults) -> Option<String> {
    let node = place.child("name");
    let name = faults.needed_text_if_there(&node, 4 * FIELD_NAME_CHARS_MAX)?;
    if name.chars().count() > FIELD_NAME_CHARS_MAX {
        let detail = format!("name is longer than {FIELD_NAME_CHARS_MAX} characters");
        faults.add_at(node.path(), "MAX_LENGTH", detail, Some(FIELD_NAME_CHARS_MAX as i64));
    }
    Some(name.to_owned())
}

pub(super) async fn wished(call: &Call, wish: FieldWish) -> Result<Answer<Outcome>, Problem> {
    call.command(Command::Setting(Box::new(SettingWish::Field(wish)))).await
}

fn defined(answer: Answer<Outcome>) -> Result<Reply, Problem> {
    let Outcome::Setting(SettingStep::Field(step)) = answer.value else { return unexpected() };
    let (FieldStep::Created(field) | FieldStep::Updated(field)) = &*step else {
        return unexpected();
    };
    Reply::json(answer.seq, &json!({"field": FieldBody::from(field)}))
}

pub(super) async fn asked(
    call: &Call,
    asked: SettingsAsked,
) -> Result<(u64, Vec<FieldDefinition>), Problem> {
    let answer = call.ask(Query::Settings(asked)).await?;
    let View::Settings(steps) = answer.value else { return unexpected() };
    let field = |step: &SettingStep| match step {
        SettingStep::Field(step) => match &**step {
            FieldStep::Created(field) => Some(field.clone()),
            FieldStep::Updated(_)
            | FieldStep::Deleted(_)
            | FieldStep::Ordered(_)
            | FieldStep::ApplicationCreated(_)
            | FieldStep::ApplicationUpdated(_)
            | FieldStep::ApplicationDeleted(_) => None,
        },
        SettingStep::DefaultPrivacy(_)
        | SettingStep::MemberPrivacy(_)
        | SettingStep::Role { .. }
        | SettingStep::RoleDeleted { .. } => None,
    };
    Ok((answer.seq, steps.iter().filter_map(field).collect()))
}

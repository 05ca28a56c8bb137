//! To whom the fields of profiles apply.

use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, Reply, unexpected};
use super::custom_fields::{field_id, wished};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::privacy::revision;
use crate::actors::handle::Answer;
use crate::core::query::{FieldsApplied, Outcome, Query, SettingsAsked, View};
use crate::domain::FieldId;
use crate::domain::custom_field::{ApplicationPatch, FieldStep, FieldWish, Scope};
use crate::domain::limits::{FIELD_SCOPES_MAX, FIELD_SUBJECTS_MAX};
use crate::domain::settings::SettingStep;
use crate::wire::custom_field::{ApplicationBody, FieldBody, SCOPE_NAMES};

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let place = root.child("application");
    let field: Option<FieldId> = faults.needed_id(&place.child("customFieldId"));
    let ApplicationPatch { applies, excludes } = scopes(&place, &mut faults);
    faults.done()?;
    let Some(field) = field else { return unexpected() };
    let (applies, excludes) = (applies.unwrap_or_default(), excludes.unwrap_or_default());
    applied(wished(&call, FieldWish::Apply { field, applies, excludes }).await?)
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let place = root.child("application");
    let patch = scopes(&place, &mut faults);
    let revision = revision(&place, &mut faults);
    faults.done()?;
    let field = field_id(&call)?;
    applied(wished(&call, FieldWish::Reapply { field, patch, revision }).await?)
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let field = field_id(&call)?;
    Reply::empty(wished(&call, FieldWish::Unapply { field }).await?.seq)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let field = field_id(&call)?;
    let (seq, found) = asked(&call, SettingsAsked::Application { field }).await?;
    Reply::json(seq, &json!({"application": found.first()}))
}

pub async fn get_many(call: Call) -> Result<Reply, Problem> {
    let fields = subjects(&call, "customFieldIds")?;
    let (seq, found) = asked(&call, SettingsAsked::Applications { fields }).await?;
    Reply::json(seq, &json!({ "applications": found }))
}

pub async fn of_members(call: Call) -> Result<Reply, Problem> {
    let members = subjects(&call, "memberIds")?;
    results(&call, Query::FieldsOfMembers { members }, "memberId").await
}

pub async fn of_roles(call: Call) -> Result<Reply, Problem> {
    let roles = subjects(&call, "roleIds")?;
    results(&call, Query::FieldsOfRoles { roles }, "roleId").await
}

fn subjects<K>(call: &Call, name: &str) -> Result<Vec<crate::domain::id::Id<K>>, Problem> {
    let body = call.json()?;
    let mut faults = Faults::new();
    let ids = faults.needed_ids(&Node::root(&body).child(name), FIELD_SUBJECTS_MAX);
    faults.done().map(|()| ids)
}

async fn results(call: &Call, query: Query, subject: &str) -> Result<Reply, Problem> {
    let answer = call.ask(query).await?;
    let View::FieldsApplied(FieldsApplied { fields, subjects }) = answer.value else {
        return unexpected();
    };
    let application = |(field, applies): (&_, &bool)| {
        let field = FieldBody::from(field);
        let key = json!(&field)["key"].clone();
        json!({"customFieldKey": key, "applies": applies, "customField": field})
    };
    let result = |(id, applied): &([u8; 16], Vec<bool>)| {
        let all: Vec<Value> = fields.iter().zip(applied).map(application).collect();
        json!({ subject: Uuid::from_bytes(*id), "applications": all })
    };
    let results: Vec<Value> = subjects.iter().map(result).collect();
    Reply::json(answer.seq, &json!({ "results": results }))
}

fn scopes(place: &Node<'_>, faults: &mut Faults) -> ApplicationPatch {
    let (applies, excludes) = (place.child("applications"), place.child("exclusions"));
    ApplicationPatch {
        applies: scopes_of(&applies.child("items"), "applicationType", faults),
        excludes: scopes_of(&excludes.child("items"), "exclusionType", faults),
    }
}

fn scopes_of(node: &Node<'_>, kind: &str, faults: &mut Faults) -> Option<Vec<Scope>> {
    node.value()?;
    let mut scopes = Vec::new();
    for (position, item) in faults.list(node, FIELD_SCOPES_MAX).iter().enumerate() {
        let position = position.to_string();
        let item = node.element(&position, item);
        let named = item.child(kind);
        let found = faults.choice(&named, SCOPE_NAMES);
        if !named.is_there() {
            faults.add(&named, "REQUIRED", format!("{kind} is required"));
        }
        let entity: Option<FieldId> = faults.needed_id(&item.child("entityId"));
        if let (Some(kind), Some(entity)) = (found, entity) {
            scopes.push(Scope { kind, entity: *entity.as_bytes() });
        }
    }
    Some(scopes)
}

fn applied(answer: Answer<Outcome>) -> Result<Reply, Problem> {
    let Outcome::Setting(SettingStep::Field(step)) = answer.value else { return unexpected() };
    let (FieldStep::ApplicationCreated(one) | FieldStep::ApplicationUpdated(one)) = &*step else {
        return unexpected();
    };
    Reply::json(answer.seq, &json!({"application": ApplicationBody::from(one)}))
}

async fn asked(call: &Call, asked: SettingsAsked) -> Result<(u64, Vec<ApplicationBody>), Problem> {
    let answer = call.ask(Query::Settings(asked)).await?;
    let View::Settings(steps) = answer.value else { return unexpected() };
    let mut found = Vec::new();
    for step in &steps {
        let SettingStep::Field(step) = step else { return unexpected() };
        let FieldStep::ApplicationCreated(one) = &**step else { return unexpected() };
        found.push(ApplicationBody::from(one));
    }
    Ok((answer.seq, found))
}

//! Fields that a site adds to profiles, and to whom they apply.

use std::sync::Arc;

use super::members::slug_of;
use super::refuse::{conflict, limit};
use super::settings::current;
use super::{Answering, Decided, Decision};
use crate::core::site::Site;
use crate::domain::custom_field::{
    ApplicationPatch, FieldApplication, FieldDefinition, FieldKind, FieldPatch, FieldStep,
    FieldWish, NewField, SocialKind,
};
use crate::domain::limits::FIELDS_PER_SITE_MAX;
use crate::domain::settings::SettingStep;
use crate::domain::{Event, FieldId, Refusal, Timestamp};

impl Site {
    pub(super) fn decide_field(&self, wish: &FieldWish, now: Timestamp) -> Decided {
        let step = match wish {
            FieldWish::Create(new) => FieldStep::Created(self.new_field(new, now)?),
            FieldWish::Update { id, patch, revision } => {
                let old = self.field(*id)?;
                current(*revision, old.revision)?;
                FieldStep::Updated(edited(old, patch)?)
            }
            FieldWish::Hide { id, revision } => {
                let old = self.field(*id)?;
                current(*revision, old.revision)?;
                FieldStep::Updated(FieldDefinition { hidden: true, ..old.clone() })
            }
            FieldWish::Delete { id, revision } => {
                let old = self.field(*id)?;
                current(*revision, old.revision)?;
                FieldStep::Deleted(old.clone())
            }
            FieldWish::Order { ids } => FieldStep::Ordered(self.ordered(ids)?),
            FieldWish::Apply { field, applies, excludes } => {
                self.field(*field)?;
                if self.settings.fields.application(*field).is_some() {
                    let detail = format!("field {field} has an application: update it");
                    let code = "CUSTOM_FIELD_APPLICATION_ALREADY_EXISTS";
                    return Err(conflict(code, detail).into());
                }
                let (applies, excludes) = (applies.clone(), excludes.clone());
                let (field, revision) = (*field, 1);
                let application = FieldApplication { field, applies, excludes, revision };
                FieldStep::ApplicationCreated(application)
            }
            FieldWish::Reapply { field, patch, revision } => {
                let old = self.application(*field)?;
                current(*revision, old.revision)?;
                FieldStep::ApplicationUpdated(reapplied(old, patch))
            }
            FieldWish::Unapply { field } => {
                FieldStep::ApplicationDeleted(self.application(*field)?.clone())
            }
        };
        Ok(self.field_decided(step, now))
    }

    /// What is so already is told as it stands; everything else is the next revision.
    fn field_decided(&self, step: FieldStep, now: Timestamp) -> Decision {
        let fields = &self.settings.fields;
        let is_new = match &step {
            FieldStep::Updated(field) => fields.get(field.id) != Some(field),
            FieldStep::ApplicationUpdated(one) => fields.application(one.field) != Some(one),
            FieldStep::Ordered(ids) => !fields.all().iter().map(|field| field.id).eq(ids.clone()),
            FieldStep::Created(_)
            | FieldStep::Deleted(_)
            | FieldStep::ApplicationCreated(_)
            | FieldStep::ApplicationDeleted(_) => true,
        };
        let step = match step {
            FieldStep::Updated(field) if is_new => {
                let revision = field.revision + 1;
                FieldStep::Updated(FieldDefinition { revision, updated_at: now, ..field })
            }
            FieldStep::ApplicationUpdated(one) if is_new => {
                let revision = one.revision + 1;
                FieldStep::ApplicationUpdated(FieldApplication { revision, ..one })
            }
            other => other,
        };
        let step = SettingStep::Field(Arc::new(step));
        match is_new {
            true => {
                let event = Event::Setting { step: step.clone() };
                Decision::new(vec![event], Answering::Setting(step))
            }
            false => Decision::already(Answering::Setting(step)),
        }
    }

    fn new_field(&self, new: &NewField, now: Timestamp) -> Result<FieldDefinition, Refusal> {
        let fields = self.settings.fields.all();
        limit(fields.len(), FIELDS_PER_SITE_MAX, "CUSTOM_FIELD_LIMIT", "custom fields")?;
        if fields.iter().any(|field| field.id == new.id) {
            let detail = format!("field {} exists", new.id);
            return Err(conflict("CUSTOM_FIELD_ALREADY_EXISTS", detail));
        }
        Ok(FieldDefinition {
            id: new.id,
            name: new.name.clone(),
            key: self.free_key(&new.name),
            default_privacy: new.default_privacy,
            kind: new.kind,
            social: social(new.kind, new.social)?,
            hidden: false,
            created_at: now,
            updated_at: now,
            revision: 1,
        })
    }

    fn free_key(&self, name: &str) -> String {
        let key = slug_of(name);
        let is_free = |key: &String| self.settings.fields.all().iter().all(|one| one.key != *key);
        let numbered = (2..).map(|number| format!("{key}-{number}"));
        let mut keys = std::iter::once(key.clone()).chain(numbered);
        keys.find(is_free).unwrap_or(key)
    }

    /// These first, the others behind them as they stood.
    fn ordered(&self, ids: &[FieldId]) -> Result<Vec<FieldId>, Refusal> {
        for id in ids {
            self.field(*id)?;
        }
        let mut order: Vec<FieldId> = Vec::new();
        let rest = self.settings.fields.all().iter().map(|field| field.id);
        for id in ids.iter().copied().chain(rest) {
            if !order.contains(&id) {
                order.push(id);
            }
        }
        Ok(order)
    }

    fn field(&self, id: FieldId) -> Result<&FieldDefinition, Refusal> {
        self.settings.fields.get(id).ok_or_else(|| field_not_found(id))
    }

    fn application(&self, field: FieldId) -> Result<&FieldApplication, Refusal> {
        let found = self.settings.fields.application(field);
        found.ok_or_else(|| application_not_found(field))
    }
}

fn edited(old: &FieldDefinition, patch: &FieldPatch) -> Result<FieldDefinition, Refusal> {
    Ok(FieldDefinition {
        name: patch.name.clone().unwrap_or_else(|| old.name.clone()),
        default_privacy: patch.default_privacy.unwrap_or(old.default_privacy),
        social: social(old.kind, patch.social.or(old.social))?,
        ..old.clone()
    })
}

fn reapplied(old: &FieldApplication, patch: &ApplicationPatch) -> FieldApplication {
    FieldApplication {
        applies: patch.applies.clone().unwrap_or_else(|| old.applies.clone()),
        excludes: patch.excludes.clone().unwrap_or_else(|| old.excludes.clone()),
        ..old.clone()
    }
}

/// A social field says of which network it is, and no other does.
fn social(kind: FieldKind, social: Option<SocialKind>) -> Result<Option<SocialKind>, Refusal> {
    if (kind == FieldKind::Social) == social.is_some() {
        return Ok(social);
    }
    let detail = "a social field, and only it, has a socialType".to_owned();
    Err(conflict("INVALID_FIELD_SOCIAL_TYPE", detail))
}

pub(in crate::core) fn field_not_found(id: FieldId) -> Refusal {
    let detail = format!("custom field {id} is not known");
    Refusal::NotFound { code: "CUSTOM_FIELD_NOT_FOUND", detail }
}

pub(in crate::core) fn application_not_found(field: FieldId) -> Refusal {
    let detail = format!("custom field {field} has no application");
    Refusal::NotFound { code: "CUSTOM_FIELD_APPLICATION_NOT_FOUND", detail }
}

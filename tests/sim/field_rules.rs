//! Fields of profiles and to whom they apply: what clients wish, what the log says of it, and what
//! asking must lead to.

use std::collections::BTreeMap;

use guildhall::core::query::{FieldsApplied, Query, SettingsAsked, View};
use guildhall::domain::custom_field::{
    ApplicationPatch, FieldApplication, FieldDefinition, FieldKind, FieldPatch, FieldStep,
    FieldWish, NewField, Scope, ScopeKind, SocialKind,
};
use guildhall::domain::profile::PrivacyStatus;
use guildhall::domain::settings::SettingWish;
use guildhall::domain::{Command, FieldId, MemberId};

use crate::model::Model;
use crate::random::Random;
use crate::requests::{Crowd, Request};
use crate::rules::{Fact, Predicted, one, when};

/// What is known of the fields.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub order: Vec<FieldId>,
    pub fields: BTreeMap<FieldId, FieldDefinition>,
    pub applications: BTreeMap<FieldId, FieldApplication>,
}

impl Crowd {
    pub fn field_request(&self, random: &mut Random) -> Request {
        // Few ids, so that most of what is wished is of something that is there.
        let id = |random: &mut Random| FieldId::from_u128(1 + random.below(5) as u128);
        let (field, member) = (id(random), self.member(random));
        let revision = random.chance(300).then(|| 1 + random.below(3) as u64);
        let scope = |random: &mut Random| match random.below(3) {
            0 => Scope { kind: ScopeKind::PricingPlan, entity: [7; 16] },
            1 => Scope { kind: ScopeKind::Badge, entity: *self.badge(random).as_bytes() },
            _ => Scope { kind: ScopeKind::Member, entity: *self.member(random).as_bytes() },
        };
        let wish = match random.below(12) {
            0..=2 => {
                let is_social = random.chance(300);
                FieldWish::Create(NewField {
                    id: field,
                    name: format!("Field {}", random.below(3)),
                    default_privacy: PrivacyStatus::Public,
                    kind: if is_social { FieldKind::Social } else { FieldKind::Text },
                    social: (is_social != random.chance(100)).then_some(SocialKind::Other),
                })
            }
            3 => {
                let name = Some(format!("Field {}", random.below(3)));
                let patch = FieldPatch { name, ..FieldPatch::default() };
                FieldWish::Update { id: field, patch, revision }
            }
            4 => FieldWish::Hide { id: field, revision },
            5 => FieldWish::Delete { id: field, revision },
            6 => FieldWish::Order { ids: vec![field, id(random)] },
            7 => {
                let (applies, excludes) = (vec![scope(random), scope(random)], vec![scope(random)]);
                FieldWish::Apply { field, applies, excludes }
            }
            8 => {
                let patch = ApplicationPatch { applies: Some(vec![scope(random)]), excludes: None };
                FieldWish::Reapply { field, patch, revision }
            }
            9 => FieldWish::Unapply { field },
            10 => {
                let asked = [
                    SettingsAsked::Fields,
                    SettingsAsked::Field { id: field },
                    SettingsAsked::Application { field },
                ];
                return Request::Query(Query::Settings(asked[random.below(3)].clone()));
            }
            _ => return Request::Query(Query::FieldsOfMembers { members: vec![member] }),
        };
        Request::Command(Command::Setting(Box::new(SettingWish::Field(wish))))
    }
}

impl Fields {
    pub fn fold(&mut self, step: &FieldStep) {
        match step {
            FieldStep::Created(field) => {
                assert_eq!(field.revision, 1, "a field begins");
                let same_key = self.fields.values().any(|one| one.key == field.key);
                assert!(!same_key, "a key names one field");
                self.order.push(field.id);
                assert!(self.fields.insert(field.id, field.clone()).is_none(), "created once");
            }
            FieldStep::Updated(field) => {
                let before = self.fields.insert(field.id, field.clone()).expect("a known field");
                assert_eq!(field.revision, before.revision + 1, "revisions are dense");
                assert_eq!((&field.key, field.kind), (&before.key, before.kind), "for good");
            }
            FieldStep::Deleted(field) => {
                assert!(self.fields.remove(&field.id).is_some(), "deleted once");
                self.order.retain(|id| *id != field.id);
                self.applications.remove(&field.id);
            }
            FieldStep::Ordered(ids) => {
                let sorted = |ids: &[FieldId]| {
                    let mut ids = ids.to_vec();
                    ids.sort();
                    ids
                };
                assert_eq!(sorted(ids), sorted(&self.order), "all fields have a place");
                self.order.clone_from(ids);
            }
            FieldStep::ApplicationCreated(one) => {
                let before = self.applications.insert(one.field, one.clone());
                assert!(before.is_none() && one.revision == 1, "an application begins");
            }
            FieldStep::ApplicationUpdated(one) => {
                let before = self.applications.insert(one.field, one.clone());
                assert_eq!(before.map(|old| old.revision + 1), Some(one.revision), "it goes on");
            }
            FieldStep::ApplicationDeleted(one) => {
                assert!(self.applications.remove(&one.field).is_some(), "ended once");
            }
        }
    }

    pub fn predict(&self, wish: &FieldWish) -> Predicted {
        let current = |given: &Option<u64>, current: u64| match given {
            Some(given) if *given != current => Err("INVALID_REVISION"),
            Some(_) | None => Ok(()),
        };
        let field = |id: &FieldId| self.fields.get(id).ok_or("CUSTOM_FIELD_NOT_FOUND");
        let application =
            |id: &FieldId| self.applications.get(id).ok_or("CUSTOM_FIELD_APPLICATION_NOT_FOUND");
        match wish {
            FieldWish::Create(new) if self.fields.contains_key(&new.id) => {
                Err("CUSTOM_FIELD_ALREADY_EXISTS")
            }
            FieldWish::Create(new) if (new.kind == FieldKind::Social) != new.social.is_some() => {
                Err("INVALID_FIELD_SOCIAL_TYPE")
            }
            FieldWish::Create(_) => one(Fact::Set("custom_field.created")),
            FieldWish::Update { id, patch, revision } => {
                let old = field(id)?;
                current(revision, old.revision)?;
                let is_new = patch.name.as_ref().is_some_and(|name| *name != old.name);
                when(is_new, Fact::Set("custom_field.updated"))
            }
            FieldWish::Hide { id, revision } => {
                let old = field(id)?;
                current(revision, old.revision)?;
                when(!old.hidden, Fact::Set("custom_field.updated"))
            }
            FieldWish::Delete { id, revision } => {
                current(revision, field(id)?.revision)?;
                one(Fact::Set("custom_field.deleted"))
            }
            FieldWish::Order { ids } => {
                ids.iter().try_for_each(|id| field(id).map(|_| ()))?;
                let mut wanted = ids.clone();
                wanted.dedup();
                wanted.extend(self.order.iter().filter(|id| !ids.contains(id)));
                when(wanted != self.order, Fact::Set("custom_field.ordered"))
            }
            FieldWish::Apply { field: id, .. } => {
                field(id)?;
                match self.applications.contains_key(id) {
                    true => Err("CUSTOM_FIELD_APPLICATION_ALREADY_EXISTS"),
                    false => one(Fact::Set("custom_field_application.created")),
                }
            }
            FieldWish::Reapply { field: id, patch, revision } => {
                let old = application(id)?;
                current(revision, old.revision)?;
                let is_new = patch.applies.as_ref().is_some_and(|new| *new != old.applies);
                when(is_new, Fact::Set("custom_field_application.updated"))
            }
            FieldWish::Unapply { field: id } => {
                application(id)?;
                one(Fact::Set("custom_field_application.deleted"))
            }
        }
    }

    pub fn check(&self, step: &FieldStep) {
        match step {
            FieldStep::Created(field) | FieldStep::Updated(field) => {
                assert_eq!(self.fields.get(&field.id), Some(field), "a field as it stands");
            }
            FieldStep::ApplicationCreated(one) | FieldStep::ApplicationUpdated(one) => {
                assert_eq!(self.applications.get(&one.field), Some(one), "to whom it applies");
            }
            FieldStep::Ordered(ids) => assert_eq!(*ids, self.order, "the order of fields"),
            FieldStep::Deleted(field) => assert!(!self.fields.contains_key(&field.id)),
            FieldStep::ApplicationDeleted(one) => {
                assert!(!self.applications.contains_key(&one.field));
            }
        }
    }

    pub fn shown(&self) -> Vec<&FieldDefinition> {
        let all = self.order.iter().map(|id| &self.fields[id]);
        all.filter(|field| !field.hidden).collect()
    }
}

impl Model {
    pub fn check_fields(&self, query: &Query, view: &View) {
        let (Query::FieldsOfMembers { members }, View::FieldsApplied(found)) = (query, view) else {
            return self.check_standing(query, view);
        };
        let FieldsApplied { fields, subjects } = found;
        let shown = self.settings.fields.shown();
        assert_eq!(fields.iter().collect::<Vec<_>>(), shown, "the fields that are shown");
        let known = members.iter().filter(|member| self.members.contains_key(member));
        let expected: Vec<([u8; 16], Vec<bool>)> = known
            .map(|member| {
                let applied = shown.iter().map(|field| self.field_applies(field.id, *member));
                (*member.as_bytes(), applied.collect())
            })
            .collect();
        assert_eq!(*subjects, expected, "which fields apply");
    }

    fn field_applies(&self, field: FieldId, member: MemberId) -> bool {
        let Some(one) = self.settings.fields.applications.get(&field) else { return true };
        let is_in = |scope: &Scope| match scope.kind {
            ScopeKind::Member => scope.entity == *member.as_bytes(),
            ScopeKind::Badge => {
                let held = self.held.keys().filter(|(_, holder)| *holder == member);
                let mut held = held.filter(|(badge, _)| !self.badges_deleted.contains(badge));
                held.any(|(badge, _)| *badge.as_bytes() == scope.entity)
            }
            ScopeKind::Role | ScopeKind::PricingPlan => false,
        };
        one.applies.iter().any(is_in) && !one.excludes.iter().any(is_in)
    }
}

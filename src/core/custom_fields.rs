//! The fields that a site added to profiles, in their order, and to whom each applies.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::site::Site;
use super::ties::Tie;
use crate::domain::custom_field::{FieldApplication, FieldDefinition, FieldStep, Scope, ScopeKind};
use crate::domain::{BadgeId, FieldId, MemberId, RoleId};

#[derive(Debug, Default)]
pub struct CustomFields {
    /// In their order.
    fields: Vec<FieldDefinition>,
    applications: BTreeMap<FieldId, FieldApplication>,
}

impl CustomFields {
    pub fn apply(&mut self, step: &FieldStep) {
        match step {
            FieldStep::Created(field) => self.fields.push(field.clone()),
            FieldStep::Updated(field) => {
                let known = self.fields.iter_mut().find(|known| known.id == field.id);
                known.into_iter().for_each(|known| *known = field.clone());
            }
            FieldStep::Deleted(field) => {
                self.fields.retain(|known| known.id != field.id);
                self.applications.remove(&field.id);
            }
            FieldStep::Ordered(ids) => {
                let place = |field: &FieldDefinition| ids.iter().position(|id| *id == field.id);
                self.fields.sort_by_key(|field| place(field).unwrap_or(ids.len()));
            }
            FieldStep::ApplicationCreated(application)
            | FieldStep::ApplicationUpdated(application) => {
                self.applications.insert(application.field, application.clone());
            }
            FieldStep::ApplicationDeleted(application) => {
                self.applications.remove(&application.field);
            }
        }
    }

    /// The steps that lead here from nothing.
    pub fn stored(&self) -> impl Iterator<Item = Arc<FieldStep>> + '_ {
        let fields = self.fields.iter().map(|field| FieldStep::Created(field.clone()));
        let applications = self.applications.values();
        let applications = applications.map(|one| FieldStep::ApplicationCreated(one.clone()));
        fields.chain(applications).map(Arc::new)
    }

    pub fn all(&self) -> &[FieldDefinition] {
        &self.fields
    }

    pub fn get(&self, id: FieldId) -> Option<&FieldDefinition> {
        self.fields.iter().find(|field| field.id == id)
    }

    pub fn application(&self, field: FieldId) -> Option<&FieldApplication> {
        self.applications.get(&field)
    }

    /// Whether a field applies to whom `is_in` knows the scopes of.
    fn applies(&self, field: FieldId, is_in: impl Fn(&Scope) -> bool) -> bool {
        let Some(application) = self.applications.get(&field) else { return true };
        application.applies.iter().any(&is_in) && !application.excludes.iter().any(&is_in)
    }

    /// Of each field that is shown, whether it applies to a role.
    pub fn applied_to_role(&self, role: RoleId) -> Vec<bool> {
        let is_in =
            |scope: &Scope| scope.kind == ScopeKind::Role && scope.entity == *role.as_bytes();
        self.shown().map(|field| self.applies(field.id, is_in)).collect()
    }

    pub fn shown(&self) -> impl Iterator<Item = &FieldDefinition> {
        self.fields.iter().filter(|field| !field.hidden)
    }
}

impl Site {
    /// Of each field that is shown, whether it applies to a member.
    pub(super) fn fields_applied(&self, member: u32) -> Vec<bool> {
        let id: MemberId = self.counters.id(member);
        let is_in = |scope: &Scope| match scope.kind {
            ScopeKind::Member => scope.entity == *id.as_bytes(),
            ScopeKind::Role => {
                let role = RoleId::from_bytes(scope.entity);
                let lives = self.settings.role_of(role).is_some();
                lives && self.ties.holds(member, Tie::Role(role))
            }
            ScopeKind::Badge => {
                let number = self.badges.number(BadgeId::from_bytes(scope.entity));
                let held = self.badges.held(member);
                number.is_some_and(|number| held.iter().any(|one| one.badge == number))
            }
            ScopeKind::PricingPlan => false,
        };
        let fields = &self.settings.fields;
        fields.shown().map(|field| fields.applies(field.id, is_in)).collect()
    }
}

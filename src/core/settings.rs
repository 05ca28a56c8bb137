//! What a site has decided for all of its members, as it stands. It is stored, compared and asked
//! for as the steps that lead to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::custom_fields::CustomFields;
use super::query::SettingsAsked;
use crate::domain::RoleId;
use crate::domain::custom_field::{FieldApplication, FieldDefinition, FieldStep};
use crate::domain::settings::{
    Candidates, DefaultPrivacy, MemberPrivacy, RoleDefinition, SettingStep, Visibility,
};

#[derive(Debug, Default)]
pub struct Settings {
    pub default_privacy: DefaultPrivacy,
    pub member_privacy: MemberPrivacy,
    /// By key.
    roles: BTreeMap<String, Arc<RoleDefinition>>,
    pub fields: CustomFields,
}

impl Settings {
    pub fn apply(&mut self, step: &SettingStep) {
        match step {
            SettingStep::DefaultPrivacy(default) => self.default_privacy = *default,
            SettingStep::MemberPrivacy(privacy) => self.member_privacy = *privacy,
            SettingStep::Role { role, .. } => {
                self.roles.insert(role.key.clone(), role.clone());
            }
            SettingStep::RoleDeleted { role } => {
                self.roles.remove(&role.key);
            }
            SettingStep::Field(step) => self.fields.apply(step),
        }
    }

    /// The steps that lead here from nothing. What was never set is not among them.
    pub fn stored(&self) -> Vec<SettingStep> {
        let mut steps = Vec::new();
        if self.default_privacy != DefaultPrivacy::default() {
            steps.push(SettingStep::DefaultPrivacy(self.default_privacy));
        }
        if self.member_privacy != MemberPrivacy::default() {
            steps.push(SettingStep::MemberPrivacy(self.member_privacy));
        }
        steps.extend(self.roles().map(step_of));
        steps.extend(self.fields.stored().map(SettingStep::Field));
        steps
    }

    pub fn restored(steps: &[SettingStep]) -> Settings {
        let mut settings = Settings::default();
        steps.iter().for_each(|step| settings.apply(step));
        settings
    }

    pub fn roles(&self) -> impl ExactSizeIterator<Item = &Arc<RoleDefinition>> {
        self.roles.values()
    }

    pub fn role(&self, key: &str) -> Option<&Arc<RoleDefinition>> {
        self.roles.get(key)
    }

    /// The role of an id; none where it was deleted.
    pub fn role_of(&self, id: RoleId) -> Option<&Arc<RoleDefinition>> {
        self.roles.values().find(|role| role.id == id)
    }

    /// What was asked for, as steps; none where it is not there.
    pub fn asked(&self, asked: &SettingsAsked) -> Option<Vec<SettingStep>> {
        Some(match asked {
            SettingsAsked::DefaultPrivacy => {
                vec![SettingStep::DefaultPrivacy(self.default_privacy)]
            }
            SettingsAsked::MemberPrivacy => vec![SettingStep::MemberPrivacy(self.member_privacy)],
            SettingsAsked::Roles => self.roles().map(step_of).collect(),
            SettingsAsked::Role { key } => vec![step_of(self.role(key)?)],
            SettingsAsked::Fields => self.fields.shown().map(field_step).collect(),
            SettingsAsked::Field { id } => vec![field_step(self.fields.get(*id)?)],
            SettingsAsked::Application { field } => {
                vec![application_step(self.fields.application(*field)?)]
            }
            SettingsAsked::Applications { fields } => {
                let found = fields.iter().filter_map(|field| self.fields.application(*field));
                found.map(application_step).collect()
            }
        })
    }

    /// Whether public members are shown to members who look.
    pub fn shows_members(&self) -> bool {
        self.member_privacy.candidates == Candidates::Anyone
    }

    /// Whether public members are shown to visitors too.
    pub fn shows_visitors(&self) -> bool {
        self.shows_members() && self.member_privacy.visibility == Visibility::All
    }
}

fn field_step(field: &FieldDefinition) -> SettingStep {
    SettingStep::Field(Arc::new(FieldStep::Created(field.clone())))
}

fn application_step(application: &FieldApplication) -> SettingStep {
    SettingStep::Field(Arc::new(FieldStep::ApplicationCreated(application.clone())))
}

fn step_of(role: &Arc<RoleDefinition>) -> SettingStep {
    SettingStep::Role { role: role.clone(), is_new: false }
}

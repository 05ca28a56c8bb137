//! What a site has decided for all of its members, as it stands. It is stored, compared and asked
//! for as the steps that lead to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::query::SettingsAsked;
use crate::domain::RoleId;
use crate::domain::settings::{
    Candidates, DefaultPrivacy, MemberPrivacy, RoleDefinition, SettingStep, Visibility,
};

#[derive(Debug, Default)]
pub struct Settings {
    pub default_privacy: DefaultPrivacy,
    pub member_privacy: MemberPrivacy,
    /// By key.
    roles: BTreeMap<String, Arc<RoleDefinition>>,
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

fn step_of(role: &Arc<RoleDefinition>) -> SettingStep {
    SettingStep::Role { role: role.clone(), is_new: false }
}

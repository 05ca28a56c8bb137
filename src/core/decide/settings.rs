//! What the owner decides for all members at once.

use std::sync::Arc;

use super::refuse::{conflict, limit};
use super::{Answering, Decided, Decision};
use crate::core::site::Site;
use crate::domain::limits::ROLES_PER_SITE_MAX;
use crate::domain::settings::{
    DefaultPrivacy, MemberPrivacy, RoleDefinition, SettingStep, SettingWish,
};
use crate::domain::{Event, Refusal, Timestamp};

/// What a wish comes to: something else than before, or what is so already.
enum Wished {
    New(SettingStep),
    Same(SettingStep),
}

impl Site {
    pub(super) fn decide_setting(&self, wish: &SettingWish, now: Timestamp) -> Decided {
        let wished = match wish {
            SettingWish::Field(wish) => return self.decide_field(wish, now),
            SettingWish::DefaultPrivacy { privacy, revision } => {
                let old = self.settings.default_privacy;
                current(*revision, old.revision)?;
                let new = DefaultPrivacy { privacy: privacy.unwrap_or(old.privacy), ..old };
                let revised = |new| DefaultPrivacy { revision: old.revision + 1, ..new };
                told(old, new, revised, SettingStep::DefaultPrivacy)
            }
            SettingWish::MemberPrivacy { patch, revision } => {
                let old = self.settings.member_privacy;
                current(*revision, old.revision)?;
                let visibility = patch.visibility.unwrap_or(old.visibility);
                let candidates = patch.candidates.unwrap_or(old.candidates);
                let new = MemberPrivacy { visibility, candidates, ..old };
                let revision = old.revision + 1;
                let revised = |new| MemberPrivacy { revision, updated_at: now, ..new };
                told(old, new, revised, SettingStep::MemberPrivacy)
            }
            SettingWish::CreateRole { id, key, title, blockable } => {
                let (key, title) = (key.clone(), title.clone());
                let role =
                    RoleDefinition { id: *id, key, title, blockable: *blockable, revision: 1 };
                self.role_created(role)?
            }
            SettingWish::UpdateRole { key, blockable, revision } => {
                let old = self.role(key)?;
                current(*revision, old.revision)?;
                let blockable = blockable.unwrap_or(old.blockable);
                let new = Arc::new(RoleDefinition { blockable, ..(**old).clone() });
                let revised = |role: Arc<RoleDefinition>| {
                    Arc::new(RoleDefinition { revision: role.revision + 1, ..(*role).clone() })
                };
                told(old.clone(), new, revised, |role| SettingStep::Role { role, is_new: false })
            }
            SettingWish::DeleteRole { key } => {
                Wished::New(SettingStep::RoleDeleted { role: self.role(key)?.clone() })
            }
        };
        Ok(match wished {
            Wished::New(step) => {
                let event = Event::Setting { step: step.clone() };
                Decision::new(vec![event], Answering::Setting(step))
            }
            Wished::Same(step) => Decision::already(Answering::Setting(step)),
        })
    }

    fn role_created(&self, role: RoleDefinition) -> Result<Wished, Refusal> {
        if self.settings.role(&role.key).is_some() {
            return Err(conflict("ROLE_ALREADY_EXISTS", format!("role {} exists", role.key)));
        }
        limit(self.settings.roles().len(), ROLES_PER_SITE_MAX, "ROLE_LIMIT", "roles")?;
        Ok(Wished::New(SettingStep::Role { role: Arc::new(role), is_new: true }))
    }

    pub(super) fn role(&self, key: &str) -> Result<&Arc<RoleDefinition>, Refusal> {
        self.settings.role(key).ok_or_else(|| role_not_found(key))
    }
}

/// Something else than before is the next revision of it.
fn told<T: PartialEq>(
    old: T,
    new: T,
    revised: impl FnOnce(T) -> T,
    step: impl FnOnce(T) -> SettingStep,
) -> Wished {
    if new == old { Wished::Same(step(old)) } else { Wished::New(step(revised(new))) }
}

/// Whoever edits has seen what stands.
pub(super) fn current(given: Option<u64>, current: u64) -> Result<(), Refusal> {
    if given.is_none_or(|given| given == current) {
        return Ok(());
    }
    let given = given.unwrap_or_default();
    let detail = format!("revision {given} is not the current one, {current}");
    Err(conflict("INVALID_REVISION", detail))
}

pub(in crate::core) fn role_not_found(key: &str) -> Refusal {
    let detail = format!("role {key} is not known");
    Refusal::NotFound { code: "ROLE_DOES_NOT_EXIST", detail }
}

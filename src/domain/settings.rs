//! What a site decides for all of its members at once: who sees them, as what they begin, which
//! roles and which fields of their own there are. Stored for ever in this order: variants and
//! fields are only appended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::custom_field::{FieldStep, FieldWish};
use super::id::RoleId;
use super::profile::PrivacyStatus;

/// As what a new member begins where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultPrivacy {
    pub privacy: PrivacyStatus,
    pub revision: u64,
}

impl Default for DefaultPrivacy {
    fn default() -> DefaultPrivacy {
        DefaultPrivacy { privacy: PrivacyStatus::Private, revision: 1 }
    }
}

/// Who sees public members, and who may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPrivacy {
    pub visibility: Visibility,
    pub candidates: Candidates,
    pub revision: u64,
    pub updated_at: Timestamp,
}

impl Default for MemberPrivacy {
    fn default() -> MemberPrivacy {
        let (visibility, candidates) = (Visibility::All, Candidates::Anyone);
        MemberPrivacy { visibility, candidates, revision: 1, updated_at: Timestamp::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    /// Visitors see no member at all.
    MembersOnly,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Candidates {
    /// Whoever is public is seen as if private, until this ends.
    NoOne,
    Anyone,
}

/// A role that members may hold. Its key names it; its id is another after it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleDefinition {
    pub id: RoleId,
    pub key: String,
    pub title: String,
    /// Whether who holds it may be blocked, by the site or by a member.
    pub blockable: bool,
    pub revision: u64,
}

/// What happened to a setting, and what the setting is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingStep {
    DefaultPrivacy(DefaultPrivacy),
    MemberPrivacy(MemberPrivacy),
    Role { role: Arc<RoleDefinition>, is_new: bool },
    RoleDeleted { role: Arc<RoleDefinition> },
    Field(Arc<FieldStep>),
}

impl SettingStep {
    /// The dotted public name of the event.
    pub fn type_name(&self) -> &'static str {
        match self {
            SettingStep::DefaultPrivacy(_) => "default_privacy.updated",
            SettingStep::MemberPrivacy(_) => "privacy_settings.updated",
            SettingStep::Role { is_new: true, .. } => "role.created",
            SettingStep::Role { is_new: false, .. } => "role.updated",
            SettingStep::RoleDeleted { .. } => "role.deleted",
            SettingStep::Field(step) => step.type_name(),
        }
    }
}

/// What the owner wishes. A revision that is given must be the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingWish {
    DefaultPrivacy { privacy: Option<PrivacyStatus>, revision: Option<u64> },
    MemberPrivacy { patch: MemberPrivacyPatch, revision: Option<u64> },
    CreateRole { id: RoleId, key: String, title: String, blockable: bool },
    UpdateRole { key: String, blockable: Option<bool>, revision: Option<u64> },
    DeleteRole { key: String },
    Field(FieldWish),
}

impl SettingWish {
    /// For metrics and quarantine.
    pub fn kind(&self) -> &'static str {
        match self {
            SettingWish::DefaultPrivacy { .. } => "set_default_privacy",
            SettingWish::MemberPrivacy { .. } => "set_member_privacy",
            SettingWish::CreateRole { .. } => "create_role",
            SettingWish::UpdateRole { .. } => "update_role",
            SettingWish::DeleteRole { .. } => "delete_role",
            SettingWish::Field(wish) => wish.kind(),
        }
    }
}

/// What is to be another than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberPrivacyPatch {
    pub visibility: Option<Visibility>,
    pub candidates: Option<Candidates>,
}

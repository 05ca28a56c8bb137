//! What a site decides for all of its members, and the roles that they hold, as keys see it.

use serde::Serialize;

use super::custom_field::{FieldData, field_data, name};
use super::time::WireTime;
use crate::domain::event::CommunityStep;
use crate::domain::profile::PrivacyStatus;
use crate::domain::settings::{
    Candidates, DefaultPrivacy, MemberPrivacy, RoleDefinition, SettingStep, Visibility,
};
use crate::domain::ties::TieStep;
use crate::domain::{MemberId, RoleId, SiteId};

pub const VISIBILITY_NAMES: &[(&str, Visibility)] =
    &[("VISIBLE_TO_MEMBERS_ONLY", Visibility::MembersOnly), ("VISIBLE_TO_ALL", Visibility::All)];

pub const CANDIDATES_NAMES: &[(&str, Candidates)] =
    &[("NO_ONE", Candidates::NoOne), ("ANYONE", Candidates::Anyone)];

/// A site has one of each; its id is the site's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefaultPrivacyBody {
    id: SiteId,
    default_privacy: &'static str,
    revision: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberPrivacyBody {
    id: SiteId,
    public_member_visibility: &'static str,
    public_member_candidates: &'static str,
    revision: String,
    updated_date: WireTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleDefinitionBody<'a> {
    id: RoleId,
    role_key: &'a str,
    title: &'a str,
    blockable: bool,
    revision: String,
}

/// A role as one of a member's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleBody<'a> {
    role_key: &'a str,
    title: &'a str,
}

pub fn default_privacy_body(site: SiteId, default: &DefaultPrivacy) -> DefaultPrivacyBody {
    let (default_privacy, revision) = (privacy_name(default.privacy), default.revision);
    DefaultPrivacyBody { id: site, default_privacy, revision: revision.to_string() }
}

fn privacy_name(privacy: PrivacyStatus) -> &'static str {
    match privacy {
        PrivacyStatus::Private => "PRIVATE",
        PrivacyStatus::Public => "PUBLIC",
    }
}

pub fn member_privacy_body(site: SiteId, privacy: &MemberPrivacy) -> MemberPrivacyBody {
    MemberPrivacyBody {
        id: site,
        public_member_visibility: name(VISIBILITY_NAMES, &privacy.visibility),
        public_member_candidates: name(CANDIDATES_NAMES, &privacy.candidates),
        revision: privacy.revision.to_string(),
        updated_date: WireTime(privacy.updated_at),
    }
}

impl<'a> From<&'a RoleDefinition> for RoleDefinitionBody<'a> {
    fn from(role: &'a RoleDefinition) -> RoleDefinitionBody<'a> {
        RoleDefinitionBody {
            id: role.id,
            role_key: &role.key,
            title: &role.title,
            blockable: role.blockable,
            revision: role.revision.to_string(),
        }
    }
}

impl<'a> From<&'a RoleDefinition> for RoleBody<'a> {
    fn from(role: &'a RoleDefinition) -> RoleBody<'a> {
        RoleBody { role_key: &role.key, title: &role.title }
    }
}

/// What an event tells of a setting.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum SettingData<'a> {
    #[serde(rename_all = "camelCase")]
    DefaultPrivacy {
        default_privacy: DefaultPrivacyBody,
    },
    #[serde(rename_all = "camelCase")]
    MemberPrivacy {
        member_privacy_settings: MemberPrivacyBody,
    },
    Role {
        role: RoleDefinitionBody<'a>,
    },
    Field(FieldData<'a>),
}

pub(super) fn setting_data(site: SiteId, step: &SettingStep) -> SettingData<'_> {
    match step {
        SettingStep::DefaultPrivacy(default) => {
            SettingData::DefaultPrivacy { default_privacy: default_privacy_body(site, default) }
        }
        SettingStep::MemberPrivacy(privacy) => {
            let member_privacy_settings = member_privacy_body(site, privacy);
            SettingData::MemberPrivacy { member_privacy_settings }
        }
        SettingStep::Role { role, .. } | SettingStep::RoleDeleted { role } => {
            SettingData::Role { role: (&**role).into() }
        }
        SettingStep::Field(step) => SettingData::Field(field_data(step)),
    }
}

/// What an event tells of a tie.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum TieData<'a> {
    #[serde(rename_all = "camelCase")]
    Role { member_id: MemberId, role: RoleBody<'a> },
    #[serde(rename_all = "camelCase")]
    Block { member_id: MemberId, blocked_member_id: MemberId },
}

pub(super) fn tie_data(step: &TieStep) -> TieData<'_> {
    match step {
        TieStep::RoleAssigned { member, role } | TieStep::RoleUnassigned { member, role } => {
            TieData::Role { member_id: *member, role: (&**role).into() }
        }
        TieStep::Blocked { member, blocked } | TieStep::Unblocked { member, blocked } => {
            TieData::Block { member_id: *member, blocked_member_id: *blocked }
        }
    }
}

/// What an event tells of a member's part in the community.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CommunityData {
    member_id: MemberId,
    privacy_status: &'static str,
}

pub(super) fn community_data(member_id: MemberId, step: CommunityStep) -> CommunityData {
    let privacy = match step {
        CommunityStep::PrivacyChanged { privacy } => privacy,
        CommunityStep::Joined => PrivacyStatus::Public,
        CommunityStep::Left => PrivacyStatus::Private,
    };
    CommunityData { member_id, privacy_status: privacy_name(privacy) }
}

//! Fields that a site adds to profiles, and to whom they apply, as keys see them.

use serde::Serialize;
use uuid::Uuid;

use super::time::WireTime;
use crate::domain::FieldId;
use crate::domain::custom_field::{
    FieldApplication, FieldDefinition, FieldKind, FieldStep, Scope, ScopeKind, SocialKind,
};
use crate::domain::profile::PrivacyStatus;

pub const PRIVACY_NAMES: &[(&str, PrivacyStatus)] =
    &[("PUBLIC", PrivacyStatus::Public), ("PRIVATE", PrivacyStatus::Private)];

pub const KIND_NAMES: &[(&str, FieldKind)] = &[
    ("TEXT", FieldKind::Text),
    ("NUMBER", FieldKind::Number),
    ("DATE", FieldKind::Date),
    ("URL", FieldKind::Url),
    ("SOCIAL", FieldKind::Social),
];

pub const SOCIAL_NAMES: &[(&str, SocialKind)] = &[
    ("FACEBOOK", SocialKind::Facebook),
    ("INSTAGRAM", SocialKind::Instagram),
    ("LINKEDIN", SocialKind::Linkedin),
    ("TWITTER", SocialKind::Twitter),
    ("YOUTUBE", SocialKind::Youtube),
    ("PINTEREST", SocialKind::Pinterest),
    ("TIKTOK", SocialKind::Tiktok),
    ("DEVIANTART", SocialKind::Deviantart),
    ("SOUNDCLOUD", SocialKind::Soundcloud),
    ("TUMBLR", SocialKind::Tumblr),
    ("VIMEO", SocialKind::Vimeo),
    ("VKONTAKTE", SocialKind::Vkontakte),
    ("ODNOKLASSNIKI", SocialKind::Odnoklassniki),
    ("OTHER", SocialKind::Other),
];

pub const SCOPE_NAMES: &[(&str, ScopeKind)] = &[
    ("ROLE", ScopeKind::Role),
    ("BADGE", ScopeKind::Badge),
    ("PRICING_PLAN", ScopeKind::PricingPlan),
    ("MEMBER", ScopeKind::Member),
];

pub fn name<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, named)| named == value).map_or("UNKNOWN", |(name, _)| name)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldBody<'a> {
    id: FieldId,
    name: &'a str,
    key: &'a str,
    default_privacy: &'static str,
    field_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    social_type: Option<&'static str>,
    field_origin: &'static str,
    section: &'static str,
    created_date: WireTime,
    updated_date: WireTime,
    revision: String,
}

impl<'a> From<&'a FieldDefinition> for FieldBody<'a> {
    fn from(field: &'a FieldDefinition) -> FieldBody<'a> {
        FieldBody {
            id: field.id,
            name: &field.name,
            key: &field.key,
            default_privacy: name(PRIVACY_NAMES, &field.default_privacy),
            field_type: name(KIND_NAMES, &field.kind),
            social_type: field.social.map(|social| name(SOCIAL_NAMES, &social)),
            field_origin: "CUSTOM",
            section: section(field.kind),
            created_date: WireTime(field.created_at),
            updated_date: WireTime(field.updated_at),
            revision: field.revision.to_string(),
        }
    }
}

pub fn section(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Social => "SOCIAL",
        FieldKind::Text | FieldKind::Number | FieldKind::Date | FieldKind::Url => "GENERAL",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationBody {
    custom_field_id: FieldId,
    applications: Items<AppliesBody>,
    exclusions: Items<ExclusionBody>,
    revision: String,
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppliesBody {
    application_type: &'static str,
    entity_id: Uuid,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExclusionBody {
    exclusion_type: &'static str,
    entity_id: Uuid,
}

impl From<&FieldApplication> for ApplicationBody {
    fn from(application: &FieldApplication) -> ApplicationBody {
        let parts =
            |scope: &Scope| (name(SCOPE_NAMES, &scope.kind), Uuid::from_bytes(scope.entity));
        let applies = application.applies.iter().map(parts);
        let excludes = application.excludes.iter().map(parts);
        let applies = applies
            .map(|(application_type, entity_id)| AppliesBody { application_type, entity_id });
        let excludes =
            excludes.map(|(exclusion_type, entity_id)| ExclusionBody { exclusion_type, entity_id });
        ApplicationBody {
            custom_field_id: application.field,
            applications: Items { items: applies.collect() },
            exclusions: Items { items: excludes.collect() },
            revision: application.revision.to_string(),
        }
    }
}

/// What an event tells of a field.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum FieldData<'a> {
    #[serde(rename_all = "camelCase")]
    Field { custom_field: FieldBody<'a> },
    #[serde(rename_all = "camelCase")]
    Order { custom_field_ids: &'a [FieldId] },
    #[serde(rename_all = "camelCase")]
    Application { custom_field_application: ApplicationBody },
}

pub(super) fn field_data(step: &FieldStep) -> FieldData<'_> {
    match step {
        FieldStep::Created(field) | FieldStep::Updated(field) | FieldStep::Deleted(field) => {
            FieldData::Field { custom_field: field.into() }
        }
        FieldStep::Ordered(ids) => FieldData::Order { custom_field_ids: ids },
        FieldStep::ApplicationCreated(one)
        | FieldStep::ApplicationUpdated(one)
        | FieldStep::ApplicationDeleted(one) => {
            FieldData::Application { custom_field_application: one.into() }
        }
    }
}

//! Fields that a site adds to its members' profiles, and to whom they apply. Stored for ever in
//! this order: variants and fields are only appended.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::id::FieldId;
use super::profile::PrivacyStatus;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDefinition {
    pub id: FieldId,
    pub name: String,
    /// Under which members' values stand; made of the first name, and kept.
    pub key: String,
    pub default_privacy: PrivacyStatus,
    pub kind: FieldKind,
    /// Of a social field alone.
    pub social: Option<SocialKind>,
    /// Not on lists any more.
    pub hidden: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    Text,
    Number,
    Date,
    Url,
    Social,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocialKind {
    Facebook,
    Instagram,
    Linkedin,
    Twitter,
    Youtube,
    Pinterest,
    Tiktok,
    Deviantart,
    Soundcloud,
    Tumblr,
    Vimeo,
    Vkontakte,
    Odnoklassniki,
    Other,
}

/// To whom a field applies. Without one it applies to everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldApplication {
    pub field: FieldId,
    pub applies: Vec<Scope>,
    /// Goes before what applies.
    pub excludes: Vec<Scope>,
    pub revision: u64,
}

/// Whoever holds a role, a badge or a plan, or one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub kind: ScopeKind,
    pub entity: [u8; 16],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeKind {
    Role,
    Badge,
    /// Nobody here knows who holds one: it applies to nobody.
    PricingPlan,
    Member,
}

/// What happened to a field or to its application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldStep {
    Created(FieldDefinition),
    Updated(FieldDefinition),
    Deleted(FieldDefinition),
    /// All fields in their order.
    Ordered(Vec<FieldId>),
    ApplicationCreated(FieldApplication),
    ApplicationUpdated(FieldApplication),
    ApplicationDeleted(FieldApplication),
}

impl FieldStep {
    /// The dotted public name of the event.
    pub fn type_name(&self) -> &'static str {
        match self {
            FieldStep::Created(_) => "custom_field.created",
            FieldStep::Updated(_) => "custom_field.updated",
            FieldStep::Deleted(_) => "custom_field.deleted",
            FieldStep::Ordered(_) => "custom_field.ordered",
            FieldStep::ApplicationCreated(_) => "custom_field_application.created",
            FieldStep::ApplicationUpdated(_) => "custom_field_application.updated",
            FieldStep::ApplicationDeleted(_) => "custom_field_application.deleted",
        }
    }
}

/// What the owner wishes of a field. A revision that is given must be the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldWish {
    Create(NewField),
    Update {
        id: FieldId,
        patch: FieldPatch,
        revision: Option<u64>,
    },
    Hide {
        id: FieldId,
        revision: Option<u64>,
    },
    Delete {
        id: FieldId,
        revision: Option<u64>,
    },
    /// These first, in this order; the others behind them as they stood.
    Order {
        ids: Vec<FieldId>,
    },
    Apply {
        field: FieldId,
        applies: Vec<Scope>,
        excludes: Vec<Scope>,
    },
    Reapply {
        field: FieldId,
        patch: ApplicationPatch,
        revision: Option<u64>,
    },
    Unapply {
        field: FieldId,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewField {
    pub id: FieldId,
    pub name: String,
    pub default_privacy: PrivacyStatus,
    pub kind: FieldKind,
    pub social: Option<SocialKind>,
}

/// What is to be another than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPatch {
    pub name: Option<String>,
    pub default_privacy: Option<PrivacyStatus>,
    pub social: Option<SocialKind>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationPatch {
    pub applies: Option<Vec<Scope>>,
    pub excludes: Option<Vec<Scope>>,
}

impl FieldWish {
    /// For metrics and quarantine.
    pub fn kind(&self) -> &'static str {
        match self {
            FieldWish::Create(_) => "create_custom_field",
            FieldWish::Update { .. } => "update_custom_field",
            FieldWish::Hide { .. } => "hide_custom_field",
            FieldWish::Delete { .. } => "delete_custom_field",
            FieldWish::Order { .. } => "order_custom_fields",
            FieldWish::Apply { .. } => "apply_custom_field",
            FieldWish::Reapply { .. } => "reapply_custom_field",
            FieldWish::Unapply { .. } => "unapply_custom_field",
        }
    }
}

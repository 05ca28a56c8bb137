//! Badges (v4) and their assignments as the wire shows them.

use serde::{Deserialize, Serialize};

use super::time::WireTime;
use crate::core::query::Assignment;
use crate::domain::event::{Badge, BadgeIcon};
use crate::domain::{AssignmentId, BadgeId, MemberId};

/// A badge. The revision is text, as every 64-bit number on this wire.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BadgeBody {
    pub id: BadgeId,
    pub revision: String,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub background_color: String,
    pub text_color: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<IconBody>,
    pub permissions_enabled: bool,
    pub slug: String,
    pub created_date: WireTime,
    pub updated_date: WireTime,
}

/// The same badge as v3 shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BadgeV3Body {
    pub id: BadgeId,
    pub title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub background_color: String,
    pub text_color: String,
    /// The address of the image, or its id where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    pub permissions_enabled: bool,
    pub slug: String,
    pub created_date: WireTime,
    pub updated_date: WireTime,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IconBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub url: String,
    pub height: i32,
    pub width: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
}

/// "This member holds this badge."
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignmentBody {
    pub id: AssignmentId,
    pub badge_id: BadgeId,
    pub member_id: MemberId,
    pub created_date: WireTime,
    pub updated_date: WireTime,
}

impl From<&Badge> for BadgeBody {
    fn from(badge: &Badge) -> Self {
        BadgeBody {
            id: badge.id,
            revision: badge.revision.to_string(),
            title: badge.title.clone(),
            description: badge.description.clone(),
            background_color: badge.background_color.clone(),
            text_color: badge.text_color.clone(),
            icon: badge.icon.as_ref().map(IconBody::from),
            permissions_enabled: badge.permissions_enabled,
            slug: badge.slug.clone(),
            created_date: WireTime(badge.created_at),
            updated_date: WireTime(badge.updated_at),
        }
    }
}

impl From<&Badge> for BadgeV3Body {
    fn from(badge: &Badge) -> Self {
        let icon = badge.icon.as_ref().and_then(|icon| {
            let url = Some(&icon.url).filter(|url| !url.is_empty());
            url.or(icon.id.as_ref()).cloned()
        });
        BadgeV3Body {
            id: badge.id,
            title: badge.title.clone(),
            description: badge.description.clone(),
            background_color: badge.background_color.clone(),
            text_color: badge.text_color.clone(),
            icon,
            permissions_enabled: badge.permissions_enabled,
            slug: badge.slug.clone(),
            created_date: WireTime(badge.created_at),
            updated_date: WireTime(badge.updated_at),
        }
    }
}

impl From<&BadgeIcon> for IconBody {
    fn from(icon: &BadgeIcon) -> Self {
        IconBody {
            id: icon.id.clone(),
            url: icon.url.clone(),
            height: icon.height,
            width: icon.width,
            alt_text: icon.alt_text.clone(),
            filename: icon.filename.clone(),
        }
    }
}

impl From<IconBody> for BadgeIcon {
    fn from(icon: IconBody) -> Self {
        BadgeIcon {
            id: icon.id,
            url: icon.url,
            height: icon.height,
            width: icon.width,
            alt_text: icon.alt_text,
            filename: icon.filename,
        }
    }
}

impl From<&Assignment> for AssignmentBody {
    fn from(assignment: &Assignment) -> Self {
        AssignmentBody {
            id: assignment.id,
            badge_id: assignment.badge,
            member_id: assignment.member,
            created_date: WireTime(assignment.assigned_at),
            updated_date: WireTime(assignment.assigned_at),
        }
    }
}

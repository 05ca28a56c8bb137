//! Badges: what members hold, and what assigns it by itself. Stored for ever in this order.

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::id::{AppId, BadgeId};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadgeIcon {
    pub id: Option<String>,
    pub url: String,
    pub height: i32,
    pub width: i32,
    pub alt_text: Option<String>,
    pub filename: Option<String>,
}

/// "Counter `key` of `app` reaches `reaches`".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadgeRule {
    pub app: AppId,
    pub key: String,
    pub reaches: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Badge {
    pub id: BadgeId,
    pub title: String,
    pub description: Option<String>,
    pub background_color: String,
    pub text_color: String,
    pub icon: Option<BadgeIcon>,
    pub permissions_enabled: bool,
    pub slug: String,
    /// 1 at first, one more with each edit. Moving a badge in the display order is none.
    pub revision: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub rule: Option<BadgeRule>,
    /// Its place in the display order, once it was moved.
    pub position: Option<u64>,
}

/// A badge's edit: `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadgePatch {
    pub title: Option<String>,
    pub description: Option<Option<String>>,
    pub background_color: Option<String>,
    pub text_color: Option<String>,
    pub icon: Option<Option<BadgeIcon>>,
    pub permissions_enabled: Option<bool>,
}

/// Where a badge is moved to in the display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadgePlace {
    First,
    Last,
    After(BadgeId),
}

impl Badge {
    /// The badge with the edit in it.
    pub fn patched(&self, patch: &BadgePatch) -> Badge {
        let mut badge = self.clone();
        let BadgePatch { title, description, background_color, text_color, icon, .. } = patch;
        badge.title = title.clone().unwrap_or(badge.title);
        badge.description = description.clone().unwrap_or(badge.description);
        badge.background_color = background_color.clone().unwrap_or(badge.background_color);
        badge.text_color = text_color.clone().unwrap_or(badge.text_color);
        badge.icon = icon.clone().unwrap_or(badge.icon);
        badge.permissions_enabled = patch.permissions_enabled.unwrap_or(badge.permissions_enabled);
        badge
    }
}

/// How a badge rests in the log and in snapshots. The last field was once `Option<BadgeRule>`; the
/// first two variants of [`Tail`] have that option's very bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    id: BadgeId,
    title: String,
    description: Option<String>,
    background_color: String,
    text_color: String,
    icon: Option<BadgeIcon>,
    permissions_enabled: bool,
    slug: String,
    revision: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
    tail: Tail,
}

#[derive(Serialize, Deserialize)]
enum Tail {
    Plain,
    Rule(BadgeRule),
    More(Vec<Setting>),
}

/// What not every badge has. Stored for ever in this order: variants are appended.
#[derive(Serialize, Deserialize)]
enum Setting {
    Rule(BadgeRule),
    Position(u64),
}

impl From<Badge> for Stored {
    fn from(badge: Badge) -> Stored {
        let tail = match (badge.rule, badge.position) {
            (None, None) => Tail::Plain,
            (Some(rule), None) => Tail::Rule(rule),
            (rule, position) => {
                let rule = rule.map(Setting::Rule).into_iter();
                Tail::More(rule.chain(position.map(Setting::Position)).collect())
            }
        };
        Stored {
            id: badge.id,
            title: badge.title,
            description: badge.description,
            background_color: badge.background_color,
            text_color: badge.text_color,
            icon: badge.icon,
            permissions_enabled: badge.permissions_enabled,
            slug: badge.slug,
            revision: badge.revision,
            created_at: badge.created_at,
            updated_at: badge.updated_at,
            tail,
        }
    }
}

impl From<Stored> for Badge {
    fn from(stored: Stored) -> Badge {
        let settings = match stored.tail {
            Tail::Plain => Vec::new(),
            Tail::Rule(rule) => vec![Setting::Rule(rule)],
            Tail::More(settings) => settings,
        };
        let (mut rule, mut position) = (None, None);
        for setting in settings {
            match setting {
                Setting::Rule(known) => rule = Some(known),
                Setting::Position(known) => position = Some(known),
            }
        }
        Badge {
            id: stored.id,
            title: stored.title,
            description: stored.description,
            background_color: stored.background_color,
            text_color: stored.text_color,
            icon: stored.icon,
            permissions_enabled: stored.permissions_enabled,
            slug: stored.slug,
            revision: stored.revision,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
            rule,
            position,
        }
    }
}

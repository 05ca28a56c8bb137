//! Badges as requests carry them, with our own extension: the rule that assigns them.

use serde_json::Value;

use super::fields::{Faults, Node};
use super::shape_counter::key;
use crate::domain::badge::BadgePatch;
use crate::domain::command::NewBadge;
use crate::domain::event::{BadgeIcon, BadgeRule};
use crate::domain::limits::{
    APP_ID_BYTES_MAX, BADGE_DESCRIPTION_CHARS_MAX, BADGE_TITLE_CHARS_MAX, BODY_BYTES_MAX,
    IMAGE_ID_BYTES_MAX, IMAGE_URL_BYTES_MAX,
};
use crate::domain::{AppId, BadgeId};

/// Reads `badge`. A rule without an app means the caller's own.
pub fn new_badge(id: BadgeId, badge: &Node<'_>, app: AppId, faults: &mut Faults) -> NewBadge {
    let icon = icon(&badge.child("icon"), faults);
    NewBadge { icon, ..new_badge_without_icon(id, badge, app, faults) }
}

fn new_badge_without_icon(
    id: BadgeId,
    badge: &Node<'_>,
    app: AppId,
    faults: &mut Faults,
) -> NewBadge {
    NewBadge {
        id,
        title: title(&badge.child("title"), faults),
        description: description(&badge.child("description"), faults),
        background_color: color(&badge.child("backgroundColor"), faults),
        text_color: color(&badge.child("textColor"), faults),
        icon: None,
        permissions_enabled: faults.flag(&badge.child("permissionsEnabled")).unwrap_or(false),
        rule: rule(&badge.child("rule"), app, faults),
    }
}

/// A badge as v3 spells it: its icon is a text.
pub fn new_badge_v3(id: BadgeId, badge: &Node<'_>, app: AppId, faults: &mut Faults) -> NewBadge {
    let icon = icon_v3(&badge.child("icon"), faults);
    NewBadge { icon, ..new_badge_without_icon(id, badge, app, faults) }
}

/// What is sent of a badge that is there. Without a mask that is every field that is not `null`;
/// with one it is what the mask names, and what the mask names and the body leaves out is cleared.
pub fn patch(badge: &Node<'_>, mask: &Node<'_>, faults: &mut Faults) -> BadgePatch {
    let mask = Mask::read(mask, faults);
    let icon = mask.field(badge, "icon", faults, icon);
    BadgePatch { icon, ..patch_without_icon(badge, &mask, faults) }
}

pub fn patch_v3(badge: &Node<'_>, faults: &mut Faults) -> BadgePatch {
    let mask = Mask(None);
    let icon = mask.field(badge, "icon", faults, icon_v3);
    BadgePatch { icon, ..patch_without_icon(badge, &mask, faults) }
}

fn patch_without_icon(badge: &Node<'_>, mask: &Mask<'_>, faults: &mut Faults) -> BadgePatch {
    if !badge.is_there() {
        faults.add(badge, "BADGE_NOT_PROVIDED", "badge is required");
    }
    BadgePatch {
        title: mask.field(badge, "title", faults, title),
        description: mask.field(badge, "description", faults, description),
        background_color: mask.field(badge, "backgroundColor", faults, color),
        text_color: mask.field(badge, "textColor", faults, color),
        icon: None,
        permissions_enabled: mask
            .field(badge, "permissionsEnabled", faults, |node, faults| faults.flag(node))
            .map(|flag| flag.unwrap_or(false)),
    }
}

/// Which fields an update is about; `None` means those that are sent.
struct Mask<'a>(Option<Vec<&'a str>>);

impl<'a> Mask<'a> {
    /// `"a,b"`, `["a", "b"]` or `{"paths": ["a", "b"]}`.
    fn read(node: &Node<'a>, faults: &mut Faults) -> Mask<'a> {
        let Some(value) = node.value() else { return Mask(None) };
        let paths = value.get("paths").unwrap_or(value);
        let named: Vec<&str> = match paths {
            Value::String(text) => text.split(',').map(str::trim).collect(),
            Value::Array(list) => list.iter().map(|one| one.as_str().unwrap_or("")).collect(),
            _ => Vec::new(),
        };
        let bare = |path: &'a str| path.strip_prefix("badge.").unwrap_or(path);
        let named: Vec<&str> = named.into_iter().map(bare).collect();
        if named.is_empty() || named.iter().any(|path| !MASKED.contains(path)) {
            let detail = format!("a mask names some of {}", MASKED.join(", "));
            faults.add(node, "FIELD_MASK", detail);
        }
        Mask(Some(named))
    }

    fn takes(&self, badge: &Node<'_>, name: &str) -> bool {
        match &self.0 {
            Some(named) => named.contains(&name),
            None => badge.child(name).is_there(),
        }
    }

    fn field<T>(
        &self,
        badge: &Node<'_>,
        name: &str,
        faults: &mut Faults,
        read: impl FnOnce(&Node<'_>, &mut Faults) -> T,
    ) -> Option<T> {
        self.takes(badge, name).then(|| read(&badge.child(name), faults))
    }
}

/// What an update may change.
const MASKED: [&str; 6] =
    ["title", "description", "backgroundColor", "textColor", "icon", "permissionsEnabled"];

fn title(node: &Node<'_>, faults: &mut Faults) -> String {
    let text = faults.needed_text(node, BODY_BYTES_MAX);
    within(node, text, BADGE_TITLE_CHARS_MAX, faults).unwrap_or_default()
}

/// Empty is none.
fn description(node: &Node<'_>, faults: &mut Faults) -> Option<String> {
    let text = faults.text(node, BODY_BYTES_MAX);
    let text = within(node, text, BADGE_DESCRIPTION_CHARS_MAX, faults);
    text.filter(|text| !text.is_empty())
}

/// The wire bounds these texts in characters.
fn within(
    node: &Node<'_>,
    text: Option<&str>,
    characters_max: usize,
    faults: &mut Faults,
) -> Option<String> {
    let text = text?;
    if text.chars().count() > characters_max {
        let detail = format!("longer than {characters_max} characters");
        faults.add_at(node.path(), "MAX_LENGTH", detail, Some(characters_max as i64));
        return None;
    }
    Some(text.to_owned())
}

fn color(node: &Node<'_>, faults: &mut Faults) -> String {
    let Some(text) = faults.needed_text(node, 64) else { return String::new() };
    let is_color = text.len() == 7
        && text.starts_with('#')
        && text[1..].bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_color {
        faults.add(node, "FORMAT", "a colour has the form #RRGGBB");
    }
    text.to_owned()
}

fn icon(node: &Node<'_>, faults: &mut Faults) -> Option<BadgeIcon> {
    node.value()?;
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let pixels = 0..=i64::from(i32::MAX);
    let icon = BadgeIcon {
        id: owned(faults.text(&node.child("id"), IMAGE_ID_BYTES_MAX)),
        url: owned(faults.text(&node.child("url"), IMAGE_URL_BYTES_MAX)).unwrap_or_default(),
        height: faults.bounded(&node.child("height"), pixels.clone()).unwrap_or(0) as i32,
        width: faults.bounded(&node.child("width"), pixels).unwrap_or(0) as i32,
        alt_text: owned(faults.text(&node.child("altText"), IMAGE_URL_BYTES_MAX)),
        filename: owned(faults.text(&node.child("filename"), IMAGE_URL_BYTES_MAX)),
    };
    (icon.id.is_some() || !icon.url.is_empty()).then_some(icon)
}

/// The address of an image, or the id of one; empty is none.
fn icon_v3(node: &Node<'_>, faults: &mut Faults) -> Option<BadgeIcon> {
    let url = faults.text(node, IMAGE_URL_BYTES_MAX).filter(|text| !text.is_empty())?.to_owned();
    let (id, alt_text, filename) = (None, None, None);
    Some(BadgeIcon { id, url, height: 0, width: 0, alt_text, filename })
}

/// `{counter: {appId?, key}, reaches}`.
fn rule(node: &Node<'_>, app: AppId, faults: &mut Faults) -> Option<BadgeRule> {
    node.value()?;
    let counter = node.child("counter");
    let app_id = counter.child("appId");
    let named = faults.text(&app_id, APP_ID_BYTES_MAX);
    let app = match named.map(AppId::parse) {
        None => Some(app),
        Some(Some(app)) => Some(app),
        Some(None) => {
            faults.add(&app_id, "FORMAT", "an app id holds letters, digits, '.', '_' and '-'");
            None
        }
    };
    let key = key(&counter.child("key"), faults);
    // A line below the first step would say nothing about who crossed it.
    let reaches = faults.needed_bounded(&node.child("reaches"), 1..=i64::MAX);
    Some(BadgeRule { app: app?, key: key?, reaches: reaches? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(badge: Value) -> (NewBadge, Vec<(String, &'static str)>) {
        let mut faults = Faults::new();
        let body = json!({ "badge": badge });
        let root = Node::root(&body);
        let id = BadgeId::from_u128(1);
        let new = new_badge(id, &root.child("badge"), AppId::site_code(), &mut faults);
        let found = faults.into_violations().into_iter().map(|v| (v.field, v.rule)).collect();
        (new, found)
    }

    #[test]
    fn a_badge_with_a_rule_is_read() {
        let (new, faults) = read(json!({
            "title": "Fan", "description": "", "backgroundColor": "#00aaFF", "textColor": "#ffffff",
            "icon": {"url": "http://x/i.png", "width": 8}, "permissionsEnabled": true,
            "rule": {"counter": {"key": "likes"}, "reaches": 100},
        }));
        assert_eq!(faults, []);
        assert_eq!((new.title.as_str(), new.description), ("Fan", None));
        assert_eq!(new.icon.map(|icon| icon.width), Some(8));
        let rule = BadgeRule { app: AppId::site_code(), key: "likes".to_owned(), reaches: 100 };
        assert_eq!(new.rule, Some(rule));
    }

    #[test]
    fn all_faults_of_a_badge_are_told_at_once() {
        let (_, faults) = read(json!({
            "title": "x".repeat(51), "backgroundColor": "red",
            "rule": {"counter": {"appId": "a b"}, "reaches": 0},
        }));
        let expected = [
            ("badge.title", "MAX_LENGTH"),
            ("badge.backgroundColor", "FORMAT"),
            ("badge.textColor", "REQUIRED"),
            ("badge.rule.counter.appId", "FORMAT"),
            ("badge.rule.counter.key", "REQUIRED"),
            ("badge.rule.reaches", "MIN_VALUE"),
        ];
        assert_eq!(faults, expected.map(|(field, rule)| (field.to_owned(), rule)));
    }

    #[test]
    fn titles_are_counted_in_characters() {
        let badge = |title: String| {
            let black = "#000000";
            json!({"title": title, "backgroundColor": black, "textColor": black})
        };
        assert_eq!(read(badge("é".repeat(50))).1, []);
        assert_eq!(read(badge(String::new())).1, [("badge.title".to_owned(), "REQUIRED")]);
        assert_eq!(read(json!({"title": 5})).1[0], ("badge.title".to_owned(), "TYPE"));
    }
}

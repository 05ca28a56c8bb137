//! Items as `/v1` shows and reads them, and the names in their paths.

use serde_json::{Value, json};

use super::call::Call;
use super::error::Problem;
use super::fields::{Faults, Node};
use crate::core::query::ItemView;
use crate::domain::command::ItemDetails;
use crate::domain::limits::{
    ITEM_ID_BYTES_MAX, ITEM_TITLE_BYTES_MAX, ITEM_TYPE_BYTES_MAX, ITEM_URL_BYTES_MAX,
};
use crate::domain::{AppId, ItemKey};
use crate::wire::time::WireTime;

/// The item that the path names; names that no item can have look like an unknown one.
pub fn item_key(call: &Call) -> Result<ItemKey, Problem> {
    parse_item_key(call.param(0), call.param(1))
        .ok_or_else(|| Problem::not_found("ITEM_NOT_FOUND", "item"))
}

fn parse_item_key(app: &str, item: &str) -> Option<ItemKey> {
    let is_item = (1..=ITEM_ID_BYTES_MAX).contains(&item.len());
    let app = AppId::parse(app)?;
    (is_item && !item.chars().any(char::is_control)).then(|| ItemKey { app, item: item.to_owned() })
}

/// `{author?, type?, title?, url?}`; `authorId` is taken too.
pub fn item_details(root: &Node<'_>, faults: &mut Faults) -> ItemDetails {
    let (author, author_id) = (root.child("author"), root.child("authorId"));
    let author = if author.is_there() { author } else { author_id };
    let mut text = |name: &str, bytes_max: usize| {
        let text = faults.text(&root.child(name), bytes_max).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    ItemDetails {
        item_type: text("type", ITEM_TYPE_BYTES_MAX),
        title: text("title", ITEM_TITLE_BYTES_MAX),
        url: text("url", ITEM_URL_BYTES_MAX),
        author: faults.id(&author),
    }
}

pub fn item_json(view: &ItemView) -> Value {
    json!({
        "appId": view.item.app.as_str(),
        "itemId": view.item.item,
        "author": view.details.author,
        "type": view.details.item_type,
        "title": view.details.title,
        "url": view.details.url,
        "likes": view.likes,
        "createdDate": WireTime(view.created_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        assert!(parse_item_key("shop", "a/b c é").is_some());
        assert!(parse_item_key("a b", "x").is_none());
        assert!(parse_item_key("shop", "").is_none());
        assert!(parse_item_key("shop", "a\nb").is_none());
        assert!(parse_item_key("shop", &"x".repeat(ITEM_ID_BYTES_MAX)).is_some());
        assert!(parse_item_key("shop", &"x".repeat(ITEM_ID_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn all_faults_of_an_item_are_told_at_once() {
        let mut faults = Faults::new();
        let body = json!({"author": "x", "type": 5, "title": "t".repeat(ITEM_TITLE_BYTES_MAX + 1)});
        item_details(&Node::root(&body), &mut faults);
        let rules: Vec<&str> = faults.into_violations().iter().map(|v| v.rule).collect();
        assert_eq!(rules, ["TYPE", "MAX_LENGTH", "FORMAT"]);
    }
}

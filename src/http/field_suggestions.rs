//! Fields that profiles often have, for a site that adds some: what is there already says so.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::custom_fields::{asked, offset};
use super::error::Problem;
use super::fields::Node;
use super::text_filter::{self, Asked, Fields, Kind};
use crate::core::query::{PageOf, SettingsAsked};
use crate::core::text_filter::compare;
use crate::domain::custom_field::{FieldDefinition, FieldKind, SocialKind};
use crate::wire::custom_field::{KIND_NAMES, SOCIAL_NAMES, name};

const SUGGESTED: &[(&str, FieldKind, Option<SocialKind>)] = &[
    ("Birthday", FieldKind::Date, None),
    ("City", FieldKind::Text, None),
    ("Company", FieldKind::Text, None),
    ("Interests", FieldKind::Text, None),
    ("Job title", FieldKind::Text, None),
    ("Language", FieldKind::Text, None),
    ("Pronouns", FieldKind::Text, None),
    ("Website", FieldKind::Url, None),
    ("Facebook", FieldKind::Social, Some(SocialKind::Facebook)),
    ("Instagram", FieldKind::Social, Some(SocialKind::Instagram)),
    ("LinkedIn", FieldKind::Social, Some(SocialKind::Linkedin)),
    ("TikTok", FieldKind::Social, Some(SocialKind::Tiktok)),
    ("X", FieldKind::Social, Some(SocialKind::Twitter)),
    ("YouTube", FieldKind::Social, Some(SocialKind::Youtube)),
];

type Suggested = &'static (&'static str, FieldKind, Option<SocialKind>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SuggestionField {
    Name,
    FieldType,
}

impl Fields for SuggestionField {
    const NAMES: &'static str = "name, fieldType";

    fn named(name: &str) -> Option<SuggestionField> {
        match name {
            "name" => Some(SuggestionField::Name),
            "fieldType" => Some(SuggestionField::FieldType),
            _ => None,
        }
    }

    fn kind(self) -> Kind {
        Kind::Text
    }
}

fn text(suggested: Suggested, field: SuggestionField) -> &'static str {
    match field {
        SuggestionField::Name => suggested.0,
        SuggestionField::FieldType => name(KIND_NAMES, &suggested.1),
    }
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let root = Node::root(&input);
    suggestions(&call, &root).await
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let query = root.child("query");
    suggestions(&call, &query).await
}

async fn suggestions(call: &Call, place: &Node<'_>) -> Result<Reply, Problem> {
    let name = "custom field suggestions";
    let Asked { bound, filter, order } = text_filter::asked::<SuggestionField>(call, place, name)?;
    let (seq, known) = asked(call, SettingsAsked::Fields).await?;
    let told = |one: &Suggested, field| Some(Cow::Borrowed(text(one, field)));
    let mut found: Vec<Suggested> =
        SUGGESTED.iter().filter(|one| filter.fits(&|field| told(one, field))).collect();
    found.sort_by(|one, other| compare(&order, (*one, *other), &told));
    let (total, start) = (found.len(), offset(&bound.page.start));
    let shown: Vec<Value> =
        found.iter().skip(start).take(bound.page.limit).map(|one| shape(one, &known)).collect();
    let (items, next) = (vec![(); shown.len()], None);
    let metadata = bound.metadata(&PageOf { items, total, hidden: 0, next }, &call.list(name)?);
    Reply::json(seq, &json!({"suggestions": shown, "metadata": metadata}))
}

fn shape(suggested: Suggested, known: &[FieldDefinition]) -> Value {
    let (label, kind, social) = suggested;
    let made = known.iter().find(|field| field.name == *label && field.kind == *kind);
    let mut shape = json!({
        "name": label,
        "defaultPrivacy": "PUBLIC",
        "fieldType": name(KIND_NAMES, kind),
        "fieldOrigin": "SYSTEM",
    });
    if let Some(social) = social {
        shape["socialType"] = json!(name(SOCIAL_NAMES, social));
    }
    if let Some(made) = made {
        shape["customFieldId"] = json!(made.id);
    }
    shape
}

//! Filters as typed conditions on members, and the orders that members can be listed in.

use serde_json::Value;

use super::fields::{Faults, Node};
use super::filter_grammar::{self, Language};
use super::names::{PRIVACY_NAMES, STATUS_NAMES};
use crate::core::query::{MemberFilter, MemberOrder};
use crate::domain::SiteId;
use crate::domain::limits::{
    EMAIL_BYTES_MAX, FILTER_VALUES_MAX, NICKNAME_BYTES_MAX, SLUG_BYTES_MAX,
};

/// What a filter may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    Members,
    /// Queries of counters know their member's id and nothing else.
    MemberIdOnly,
    /// Members as users of the platform, all of one site.
    UserMembers {
        site: SiteId,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Id,
    LoginEmail,
    Nickname,
    Slug,
    Status,
    Privacy,
    /// Of everybody the same.
    Site,
}

/// Reads a filter object; an absent one means everyone.
pub fn read(node: &Node<'_>, vocabulary: Vocabulary, faults: &mut Faults) -> MemberFilter {
    filter_grammar::read(&vocabulary, node, faults)
}

impl Language for Vocabulary {
    type Field = Field;
    type Filter = MemberFilter;

    fn field(&self, name: &str) -> Option<Field> {
        match (self, name) {
            (Vocabulary::Members, "id" | "_id") => Some(Field::Id),
            (Vocabulary::Members, "loginEmail") => Some(Field::LoginEmail),
            (Vocabulary::Members, "profile.nickname") => Some(Field::Nickname),
            (Vocabulary::Members, "profile.slug") => Some(Field::Slug),
            (Vocabulary::Members, "status") => Some(Field::Status),
            (Vocabulary::Members, "privacyStatus") => Some(Field::Privacy),
            (Vocabulary::MemberIdOnly, "memberId") => Some(Field::Id),
            (Vocabulary::UserMembers { .. }, "memberId" | "userId") => Some(Field::Id),
            (Vocabulary::UserMembers { .. }, "status") => Some(Field::Status),
            (Vocabulary::UserMembers { .. }, "metaSiteId" | "siteMembersInstanceId") => {
                Some(Field::Site)
            }
            (
                Vocabulary::Members | Vocabulary::MemberIdOnly | Vocabulary::UserMembers { .. },
                _,
            ) => None,
        }
    }

    fn field_names(&self) -> &'static str {
        match self {
            Vocabulary::Members => {
                "id, loginEmail, profile.nickname, profile.slug, status, privacyStatus"
            }
            Vocabulary::MemberIdOnly => "memberId",
            Vocabulary::UserMembers { .. } => {
                "memberId, userId, status, metaSiteId, siteMembersInstanceId"
            }
        }
    }

    fn test(
        &self,
        faults: &mut Faults,
        node: &Node<'_>,
        field: Field,
        operator: &str,
    ) -> Option<MemberFilter> {
        match operator {
            "$eq" | "$in" if field == Field::Site => Some(self.of_site(faults, node)),
            "$eq" => equal(faults, node, field),
            "$in" => Some(among(faults, node, field)),
            "$startsWith" if field == Field::Nickname => {
                let prefix = faults.needed_text(node, NICKNAME_BYTES_MAX);
                Some(MemberFilter::NicknamePrefix(prefix.unwrap_or_default().to_owned()))
            }
            "$exists" if is_always_there(field) => Some(match faults.flag(node) {
                Some(false) => nobody(),
                Some(true) | None => MemberFilter::Everyone,
            }),
            _ => None,
        }
    }

    fn all(filters: Vec<MemberFilter>) -> MemberFilter {
        all_of(filters)
    }

    fn any(filters: Vec<MemberFilter>) -> MemberFilter {
        MemberFilter::Any(filters)
    }

    fn not(filter: MemberFilter) -> MemberFilter {
        MemberFilter::Not(Box::new(filter))
    }
}

impl Vocabulary {
    /// Everyone where the members' own site is among those asked for, else nobody.
    fn of_site(&self, faults: &mut Faults, node: &Node<'_>) -> MemberFilter {
        let asked: Vec<SiteId> = faults.ids(node, FILTER_VALUES_MAX);
        let is_own = |site: &SiteId| *self == Vocabulary::UserMembers { site: *site };
        if asked.iter().any(is_own) { MemberFilter::Everyone } else { nobody() }
    }
}

/// `null` asks for what is not there, which no index knows of fields that may be missing.
fn equal(faults: &mut Faults, node: &Node<'_>, field: Field) -> Option<MemberFilter> {
    let operand = node.value().unwrap_or(&Value::Null);
    if !operand.is_null() {
        return Some(one_of(faults, node, field, std::slice::from_ref(operand)));
    }
    is_always_there(field).then(nobody)
}

fn among(faults: &mut Faults, node: &Node<'_>, field: Field) -> MemberFilter {
    match node.value() {
        Some(Value::Array(values)) if values.len() > FILTER_VALUES_MAX => {
            let detail = format!("a list may have {FILTER_VALUES_MAX} values");
            faults.add(node, "FILTER_TOO_LARGE", detail);
            MemberFilter::Everyone
        }
        Some(Value::Array(values)) if values.is_empty() => nobody(),
        Some(Value::Array(values)) => one_of(faults, node, field, values),
        _ => {
            faults.add(node, "TYPE", "must be a list");
            MemberFilter::Everyone
        }
    }
}

fn one_of(faults: &mut Faults, node: &Node<'_>, field: Field, values: &[Value]) -> MemberFilter {
    match field {
        Field::Id => MemberFilter::Ids(each(faults, node, values, |faults, node| faults.id(node))),
        Field::LoginEmail => MemberFilter::Emails(each(faults, node, values, |faults, node| {
            faults.text(node, EMAIL_BYTES_MAX).map(str::to_owned)
        })),
        Field::Nickname => MemberFilter::Nicknames(each(faults, node, values, |faults, node| {
            faults.text(node, NICKNAME_BYTES_MAX).map(str::to_owned)
        })),
        Field::Slug => MemberFilter::Slugs(each(faults, node, values, |faults, node| {
            faults.text(node, SLUG_BYTES_MAX).map(str::to_owned)
        })),
        Field::Status => MemberFilter::Statuses(each(faults, node, values, |faults, node| {
            faults.choice(node, STATUS_NAMES)
        })),
        // Answered by the vocabulary.
        Field::Site => MemberFilter::Everyone,
        Field::Privacy => MemberFilter::Privacy(each(faults, node, values, |faults, node| {
            faults.choice(node, PRIVACY_NAMES)
        })),
    }
}

fn each<T>(
    faults: &mut Faults,
    node: &Node<'_>,
    values: &[Value],
    mut read: impl FnMut(&mut Faults, &Node<'_>) -> Option<T>,
) -> Vec<T> {
    let mut found = Vec::with_capacity(values.len());
    for (position, value) in values.iter().enumerate() {
        let position = position.to_string();
        found.extend(read(faults, &node.element(&position, value)));
    }
    found
}

fn is_always_there(field: Field) -> bool {
    match field {
        Field::Id | Field::Status | Field::Privacy | Field::Site => true,
        Field::LoginEmail | Field::Nickname | Field::Slug => false,
    }
}

fn nobody() -> MemberFilter {
    Vocabulary::not(MemberFilter::Everyone)
}

fn all_of(mut filters: Vec<MemberFilter>) -> MemberFilter {
    match (filters.len(), filters.pop()) {
        (_, None) => MemberFilter::Everyone,
        (1, Some(only)) => only,
        (_, Some(last)) => {
            filters.push(last);
            MemberFilter::All(filters)
        }
    }
}

/// Reads `sort` or `sorting`: both spellings are sent by real clients.
pub fn read_order(node: &Node<'_>, faults: &mut Faults) -> MemberOrder {
    let (sort, sorting) = (node.child("sort"), node.child("sorting"));
    let place = if sort.is_there() { sort } else { sorting };
    let entries = faults.list(&place, 5);
    if entries.len() > 1 {
        faults.add(&place, "UNSUPPORTED_SORT", "members are sorted by one field at a time");
    }
    let Some(first) = entries.first() else { return MemberOrder::CreatedAscending };
    let entry = place.element("0", first);
    let is_descending = faults
        .choice(&entry.child("order"), &[("ASC", false), ("DESC", true), ("", false)])
        .unwrap_or(false);
    let field = entry.child("fieldName");
    let name = faults.needed_text(&field, 512).unwrap_or("createdDate");
    match (name.trim_start_matches('_'), is_descending) {
        ("createdDate", false) => MemberOrder::CreatedAscending,
        ("createdDate", true) => MemberOrder::CreatedDescending,
        ("profile.nickname", false) => MemberOrder::NicknameAscending,
        ("profile.nickname", true) => MemberOrder::NicknameDescending,
        _ => {
            let detail =
                format!("{name} cannot be sorted by; these can: createdDate, profile.nickname");
            faults.add(&field, "UNSUPPORTED_SORT", detail);
            MemberOrder::CreatedAscending
        }
    }
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;

//! The wire's filter language as typed conditions on members. What the site cannot answer is
//! refused by name, never ignored.

use serde_json::{Map, Value};

use super::fields::{Faults, Node};
use super::names::{PRIVACY_NAMES, STATUS_NAMES};
use crate::core::query::{MemberFilter, MemberOrder};
use crate::domain::limits::{
    EMAIL_BYTES_MAX, FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_VALUES_MAX, NICKNAME_BYTES_MAX,
};

/// What a filter may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vocabulary {
    Members,
    /// Queries of counters know their member's id and nothing else.
    MemberIdOnly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Id,
    LoginEmail,
    Nickname,
    Status,
    Privacy,
}

impl Vocabulary {
    fn field(self, name: &str) -> Option<Field> {
        match (self, name) {
            (Vocabulary::Members, "id" | "_id") => Some(Field::Id),
            (Vocabulary::Members, "loginEmail") => Some(Field::LoginEmail),
            (Vocabulary::Members, "profile.nickname") => Some(Field::Nickname),
            (Vocabulary::Members, "status") => Some(Field::Status),
            (Vocabulary::Members, "privacyStatus") => Some(Field::Privacy),
            (Vocabulary::MemberIdOnly, "memberId") => Some(Field::Id),
            (Vocabulary::Members | Vocabulary::MemberIdOnly, _) => None,
        }
    }

    fn field_names(self) -> &'static str {
        match self {
            Vocabulary::Members => "id, loginEmail, profile.nickname, status, privacyStatus",
            Vocabulary::MemberIdOnly => "memberId",
        }
    }
}

/// Reads a filter object; an absent one means everyone.
pub fn read(node: &Node<'_>, vocabulary: Vocabulary, faults: &mut Faults) -> MemberFilter {
    let Some(value) = node.value() else { return MemberFilter::Everyone };
    let mut reading = Reading { vocabulary, conditions: 0, faults };
    reading.filter(node, value, 0)
}

struct Reading<'f> {
    vocabulary: Vocabulary,
    conditions: usize,
    faults: &'f mut Faults,
}

impl Reading<'_> {
    fn filter(&mut self, node: &Node<'_>, value: &Value, depth: usize) -> MemberFilter {
        let Value::Object(conditions) = value else {
            self.faults.add(node, "TYPE", "a filter must be an object");
            return MemberFilter::Everyone;
        };
        if depth > FILTER_DEPTH_MAX {
            let detail = format!("a filter may nest {FILTER_DEPTH_MAX} levels");
            self.faults.add(node, "FILTER_TOO_DEEP", detail);
            return MemberFilter::Everyone;
        }
        let mut all = Vec::with_capacity(conditions.len());
        for (name, wanted) in conditions {
            let here = node.element(name, wanted);
            match name.as_str() {
                "$and" => all.push(all_of(self.filters(&here, wanted, depth))),
                "$or" => all.push(MemberFilter::Any(self.filters(&here, wanted, depth))),
                "$not" => {
                    let inner = all_of(self.filters(&here, wanted, depth));
                    all.push(MemberFilter::Not(Box::new(inner)));
                }
                field => all.push(self.field(&here, field, wanted)),
            }
        }
        all_of(all)
    }

    /// `[{..}, {..}]`, or one object where a list of one is meant.
    fn filters(&mut self, node: &Node<'_>, value: &Value, depth: usize) -> Vec<MemberFilter> {
        let mut filters = Vec::new();
        for (position, inner) in self.faults.list_or_one(node, value).iter().enumerate() {
            let position = position.to_string();
            filters.push(self.filter(&node.element(&position, inner), inner, depth + 1));
        }
        filters
    }

    fn field(&mut self, node: &Node<'_>, name: &str, wanted: &Value) -> MemberFilter {
        self.conditions += 1;
        if self.conditions == FILTER_CONDITIONS_MAX + 1 {
            let detail = format!("a filter may have {FILTER_CONDITIONS_MAX} conditions");
            self.faults.add(node, "FILTER_TOO_LARGE", detail);
        }
        if name.starts_with('$') {
            let detail = format!("{name} is not supported here");
            self.faults.add(node, "UNSUPPORTED_OPERATOR", detail);
            return MemberFilter::Everyone;
        }
        let Some(field) = self.vocabulary.field(name) else {
            let known = self.vocabulary.field_names();
            let detail = format!("{name} cannot be filtered by; these can: {known}");
            self.faults.add(node, "UNSUPPORTED_FIELD", detail);
            return MemberFilter::Everyone;
        };
        match wanted {
            Value::Object(operators) => self.operators(node, field, operators),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => self.equal(node, field, wanted),
        }
    }

    fn operators(
        &mut self,
        node: &Node<'_>,
        field: Field,
        operators: &Map<String, Value>,
    ) -> MemberFilter {
        let mut all = Vec::with_capacity(operators.len());
        for (operator, operand) in operators {
            let here = node.element(operator, operand);
            let condition = match operator.as_str() {
                "$eq" => self.equal(&here, field, operand),
                "$ne" => not(self.equal(&here, field, operand)),
                "$in" | "$hasSome" => self.among(&here, field),
                "$nin" => not(self.among(&here, field)),
                "$startsWith" if field == Field::Nickname => self.prefix(&here),
                "$exists" if is_always_there(field) => self.exists(&here),
                _ => {
                    let detail = format!("{operator} is not supported for this field");
                    self.faults.add(&here, "UNSUPPORTED_OPERATOR", detail);
                    MemberFilter::Everyone
                }
            };
            all.push(condition);
        }
        all_of(all)
    }

    fn equal(&mut self, node: &Node<'_>, field: Field, operand: &Value) -> MemberFilter {
        if !operand.is_null() {
            return self.one_of(node, field, std::slice::from_ref(operand));
        }
        if is_always_there(field) {
            return nobody();
        }
        let detail = "whether this field is empty cannot be filtered by";
        self.faults.add(node, "UNSUPPORTED_OPERATOR", detail);
        MemberFilter::Everyone
    }

    fn among(&mut self, node: &Node<'_>, field: Field) -> MemberFilter {
        match node.value() {
            Some(Value::Array(values)) if values.len() > FILTER_VALUES_MAX => {
                let detail = format!("a list may have {FILTER_VALUES_MAX} values");
                self.faults.add(node, "FILTER_TOO_LARGE", detail);
                MemberFilter::Everyone
            }
            Some(Value::Array(values)) if values.is_empty() => nobody(),
            Some(Value::Array(values)) => self.one_of(node, field, values),
            _ => {
                self.faults.add(node, "TYPE", "must be a list");
                MemberFilter::Everyone
            }
        }
    }

    fn one_of(&mut self, node: &Node<'_>, field: Field, values: &[Value]) -> MemberFilter {
        match field {
            Field::Id => {
                MemberFilter::Ids(self.each(node, values, |faults, node| faults.id(node)))
            }
            Field::LoginEmail => MemberFilter::Emails(self.each(node, values, |faults, node| {
                faults.text(node, EMAIL_BYTES_MAX).map(str::to_owned)
            })),
            Field::Nickname => MemberFilter::Nicknames(self.each(node, values, |faults, node| {
                faults.text(node, NICKNAME_BYTES_MAX).map(str::to_owned)
            })),
            Field::Status => MemberFilter::Statuses(
                self.each(node, values, |faults, node| faults.choice(node, STATUS_NAMES)),
            ),
            Field::Privacy => MemberFilter::Privacy(
                self.each(node, values, |faults, node| faults.choice(node, PRIVACY_NAMES)),
            ),
        }
    }

    fn each<T>(
        &mut self,
        node: &Node<'_>,
        values: &[Value],
        mut read: impl FnMut(&mut Faults, &Node<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut found = Vec::with_capacity(values.len());
        for (position, value) in values.iter().enumerate() {
            let position = position.to_string();
            found.extend(read(self.faults, &node.element(&position, value)));
        }
        found
    }

    fn prefix(&mut self, node: &Node<'_>) -> MemberFilter {
        let prefix = self.faults.needed_text(node, NICKNAME_BYTES_MAX);
        MemberFilter::NicknamePrefix(prefix.unwrap_or_default().to_owned())
    }

    fn exists(&mut self, node: &Node<'_>) -> MemberFilter {
        match self.faults.flag(node) {
            Some(false) => nobody(),
            Some(true) | None => MemberFilter::Everyone,
        }
    }
}

fn is_always_there(field: Field) -> bool {
    match field {
        Field::Id | Field::Status | Field::Privacy => true,
        Field::LoginEmail | Field::Nickname => false,
    }
}

fn nobody() -> MemberFilter {
    not(MemberFilter::Everyone)
}

fn not(filter: MemberFilter) -> MemberFilter {
    MemberFilter::Not(Box::new(filter))
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

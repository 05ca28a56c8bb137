//! Filters and orders of lists whose fields are texts.

use std::marker::PhantomData;

use serde_json::{Value, json};

use super::call::Call;
use super::error::Problem;
use super::fields::{Faults, Node};
use super::filter_grammar::{self, Language};
use super::page::{Bound, Window};
use crate::core::query::{AssignmentField, BadgeField};
use crate::core::text_filter::{SortBy, Test, TextFilter};
use crate::domain::BadgeId;
use crate::domain::limits::{FILTER_VALUES_MAX, SORT_FIELDS_MAX};

/// What a list may be asked by.
pub trait Fields: Copy + PartialEq {
    const NAMES: &'static str;

    fn named(name: &str) -> Option<Self>;

    fn kind(self) -> Kind;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Id,
    Text,
    Flag,
}

/// A list as it was asked for: the filter and the order as sent, or as the cursor carries them.
pub struct Asked<F> {
    pub bound: Bound,
    pub filter: TextFilter<F>,
    pub order: Vec<SortBy<F>>,
}

pub fn asked<F: Fields>(call: &Call, place: &Node<'_>, list: &str) -> Result<Asked<F>, Problem> {
    let mut faults = Faults::new();
    let window = Window::read(place, &mut faults);
    let sent = filter_and_order::<F>(place, &mut faults);
    faults.done()?;
    let scope = scope(place);
    let bound = window.bind(&call.list(list)?, scope.clone())?;
    if scope == bound.scope {
        return Ok(Asked { bound, filter: sent.0, order: sent.1 });
    }
    let carried: Value = serde_json::from_str(&bound.scope).map_err(|_| Problem::internal())?;
    let mut faults = Faults::new();
    let (filter, order) = filter_and_order(&Node::root(&carried), &mut faults);
    faults.done().map(|()| Asked { bound, filter, order })
}

/// Filter and order as one text; empty where there is neither.
fn scope(place: &Node<'_>) -> String {
    let (filter, sort) = (place.child("filter"), sorting(place));
    let filter = filter.value().filter(|value| **value != json!({}));
    let sort = sort.and_then(|name| place.child(name).value().cloned());
    match (filter, sort) {
        (None, None) => String::new(),
        (filter, sort) => json!({"filter": filter, "sort": sort}).to_string(),
    }
}

/// Under which of its two names an order was sent.
fn sorting(place: &Node<'_>) -> Option<&'static str> {
    let is_sent =
        |name: &&'static str| place.child(name).value().is_some_and(|value| *value != json!([]));
    ["sort", "sorting"].into_iter().find(is_sent)
}

fn filter_and_order<F: Fields>(
    place: &Node<'_>,
    faults: &mut Faults,
) -> (TextFilter<F>, Vec<SortBy<F>>) {
    let wanted = filter_grammar::read(&Texts(PhantomData), &place.child("filter"), faults);
    (wanted, order(place, faults))
}

fn order<F: Fields>(place: &Node<'_>, faults: &mut Faults) -> Vec<SortBy<F>> {
    let Some(name) = sorting(place) else { return Vec::new() };
    let list = place.child(name);
    let mut order = Vec::new();
    for (position, entry) in faults.list(&list, SORT_FIELDS_MAX).iter().enumerate() {
        let position = position.to_string();
        let entry = list.element(&position, entry);
        let directions = [("ASC", false), ("DESC", true), ("", false)];
        let descending = faults.choice(&entry.child("order"), &directions).unwrap_or(false);
        let here = entry.child("fieldName");
        let Some(name) = faults.needed_text(&here, 512) else { continue };
        match F::named(name) {
            Some(field) => order.push(SortBy { field, descending }),
            None => {
                let detail = format!("{name} cannot be sorted by; these can: {}", F::NAMES);
                faults.add(&here, "UNSUPPORTED_SORT", detail);
            }
        }
    }
    order
}

/// Filters over the texts of one kind of list.
struct Texts<F>(PhantomData<F>);

impl<F: Fields> Language for Texts<F> {
    type Field = F;
    type Filter = TextFilter<F>;

    fn field(&self, name: &str) -> Option<F> {
        F::named(name)
    }

    fn field_names(&self) -> &'static str {
        F::NAMES
    }

    fn test(
        &self,
        faults: &mut Faults,
        node: &Node<'_>,
        field: F,
        operator: &str,
    ) -> Option<TextFilter<F>> {
        match operator {
            "$eq" => Some(equal(faults, node, field)),
            "$in" => Some(TextFilter::Test(field, Test::In(values(faults, node, field.kind())))),
            "$hasAll" => Some(every(faults, node, field)),
            "$exists" => Some(exists(faults, node, field)),
            other => compared(faults, node, field, other),
        }
    }

    fn all(filters: Vec<TextFilter<F>>) -> TextFilter<F> {
        TextFilter::All(filters)
    }

    fn any(filters: Vec<TextFilter<F>>) -> TextFilter<F> {
        TextFilter::Any(filters)
    }

    fn not(filter: TextFilter<F>) -> TextFilter<F> {
        TextFilter::Not(Box::new(filter))
    }
}

fn compared<F: Fields>(
    faults: &mut Faults,
    node: &Node<'_>,
    field: F,
    operator: &str,
) -> Option<TextFilter<F>> {
    let test = match operator {
        "$lt" => Test::Before,
        "$lte" | "$le" => Test::BeforeOrAt,
        "$gt" => Test::After,
        "$gte" | "$ge" => Test::AfterOrAt,
        "$startsWith" => Test::StartsWith,
        "$endsWith" => Test::EndsWith,
        "$contains" => Test::Contains,
        _ => return None,
    };
    let operand = match node.value() {
        Some(Value::Bool(flag)) => flag.to_string(),
        _ => faults.text(node, OPERAND_BYTES_MAX).unwrap_or_default().to_owned(),
    };
    Some(TextFilter::Test(field, test(operand)))
}

/// `null` asks for what is not there.
fn equal<F: Fields>(faults: &mut Faults, node: &Node<'_>, field: F) -> TextFilter<F> {
    match node.value() {
        None | Some(Value::Null) => Texts::not(TextFilter::Test(field, Test::IsThere)),
        Some(_) => TextFilter::Test(field, Test::In(value(faults, node, field.kind()))),
    }
}

/// A text has one value, so it has all of a list where that names it alone.
fn every<F: Fields>(faults: &mut Faults, node: &Node<'_>, field: F) -> TextFilter<F> {
    let each = values(faults, node, field.kind()).into_iter();
    TextFilter::All(each.map(|one| TextFilter::Test(field, Test::In(vec![one]))).collect())
}

fn exists<F: Fields>(faults: &mut Faults, node: &Node<'_>, field: F) -> TextFilter<F> {
    let there = TextFilter::Test(field, Test::IsThere);
    match faults.flag(node) {
        Some(false) => Texts::not(there),
        Some(true) | None => there,
    }
}

fn values(faults: &mut Faults, node: &Node<'_>, kind: Kind) -> Vec<String> {
    let mut values = Vec::new();
    for (position, one) in faults.list(node, FILTER_VALUES_MAX).iter().enumerate() {
        let position = position.to_string();
        values.extend(value(faults, &node.element(&position, one), kind));
    }
    values
}

fn value(faults: &mut Faults, node: &Node<'_>, kind: Kind) -> Vec<String> {
    let text = match kind {
        // Any id is spelled alike; which kind of thing it names does not matter here.
        Kind::Id => faults.id(node).map(|id: BadgeId| id.to_string()),
        Kind::Text => faults.text(node, OPERAND_BYTES_MAX).map(str::to_owned),
        Kind::Flag => faults.flag(node).map(|flag| flag.to_string()),
    };
    text.into_iter().collect()
}

/// No field of these lists is longer.
const OPERAND_BYTES_MAX: usize = 8 * 1_024;

impl Fields for BadgeField {
    const NAMES: &'static str = "id, title, description, slug, permissionsEnabled";

    fn named(name: &str) -> Option<BadgeField> {
        Some(match name {
            "id" | "_id" => BadgeField::Id,
            "title" => BadgeField::Title,
            "description" => BadgeField::Description,
            "slug" => BadgeField::Slug,
            "permissionsEnabled" => BadgeField::PermissionsEnabled,
            _ => return None,
        })
    }

    fn kind(self) -> Kind {
        match self {
            BadgeField::Id => Kind::Id,
            BadgeField::Title | BadgeField::Description | BadgeField::Slug => Kind::Text,
            BadgeField::PermissionsEnabled => Kind::Flag,
        }
    }
}

impl Fields for AssignmentField {
    const NAMES: &'static str = "id, badgeId, memberId";

    fn named(name: &str) -> Option<AssignmentField> {
        Some(match name {
            "id" | "_id" => AssignmentField::Id,
            "badgeId" => AssignmentField::BadgeId,
            "memberId" => AssignmentField::MemberId,
            _ => return None,
        })
    }

    fn kind(self) -> Kind {
        Kind::Id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::FILTER_CONDITIONS_MAX;

    fn read(query: Value) -> Result<TextFilter<AssignmentField>, Vec<&'static str>> {
        let mut faults = Faults::new();
        let (filter, _) = filter_and_order(&Node::root(&query), &mut faults);
        if faults.is_empty() {
            return Ok(filter);
        }
        Err(faults.into_violations().into_iter().map(|v| v.rule).collect())
    }

    fn left(filter: Value, field: AssignmentField) -> Option<Vec<String>> {
        let filter = read(json!({ "filter": filter })).expect("a filter without faults");
        filter.values(field).map(|all| all.into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn both_sides_of_an_assignment_narrow() {
        let (badge, other) = (BadgeId::from_u128(1).to_string(), BadgeId::from_u128(3).to_string());
        let both = json!({"badgeId": badge, "memberId": {"$in": [other]}});
        assert_eq!(left(both.clone(), AssignmentField::BadgeId), Some(vec![badge.clone()]));
        assert_eq!(left(both, AssignmentField::MemberId), Some(vec![other.clone()]));
        let twice = json!({"$and": [{"badgeId": {"$in": [badge, other]}}, {"badgeId": badge}]});
        assert_eq!(left(twice.clone(), AssignmentField::BadgeId), Some(vec![badge]));
        assert_eq!(left(twice, AssignmentField::MemberId), None);
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        let filter = |filter: Value| read(json!({ "filter": filter })).err();
        assert_eq!(filter(json!({"badgeId": {"$near": "x"}})), Some(vec!["UNSUPPORTED_OPERATOR"]));
        assert_eq!(filter(json!({"$where": []})), Some(vec!["UNSUPPORTED_OPERATOR"]));
        assert_eq!(filter(json!({"badgeId": "x"})), Some(vec!["FORMAT"]));
        assert_eq!(filter(json!({"title": "x"})), Some(vec!["UNSUPPORTED_FIELD"]));
        assert_eq!(filter(json!([])), Some(vec!["TYPE"]));
        let many = vec![json!({"badgeId": {"$ne": null}}); FILTER_CONDITIONS_MAX + 1];
        assert_eq!(filter(json!({ "$or": many })), Some(vec!["FILTER_TOO_LARGE"]));
        let ids = vec![BadgeId::from_u128(1); FILTER_VALUES_MAX + 1];
        assert_eq!(filter(json!({"badgeId": {"$in": ids}})), Some(vec!["MAX_SIZE"]));
        let sort = |field: &str| read(json!({"sort": [{"fieldName": field}]})).err();
        assert_eq!(sort("title"), Some(vec!["UNSUPPORTED_SORT"]));
        assert_eq!(sort("_id"), None);
        let five = vec![json!({"fieldName": "id"}); SORT_FIELDS_MAX + 1];
        assert_eq!(read(json!({ "sort": five })).err(), Some(vec!["MAX_SIZE"]));
    }
}

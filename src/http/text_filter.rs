//! The wire's filter and sort language over lists whose fields are texts. What the list cannot
//! answer is refused by name, never ignored.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::{Bound, Window};
use crate::core::query::{AssignmentField, BadgeField};
use crate::core::text_filter::{SortBy, Test, TextFilter};
use crate::domain::BadgeId;
use crate::domain::limits::{
    FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX, FILTER_VALUES_MAX, SORT_FIELDS_MAX,
};

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
    let filter = place.child("filter");
    let mut reading = Reading { conditions: 0, faults };
    let wanted = match filter.value() {
        None => TextFilter::everything(),
        Some(value) => reading.filter(&filter, value, 0),
    };
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

struct Reading<'f> {
    conditions: usize,
    faults: &'f mut Faults,
}

impl Reading<'_> {
    fn filter<F: Fields>(&mut self, node: &Node<'_>, value: &Value, depth: usize) -> TextFilter<F> {
        let Value::Object(conditions) = value else {
            self.faults.add(node, "TYPE", "a filter must be an object");
            return TextFilter::everything();
        };
        if depth > FILTER_DEPTH_MAX {
            let detail = format!("a filter may nest {FILTER_DEPTH_MAX} levels");
            self.faults.add(node, "FILTER_TOO_DEEP", detail);
            return TextFilter::everything();
        }
        let mut all = Vec::with_capacity(conditions.len());
        for (name, wanted) in conditions {
            let here = node.element(name, wanted);
            match name.as_str() {
                "$and" => all.push(TextFilter::All(self.filters(&here, wanted, depth))),
                "$or" => all.push(TextFilter::Any(self.filters(&here, wanted, depth))),
                "$not" => {
                    let inner = TextFilter::All(self.filters(&here, wanted, depth));
                    all.push(TextFilter::Not(Box::new(inner)));
                }
                field => all.push(self.field(&here, field, wanted)),
            }
        }
        TextFilter::All(all)
    }

    fn filters<F: Fields>(
        &mut self,
        node: &Node<'_>,
        value: &Value,
        depth: usize,
    ) -> Vec<TextFilter<F>> {
        let mut filters = Vec::new();
        for (position, inner) in self.faults.list_or_one(node, value).iter().enumerate() {
            let position = position.to_string();
            filters.push(self.filter(&node.element(&position, inner), inner, depth + 1));
        }
        filters
    }

    fn field<F: Fields>(&mut self, node: &Node<'_>, name: &str, wanted: &Value) -> TextFilter<F> {
        self.conditions += 1;
        if self.conditions == FILTER_CONDITIONS_MAX + 1 {
            let detail = format!("a filter may have {FILTER_CONDITIONS_MAX} conditions");
            self.faults.add(node, "FILTER_TOO_LARGE", detail);
        }
        if name.starts_with('$') {
            let detail = format!("{name} is not supported here");
            self.faults.add(node, "UNSUPPORTED_OPERATOR", detail);
            return TextFilter::everything();
        }
        let Some(field) = F::named(name) else {
            let detail = format!("{name} cannot be filtered by; these can: {}", F::NAMES);
            self.faults.add(node, "UNSUPPORTED_FIELD", detail);
            return TextFilter::everything();
        };
        match wanted {
            Value::Object(operators) => self.operators(node, field, operators),
            _ => self.equal(node, field),
        }
    }

    fn operators<F: Fields>(
        &mut self,
        node: &Node<'_>,
        field: F,
        operators: &Map<String, Value>,
    ) -> TextFilter<F> {
        let mut all = Vec::with_capacity(operators.len());
        for (operator, operand) in operators {
            let here = node.element(operator, operand);
            let condition = match operator.as_str() {
                "$eq" => Some(self.equal(&here, field)),
                "$ne" => Some(not(self.equal(&here, field))),
                "$in" | "$hasSome" => Some(self.among(&here, field)),
                "$nin" => Some(not(self.among(&here, field))),
                "$hasAll" => Some(self.every(&here, field)),
                "$exists" => Some(self.exists(&here, field)),
                other => self.compared(&here, field, other),
            };
            if condition.is_none() {
                let detail = format!("{operator} is not supported for this field");
                self.faults.add(&here, "UNSUPPORTED_OPERATOR", detail);
            }
            all.extend(condition);
        }
        TextFilter::All(all)
    }

    fn compared<F: Fields>(
        &mut self,
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
            _ => self.faults.text(node, OPERAND_BYTES_MAX).unwrap_or_default().to_owned(),
        };
        Some(TextFilter::Test(field, test(operand)))
    }

    /// `null` asks for what is not there.
    fn equal<F: Fields>(&mut self, node: &Node<'_>, field: F) -> TextFilter<F> {
        match node.value() {
            None | Some(Value::Null) => not(TextFilter::Test(field, Test::IsThere)),
            Some(_) => TextFilter::Test(field, Test::In(self.value(node, field.kind()))),
        }
    }

    fn among<F: Fields>(&mut self, node: &Node<'_>, field: F) -> TextFilter<F> {
        TextFilter::Test(field, Test::In(self.values(node, field.kind())))
    }

    /// A text has one value, so it has all of a list where that names it alone.
    fn every<F: Fields>(&mut self, node: &Node<'_>, field: F) -> TextFilter<F> {
        let each = self.values(node, field.kind()).into_iter();
        TextFilter::All(each.map(|one| TextFilter::Test(field, Test::In(vec![one]))).collect())
    }

    fn exists<F: Fields>(&mut self, node: &Node<'_>, field: F) -> TextFilter<F> {
        let there = TextFilter::Test(field, Test::IsThere);
        match self.faults.flag(node) {
            Some(false) => not(there),
            Some(true) | None => there,
        }
    }

    fn values(&mut self, node: &Node<'_>, kind: Kind) -> Vec<String> {
        let mut values = Vec::new();
        for (position, value) in self.faults.list(node, FILTER_VALUES_MAX).iter().enumerate() {
            let position = position.to_string();
            values.extend(self.value(&node.element(&position, value), kind));
        }
        values
    }

    fn value(&mut self, node: &Node<'_>, kind: Kind) -> Vec<String> {
        let text = match kind {
            // Any id is spelled alike; which kind of thing it names does not matter here.
            Kind::Id => self.faults.id(node).map(|id: BadgeId| id.to_string()),
            Kind::Text => self.faults.text(node, OPERAND_BYTES_MAX).map(str::to_owned),
            Kind::Flag => self.faults.flag(node).map(|flag| flag.to_string()),
        };
        text.into_iter().collect()
    }
}

/// No field of these lists is longer.
const OPERAND_BYTES_MAX: usize = 8 * 1_024;

fn not<F>(filter: TextFilter<F>) -> TextFilter<F> {
    TextFilter::Not(Box::new(filter))
}

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

//! Filters over ids: named fields that are compared with `$eq`, `$in` and `$hasSome`, joined by
//! `$and`. What else is asked is refused by name, never ignored.

use serde_json::Value;

use super::fields::{Faults, Node};
use crate::domain::id::Id;
use crate::domain::limits::FILTER_VALUES_MAX;

/// Takes one condition on a field; false where the list has no such field.
pub trait Narrow {
    /// For the refusal: which fields there are.
    const FIELDS: &'static str;

    fn narrow(&mut self, field: &Node<'_>, name: &str, faults: &mut Faults) -> bool;
}

pub fn read<N: Narrow + Default>(filter: &Node<'_>, faults: &mut Faults) -> N {
    let mut wanted = N::default();
    narrow(&mut wanted, filter, faults);
    wanted
}

fn narrow<N: Narrow>(wanted: &mut N, filter: &Node<'_>, faults: &mut Faults) {
    let Some(value) = filter.value() else { return };
    let Value::Object(conditions) = value else {
        return faults.add(filter, "TYPE", "a filter must be an object");
    };
    for (name, condition) in conditions {
        let here = filter.element(name, condition);
        if name == "$and" {
            each(wanted, &here, condition, faults);
        } else if !wanted.narrow(&here, name, faults) {
            let fields = N::FIELDS;
            let detail = format!("this list is filtered by {fields}, with $eq, $in");
            faults.add(&here, "UNSUPPORTED_FILTER", detail);
        }
    }
}

fn each<N: Narrow>(wanted: &mut N, node: &Node<'_>, value: &Value, faults: &mut Faults) {
    for (position, inner) in faults.list_or_one(node, value).iter().enumerate() {
        let position = position.to_string();
        // One level is all that clients send; deeper ones are refused as unknown fields.
        match inner.get("$and") {
            None => narrow(wanted, &node.element(&position, inner), faults),
            Some(_) => faults.add(node, "UNSUPPORTED_FILTER", "$and inside $and"),
        }
    }
}

/// One more condition on a field: what satisfies it and those before.
pub fn only<K>(known: &mut Option<Vec<Id<K>>>, node: &Node<'_>, faults: &mut Faults) {
    let ids = ids(node, faults);
    keep(known, ids);
}

fn keep<K>(known: &mut Option<Vec<Id<K>>>, ids: Vec<Id<K>>) {
    match known {
        None => *known = Some(ids),
        Some(known) => known.retain(|id| ids.contains(id)),
    }
}

/// A bare id, `{$eq: id}`, `{$in: [..]}` or `{$hasSome: [..]}`.
fn ids<K>(node: &Node<'_>, faults: &mut Faults) -> Vec<Id<K>> {
    let Some(Value::Object(operators)) = node.value() else {
        return faults.ids(node, FILTER_VALUES_MAX);
    };
    let mut found: Option<Vec<Id<K>>> = None;
    for (operator, operand) in operators {
        let here = node.element(operator, operand);
        match operator.as_str() {
            "$eq" | "$in" | "$hasSome" => keep(&mut found, faults.ids(&here, FILTER_VALUES_MAX)),
            _ => faults.add(&here, "UNSUPPORTED_OPERATOR", "only $eq and $in are supported here"),
        }
    }
    found.unwrap_or_default()
}

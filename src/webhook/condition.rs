//! Conditions on what an event says: small, typed, all of them must hold. What an event does not
//! say counts as `null`.

use std::cmp::Ordering;

use serde_json::Value;

use crate::domain::endpoint::{Condition, Operator};

/// A condition, ready to be asked.
#[derive(Clone, Debug)]
pub struct Asked {
    path: Vec<String>,
    operator: Operator,
    operand: Value,
}

impl Asked {
    /// `None` for an operand that is no JSON; such a one is never saved.
    pub fn new(condition: &Condition) -> Option<Asked> {
        Some(Asked {
            path: condition.path.split('.').map(str::to_owned).collect(),
            operator: condition.operator,
            operand: serde_json::from_str(&condition.operand_json).ok()?,
        })
    }

    /// Whether the condition holds for an event with this `data`.
    pub fn holds(&self, data: &Value) -> bool {
        let found = self.path.iter().try_fold(data, |place, name| step(place, name));
        let found = found.unwrap_or(&Value::Null);
        match self.operator {
            Operator::Equals => equals(found, &self.operand),
            Operator::In => {
                let values = self.operand.as_array().map(Vec::as_slice).unwrap_or_default();
                values.iter().any(|value| equals(found, value))
            }
            Operator::Greater => order(found, &self.operand) == Some(Ordering::Greater),
            Operator::StartsWith => match (found.as_str(), self.operand.as_str()) {
                (Some(text), Some(start)) => text.starts_with(start),
                _ => false,
            },
            Operator::Exists => Some(!found.is_null()) == self.operand.as_bool(),
        }
    }
}

fn step<'a>(place: &'a Value, name: &str) -> Option<&'a Value> {
    match place {
        Value::Object(fields) => fields.get(name),
        Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn equals(one: &Value, other: &Value) -> bool {
    one == other || order(one, other) == Some(Ordering::Equal)
}

/// Numbers by size, texts by their characters; nothing else has an order.
fn order(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => Some(one.cmp(&other)),
            _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
        },
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(path: &str, operator: Operator, operand: Value, expected: bool) {
        let data = json!({
            "new": 12, "ratio": 0.5, "key": "posts", "public": true,
            "badge": {"title": "Golden"}, "changes": [{"field": "profile.title"}], "gone": null,
        });
        let condition =
            Condition { path: path.to_owned(), operator, operand_json: operand.to_string() };
        let asked = Asked::new(&condition).expect("an operand");
        assert_eq!(asked.holds(&data), expected, "{path} {operator:?} {operand}");
    }

    #[test]
    fn each_operator_says_yes_and_no() {
        check("new", Operator::Equals, json!(12), true);
        check("new", Operator::Equals, json!("12"), false);
        check("new", Operator::Equals, json!(12.0), true);
        check("public", Operator::Equals, json!(true), true);
        check("absent", Operator::Equals, Value::Null, true);
        check("key", Operator::In, json!(["likes", "posts"]), true);
        check("key", Operator::In, json!([]), false);
        check("new", Operator::Greater, json!(11), true);
        check("new", Operator::Greater, json!(12), false);
        check("new", Operator::Greater, json!(i64::MAX), false);
        check("ratio", Operator::Greater, json!(0.25), true);
        check("key", Operator::Greater, json!("likes"), true);
        check("key", Operator::Greater, json!(1), false);
        check("badge.title", Operator::StartsWith, json!("Gold"), true);
        check("badge.title", Operator::StartsWith, json!("gold"), false);
        check("new", Operator::StartsWith, json!("1"), false);
        check("changes.0.field", Operator::Equals, json!("profile.title"), true);
        check("changes.1.field", Operator::Exists, json!(true), false);
        check("key.deeper", Operator::Exists, json!(false), true);
        check("gone", Operator::Exists, json!(true), false);
        check("key", Operator::Exists, json!(true), true);
    }
}

//! Conditions on events as requests carry them: `{"new": {"$gt": 10}, "key": "posts"}`.

use serde_json::{Map, Value};

use super::fields::{Faults, Node};
use crate::domain::endpoint::{Condition, Operator};
use crate::domain::limits::{
    CONDITION_OPERAND_BYTES_MAX, CONDITION_PATH_BYTES_MAX, CONDITION_VALUES_MAX,
    ENDPOINT_CONDITIONS_MAX,
};

const OPERATORS: &[(&str, Operator)] = &[
    ("$eq", Operator::Equals),
    ("$in", Operator::In),
    ("$gt", Operator::Greater),
    ("$startsWith", Operator::StartsWith),
    ("$exists", Operator::Exists),
];

pub fn read(node: &Node<'_>, faults: &mut Faults) -> Vec<Condition> {
    let fields = match node.value() {
        None => return Vec::new(),
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            faults.add(node, "TYPE", "conditions must be an object of paths");
            return Vec::new();
        }
    };
    let mut conditions = Vec::new();
    for (path, wanted) in fields {
        let field = node.element(path, wanted);
        if !is_path(path) {
            let detail = "a path is dotted names below `data`";
            faults.add(&field, "PATH", detail);
        }
        match wanted {
            Value::Object(operators) => of_path(path, operators, &field, &mut conditions, faults),
            plain => push(path, Operator::Equals, plain, &field, &mut conditions, faults),
        }
    }
    if conditions.len() > ENDPOINT_CONDITIONS_MAX {
        let detail = format!("more than {ENDPOINT_CONDITIONS_MAX} conditions");
        faults.add_at(node.path(), "MAX_SIZE", detail, Some(ENDPOINT_CONDITIONS_MAX as i64));
    }
    conditions
}

fn of_path(
    path: &str,
    operators: &Map<String, Value>,
    field: &Node<'_>,
    into: &mut Vec<Condition>,
    faults: &mut Faults,
) {
    if operators.is_empty() {
        faults.add(field, "OPERATOR", "a path needs a condition");
    }
    for (name, operand) in operators {
        let node = field.element(name, operand);
        match OPERATORS.iter().find(|(known, _)| known == name) {
            Some((_, operator)) => push(path, *operator, operand, &node, into, faults),
            None => {
                let known: Vec<&str> = OPERATORS.iter().map(|(known, _)| *known).collect();
                faults.add(&node, "OPERATOR", format!("use one of {}", known.join(", ")));
            }
        }
    }
}

fn push(
    path: &str,
    operator: Operator,
    operand: &Value,
    node: &Node<'_>,
    into: &mut Vec<Condition>,
    faults: &mut Faults,
) {
    let fits = match operator {
        Operator::Equals => is_scalar(operand),
        Operator::In => operand.as_array().is_some_and(|values| values.iter().all(is_scalar)),
        Operator::Greater => operand.is_number() || operand.is_string(),
        Operator::StartsWith => operand.is_string(),
        Operator::Exists => operand.is_boolean(),
    };
    let values = operand.as_array().map_or(0, Vec::len);
    let operand_json = operand.to_string();
    if !fits {
        faults.add(node, "TYPE", "this operator does not take such a value");
    } else if values > CONDITION_VALUES_MAX {
        let detail = format!("more than {CONDITION_VALUES_MAX} values");
        faults.add_at(node.path(), "MAX_SIZE", detail, Some(CONDITION_VALUES_MAX as i64));
    } else if operand_json.len() > CONDITION_OPERAND_BYTES_MAX {
        let detail = format!("longer than {CONDITION_OPERAND_BYTES_MAX} bytes");
        let limit = Some(CONDITION_OPERAND_BYTES_MAX as i64);
        faults.add_at(node.path(), "MAX_LENGTH", detail, limit);
    }
    into.push(Condition { path: path.to_owned(), operator, operand_json });
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

fn is_path(path: &str) -> bool {
    let fits = (1..=CONDITION_PATH_BYTES_MAX).contains(&path.len());
    let good = |c: char| !c.is_control() && c != '$';
    fits && path.split('.').all(|name| !name.is_empty() && name.chars().all(good))
}

/// The conditions in the form in which they are read.
pub fn shape(conditions: &[Condition]) -> Value {
    let mut fields = Map::new();
    for condition in conditions {
        let name = OPERATORS.iter().find(|(_, operator)| *operator == condition.operator);
        let name = name.map_or("", |(name, _)| *name);
        let operand = serde_json::from_str(&condition.operand_json).unwrap_or(Value::Null);
        let entry = fields.entry(condition.path.clone()).or_insert_with(|| Map::new().into());
        entry[name] = operand;
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(input: &Value) -> Vec<&'static str> {
        let mut faults = Faults::new();
        read(&Node::root(input), &mut faults);
        faults.into_violations().into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn conditions_come_back_as_they_were_sent() {
        let input = json!({
            "new": {"$gt": 10, "$exists": true}, "key": {"$in": ["a", null, 1]},
            "badge.title": {"$startsWith": "Gold"}, "public": {"$eq": false},
        });
        let mut faults = Faults::new();
        let conditions = read(&Node::root(&input), &mut faults);
        assert!(faults.is_empty());
        assert_eq!((conditions.len(), shape(&conditions)), (5, input));
        let plain = json!({"key": "posts"});
        let conditions = read(&Node::root(&plain), &mut faults);
        assert_eq!(shape(&conditions), json!({"key": {"$eq": "posts"}}));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        assert_eq!(rules(&json!([])), ["TYPE"]);
        assert_eq!(rules(&json!({"a": {"$regex": "x"}})), ["OPERATOR"]);
        assert_eq!(rules(&json!({"a": {}})), ["OPERATOR"]);
        assert_eq!(rules(&json!({"": 1})), ["PATH"]);
        assert_eq!(rules(&json!({"a..b": 1, "$a": 1})), ["PATH", "PATH"]);
        assert_eq!(rules(&json!({"a": [1]})), ["TYPE"]);
        let bad = [json!({"$gt": true}), json!({"$in": 1}), json!({"$in": [[1]]})];
        let worse = [json!({"$exists": 1}), json!({"$startsWith": 1}), json!({"$eq": {}})];
        for condition in bad.into_iter().chain(worse) {
            assert_eq!(rules(&json!({ "a": condition })), ["TYPE"], "{condition}");
        }
        let many = vec![1; CONDITION_VALUES_MAX + 1];
        assert_eq!(rules(&json!({"a": {"$in": many}})), ["MAX_SIZE"]);
        let long = "x".repeat(CONDITION_OPERAND_BYTES_MAX);
        assert_eq!(rules(&json!({ "a": long })), ["MAX_LENGTH"]);
        let many = (0..=ENDPOINT_CONDITIONS_MAX).map(|n| (format!("a{n}"), json!(1)));
        assert_eq!(rules(&Value::Object(many.collect())), ["MAX_SIZE"]);
    }
}

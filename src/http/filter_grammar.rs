//! The wire's filter language, whatever it speaks of: objects of conditions, `$and`, `$or`, `$not`,
//! and operators under a field's name. What the list cannot answer is refused by name.

use serde_json::{Map, Value};

use super::fields::{Faults, Node};
use crate::domain::limits::{FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX};

/// What a list may be asked by, and how its conditions are joined.
pub trait Language {
    type Field: Copy;
    type Filter;

    fn field(&self, name: &str) -> Option<Self::Field>;
    fn field_names(&self) -> &'static str;
    /// One operator over the operand at `node`; `None` where the field does not know it. `$ne`,
    /// `$nin` and `$hasSome` are never asked: they are made of `$eq` and `$in`.
    fn test(
        &self,
        faults: &mut Faults,
        node: &Node<'_>,
        field: Self::Field,
        operator: &str,
    ) -> Option<Self::Filter>;
    /// What everything satisfies where it is empty.
    fn all(filters: Vec<Self::Filter>) -> Self::Filter;
    fn any(filters: Vec<Self::Filter>) -> Self::Filter;
    fn not(filter: Self::Filter) -> Self::Filter;
}

/// Reads a filter object; an absent one leaves everything.
pub fn read<L: Language>(language: &L, node: &Node<'_>, faults: &mut Faults) -> L::Filter {
    let Some(value) = node.value() else { return L::all(Vec::new()) };
    Reading { language, conditions: 0, faults }.filter(node, value, 0)
}

struct Reading<'r, L> {
    language: &'r L,
    conditions: usize,
    faults: &'r mut Faults,
}

impl<L: Language> Reading<'_, L> {
    fn filter(&mut self, node: &Node<'_>, value: &Value, depth: usize) -> L::Filter {
        let Value::Object(conditions) = value else {
            return self.refuse(node, "TYPE", "a filter must be an object".to_owned());
        };
        if depth > FILTER_DEPTH_MAX {
            let detail = format!("a filter may nest {FILTER_DEPTH_MAX} levels");
            return self.refuse(node, "FILTER_TOO_DEEP", detail);
        }
        let mut all = Vec::with_capacity(conditions.len());
        for (name, wanted) in conditions {
            let here = node.element(name, wanted);
            all.push(match name.as_str() {
                "$and" => L::all(self.filters(&here, wanted, depth)),
                "$or" => L::any(self.filters(&here, wanted, depth)),
                "$not" => L::not(L::all(self.filters(&here, wanted, depth))),
                field => self.field(&here, field, wanted),
            });
        }
        L::all(all)
    }

    /// `[{..}, {..}]`, or one object where a list of one is meant.
    fn filters(&mut self, node: &Node<'_>, value: &Value, depth: usize) -> Vec<L::Filter> {
        let mut filters = Vec::new();
        for (position, inner) in self.faults.list_or_one(node, value).iter().enumerate() {
            let position = position.to_string();
            filters.push(self.filter(&node.element(&position, inner), inner, depth + 1));
        }
        filters
    }

    fn field(&mut self, node: &Node<'_>, name: &str, wanted: &Value) -> L::Filter {
        self.conditions += 1;
        if self.conditions == FILTER_CONDITIONS_MAX + 1 {
            let detail = format!("a filter may have {FILTER_CONDITIONS_MAX} conditions");
            self.faults.add(node, "FILTER_TOO_LARGE", detail);
        }
        if name.starts_with('$') {
            let detail = format!("{name} is not supported here");
            return self.refuse(node, "UNSUPPORTED_OPERATOR", detail);
        }
        let Some(field) = self.language.field(name) else {
            let known = self.language.field_names();
            let detail = format!("{name} cannot be filtered by; these can: {known}");
            return self.refuse(node, "UNSUPPORTED_FIELD", detail);
        };
        match wanted {
            Value::Object(operators) => self.operators(node, field, operators),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => self.test(node, field, "$eq"),
        }
    }

    fn operators(
        &mut self,
        node: &Node<'_>,
        field: L::Field,
        operators: &Map<String, Value>,
    ) -> L::Filter {
        let mut all = Vec::with_capacity(operators.len());
        for (operator, operand) in operators {
            let here = node.element(operator, operand);
            all.push(match operator.as_str() {
                "$ne" => L::not(self.test(&here, field, "$eq")),
                "$nin" => L::not(self.test(&here, field, "$in")),
                "$hasSome" => self.test(&here, field, "$in"),
                other => self.test(&here, field, other),
            });
        }
        L::all(all)
    }

    fn test(&mut self, node: &Node<'_>, field: L::Field, operator: &str) -> L::Filter {
        match self.language.test(self.faults, node, field, operator) {
            Some(filter) => filter,
            None => {
                let detail = format!("{operator} is not supported for this field");
                self.refuse(node, "UNSUPPORTED_OPERATOR", detail)
            }
        }
    }

    fn refuse(&mut self, node: &Node<'_>, rule: &'static str, detail: String) -> L::Filter {
        self.faults.add(node, rule, detail);
        L::all(Vec::new())
    }
}

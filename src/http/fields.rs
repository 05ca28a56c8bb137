//! Typed reading of a JSON value that collects every fault instead of stopping at the first.

use serde_json::Value;

use super::error::Problem;
use crate::domain::Violation;
use crate::domain::id::Id;
use crate::domain::limits::VIOLATIONS_MAX;

/// A place in a body. Absent and `null` are the same; the path is only spelled out for a fault.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    value: Option<&'a Value>,
    parent: Option<&'a Node<'a>>,
    name: &'a str,
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Value) -> Node<'a> {
        Node { value: Some(value), parent: None, name: "" }
    }

    pub fn child(&'a self, name: &'a str) -> Node<'a> {
        let value = self.value.and_then(|value| value.get(name)).filter(|value| !value.is_null());
        Node { value, parent: Some(self), name }
    }

    /// An element of a list, under its position.
    pub fn element(&'a self, name: &'a str, value: &'a Value) -> Node<'a> {
        Node { value: Some(value), parent: Some(self), name }
    }

    pub fn value(&self) -> Option<&'a Value> {
        self.value
    }

    pub fn is_there(&self) -> bool {
        self.value.is_some()
    }

    /// Dotted, as the caller wrote it.
    pub fn path(&self) -> String {
        match self.parent {
            None => self.name.to_owned(),
            Some(parent) => {
                let above = parent.path();
                match above.is_empty() {
                    true => self.name.to_owned(),
                    false => format!("{above}.{}", self.name),
                }
            }
        }
    }
}

/// The faults found so far.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<Violation>,
}

impl Faults {
    pub fn new() -> Faults {
        Faults::default()
    }

    pub fn add(&mut self, node: &Node<'_>, rule: &'static str, detail: impl Into<String>) {
        self.add_at(node.path(), rule, detail.into(), None);
    }

    pub fn add_at(
        &mut self,
        field: String,
        rule: &'static str,
        detail: String,
        threshold: Option<i64>,
    ) {
        if self.list.len() < VIOLATIONS_MAX {
            self.list.push(Violation { field, rule, detail, threshold });
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Ends the reading: all faults, or none.
    pub fn done(self) -> Result<(), Problem> {
        if self.list.is_empty() { Ok(()) } else { Err(Problem::invalid(self.list)) }
    }

    #[cfg(test)]
    pub fn into_violations(self) -> Vec<Violation> {
        self.list
    }

    fn missing(&mut self, node: &Node<'_>) {
        self.add(node, "REQUIRED", format!("{} is required", node.name));
    }

    fn mistyped(&mut self, node: &Node<'_>, wanted: &str) {
        self.add(node, "TYPE", format!("{} must be {wanted}", node.name));
    }

    fn too_long(&mut self, node: &Node<'_>, bytes_max: usize) {
        let detail = format!("{} is longer than {bytes_max} bytes", node.name);
        self.add_at(node.path(), "MAX_LENGTH", detail, Some(bytes_max as i64));
    }

    /// A text of at most `bytes_max` bytes without control characters.
    pub fn text<'a>(&mut self, node: &Node<'a>, bytes_max: usize) -> Option<&'a str> {
        let Some(text) = node.value?.as_str() else {
            self.mistyped(node, "a text");
            return None;
        };
        if text.len() > bytes_max {
            self.too_long(node, bytes_max);
            return None;
        }
        let is_forbidden = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if text.chars().any(is_forbidden) {
            self.add(node, "FORMAT", format!("{} holds a control character", node.name));
            return None;
        }
        Some(text)
    }

    pub fn needed_text<'a>(&mut self, node: &Node<'a>, bytes_max: usize) -> Option<&'a str> {
        if !node.is_there() {
            self.missing(node);
            return None;
        }
        let text = self.text(node, bytes_max)?;
        if text.is_empty() {
            self.missing(node);
            return None;
        }
        Some(text)
    }

    /// Absent is fine, empty is not.
    pub fn needed_text_if_there<'a>(
        &mut self,
        node: &Node<'a>,
        bytes_max: usize,
    ) -> Option<&'a str> {
        node.value.and_then(|_| self.needed_text(node, bytes_max))
    }

    pub fn id<K>(&mut self, node: &Node<'_>) -> Option<Id<K>> {
        let parsed = node.value?.as_str().and_then(|text| text.parse().ok());
        if parsed.is_none() {
            self.add(node, "FORMAT", format!("{} must be a UUID", node.name));
        }
        parsed
    }

    pub fn needed_id<K>(&mut self, node: &Node<'_>) -> Option<Id<K>> {
        if !node.is_there() {
            self.missing(node);
            return None;
        }
        self.id(node)
    }

    /// A whole number, or its text as query strings and int64 fields carry it.
    pub fn integer(&mut self, node: &Node<'_>) -> Option<i64> {
        let parsed = match node.value? {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_i64(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if parsed.is_none() {
            self.mistyped(node, "a whole number of 64 bits");
        }
        parsed
    }

    pub fn needed_integer(&mut self, node: &Node<'_>) -> Option<i64> {
        if !node.is_there() {
            self.missing(node);
            return None;
        }
        self.integer(node)
    }

    /// A whole number within `range`; a fault names the bound that was passed.
    pub fn bounded(
        &mut self,
        node: &Node<'_>,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = self.integer(node)?;
        let (least, most) = (*range.start(), *range.end());
        if number < least {
            let detail = format!("{} must be at least {least}", node.name);
            self.add_at(node.path(), "MIN_VALUE", detail, Some(least));
            return None;
        }
        if number > most {
            let detail = format!("{} must be at most {most}", node.name);
            self.add_at(node.path(), "MAX_VALUE", detail, Some(most));
            return None;
        }
        Some(number)
    }

    pub fn needed_bounded(
        &mut self,
        node: &Node<'_>,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        if !node.is_there() {
            self.missing(node);
            return None;
        }
        self.bounded(node, range)
    }

    pub fn flag(&mut self, node: &Node<'_>) -> Option<bool> {
        let parsed = match node.value? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
        };
        if parsed.is_none() {
            self.mistyped(node, "true or false");
        }
        parsed
    }

    /// One of a few upper-case words.
    pub fn choice<T: Copy>(&mut self, node: &Node<'_>, choices: &[(&str, T)]) -> Option<T> {
        let given = node.value?.as_str();
        let found = choices.iter().find(|(word, _)| Some(*word) == given);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.add(node, "ENUM", format!("{} must be one of {}", node.name, words.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// The elements of a list. A single value counts as a list of one: query strings need it.
    pub fn list<'a>(&mut self, node: &Node<'a>, count_max: usize) -> &'a [Value] {
        let Some(value) = node.value else { return &[] };
        let list = match value {
            Value::Array(list) => list.as_slice(),
            Value::Object(_) => {
                self.mistyped(node, "a list");
                &[]
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                std::slice::from_ref(value)
            }
        };
        if list.len() > count_max {
            let detail = format!("{} has more than {count_max} entries", node.name);
            self.add_at(node.path(), "MAX_SIZE", detail, Some(count_max as i64));
            return &[];
        }
        list
    }

    /// The elements of a list, or the one object that stands where a list of one is meant.
    pub fn list_or_one<'a>(&mut self, node: &Node<'_>, value: &'a Value) -> &'a [Value] {
        match value {
            Value::Array(list) => list,
            Value::Object(_) => std::slice::from_ref(value),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.mistyped(node, "an object or a list of objects");
                &[]
            }
        }
    }

    pub fn texts(&mut self, node: &Node<'_>, count_max: usize, bytes_max: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for (position, value) in self.list(node, count_max).iter().enumerate() {
            let position = position.to_string();
            if let Some(text) = self.needed_text(&node.element(&position, value), bytes_max) {
                texts.push(text.to_owned());
            }
        }
        texts
    }

    /// A list of at least one entry.
    pub fn needed_list<'a>(&mut self, node: &Node<'a>, count_max: usize) -> &'a [Value] {
        let is_empty = node.value.and_then(Value::as_array).is_some_and(Vec::is_empty);
        if !node.is_there() || is_empty {
            self.missing(node);
            return &[];
        }
        self.list(node, count_max)
    }

    pub fn needed_ids<K>(&mut self, node: &Node<'_>, count_max: usize) -> Vec<Id<K>> {
        match self.needed_list(node, count_max) {
            [] => Vec::new(),
            _ => self.ids(node, count_max),
        }
    }

    pub fn ids<K>(&mut self, node: &Node<'_>, count_max: usize) -> Vec<Id<K>> {
        let mut ids = Vec::new();
        for (position, value) in self.list(node, count_max).iter().enumerate() {
            let position = position.to_string();
            ids.extend(self.needed_id(&node.element(&position, value)));
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::MemberId;

    #[test]
    fn every_fault_is_named_with_its_path() {
        let body = json!({"member": {"name": 5, "photo": {"height": "tall"}, "ids": ["x"]}});
        let root = Node::root(&body);
        let member = root.child("member");
        let mut faults = Faults::new();
        faults.text(&member.child("name"), 10);
        faults.integer(&member.child("photo").child("height"));
        faults.needed_text(&member.child("title"), 10);
        let ids: Vec<MemberId> = faults.ids(&member.child("ids"), 10);
        assert!(ids.is_empty());
        let found: Vec<(String, &str)> =
            faults.into_violations().into_iter().map(|v| (v.field, v.rule)).collect();
        let expected = [
            ("member.name", "TYPE"),
            ("member.photo.height", "TYPE"),
            ("member.title", "REQUIRED"),
            ("member.ids.0", "FORMAT"),
        ];
        assert_eq!(found, expected.map(|(field, rule)| (field.to_owned(), rule)));
    }

    #[test]
    fn texts_are_bounded_in_bytes_and_free_of_control_characters() {
        let body = json!({"a": "éé", "b": "x\u{0}y", "c": "line\nline"});
        let root = Node::root(&body);
        let mut faults = Faults::new();
        assert_eq!(faults.text(&root.child("a"), 4), Some("éé"));
        assert_eq!(faults.text(&root.child("a"), 3), None);
        assert_eq!(faults.text(&root.child("b"), 9), None);
        assert_eq!(faults.text(&root.child("c"), 9), Some("line\nline"));
        let found = faults.into_violations();
        assert_eq!((found[0].rule, found[0].threshold), ("MAX_LENGTH", Some(3)));
        assert_eq!(found[1].rule, "FORMAT");
    }

    #[test]
    fn numbers_may_come_as_texts_and_bounds_are_told() {
        let body = json!({"a": "12", "b": 101, "c": 0, "d": 1.5});
        let root = Node::root(&body);
        let mut faults = Faults::new();
        assert_eq!(faults.bounded(&root.child("a"), 1..=100), Some(12));
        faults.bounded(&root.child("b"), 1..=100);
        faults.bounded(&root.child("c"), 1..=100);
        faults.bounded(&root.child("d"), 1..=100);
        let rules: Vec<&str> = faults.into_violations().iter().map(|v| v.rule).collect();
        assert_eq!(rules, ["MAX_VALUE", "MIN_VALUE", "TYPE"]);
    }

    #[test]
    fn null_is_absent_and_a_single_value_is_a_list() {
        let body = json!({"a": null, "b": "x"});
        let root = Node::root(&body);
        let mut faults = Faults::new();
        assert_eq!(faults.text(&root.child("a"), 4), None);
        assert_eq!(faults.texts(&root.child("b"), 4, 4), ["x"]);
        assert!(faults.is_empty());
    }

    #[test]
    fn the_number_of_listed_faults_is_bounded() {
        let body = json!({ "a": vec![5; 50] });
        let root = Node::root(&body);
        let mut faults = Faults::new();
        faults.texts(&root.child("a"), 50, 4);
        assert_eq!(faults.into_violations().len(), VIOLATIONS_MAX);
    }
}

//! Event-type patterns as requests carry them; what they take is decided in `core`.

use super::fields::{Faults, Node};
use crate::core::event_pattern::EventPattern;
use crate::domain::limits::{ENDPOINT_EVENT_TYPES_MAX, EVENT_PATTERN_BYTES_MAX};

/// Reads a list of patterns; in a query string they may also stand in one value, joined by commas.
pub fn read(node: &Node<'_>, faults: &mut Faults) -> Vec<String> {
    let bytes_max = ENDPOINT_EVENT_TYPES_MAX * (EVENT_PATTERN_BYTES_MAX + 1);
    let texts = faults.texts(node, ENDPOINT_EVENT_TYPES_MAX, bytes_max);
    let patterns = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    let patterns: Vec<String> =
        patterns.filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect();
    for pattern in &patterns {
        if let Err(error) = EventPattern::parse(pattern) {
            faults.add(node, "FORMAT", error.to_string());
        }
    }
    if patterns.len() > ENDPOINT_EVENT_TYPES_MAX {
        let detail = format!("more than {ENDPOINT_EVENT_TYPES_MAX} event types");
        let limit = Some(ENDPOINT_EVENT_TYPES_MAX as i64);
        faults.add_at(node.path(), "MAX_SIZE", detail, limit);
    }
    patterns
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_are_read_from_lists_and_from_one_text() {
        let mut faults = Faults::new();
        let input = json!({"types": "follow.*, badge.created", "list": ["a.b", "*"]});
        let root = Node::root(&input);
        assert_eq!(read(&root.child("types"), &mut faults), ["follow.*", "badge.created"]);
        assert_eq!(read(&root.child("list"), &mut faults), ["a.b", "*"]);
        assert!(faults.is_empty());
        let input = json!({"types": ["follow*", "Follow.Created", "a..b"]});
        read(&Node::root(&input).child("types"), &mut faults);
        assert_eq!(faults.into_violations().len(), 3);
    }
}

//! Patterns over event types: `follow.created`, `follow.*`, `*`.

use super::fields::{Faults, Node};
use crate::domain::Event;
use crate::domain::limits::{ENDPOINT_EVENT_TYPES_MAX, EVENT_TYPE_BYTES_MAX};

/// Reads a list of patterns; in a query string they may also stand in one value, joined by commas.
pub fn read(node: &Node<'_>, faults: &mut Faults) -> Vec<String> {
    let mut patterns = Vec::new();
    let texts = faults.texts(node, ENDPOINT_EVENT_TYPES_MAX, ENDPOINT_EVENT_TYPES_MAX * EVENT_TYPE_BYTES_MAX);
    for text in texts {
        for pattern in text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty()) {
            if !is_pattern(pattern) {
                let detail = format!("{pattern:?} is no event type; write follow.created or follow.*");
                faults.add(node, "FORMAT", detail);
            }
            patterns.push(pattern.to_owned());
        }
    }
    if patterns.len() > ENDPOINT_EVENT_TYPES_MAX {
        let detail = format!("more than {ENDPOINT_EVENT_TYPES_MAX} event types");
        let limit = Some(ENDPOINT_EVENT_TYPES_MAX as i64);
        faults.add_at(node.path(), "MAX_SIZE", detail, limit);
    }
    patterns
}

fn is_pattern(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let words = text.strip_suffix(".*").unwrap_or(text);
    text.len() <= EVENT_TYPE_BYTES_MAX && (text == "*" || words.split('.').all(is_word))
}

/// No pattern takes all that is not operational, and so does `*`: operational events go only to
/// those that name them.
pub fn takes(patterns: &[String], event: &Event) -> bool {
    let name = event.type_name();
    if patterns.is_empty() {
        return !event.is_operational();
    }
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some("") => !event.is_operational(),
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{BadgeId, EndpointId, MemberId};

    fn taken(patterns: &[&str]) -> Vec<&'static str> {
        let (follower, followed) = (MemberId::from_u128(1), MemberId::from_u128(2));
        let events = [
            Event::FollowCreated { follower, followed },
            Event::FollowDeleted { follower, followed },
            Event::BadgeDeleted { badge: BadgeId::from_u128(1) },
            Event::EndpointDeleted { endpoint: EndpointId::from_u128(1) },
        ];
        let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.to_string()).collect();
        events.iter().filter(|event| takes(&patterns, event)).map(Event::type_name).collect()
    }

    #[test]
    fn operational_events_go_only_to_those_that_name_them() {
        assert_eq!(taken(&[]), ["follow.created", "follow.deleted", "badge.deleted"]);
        assert_eq!(taken(&["*"]), taken(&[]));
        assert_eq!(taken(&["endpoint.*"]), ["endpoint.deleted"]);
        assert_eq!(taken(&["endpoint.deleted", "follow.created"]), ["follow.created", "endpoint.deleted"]);
    }

    #[test]
    fn a_pattern_takes_its_own_family() {
        assert_eq!(taken(&["follow.*"]), ["follow.created", "follow.deleted"]);
        assert_eq!(taken(&["follow"]), [] as [&str; 0]);
    }

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

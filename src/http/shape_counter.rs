//! Activity counters as the wire shows them, and increments as requests carry them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::fields::{Faults, Node};
use super::json;
use crate::core::query::AppCounters;
use crate::domain::limits::{COUNTER_KEY_BYTES_MAX, OP_ID_BYTES_MAX};
use crate::domain::{MemberId, OpId};
use crate::wire::ingest::op_id_of;

/// The counters of one member that one app owns.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityCounter<'c> {
    member_id: MemberId,
    app_id: &'c str,
    counters: Vec<CounterBody<'c>>,
    /// The site's seq when it was read: a later one is never smaller.
    revision: String,
}

#[derive(Serialize)]
struct CounterBody<'c> {
    key: &'c str,
    public: bool,
    count: i64,
}

impl<'c> ActivityCounter<'c> {
    pub fn new(counters: &'c AppCounters, seq: u64) -> ActivityCounter<'c> {
        let shape = |counter: &'c crate::core::query::CounterView| CounterBody {
            key: &counter.key,
            public: counter.public,
            count: counter.count,
        };
        ActivityCounter {
            member_id: counters.member,
            app_id: counters.app.as_str(),
            counters: counters.counters.iter().map(shape).collect(),
            revision: seq.to_string(),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Increment {
    pub key: String,
    pub delta: i64,
    pub op_id: Option<OpId>,
}

#[derive(Deserialize)]
struct UsualBody<'b> {
    #[serde(borrow)]
    counter: UsualCounter<'b>,
    #[serde(borrow, rename = "opId")]
    op_id: Option<Cow<'b, str>>,
}

#[derive(Deserialize)]
struct UsualCounter<'b> {
    #[serde(borrow)]
    key: Cow<'b, str>,
    delta: Option<i64>,
    count: Option<i64>,
}

/// Reads `{counter: {key, delta}, opId?}`. The usual shape is read without a tree of values, because
/// tens of thousands a second come this way; whatever differs is read again to name its faults.
pub fn parse_increment(body: &[u8]) -> Result<Increment, Problem> {
    json::check_depth(body)?;
    if let Ok(usual) = serde_json::from_slice::<UsualBody<'_>>(body) {
        let delta = usual.counter.delta.or(usual.counter.count).unwrap_or(1);
        let op_id = usual.op_id.as_deref().map(op_id_of);
        if is_key(&usual.counter.key) && op_id != Some(None) {
            let key = usual.counter.key.into_owned();
            return Ok(Increment { key, delta, op_id: op_id.flatten() });
        }
    }
    let value = json::parse(body)?;
    let root = Node::root(&value);
    let counter = root.child("counter");
    let mut faults = Faults::new();
    let key = key(&counter.child("key"), &mut faults);
    let delta = faults.integer(&counter.child("delta"));
    let count = faults.integer(&counter.child("count"));
    let op_id = op_id(&root.child("opId"), &mut faults);
    faults.done()?;
    let key = key.ok_or_else(Problem::internal)?;
    Ok(Increment { key, delta: delta.or(count).unwrap_or(1), op_id })
}

/// A counter's key: 1 to `COUNTER_KEY_BYTES_MAX` bytes without control characters.
pub fn key(node: &Node<'_>, faults: &mut Faults) -> Option<String> {
    let text = faults.needed_text(node, COUNTER_KEY_BYTES_MAX)?;
    if !is_key(text) {
        faults.add(node, "FORMAT", "a key holds no control character");
        return None;
    }
    Some(text.to_owned())
}

fn is_key(text: &str) -> bool {
    (1..=COUNTER_KEY_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn op_id(node: &Node<'_>, faults: &mut Faults) -> Option<OpId> {
    let text = faults.needed_text_if_there(node, OP_ID_BYTES_MAX)?;
    op_id_of(text)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn check(body: &str, key: &str, delta: i64) {
        let increment = parse_increment(body.as_bytes()).expect(body);
        assert_eq!((increment.key.as_str(), increment.delta), (key, delta), "{body}");
    }

    fn rules(body: &str) -> Vec<&'static str> {
        let problem = parse_increment(body.as_bytes()).expect_err(body);
        problem.violations().iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn all_spellings_of_an_increment_are_read() {
        check(r#"{"counter":{"key":"likes"}}"#, "likes", 1);
        check(r#"{"counter":{"key":"likes","delta":-3}}"#, "likes", -3);
        check(r#"{"counter":{"key":"likes","count":4}}"#, "likes", 4);
        check(r#"{"counter":{"key":"likes","delta":"9"},"memberId":"x"}"#, "likes", 9);
        check(r#"{"counter":{"key":"\u00e9"},"opId":null}"#, "é", 1);
    }

    #[test]
    fn faults_are_named_all_at_once() {
        assert_eq!(rules("{}"), ["REQUIRED"]);
        assert_eq!(rules(r#"{"counter":{"key":"","delta":1.5},"opId":""}"#).len(), 3);
        assert_eq!(rules(r#"{"counter":{"key":"a\nb"}}"#), ["FORMAT"]);
        let long = "k".repeat(COUNTER_KEY_BYTES_MAX + 1);
        assert_eq!(rules(&format!(r#"{{"counter":{{"key":"{long}"}}}}"#)), ["MAX_LENGTH"]);
        let long = "o".repeat(OP_ID_BYTES_MAX + 1);
        let body = format!(r#"{{"counter":{{"key":"a"}},"opId":"{long}"}}"#);
        assert_eq!(rules(&body), ["MAX_LENGTH"]);
        assert_eq!(parse_increment(b"{").map_err(|p| p.code()), Err("MALFORMED_JSON"));
    }

    #[test]
    fn an_operation_id_is_a_uuid_or_any_short_text() {
        let id = |text: &str| {
            let body = format!(r#"{{"counter":{{"key":"a"}},"opId":"{text}"}}"#);
            parse_increment(body.as_bytes()).ok().and_then(|increment| increment.op_id)
        };
        let uuid = "01961f3a-7b2c-7def-8123-456789abcdef";
        assert_eq!(id(uuid), Uuid::try_parse(uuid).ok().map(|uuid| OpId(uuid.into_bytes())));
        assert_eq!(id("order-1").and_then(|id| id.time_ms()), None);
        assert_ne!(id("order-1"), id("order-2"));
    }
}

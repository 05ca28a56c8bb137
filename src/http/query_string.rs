//! Query strings in the wire's three styles, as one JSON value: repeated keys, dotted keys, and a
//! whole request in `.r`.

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::error::Problem;
use super::json;
use crate::domain::limits::{QUERY_KEY_SEGMENTS_MAX, QUERY_PAIRS_MAX};

/// Reads a query string. Texts stay texts: readers of numbers accept them.
pub fn parse(query: &str) -> Result<Value, Problem> {
    let mut fields = Map::new();
    for (position, (key, value)) in form_urlencoded::parse(query.as_bytes()).enumerate() {
        if position >= QUERY_PAIRS_MAX {
            let detail = format!("more than {QUERY_PAIRS_MAX} query parameters");
            return Err(Problem::bad_request("TOO_MANY_PARAMETERS", detail));
        }
        match key.as_ref() {
            ".r" => merge(&mut fields, whole_request(&value)?),
            dotted => insert(&mut fields, dotted, value.into_owned()),
        }
    }
    Ok(Value::Object(fields))
}

fn whole_request(text: &str) -> Result<Map<String, Value>, Problem> {
    let undecodable =
        || Problem::bad_request("MALFORMED_QUERY", "the parameter .r is not base64url of JSON");
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| undecodable())?;
    match json::parse(&bytes)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(undecodable()),
    }
}

fn merge(fields: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        fields.insert(key, value);
    }
}

/// Puts `a.b=value` where `{"a": {"b": value}}` would be; a repeated key becomes a list.
fn insert(fields: &mut Map<String, Value>, key: &str, value: String) {
    let mut here = fields;
    let mut segments = key.splitn(QUERY_KEY_SEGMENTS_MAX, '.').peekable();
    while let Some(segment) = segments.next() {
        if segments.peek().is_none() {
            return append(here, segment, Value::String(value));
        }
        let next = here.entry(segment).or_insert_with(|| Value::Object(Map::new()));
        match next {
            Value::Object(inner) => here = inner,
            // `a=1&a.b=2`: the first meaning of `a` stays.
            _ => return,
        }
    }
}

fn append(fields: &mut Map<String, Value>, key: &str, value: Value) {
    match fields.get_mut(key) {
        None => {
            fields.insert(key.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(query: &str, expected: Value) {
        assert_eq!(parse(query).ok(), Some(expected), "{query}");
    }

    #[test]
    fn repeated_keys_become_a_list() {
        check("fieldsets=FULL&fieldsets=EXTENDED", json!({"fieldsets": ["FULL", "EXTENDED"]}));
        check("fieldsets=FULL", json!({"fieldsets": "FULL"}));
    }

    #[test]
    fn dotted_keys_become_objects() {
        check(
            "paging.limit=5&paging.cursor=a%2Bb&id=x",
            json!({"paging": {"limit": "5", "cursor": "a+b"}, "id": "x"}),
        );
        check("a=1&a.b=2", json!({"a": "1"}));
    }

    #[test]
    fn a_whole_request_stands_in_dot_r() {
        let request = json!({"paging": {"limit": 2}, "sorting": [{"fieldName": "_createdDate"}]});
        let text = URL_SAFE_NO_PAD.encode(request.to_string());
        check(&format!(".r={text}"), request.clone());
        check(&format!(".r={}", URL_SAFE.encode(request.to_string())), request);
        assert_eq!(parse(".r=%%%").map_err(|p| p.code()).err(), Some("MALFORMED_QUERY"));
    }

    #[test]
    fn parameters_are_bounded() {
        let many = "a=1&".repeat(QUERY_PAIRS_MAX + 1);
        assert_eq!(parse(&many).map_err(|p| p.code()).err(), Some("TOO_MANY_PARAMETERS"));
    }
}

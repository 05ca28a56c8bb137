//! Bodies as JSON: depth first, then the parser; a fault names its byte.

use serde_json::{Value, json};

use super::error::Problem;
use crate::domain::limits::JSON_DEPTH_MAX;

/// Reads one JSON document. An empty body counts as `{}`: many routes need nothing from it.
pub fn parse(body: &[u8]) -> Result<Value, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(json!({}));
    }
    check_depth(body)?;
    let value: Value = serde_json::from_slice(body).map_err(|error| malformed(body, &error))?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Problem::bad_request("MALFORMED_JSON", "the body must be a JSON object"))
}

/// Refuses nesting that is deeper than any shape of ours, before anything is allocated for it.
pub fn check_depth(body: &[u8]) -> Result<(), Problem> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (offset, byte) in body.iter().enumerate() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            let detail = format!("nested deeper than {JSON_DEPTH_MAX} levels at byte {offset}");
            return Err(Problem::bad_request("JSON_TOO_DEEP", detail)
                .with("offset", json!(offset))
                .with("limit", json!(JSON_DEPTH_MAX)));
        }
    }
    Ok(())
}

pub fn malformed(body: &[u8], error: &serde_json::Error) -> Problem {
    let offset = offset_of(body, error);
    let detail = format!("malformed JSON at byte {offset}: {}", reason(error));
    Problem::bad_request("MALFORMED_JSON", detail).with("offset", json!(offset))
}

/// The parser's words without its line and column: the byte says it for every body.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn offset_of(body: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = error.line().saturating_sub(1);
    let before: usize =
        body.split(|byte| *byte == b'\n').take(lines_before).map(|line| line.len() + 1).sum();
    (before + error.column().saturating_sub(1)).min(body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> (String, Value) {
        let problem = parse(body.as_bytes()).expect_err("should be refused");
        let offset = problem.body("r")["details"]["applicationError"]["data"]["offset"].clone();
        (problem.code().to_owned(), offset)
    }

    #[test]
    fn a_malformed_body_names_the_byte() {
        assert_eq!(fault("{\"a\": x}"), ("MALFORMED_JSON".to_owned(), json!(6)));
        assert_eq!(fault("{\n\"a\": 1,\n!}"), ("MALFORMED_JSON".to_owned(), json!(10)));
        assert_eq!(fault("{\"a\": \"\u{1}\"}").0, "MALFORMED_JSON");
        assert_eq!(fault("[1]").0, "MALFORMED_JSON");
    }

    #[test]
    fn nesting_is_bounded_and_texts_do_not_count() {
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(fault(&deep).0, "JSON_TOO_DEEP");
        let text = format!("{{\"a\": \"{}\\\"{{\"}}", "[".repeat(40));
        assert!(parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        assert_eq!(parse(b" \n").ok(), Some(json!({})));
    }
}

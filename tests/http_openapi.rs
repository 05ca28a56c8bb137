//! The API documents as snapshots: they change only together with `tests/golden`.
//! `UPDATE_GOLDEN=1 cargo test --test http_openapi` rewrites the snapshots.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

#[test]
fn the_documents_are_the_ones_that_were_agreed() {
    check("openapi.json", &guildhall::http::openapi::document());
    check("asyncapi.json", &guildhall::http::asyncapi::document());
}

fn check(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let text = serde_json::to_string_pretty(document).expect("a document") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("the snapshot is writable");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "tests/golden/{name} differs:\n{}", difference(&golden, &text));
}

/// Lines that only one side has, in their order; enough to see what changed.
fn difference(old: &str, new: &str) -> String {
    let (old_lines, new_lines): (BTreeSet<&str>, BTreeSet<&str>) =
        (old.lines().collect(), new.lines().collect());
    let gone = old.lines().filter(|line| !new_lines.contains(line)).map(|line| format!("- {line}"));
    let came = new.lines().filter(|line| !old_lines.contains(line)).map(|line| format!("+ {line}"));
    let all: Vec<String> = gone.chain(came).collect();
    match all.is_empty() {
        true => "the same lines in another order".to_owned(),
        false => all.join("\n"),
    }
}

//! The law of the house, held by a machine: floors, bans, sizes. Every finding names file, line
//! and rule. What a rule catches is shown on planted samples at the end.

#[path = "tidy/bans.rs"]
mod bans;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

use source::Source;

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    pub rule: String,
}

impl Finding {
    pub fn new(source: &Source, line: usize, rule: impl Into<String>) -> Finding {
        Finding { path: source.path.clone(), line, rule: rule.into() }
    }
}

type Rule = fn(&Source) -> Vec<Finding>;

const RULES: &[Rule] = &[
    floors::imports_go_down,
    bans::crates_stay_behind_their_file,
    bans::core_reads_no_clock_and_no_dice,
    bans::no_placeholders,
    bans::do_send_says_what_bounds_it,
    bans::tests_do_not_sleep,
    bans::no_machine_and_no_package_host,
    shape::files_are_short,
    shape::lines_are_short,
    shape::functions_are_short,
    shape::files_say_what_they_hold,
];

#[test]
fn the_repository_keeps_its_own_law() {
    let sources = source::repository();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "the walk found no source");
    let findings: Vec<Finding> =
        RULES.iter().flat_map(|rule| sources.iter().flat_map(rule)).collect();
    let listed: Vec<String> = findings
        .iter()
        .map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.rule))
        .collect();
    assert!(listed.is_empty(), "{} breaches:\n{}", listed.len(), listed.join("\n"));
}

/// Lines of `text`, stored as `path`, that some rule complains about.
fn lines_found(path: &str, text: &str) -> Vec<usize> {
    let source = Source::new(path, text);
    let mut lines: Vec<usize> =
        RULES.iter().flat_map(|rule| rule(&source)).map(|finding| finding.line).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

#[track_caller]
fn check(path: &str, body: &str, expected: &[usize]) {
    let text = format!("//! Sample.\n{body}");
    assert_eq!(lines_found(path, &text), expected, "in {path}:\n{text}");
}

#[test]
fn an_import_that_climbs_is_found() {
    check("src/core/site.rs", "use crate::journal::Batch;\n", &[2]);
    check("src/journal/writer.rs", "fn f() -> crate::http::Reply {}\n", &[2]);
    check("src/domain/id.rs", "use crate::{\n    core::query,\n};\n", &[3]);
    check("src/core/site.rs", "use crate::{domain::Id, http};\n", &[2]);
    check("src/core/site.rs", "use super::super::actors::handle;\n", &[2]);
    check("src/elsewhere/new.rs", "fn f() {}\n", &[1]);
    check("src/http/route.rs", "use crate::{core::query::Query, domain::MemberId};\n", &[]);
    check("src/http/route.rs", "// crate::nowhere::x is only talked about\n", &[]);
}

#[test]
fn a_banned_crate_is_found_outside_its_file() {
    check("src/journal/codec.rs", "fn f() { bincode::serialize(&1); }\n", &[]);
    check("src/journal/writer.rs", "fn f() { bincode::serialize(&1); }\n", &[2]);
    check("src/snapshot/recovery.rs", "use sled::Db;\n", &[2]);
    check("src/realtime/socket.rs", "use actix_web_actors::ws;\n", &[2]);
    check("src/journal/writer.rs", "use actix::Actor;\n", &[2]);
    check("src/actors/site.rs", "use actix::Actor;\nuse serde_json::json;\n", &[3]);
    check("src/wire/event.rs", "use serde_json::json;\n", &[]);
}

#[test]
fn clocks_and_dice_in_the_core_are_found() {
    check("src/core/site.rs", "fn f() { std::time::Instant::now(); }\n", &[2]);
    check("src/domain/time.rs", "fn f() { SystemTime::now(); }\n", &[2]);
    check("src/core/site.rs", "fn f() { rand::random(); }\n", &[2]);
    check("src/actors/site.rs", "fn f() { std::time::Instant::now(); }\n", &[]);
}

#[test]
fn what_a_reviewer_would_send_back_is_found() {
    check("src/app.rs", "fn f() { todo!() }\nfn g() { x.unwrap(); }\n", &[2, 3]);
    check("src/app.rs", "fn f() { let text = \".unwrap()\"; }\n", &[]);
    check("src/app.rs", "#[cfg(test)]\nmod tests {\n    fn f() { x.unwrap(); }\n}\n", &[]);
    check("tests/any.rs", "#[ignore]\nfn f() { std::thread::sleep(D); }\n", &[2, 3]);
    check("src/actors/hub.rs", "fn f() { hub.do_send(M); }\n", &[2]);
    check("src/actors/hub.rs", "// bounded: one a tick\nfn f() { hub.do_send(M); }\n", &[]);
    let path = concat!("/wo", "rk/here");
    check("README.md", &format!("Look into {path}.\n"), &[2]);
}

#[test]
fn what_is_too_large_is_found() {
    let body = "    step();\n".repeat(69);
    check("src/app.rs", &format!("fn long() {{\n{body}}}\n"), &[2]);
    let body = "    step();\n".repeat(68);
    check("src/app.rs", &format!("fn fits() {{\n{body}}}\n"), &[]);
    check("src/app.rs", &format!("// {}\n", "x".repeat(98)), &[2]);
    let row = format!("    row({}),\n", "x".repeat(100));
    check("src/app.rs", &format!("#[rustfmt::skip]\nfn table() {{\n{row}}}\n{row}"), &[6]);
    check("src/app.rs", &"// line\n".repeat(500), &[501]);
    check("src/main.rs", &"// line\n".repeat(40), &[41]);
    assert_eq!(lines_found("src/app.rs", "fn f() {}\n"), [1]);
}

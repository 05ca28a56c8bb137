//! Imports only go down. A module of the crate names its floor here or is refused.

use super::Finding;
use super::source::Source;

/// From the ground up; what stands on one line may use each other.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &["core"],
    &["journal", "snapshot"],
    &["actors"],
    &["wire", "realtime", "webhook"],
    &["http", "cli", "app", "config", "telemetry", "lib", "main"],
];

/// Planted faults: a switchboard below everything, empty unless a test turns a switch.
const BELOW_ALL: &str = "faults";

pub fn floor_of(module: &str) -> Option<usize> {
    if module == BELOW_ALL {
        return Some(0);
    }
    FLOORS.iter().position(|floor| floor.contains(&module))
}

pub fn imports_go_down(source: &Source) -> Vec<Finding> {
    let Some(module) = source.module().filter(|_| source.is_rust()) else {
        return Vec::new();
    };
    let Some(own) = floor_of(module) else {
        return vec![Finding::new(source, 1, format!("module `{module}` has no floor"))];
    };
    let mut findings = Vec::new();
    for (line, used) in modules_used(source) {
        match floor_of(&used) {
            Some(floor) if floor <= own => {}
            // A name of the crate root that is no module: a type or a function of lib.rs.
            None if used.chars().next().is_some_and(char::is_uppercase) => {}
            Some(floor) => findings.push(Finding::new(
                source,
                line,
                format!("`{module}` is on floor {own} and names `{used}` on floor {floor}"),
            )),
            None => findings.push(Finding::new(source, line, format!("`{used}` has no floor"))),
        }
    }
    findings
}

/// Every module of the crate that the code names, with its line.
fn modules_used(source: &Source) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for start in ["crate::", "super::super::"] {
        // `super::super::x` reaches the crate's root only from a file that is two folders deep.
        if start.starts_with("super") && source.path.matches('/').count() != 2 {
            continue;
        }
        for (offset, _) in source.code.match_indices(start) {
            let before = source.code[..offset].chars().next_back();
            if before.is_some_and(|before| before == ':' || before == '_' || before == '$') {
                continue;
            }
            used.extend(names_after(&source.code, offset + start.len()));
        }
    }
    used
}

/// The first names after `crate::`: one, or those of a braced list.
fn names_after(code: &str, from: usize) -> Vec<(usize, String)> {
    let rest = &code[from..];
    if !rest.starts_with('{') {
        return vec![(line_of(code, from), word(rest))];
    }
    let (mut depth, mut names, mut expects_name) = (0usize, Vec::new(), false);
    for (offset, character) in rest.char_indices() {
        match character {
            '{' => (depth, expects_name) = (depth + 1, depth == 0),
            '}' => depth -= 1,
            ',' => expects_name = depth == 1,
            _ if expects_name && !character.is_whitespace() => {
                names.push((line_of(code, from + offset), word(&rest[offset..])));
                expects_name = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect()
}

fn line_of(code: &str, offset: usize) -> usize {
    code[..offset].matches('\n').count() + 1
}

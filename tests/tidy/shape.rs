//! Sizes: what does not fit on a screen or two is cut before it is read.

use super::Finding;
use super::source::Source;

const FILE_LINES_MAX: usize = 500;
const MAIN_LINES_MAX: usize = 40;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARACTERS_MAX: usize = 100;
const SOURCE_EXTENSIONS: &[&str] = &[".rs", ".js", ".mjs", ".py", ".css"];

fn is_source(source: &Source) -> bool {
    SOURCE_EXTENSIONS.iter().any(|extension| source.path.ends_with(extension))
}

pub fn files_are_short(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let lines_max = if source.path == "src/main.rs" { MAIN_LINES_MAX } else { FILE_LINES_MAX };
    if !is_source(source) || lines <= lines_max {
        return Vec::new();
    }
    vec![Finding::new(source, lines_max + 1, format!("{lines} lines, {lines_max} at most"))]
}

pub fn lines_are_short(source: &Source) -> Vec<Finding> {
    if !is_source(source) {
        return Vec::new();
    }
    let tables = tables(source);
    let lengths = source.text.lines().map(|line| line.chars().count()).enumerate();
    lengths
        .filter(|(_, length)| *length > LINE_CHARACTERS_MAX)
        .filter(|(index, _)| !tables.iter().any(|table| table.contains(index)))
        .map(|(index, length)| {
            let rule = format!("{length} characters, {LINE_CHARACTERS_MAX} at most");
            Finding::new(source, index + 1, rule)
        })
        .collect()
}

/// Items that say `#[rustfmt::skip]`: tables, whose rows are read better in one line each.
fn tables(source: &Source) -> Vec<std::ops::Range<usize>> {
    let lines: Vec<&str> = source.code.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| line.contains("#[rustfmt::skip]"));
    starts.map(|(index, _)| index..index + lines_of_body(&lines[index..])).collect()
}

pub fn files_say_what_they_hold(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![Finding::new(source, 1, "a file starts with `//!`: what lives here, what never does")]
}

pub fn functions_are_short(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.code.lines().collect();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = function_named(line) else { continue };
        let length = lines_of_body(&lines[index..]);
        if length > FUNCTION_LINES_MAX {
            let rule = format!("`{name}` has {length} lines, {FUNCTION_LINES_MAX} at most");
            findings.push(Finding::new(source, index + 1, rule));
        }
    }
    findings
}

/// The name of the function that a line begins, if it begins one.
fn function_named(line: &str) -> Option<&str> {
    let after = match line.trim_start().strip_prefix("fn ") {
        Some(after) => after,
        None => line.split_once(" fn ")?.1,
    };
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (end > 0).then(|| &after[..end])
}

/// Lines from the one that names the function to the one that closes its body; 1 without a body.
fn lines_of_body(lines: &[&str]) -> usize {
    let (mut depth, mut opened) = (0usize, false);
    for (index, line) in lines.iter().enumerate() {
        for character in line.chars() {
            match character {
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth = depth.saturating_sub(1),
                ';' if !opened && is_declaration_end(lines, index) => return index + 1,
                _ => {}
            }
        }
        if opened && depth == 0 {
            return index + 1;
        }
    }
    lines.len()
}

/// A `;` before any `{` ends a declaration, unless it stands inside an array type (`[u8; 4]`).
fn is_declaration_end(lines: &[&str], index: usize) -> bool {
    let signature = lines[..=index].join("\n");
    signature.matches('[').count() == signature.matches(']').count()
        && signature.trim_end().ends_with(';')
}

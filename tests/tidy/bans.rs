//! What must not be written, or only in one place.

use super::Finding;
use super::floors::floor_of;
use super::source::Source;

/// Crates that one file hides from the rest, so that replacing one is one file's work.
const BEHIND_ONE_FILE: &[(&str, &str)] = &[
    ("bincode", "src/journal/codec.rs"),
    ("sled", "src/snapshot/store.rs"),
    ("actix_web_actors", "src/realtime/ingest_stream.rs"),
];
/// Crates that begin at a floor.
const FROM_FLOOR: &[(&str, usize)] = &[("actix", 3), ("actix_web", 3), ("serde_json", 4)];

const ACTORS_FLOOR_REASON: &str = "is not allowed below its floor";

pub fn crates_stay_behind_their_file(source: &Source) -> Vec<Finding> {
    let Some(floor) = source.module().and_then(floor_of).filter(|_| source.is_rust()) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for (line, code) in source.code_lines() {
        for (name, home) in BEHIND_ONE_FILE {
            if names_crate(code, name) && source.path != *home {
                findings.push(Finding::new(source, line, format!("`{name}` only in {home}")));
            }
        }
        for (name, lowest) in FROM_FLOOR {
            if names_crate(code, name) && floor < *lowest {
                let rule = format!("`{name}` {ACTORS_FLOOR_REASON} {lowest}");
                findings.push(Finding::new(source, line, rule));
            }
        }
    }
    findings
}

/// `name::` or `use name;` as a whole word that is not itself inside a path.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(offset, _)| {
        let before = code[..offset].chars().next_back();
        let after = &code[offset + name.len()..];
        let starts = !before.is_some_and(|c| c.is_alphanumeric() || "_:.".contains(c))
            || code[..offset].ends_with(" ::");
        starts && (after.starts_with("::") || after.starts_with(';') || after.starts_with(" as "))
    })
}

pub fn core_reads_no_clock_and_no_dice(source: &Source) -> Vec<Finding> {
    if !matches!(source.module(), Some("domain" | "core")) {
        return Vec::new();
    }
    let banned = ["SystemTime::now", "Instant::now", "rand::", "new_v4", "now_v7"];
    found(source, &banned, |_| true, "domain and core read no clock and roll no dice")
}

pub fn no_placeholders(source: &Source) -> Vec<Finding> {
    let mut findings =
        found(source, &["todo!", "unimplemented!", "#[ignore"], |_| true, "no placeholder");
    if source.path.starts_with("src/") {
        let live = |line: usize| !source.is_test_line(line);
        findings.extend(found(source, &[".unwrap()"], live, "name the error or the reason"));
    }
    findings
}

pub fn do_send_says_what_bounds_it(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    let says = |line: usize| {
        let above = line.checked_sub(2).and_then(|index| lines.get(index)).unwrap_or(&"");
        lines[line - 1].contains("// bounded:") || above.contains("// bounded:")
    };
    let rule = "`do_send` ignores the mailbox bound: say what bounds it in `// bounded: ...`";
    found(source, &[".do_send("], |line| !source.is_test_line(line) && !says(line), rule)
}

pub fn tests_do_not_sleep(source: &Source) -> Vec<Finding> {
    let banned = ["thread::sleep", "time::sleep", "rt::sleep"];
    let tested = |line: usize| source.is_test_line(line);
    found(source, &banned, tested, "a test waits for a condition with a deadline, never for time")
}

fn found(
    source: &Source,
    banned: &[&str],
    applies: impl Fn(usize) -> bool,
    rule: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, code) in source.code_lines() {
        for name in banned.iter().filter(|name| code.contains(**name)) {
            if applies(line) {
                findings.push(Finding::new(source, line, format!("`{name}`: {rule}")));
            }
        }
    }
    findings
}

/// Where the project was written and where its packages came from is nobody's business here.
/// The patterns are put together so that this file does not find itself.
const MACHINE_MARKS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/tm", "p/"),
    concat!("registry.", "npmjs"),
    concat!("files.", "pythonhosted"),
    concat!("pypi.", "org"),
    concat!("static.", "crates.io"),
    concat!("deb.", "debian"),
    concat!("arti", "factory"),
    concat!("\"reso", "lved\""),
    concat!("--index", "-url"),
    concat!("registry", "="),
    concat!("arch", "ive.ubuntu"),
];

pub fn no_machine_and_no_package_host(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for mark in MACHINE_MARKS.iter().filter(|mark| line.contains(**mark)) {
            let rule = format!("`{mark}` names a machine or a package host");
            findings.push(Finding::new(source, index + 1, rule));
        }
    }
    findings
}

//! Reads the repository and splits Rust text into code, comments and text, line by line.

use std::fs;
use std::path::Path;

/// Folders that hold what is built or fetched, never what is written.
const SKIPPED: &[&str] = &[".git", "target", "node_modules", "__pycache__", ".venv"];
/// Where a server started here keeps its data.
const DATA_FOLDER: &str = "data";
/// What is read as text; pictures and the like are left alone.
const TEXT_EXTENSIONS: &[&str] = &[
    "rs", "md", "toml", "txt", "json", "js", "mjs", "py", "css", "html", "sh", "yml", "yaml", "svg",
];

/// One file of the repository.
pub struct Source {
    /// Relative to the repository, with `/`.
    pub path: String,
    pub text: String,
    /// Rust only: the text with comments, strings and characters blanked; same lines.
    pub code: String,
    /// Rust only: first line (from 1) of the tests at the end of the file.
    tests_from: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let is_rust = path.ends_with(".rs");
        let code = if is_rust { without_comments_and_text(text) } else { String::new() };
        let is_test_file = path.starts_with("tests/")
            || path.ends_with("/tests.rs")
            || path.contains("/tests/")
            || path.ends_with("_tests.rs");
        let marker = code.lines().position(|line| line.trim_start().starts_with("#[cfg(test)]"));
        let tests_from = match (is_test_file, marker) {
            (true, _) => 1,
            (false, Some(index)) => index + 1,
            (false, None) => usize::MAX,
        };
        Source { path: path.to_owned(), text: text.to_owned(), code, tests_from }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_test_line(&self, line: usize) -> bool {
        line >= self.tests_from
    }

    /// Lines of code, numbered from 1.
    pub fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// `src/core/site.rs` gives `core`, `src/app.rs` gives `app`, anything else nothing.
    pub fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }
}

pub fn repository() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    collect(root, root, &mut sources);
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(folder).expect("a folder of the repository reads");
    for entry in entries.map(|entry| entry.expect("an entry reads")) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_data = folder == root && name == DATA_FOLDER;
        if is_data || SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, sources);
            continue;
        }
        let relative = path.strip_prefix(root).expect("a file is below the root");
        if let (true, Ok(text)) = (is_text(&path), fs::read_to_string(&path)) {
            sources.push(Source::new(&relative.to_string_lossy().replace('\\', "/"), &text));
        }
    }
}

/// Known extensions, and scripts and dot files, which have none.
fn is_text(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => TEXT_EXTENSIONS.contains(&extension.to_string_lossy().as_ref()),
        None => true,
    }
}

/// Blanks comments, strings and characters, so that rules about code see only code.
fn without_comments_and_text(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = end_of_non_code(&characters, at);
        if end == at {
            code.push(characters[at]);
            at += 1;
            continue;
        }
        for &character in &characters[at..end] {
            code.push(if character == '\n' { '\n' } else { ' ' });
        }
        at = end;
    }
    code
}

/// Where the comment, string or character that starts at `at` ends; `at` where none does.
fn end_of_non_code(characters: &[char], at: usize) -> usize {
    let next = characters.get(at + 1).copied();
    match (characters[at], next) {
        ('/', Some('/')) => end_of_line(characters, at),
        ('/', Some('*')) => end_of_block_comment(characters, at),
        ('"', _) => end_of_string(characters, at),
        ('r', Some('"' | '#')) if !is_inside_word(characters, at) => end_of_raw(characters, at),
        ('\'', _) => end_of_character(characters, at),
        _ => at,
    }
}

fn end_of_line(characters: &[char], at: usize) -> usize {
    let length = characters[at..].iter().position(|&character| character == '\n');
    length.map_or(characters.len(), |length| at + length)
}

fn end_of_block_comment(characters: &[char], at: usize) -> usize {
    let (mut depth, mut here) = (0usize, at);
    while here < characters.len() {
        match (characters[here], characters.get(here + 1)) {
            ('/', Some('*')) => (depth, here) = (depth + 1, here + 2),
            ('*', Some('/')) => (depth, here) = (depth - 1, here + 2),
            _ => here += 1,
        }
        if depth == 0 {
            return here;
        }
    }
    characters.len()
}

fn end_of_string(characters: &[char], at: usize) -> usize {
    let mut here = at + 1;
    while here < characters.len() {
        match characters[here] {
            '\\' => here += 2,
            '"' => return here + 1,
            _ => here += 1,
        }
    }
    characters.len()
}

/// `r"..."` and `r#"..."#`; a raw identifier such as `r#type` is code.
fn end_of_raw(characters: &[char], at: usize) -> usize {
    let hashes = characters[at + 1..].iter().take_while(|&&character| character == '#').count();
    if characters.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let mut here = at + 2 + hashes;
    while here < characters.len() {
        let closing = characters[here] == '"'
            && characters[here + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
        if closing {
            return here + 1 + hashes;
        }
        here += 1;
    }
    characters.len()
}

/// `'x'` and `'\n'`; a lifetime is code.
fn end_of_character(characters: &[char], at: usize) -> usize {
    if characters.get(at + 1) == Some(&'\\') {
        let rest = &characters[(at + 3).min(characters.len())..];
        let length = rest.iter().position(|&character| character == '\'');
        return length.map_or(characters.len(), |length| at + 4 + length);
    }
    if characters.get(at + 2) == Some(&'\'') { at + 3 } else { at }
}

fn is_inside_word(characters: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|index| characters.get(index));
    // `br"..."` is a raw string too.
    before.is_some_and(|&before| before != 'b' && (before.is_alphanumeric() || before == '_'))
}

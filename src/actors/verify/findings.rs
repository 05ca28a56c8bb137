//! Differences, one line each: the first ones are listed, all are counted.

use crate::domain::limits::VERIFY_DIFFERENCES_LISTED_MAX;

#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub listed: Vec<String>,
    pub left_out: u64,
}

impl Findings {
    /// Notes a difference; its line is put together only where it is listed.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if self.listed.len() < VERIFY_DIFFERENCES_LISTED_MAX {
            self.listed.push(line());
        } else {
            self.left_out += 1;
        }
    }

    /// Notes `what` where `expected`, told by the journal, is not what was `found`.
    pub fn compare<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: impl FnOnce() -> String,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            self.note(|| format!("{}: expected {expected:?}, found {found:?}", what()));
        }
    }

    pub fn append(&mut self, other: Findings) {
        other.listed.into_iter().for_each(|line| self.note(|| line));
        self.left_out += other.left_out;
    }
}

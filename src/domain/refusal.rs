//! A refusal: a rule said no. A value with a stable code; its shape on a wire is decided above.

use std::fmt;

/// One fault of the input, by JSON path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Dotted path as the caller wrote it: `member.profile.nickname`.
    pub field: String,
    /// The wire's rule name: `MAX_LENGTH`, `REQUIRED`, `FORMAT`, `MIN_VALUE`...
    pub rule: &'static str,
    pub detail: String,
    pub threshold: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The body is well formed but wrong; every fault is listed.
    Invalid(Vec<Violation>),
    /// Nothing of that kind is known here under that name.
    NotFound { code: &'static str, detail: String },
    /// The wish contradicts the present state.
    Conflict { code: &'static str, detail: String },
    /// The caller may not.
    Forbidden { code: &'static str, detail: String },
    /// A named limit would be passed.
    LimitReached { code: &'static str, detail: String, limit: u64 },
    /// Counted numbers do not connect: the producer must resume at `last + 1`.
    ProducerGap { producer: String, last: u64, given: u64 },
}

impl Refusal {
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Invalid(_) => "INVALID_ARGUMENT",
            Refusal::NotFound { code, .. }
            | Refusal::Conflict { code, .. }
            | Refusal::Forbidden { code, .. }
            | Refusal::LimitReached { code, .. } => code,
            Refusal::ProducerGap { .. } => "PRODUCER_GAP",
        }
    }

    pub fn detail(&self) -> String {
        match self {
            Refusal::Invalid(violations) => {
                let faults: Vec<&str> = violations.iter().map(|v| v.detail.as_str()).collect();
                faults.join("; ")
            }
            Refusal::NotFound { detail, .. }
            | Refusal::Conflict { detail, .. }
            | Refusal::Forbidden { detail, .. }
            | Refusal::LimitReached { detail, .. } => detail.clone(),
            Refusal::ProducerGap { producer, last, given } => format!(
                "producer {producer} sent n {given}, but its last n is {last}: send {} next",
                last + 1
            ),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.detail())
    }
}

impl std::error::Error for Refusal {}

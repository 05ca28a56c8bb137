//! Why a load run could not go on.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
    #[error("{0}")]
    Usage(String),
    #[error("{what} answered {status}: {detail}")]
    Refused { what: String, status: u16, detail: String },
    #[error("{what}: {detail}")]
    Protocol { what: String, detail: String },
    #[error("no answer within {seconds} s after the end")]
    Stuck { seconds: u64 },
    #[error("counters hold {counted}, but {acknowledged} were acknowledged ({uncertain} unknown)")]
    SumDiffers { counted: i128, acknowledged: u64, uncertain: u64 },
}

impl LoadError {
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> LoadError {
        let what = what.into();
        move |error| LoadError::Io { what, error }
    }

    pub fn protocol(what: impl Into<String>, detail: impl Into<String>) -> LoadError {
        LoadError::Protocol { what: what.into(), detail: detail.into() }
    }

    /// The first bytes of a refusing answer are enough to see what was wrong.
    pub fn refused(what: impl Into<String>, status: u16, body: &[u8]) -> LoadError {
        let shown = &body[..body.len().min(DETAIL_BYTES_MAX)];
        let detail = String::from_utf8_lossy(shown).into_owned();
        LoadError::Refused { what: what.into(), status, detail }
    }
}

const DETAIL_BYTES_MAX: usize = 300;

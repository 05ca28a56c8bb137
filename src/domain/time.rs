//! Time as a value: Unix milliseconds. Reading a clock happens above the core.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize,
)]
pub struct Timestamp {
    pub unix_ms: i64,
}

impl Timestamp {
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Timestamp { unix_ms }
    }

    pub const fn plus_ms(self, ms: i64) -> Self {
        Timestamp { unix_ms: self.unix_ms.saturating_add(ms) }
    }
}

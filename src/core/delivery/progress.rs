//! What is kept of one endpoint's delivery across restarts. Stored for ever in this order: fields
//! are only appended. Losing the newest of it only repeats deliveries.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// An event that was set aside so that others could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub seq: u64,
    /// Failed tries so far.
    pub attempts: u32,
    pub next_try_at: Timestamp,
    pub parked_at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Every event up to and with this seq is delivered, parked, given up or not wanted.
    pub cursor: u64,
    /// Events above the cursor that are delivered already, ascending.
    pub done_above: Vec<u64>,
    /// Ascending by seq.
    pub parked: Vec<Parked>,
    /// The first failure since the last success.
    pub failing_since: Option<Timestamp>,
    /// How often in a row the endpoint was held back.
    pub attempts: u32,
    /// Set while the endpoint is held back: nothing is sent before.
    pub next_try_at: Option<Timestamp>,
}

impl Progress {
    pub fn starting_after(seq: u64) -> Progress {
        Progress { cursor: seq, ..Progress::default() }
    }
}

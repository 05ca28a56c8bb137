//! What is kept of one endpoint's delivery across restarts. Stored for ever in this order: fields
//! are only appended. Losing the newest of it only repeats deliveries.

use serde::{Deserialize, Serialize};

use super::batches::Gathering;
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
#[serde(from = "Stored", into = "Stored")]
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
    /// Members of parked events, where their order counts; ascending by seq.
    pub parked_keys: Vec<(u64, u128)>,
    /// How far replays are: their ids, and what comes next.
    pub replays: Places,
    /// Counter events at or below the cursor, or done above it, that wait for more of them.
    pub gathering: Option<Gathering>,
    /// Batches by their last seq, and their first one; ascending.
    pub batches: Vec<(u64, u64)>,
}

impl Progress {
    pub fn starting_after(seq: u64) -> Progress {
        Progress { cursor: seq, ..Progress::default() }
    }

    /// Forgets failures from before the owner enabled the endpoint again.
    pub fn forgive(&mut self, enabled_at: Timestamp) {
        if self.failing_since.is_none_or(|since| since < enabled_at) {
            (self.failing_since, self.attempts, self.next_try_at) = (None, 0, None);
        }
    }
}

/// Replays by id, and what comes next in each.
pub type Places = Vec<(u64, u64)>;

/// How progress rests beside the log. The last field was once `Option<Timestamp>`; the first two
/// variants of [`Tail`] have that option's very bytes.
#[derive(Serialize, Deserialize)]
struct Stored {
    cursor: u64,
    done_above: Vec<u64>,
    parked: Vec<Parked>,
    failing_since: Option<Timestamp>,
    attempts: u32,
    tail: Tail,
}

#[derive(Serialize, Deserialize)]
enum Tail {
    Free,
    HeldUntil(Timestamp),
    More { next_try_at: Option<Timestamp>, parked_keys: Vec<(u64, u128)>, replays: Places },
    Batches(Box<Batches>),
}

#[derive(Serialize, Deserialize)]
struct Batches {
    next_try_at: Option<Timestamp>,
    parked_keys: Vec<(u64, u128)>,
    replays: Places,
    gathering: Option<Gathering>,
    batches: Vec<(u64, u64)>,
}

impl From<Progress> for Stored {
    fn from(progress: Progress) -> Stored {
        let Progress { next_try_at, parked_keys, replays, gathering, batches, .. } = progress;
        let is_plain = parked_keys.is_empty() && replays.is_empty();
        let has_batches = gathering.is_some() || !batches.is_empty();
        let tail = match next_try_at {
            _ if has_batches => Tail::Batches(Box::new(Batches {
                next_try_at,
                parked_keys,
                replays,
                gathering,
                batches,
            })),
            None if is_plain => Tail::Free,
            Some(time) if is_plain => Tail::HeldUntil(time),
            next_try_at => Tail::More { next_try_at, parked_keys, replays },
        };
        Stored {
            cursor: progress.cursor,
            done_above: progress.done_above,
            parked: progress.parked,
            failing_since: progress.failing_since,
            attempts: progress.attempts,
            tail,
        }
    }
}

impl From<Stored> for Progress {
    fn from(stored: Stored) -> Progress {
        let plain = Progress {
            cursor: stored.cursor,
            done_above: stored.done_above,
            parked: stored.parked,
            failing_since: stored.failing_since,
            attempts: stored.attempts,
            ..Progress::default()
        };
        match stored.tail {
            Tail::Free => plain,
            Tail::HeldUntil(time) => Progress { next_try_at: Some(time), ..plain },
            Tail::More { next_try_at, parked_keys, replays } => {
                Progress { next_try_at, parked_keys, replays, ..plain }
            }
            Tail::Batches(more) => {
                let Batches { next_try_at, parked_keys, replays, gathering, batches } = *more;
                Progress { next_try_at, parked_keys, replays, gathering, batches, ..plain }
            }
        }
    }
}

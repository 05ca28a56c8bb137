//! The site clock: runs at monotonic pace from where the wall clock, or the last record, stood at
//! the start. Steps of the wall clock while the process runs do not reach it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// Where time comes from; tests bring their own.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

pub struct SystemClock {
    started: Instant,
    started_at: Timestamp,
}

impl SystemClock {
    pub fn start() -> SystemClock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        SystemClock { started: Instant::now(), started_at: Timestamp::from_unix_ms(unix_ms) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.started_at.plus_ms(elapsed_ms)
    }
}

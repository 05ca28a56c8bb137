//! What every delivery is counted in, looked up once for all dispatchers of a site. What is rare
//! is looked up where it happens.

use metrics::{Counter, Gauge, Histogram};

use crate::core::delivery::AttemptResult;

pub(super) struct Meters {
    attempt_seconds: Histogram,
    delivered: Counter,
    lag_events: Gauge,
}

impl Meters {
    pub(super) fn new() -> Meters {
        Meters {
            attempt_seconds: metrics::histogram!("webhook_attempt_seconds"),
            delivered: attempts("delivered"),
            lag_events: metrics::gauge!("webhook_lag_events"),
        }
    }

    pub(super) fn tried(&self, result: AttemptResult, seconds: f64) {
        self.attempt_seconds.record(seconds);
        match result {
            AttemptResult::Delivered => self.delivered.increment(1),
            AttemptResult::EndpointFault => attempts("endpoint_fault").increment(1),
            AttemptResult::Throttled { .. } => attempts("throttled").increment(1),
            AttemptResult::EventFault => attempts("event_fault").increment(1),
            AttemptResult::Gone => attempts("gone").increment(1),
        }
    }

    /// One endpoint's part in how far all of them are behind.
    pub(super) fn lag_changed(&self, before: u64, now: u64) {
        if now != before {
            self.lag_events.increment(now as f64 - before as f64);
        }
    }
}

fn attempts(result: &'static str) -> Counter {
    metrics::counter!("webhook_attempts_total", "result" => result)
}

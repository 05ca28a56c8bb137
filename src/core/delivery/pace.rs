//! How many tries a minute an endpoint is given. A rested endpoint may take one second's worth at
//! once.

use crate::domain::Timestamp;

const MINUTE_US: i64 = 60_000_000;
const SECOND_US: i64 = 1_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two tries on average; 0 without a limit.
    step_us: i64,
    /// When the endpoint will have rested from all tries so far.
    rested_at_us: i64,
}

impl Pace {
    pub(super) fn new(rate_per_minute: Option<u32>) -> Pace {
        let step_us = rate_per_minute.map_or(0, |rate| MINUTE_US / i64::from(rate.max(1)));
        Pace { step_us, rested_at_us: i64::MIN }
    }

    /// When the next try is allowed, where it is not now.
    pub(super) fn wait_until(&self, now: Timestamp) -> Option<Timestamp> {
        if self.step_us == 0 {
            return None;
        }
        let ahead_us = (SECOND_US - self.step_us).max(0);
        let allowed_us = self.rested_at_us.saturating_sub(ahead_us);
        let now_us = now.unix_ms.saturating_mul(1_000);
        (allowed_us > now_us).then(|| Timestamp::from_unix_ms((allowed_us + 999).div_euclid(1_000)))
    }

    pub(super) fn note_try(&mut self, now: Timestamp) {
        let now_us = now.unix_ms.saturating_mul(1_000);
        self.rested_at_us = self.rested_at_us.max(now_us) + self.step_us;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tries are let through in so many milliseconds.
    fn tries(rate_per_minute: Option<u32>, span_ms: i64) -> usize {
        let mut pace = Pace::new(rate_per_minute);
        let times = (0..span_ms).map(Timestamp::from_unix_ms);
        let mut count = 0;
        for now in times {
            while count < 100_000 && pace.wait_until(now).is_none() {
                pace.note_try(now);
                count += 1;
            }
        }
        count
    }

    #[test]
    fn a_rate_lets_a_second_through_at_once_and_then_keeps_its_step() {
        assert_eq!(tries(Some(60), 1), 1);
        assert_eq!(tries(Some(60), 10_000), 10);
        assert_eq!(tries(Some(600), 1), 10);
        assert_eq!(tries(Some(600), 10_000), 10 + 99);
        assert_eq!(tries(Some(1), 60_000), 1);
        assert_eq!(tries(Some(1), 60_001), 2);
        assert_eq!(tries(None, 1), 100_000, "no rate, no limit");
    }

    #[test]
    fn the_time_that_is_told_is_the_first_that_is_allowed() {
        let mut pace = Pace::new(Some(7));
        let now = Timestamp::from_unix_ms(1_000);
        pace.note_try(now);
        let next = pace.wait_until(now).expect("a wait");
        assert!(pace.wait_until(next.plus_ms(-1)).is_some());
        assert_eq!(pace.wait_until(next), None);
    }
}

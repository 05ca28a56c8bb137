//! When to try again: the retry waits, their jitter, and what an answer means. No randomness: the
//! jitter is a value that the caller draws.

use std::sync::Arc;

use crate::domain::limits;

/// A deviation from a planned wait, drawn by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jitter {
    permille: i64,
}

impl Jitter {
    pub const NONE: Jitter = Jitter { permille: 0 };

    /// Spreads a uniformly drawn number evenly over the whole allowed deviation.
    pub fn from_draw(draw: u16) -> Jitter {
        let max = limits::DELIVERY_RETRY_JITTER_PERMILLE_MAX;
        let permille = i64::from(draw) * 2 * max / i64::from(u16::MAX) - max;
        Jitter { permille }
    }

    fn applied_to(self, wait_ms: u64) -> u64 {
        let wait_ms = wait_ms as i64;
        (wait_ms + wait_ms * self.permille / 1_000).max(0) as u64
    }
}

/// The waits between the tries of one event, or of one endpoint that is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Shared by all endpoints of a site.
    waits_ms: Arc<[u64]>,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::new(limits::DELIVERY_RETRY_MS.to_vec())
    }
}

impl Schedule {
    /// One wait at least: a schedule without any would retry without a pause.
    pub fn new(waits_ms: Vec<u64>) -> Schedule {
        assert!(!waits_ms.is_empty(), "a retry schedule needs a wait");
        Schedule { waits_ms: waits_ms.into() }
    }

    /// The wait after so many failed tries; beyond the end it stays at the last one.
    pub fn wait_ms(&self, failed_tries: u32, jitter: Jitter) -> u64 {
        let last = self.waits_ms.len() - 1;
        let step = (failed_tries.saturating_sub(1) as usize).min(last);
        jitter.applied_to(self.waits_ms[step])
    }

    /// An event is given up after so many tries, if its endpoint takes others.
    pub fn tries_max(&self) -> u32 {
        self.waits_ms.len() as u32 + 1
    }
}

/// What one try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    Delivered,
    /// No answer, or one that says that the receiver itself is unwell.
    EndpointFault,
    /// The receiver asks for a pause, for so long or for as long as we see fit.
    Throttled {
        retry_after_ms: Option<u64>,
    },
    /// The receiver is well and does not want this event.
    EventFault,
    /// The receiver does not want anything any more.
    Gone,
}

impl AttemptResult {
    /// Judges a whole answer by its status alone; a redirect is never followed and so is a fault.
    pub fn from_status(status: u16, retry_after_ms: Option<u64>) -> AttemptResult {
        match status {
            200..=299 => AttemptResult::Delivered,
            410 => AttemptResult::Gone,
            429 => AttemptResult::Throttled { retry_after_ms },
            400..=407 | 409 | 411..=428 | 430..=499 => AttemptResult::EventFault,
            _ if retry_after_ms.is_some() => AttemptResult::Throttled { retry_after_ms },
            _ => AttemptResult::EndpointFault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_follow_the_published_schedule_and_stay_at_its_end() {
        let schedule = Schedule::default();
        let seconds = |tries| schedule.wait_ms(tries, Jitter::NONE) / 1_000;
        let waits: Vec<u64> = (1..=11).map(seconds).collect();
        let published =
            [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400, 86_400, 86_400];
        assert_eq!(waits, published);
        assert_eq!(schedule.tries_max(), 10);
    }

    #[test]
    fn jitter_stays_within_a_fifth_and_reaches_it() {
        let schedule = Schedule::default();
        assert_eq!(schedule.wait_ms(1, Jitter::from_draw(0)), 4_000);
        assert_eq!(schedule.wait_ms(1, Jitter::from_draw(u16::MAX)), 6_000);
        for draw in (0..=u16::MAX).step_by(97) {
            let wait_ms = schedule.wait_ms(1, Jitter::from_draw(draw));
            assert!((4_000..=6_000).contains(&wait_ms), "draw {draw} gave {wait_ms} ms");
        }
    }

    #[test]
    fn every_status_has_one_meaning() {
        for status in 0..=999 {
            let meaning = AttemptResult::from_status(status, None);
            let expected = match status {
                200..=299 => AttemptResult::Delivered,
                410 => AttemptResult::Gone,
                429 => AttemptResult::Throttled { retry_after_ms: None },
                408 => AttemptResult::EndpointFault,
                400..=499 => AttemptResult::EventFault,
                _ => AttemptResult::EndpointFault,
            };
            assert_eq!(meaning, expected, "status {status}");
        }
        let throttled = AttemptResult::Throttled { retry_after_ms: Some(7) };
        assert_eq!(AttemptResult::from_status(503, Some(7)), throttled);
        assert_eq!(AttemptResult::from_status(404, Some(7)), AttemptResult::EventFault);
    }
}

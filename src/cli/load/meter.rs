//! What a run measured: how much was acknowledged, how long it took, what went wrong.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::error::LoadError;

/// Latencies in microseconds, up to a minute, three digits.
#[derive(Clone, Debug)]
pub struct Latencies {
    histogram: Histogram<u64>,
}

const LATENCY_MICROS_MAX: u64 = 60_000_000;

impl Latencies {
    pub fn new() -> Latencies {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3);
        Latencies { histogram: histogram.expect("the bounds are constants and in order") }
    }

    pub fn record(&mut self, latency: Duration) {
        let micros = latency.as_micros().min(u128::from(LATENCY_MICROS_MAX)) as u64;
        self.histogram.saturating_record(micros.max(1));
    }

    pub fn add(&mut self, other: &Latencies) {
        // Both have the same bounds, so nothing can be left out.
        self.histogram.add(&other.histogram).expect("all latencies have the same bounds");
    }

    pub fn millis_at(&self, quantile: f64) -> f64 {
        self.histogram.value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// `p50 1.20 ms  p99 3.40 ms  p99.9 5.60 ms`
    pub fn summary(&self) -> String {
        let at = |quantile| self.millis_at(quantile);
        format!("p50 {:.2} ms  p99 {:.2} ms  p99.9 {:.2} ms", at(0.5), at(0.99), at(0.999))
    }
}

/// When a round begins to count and when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub measured_from: Instant,
    pub end: Instant,
}

impl Window {
    pub fn starting_now(warm_up: Duration, duration: Duration) -> Window {
        let measured_from = Instant::now() + warm_up;
        Window { measured_from, end: measured_from + duration }
    }

    pub fn seconds(&self) -> f64 {
        (self.end - self.measured_from).as_secs_f64()
    }

    fn measures(&self, at: Instant) -> bool {
        (self.measured_from..=self.end).contains(&at)
    }
}

/// One connection's share of a round, or all of it.
#[derive(Clone, Debug)]
pub struct Meter {
    pub latencies: Latencies,
    /// Acknowledged inside the window.
    pub acknowledged: u64,
    /// Acknowledged at any time, warm-up and end included: what the counters must hold.
    pub acknowledged_total: u64,
    /// Sent, with no answer that says whether it was counted.
    pub uncertain_total: u64,
    pub errors: u64,
    pub first_error: Option<String>,
}

impl Meter {
    pub fn new() -> Meter {
        Meter {
            latencies: Latencies::new(),
            acknowledged: 0,
            acknowledged_total: 0,
            uncertain_total: 0,
            errors: 0,
            first_error: None,
        }
    }

    /// Notes an answer that acknowledged `updates`, asked for at `since`.
    pub fn acknowledge(&mut self, window: &Window, since: Instant, updates: u64) {
        let now = Instant::now();
        self.acknowledged_total += updates;
        if window.measures(now) {
            self.acknowledged += updates;
            self.latencies.record(now.saturating_duration_since(since));
        }
    }

    pub fn fail(&mut self, error: &LoadError) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }

    pub fn add(&mut self, other: &Meter) {
        self.latencies.add(&other.latencies);
        self.acknowledged += other.acknowledged;
        self.acknowledged_total += other.acknowledged_total;
        self.uncertain_total += other.uncertain_total;
        self.errors += other.errors;
        if let Some(error) = &other.first_error {
            self.first_error.get_or_insert_with(|| error.clone());
        }
    }

    pub fn sum(meters: &[Meter]) -> Meter {
        let mut sum = Meter::new();
        meters.iter().for_each(|meter| sum.add(meter));
        sum
    }
}

/// The middle one; of an even number the mean of the two in the middle. 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_window_is_measured_but_everything_is_counted() {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let open = Window { measured_from: now, end: later };
        let not_yet = Window { measured_from: later, end: later };
        let mut meter = Meter::new();
        meter.acknowledge(&not_yet, now, 10);
        meter.acknowledge(&open, now, 5);
        assert_eq!((meter.acknowledged, meter.acknowledged_total), (5, 15));
        assert_eq!(meter.latencies.count(), 1);
    }

    #[test]
    fn sums_keep_the_first_error() {
        let mut meter = Meter::new();
        meter.fail(&LoadError::Usage("first".to_owned()));
        meter.fail(&LoadError::Usage("second".to_owned()));
        let sum = Meter::sum(&[Meter::new(), meter.clone(), meter]);
        assert_eq!((sum.errors, sum.first_error.as_deref()), (4, Some("first")));
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn latencies_beyond_a_minute_stay_at_a_minute() {
        let mut latencies = Latencies::new();
        latencies.record(Duration::from_secs(3_600));
        assert!((latencies.millis_at(1.0) - 60_000.0).abs() < 100.0);
    }
}

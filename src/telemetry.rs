//! Logs to stderr, metrics to whoever scrapes: set up once, by the program. The names of all
//! metrics are described here. Decides nothing and opens no port.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::time::Instant;

use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// Upper bounds, in seconds, of everything that is timed: from an actor's turn to a slow disk.
const SECONDS_BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Upper bounds of everything that is counted by the piece.
const COUNT_BUCKETS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0, 10_000.0];

const COUNTERS: &[(&str, &str)] = &[
    ("journal_append_bytes", "Bytes handed to the journal"),
    ("journal_failures_total", "Appends that failed and were undone"),
    ("journal_trims_total", "Times that a site's log was trimmed behind its snapshots"),
    ("live_frames_sent_total", "Frames written or queued, one for each socket"),
    ("live_records_published_total", "Durable records that a worker's hub has published"),
    ("live_sessions_closed_total", "Connections that the server ended, by reason"),
    ("snapshot_loads_total", "Parts of members that were read back from a snapshot"),
    ("snapshot_write_bytes_total", "Bytes written to the snapshot databases"),
    ("webhook_attempts_total", "Deliveries that were tried, by outcome"),
    ("webhook_skipped_events_total", "Events that retention took before they were delivered"),
];
const GAUGES: &[(&str, &str)] = &[
    ("journal_log_bytes", "Size of the journal's log on disk"),
    ("live_outbox_bytes", "Bytes that wait for sockets which do not take them now"),
    ("live_sessions_count", "Connections that are open now"),
    ("process_open_fds", "Open file descriptors"),
    ("process_resident_memory_bytes", "Memory held in RAM"),
    ("process_uptime_seconds", "Time since the process started"),
    ("site_members_active_count", "Members that have an actor and stay in memory"),
    ("webhook_lag_events", "Events that an endpoint is behind"),
];
const HISTOGRAMS: &[(&str, &str)] = &[
    ("journal_append_seconds", "One append with its sync"),
    ("journal_batch_commits", "Commits that shared one append"),
    ("journal_sync_seconds", "One sync of the journal's files"),
    ("snapshot_complete_seconds", "Completing one checkpoint, with its syncs"),
    ("webhook_attempt_seconds", "One try of a delivery"),
];

#[derive(Debug, Error)]
pub enum TelemetryError {
    #[error("metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
    #[error("metrics were set up already")]
    Twice,
}

/// `filter` was checked when the configuration was read; a second call changes nothing.
pub fn start_logging(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    if lines.with_ansi(stderr().is_terminal()).try_init().is_err() {
        tracing::debug!("logging was set up already");
    }
}

/// The metrics of this process, as Prometheus wants to read them.
#[derive(Clone)]
pub struct Metrics {
    recorder: PrometheusHandle,
    started: Instant,
}

impl Metrics {
    /// Makes this the recorder of the process.
    pub fn install() -> Result<Metrics, TelemetryError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&SECONDS_BUCKETS)?
            .set_buckets_for_metric(Matcher::Suffix("_commits".to_owned()), &COUNT_BUCKETS)?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Twice)?;
        describe_all();
        Ok(Metrics { recorder: handle, started: Instant::now() })
    }

    /// The exposition text, with the process's own numbers as of now.
    pub fn render(&self) -> String {
        gauge!("process_uptime_seconds").set(self.started.elapsed().as_secs_f64());
        if let Some(bytes) = resident_bytes() {
            gauge!("process_resident_memory_bytes").set(bytes as f64);
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            gauge!("process_open_fds").set(entries.count() as f64);
        }
        self.recorder.run_upkeep();
        self.recorder.render()
    }
}

fn describe_all() {
    for (name, meaning) in COUNTERS {
        describe_counter!(*name, *meaning);
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(*name, *meaning);
    }
    for (name, meaning) in HISTOGRAMS {
        describe_histogram!(*name, *meaning);
    }
}

/// `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_tells_the_process_as_it_is_now() {
        let metrics = Metrics::install().unwrap();
        let text = metrics.render();
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 1_000_000.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(text.contains("# TYPE process_uptime_seconds gauge"));
    }

    #[test]
    fn every_metric_is_described_once_and_ends_in_its_unit() {
        let names = [COUNTERS, GAUGES, HISTOGRAMS].concat();
        let mut seen = std::collections::BTreeSet::new();
        for (name, meaning) in names {
            assert!(seen.insert(name), "{name} twice");
            assert!(!meaning.is_empty());
            let units = ["total", "bytes", "seconds", "count", "events", "commits", "fds"];
            assert!(units.contains(&name.rsplit('_').next().unwrap()), "{name}");
        }
    }
}

//! Logs to stderr, metrics to whoever scrapes: set up once, by the program. The names of all
//! metrics are described here. Decides nothing and opens no port.

use std::fs;
use std::time::Instant;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// Upper bounds, in seconds, of everything that is timed: from an actor's turn to a slow disk.
const SECONDS_BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

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
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if subscriber.try_init().is_err() {
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
        let recorder = PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS)?.build_recorder();
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
    describe_gauge!("process_uptime_seconds", Unit::Seconds, "Time since the process started");
    describe_gauge!("process_resident_memory_bytes", Unit::Bytes, "Memory held in RAM");
    describe_gauge!("process_open_fds", Unit::Count, "Open file descriptors");
    describe_histogram!("journal_append_seconds", Unit::Seconds, "One append with its sync");
    describe_counter!("snapshot_loads_total", Unit::Count, "Members read back from a snapshot");
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
}

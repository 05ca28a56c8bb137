//! What identity costs others, measured on the released program from outside.
//! `cargo bench --bench identity -- NAME...` with the names at the end of this file; without a name
//! all of them. Program and load share the machine.

mod flood;
#[allow(dead_code)]
#[path = "../../tests/crash/http.rs"]
mod http;
#[allow(dead_code)]
#[path = "../../tests/crash/server.rs"]
mod server;
mod site;

use std::time::Duration;

/// The load's own threads may wait; no arbiter is among them.
#[allow(clippy::disallowed_methods)]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// Of times in order of size, the one that this part of them does not exceed.
fn quantile(times: &mut [Duration], part: f64) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

type Scenario = (&'static str, fn());

const SCENARIOS: &[Scenario] = &[("flood", flood::of_logins)];

fn main() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, shared by the program and the load");
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for (name, scenario) in SCENARIOS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            scenario();
        }
    }
}

//! Rounds: every lane, the disk and Redis one after the other, again and again, so that a slow
//! minute of the machine falls on all of them; then a table with the medians and their ratios.

use std::path::PathBuf;
use std::time::Duration;

use super::disk::DiskProbe;
use super::error::LoadError;
use super::lanes::{self, Lane, Round};
use super::meter::{Meter, median};
use super::redis::{ASKED, Redis};

/// What to run, how often, beside what.
#[derive(Clone, Debug)]
pub struct Plan {
    pub lanes: Vec<Lane>,
    pub rounds: usize,
    /// Where Redis keeps its log, if it is run.
    pub redis_directory: Option<PathBuf>,
    /// Where the disk is probed, if it is.
    pub disk_directory: Option<PathBuf>,
}

const DISK_SLICE: Duration = Duration::from_secs(1);

/// One line of the table.
#[derive(Clone, Debug)]
struct Row {
    name: String,
    rates: Vec<f64>,
    /// Empty for Redis, which only tells its rate.
    meter: Meter,
}

impl Row {
    fn new(name: String) -> Row {
        Row { name, rates: Vec::new(), meter: Meter::new() }
    }

    fn rate(&self) -> f64 {
        median(&self.rates)
    }
}

/// Runs the plan, prints as it goes, and gives back what all lanes together were told.
pub fn run(plan: &Plan, round: &Round<'_>) -> Result<Meter, LoadError> {
    let in_flight = plan.lanes.iter().map(|lane| lane.updates_in_flight(round.connections));
    let in_flight = in_flight.max().unwrap_or(1);
    let keys = round.members.ids.len();
    let redis = plan.redis_directory.as_deref().map(Redis::start).transpose()?;
    if let Some(redis) = &redis {
        println!("redis-server with appendfsync always, {in_flight} operations in flight");
        redis.fill(keys, in_flight)?;
    }
    let mut probe = plan.disk_directory.as_deref().map(DiskProbe::open).transpose()?;
    let mut ours: Vec<Row> = plan.lanes.iter().map(|lane| Row::new(lane.name())).collect();
    let mut theirs: Vec<Row> = match redis {
        Some(_) => ASKED.iter().map(|asked| Row::new(asked.name())).collect(),
        None => Vec::new(),
    };
    for number in 1..=plan.rounds {
        println!("round {number} of {}", plan.rounds);
        for (row, &lane) in ours.iter_mut().zip(&plan.lanes) {
            probe.as_mut().map(|probe| probe.run(DISK_SLICE)).transpose()?;
            run_lane(row, lane, number, round)?;
        }
        for (row, asked) in theirs.iter_mut().zip(ASKED) {
            let Some(redis) = &redis else { continue };
            let rate = redis.measure(asked, keys, in_flight, round.duration)?;
            println!("{}: {rate:.0} updates/s", row.name);
            row.rates.push(rate);
        }
    }
    if let Some(probe) = &mut probe {
        probe.run(DISK_SLICE)?;
        println!("disk fdatasync 4 KiB, all slices: {}", probe.latencies.summary());
    }
    print_table(&ours, &theirs);
    let meters: Vec<Meter> = ours
        .into_iter()
        .zip(&plan.lanes)
        .filter(|(_, lane)| **lane != Lane::Nothing)
        .map(|(row, _)| row.meter)
        .collect();
    Ok(Meter::sum(&meters))
}

fn run_lane(row: &mut Row, lane: Lane, number: usize, round: &Round<'_>) -> Result<(), LoadError> {
    let name = format!("{}-{}-{number}", round.name, lane.name().replace(' ', ""));
    let seed = round.seed.wrapping_add(number as u64);
    let meter = lanes::run(lane, &Round { name: &name, seed, ..round.clone() })?;
    let rate = meter.acknowledged as f64 / round.duration.as_secs_f64();
    println!("{}: {}", row.name, describe(rate, &meter));
    row.rates.push(rate);
    row.meter.add(&meter);
    Ok(())
}

fn describe(rate: f64, meter: &Meter) -> String {
    let mut text = format!(
        "{rate:.0} updates/s acknowledged, {}, {} errors",
        meter.latencies.summary(),
        meter.errors
    );
    if let Some(error) = &meter.first_error {
        text.push_str(&format!(" (first: {error})"));
    }
    text
}

fn print_table(ours: &[Row], theirs: &[Row]) {
    println!("\n{:<24} {:>12}  rounds (thousands a second)", "median", "updates/s");
    for row in ours.iter().chain(theirs) {
        let rates: Vec<String> =
            row.rates.iter().map(|rate| format!("{:.1}", rate / 1_000.0)).collect();
        println!("{:<24} {:>12.0}  {}", row.name, row.rate(), rates.join(" "));
    }
    for row in ours.iter().filter(|row| row.name != Lane::Nothing.name()) {
        for line in ratios(row, ours, theirs) {
            println!("{line}");
        }
    }
}

/// How many times as much as each of the others, and as the best Redis figure.
fn ratios(row: &Row, ours: &[Row], theirs: &[Row]) -> Vec<String> {
    let times = |other: &Row| row.rate() / other.rate().max(1.0);
    let mut lines = Vec::new();
    if let Some(best) = theirs.iter().max_by(|row, other| row.rate().total_cmp(&other.rate())) {
        lines.push(format!("{} = {:.2} x the best ({})", row.name, times(best), best.name));
        let each = theirs.iter().map(|other| format!("{:.2} x {}", times(other), other.name));
        lines.push(format!("  {}", each.collect::<Vec<_>>().join(", ")));
    }
    let named = |lane: Lane| ours.iter().find(|other| other.name == lane.name());
    if row.name == Lane::Single.name()
        && let Some(noop) = named(Lane::Nothing)
    {
        lines.push(format!("{} = {:.2} x {}", row.name, times(noop), noop.name));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, rates: &[f64]) -> Row {
        Row { rates: rates.to_vec(), ..Row::new(name.to_owned()) }
    }

    #[test]
    fn ratios_are_of_medians_and_against_the_best() {
        let ours = [row("http batch 10", &[900.0, 800.0, 10.0])];
        let theirs = [row("redis INCR -P 100", &[100.0]), row("redis INCR -P 1000", &[50.0])];
        assert_eq!(
            ratios(&ours[0], &ours, &theirs),
            [
                "http batch 10 = 8.00 x the best (redis INCR -P 100)",
                "  8.00 x redis INCR -P 100, 16.00 x redis INCR -P 1000",
            ]
        );
    }

    #[test]
    fn single_requests_are_compared_with_doing_nothing() {
        let ours = [row("http single", &[300.0]), row("http noop", &[400.0])];
        assert_eq!(ratios(&ours[0], &ours, &[]), ["http single = 0.75 x http noop"]);
    }
}

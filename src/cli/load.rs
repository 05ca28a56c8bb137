//! `guildhall load`: a load generator against a running server. Measures, compares, and says in the
//! end whether the counters hold exactly what was acknowledged.

mod crowd;
mod dead_readers;
mod disk;
mod drive;
mod error;
mod http_client;
mod lanes;
mod members;
mod meter;
mod redis;
mod rounds;
mod scrape;
mod seed;
mod social;
mod stream;
mod sum;
mod template;
mod watch;
mod websocket;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args};

use crowd::Crowd;
use error::LoadError;
use http_client::Target;
use lanes::{Lane, Round};
use members::{Members, Spread};
use meter::Meter;
use rounds::Plan;
use seed::Seed;
use social::Social;
use sum::Sum;
use template::ExactlyOnce;
use watch::Watched;

/// Put load on a running server
#[derive(Clone, Debug, Args)]
#[command(group(ArgGroup::new("mode").required(true).multiple(true).args([
    "http_single", "http_batch", "ws", "http_noop", "seed_members", "social", "idle_sockets",
])))]
pub struct LoadArgs {
    /// The server
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The site owner's API key
    #[arg(long, env = "GUILDHALL_OWNER_KEY", hide_env_values = true)]
    key: String,

    /// One increment a request
    #[arg(long)]
    http_single: bool,
    /// So many increments a request
    #[arg(long, value_name = "N")]
    http_batch: Option<usize>,
    /// So many sockets, with --batch increments a frame
    #[arg(long, value_name = "N")]
    ws: Option<usize>,
    /// Requests to a route that does nothing, to compare with
    #[arg(long)]
    http_noop: bool,
    /// Create so many members, with --follows and --counters each
    #[arg(long, value_name = "N")]
    seed_members: Option<usize>,
    /// Follows and likes at --rate operations a second
    #[arg(long, requires = "rate")]
    social: bool,

    /// Open so many live sockets that stay idle, measure each, and send some events to all
    #[arg(long, value_name = "N")]
    idle_sockets: Option<usize>,

    /// Connections over all threads
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Threads of the generator
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Increments a frame, and lines a request when seeding
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// Frames of a socket that wait for their answer
    #[arg(long, default_value_t = 4)]
    in_flight: usize,
    /// Use so many members; all of the file, or the first 1,000,000 of the server
    #[arg(long, value_name = "N")]
    members: Option<usize>,
    /// Member ids, one a line; written when seeding, read otherwise
    #[arg(long, value_name = "FILE")]
    ids_file: Option<PathBuf>,
    /// Draw members by Zipf's law with this exponent instead of uniformly
    #[arg(long, value_name = "S")]
    zipf: Option<f64>,
    /// What makes increments exactly-once
    #[arg(long, value_enum, default_value_t = ExactlyOnce::Producer)]
    exactly_once: ExactlyOnce,
    /// Measured seconds of a round
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    duration: f64,
    /// Unmeasured seconds before
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    warm_up: f64,
    /// Open loop: so many updates or operations a second, late or not
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Rounds; 3 beside Redis, else 1
    #[arg(long)]
    rounds: Option<usize>,
    /// Compare the counters' sum with what was acknowledged
    #[arg(long)]
    check: bool,

    /// Run redis-server and redis-benchmark in the same rounds
    #[arg(long)]
    versus_redis: bool,
    /// Where Redis keeps its log: the disk of the server under load
    #[arg(long, value_name = "DIR", default_value = ".")]
    redis_dir: PathBuf,
    /// Measure the disk's own fdatasync between the rounds
    #[arg(long)]
    disk_probe: bool,
    /// Where the disk is probed
    #[arg(long, value_name = "DIR", default_value = ".")]
    disk_dir: PathBuf,

    /// Follows of each seeded member
    #[arg(long, default_value_t = 20)]
    follows: usize,
    /// Counters of each seeded member
    #[arg(long, default_value_t = 3)]
    counters: usize,
    /// Members that act in the social run
    #[arg(long, default_value_t = 1_000)]
    actors: usize,
    /// Subscribe, and measure how long frames take in the social run
    #[arg(long, value_enum)]
    watch: Option<Watched>,
    /// Every round a second time beside so many sockets that subscribe and never read again
    #[arg(long, value_name = "N", requires = "watch")]
    dead_readers: Option<usize>,
}

/// Members that are learnt from a server without a file.
const MEMBERS_LEARNT_MAX: usize = 1_000_000;
const ROUNDS_BESIDE_REDIS: usize = 3;
/// To each crowd of idle sockets.
const EVENTS_TO_ALL: usize = 5;
const DISK_SLICE: Duration = Duration::from_secs(2);

/// Runs what the arguments ask for; 0 if everything went and the sums are right.
pub fn run(args: LoadArgs) -> ExitCode {
    match args.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guildhall load: {error}");
            ExitCode::FAILURE
        }
    }
}

impl LoadArgs {
    fn run(&self) -> Result<(), LoadError> {
        self.refuse_nonsense()?;
        let target = Target::parse(&self.url, &self.key)?;
        let random: u64 = rand::random();
        let name = format!("load-{:08x}", random as u32);
        if let Some(members) = self.seed_members {
            self.seed(&target, members, random)?;
        }
        let lanes = self.lanes();
        if lanes.is_empty() && !self.social && self.idle_sockets.is_none() {
            return Ok(());
        }
        let members = self.members(&target)?;
        if let Some(sockets) = self.idle_sockets {
            let (target, members) = (&target, &members);
            Crowd { target, members, sockets, events: EVENTS_TO_ALL, name: &name }.run()?;
        }
        if !lanes.is_empty() {
            self.count(&target, &members, lanes, &name, random)?;
        }
        if self.social { self.socialize(&target, &members, &name) } else { Ok(()) }
    }

    fn refuse_nonsense(&self) -> Result<(), LoadError> {
        let lines_max = crate::domain::limits::BATCH_LINES_MAX;
        let lines = self.http_batch.unwrap_or(1).max(self.batch);
        let positive = [self.connections, self.batch, self.in_flight, self.rounds.unwrap_or(1)];
        let given = [self.http_batch, self.ws, self.idle_sockets, self.dead_readers];
        let positive = positive.into_iter().chain(given.into_iter().flatten());
        if lines > lines_max {
            return Err(LoadError::Usage(format!("a batch holds at most {lines_max} lines")));
        }
        if positive.min() == Some(0) || self.duration <= 0.0 || self.warm_up < 0.0 {
            return Err(LoadError::Usage("numbers must be greater than 0".to_owned()));
        }
        if self.versus_redis && self.lanes().is_empty() {
            return Err(LoadError::Usage("--versus-redis needs something to compare".to_owned()));
        }
        Ok(())
    }

    fn lanes(&self) -> Vec<Lane> {
        let batch = self.http_batch.map(|lines| Lane::Batch { lines });
        let in_flight = self.in_flight;
        let sockets =
            self.ws.map(|sockets| Lane::Sockets { sockets, lines: self.batch, in_flight });
        let single = self.http_single.then_some(Lane::Single);
        let nothing = self.http_noop.then_some(Lane::Nothing);
        [single, nothing, batch, sockets].into_iter().flatten().collect()
    }

    fn members(&self, target: &Target) -> Result<Members, LoadError> {
        let wanted = self.members.unwrap_or(MEMBERS_LEARNT_MAX);
        let mut members = match &self.ids_file {
            Some(path) => Members::read(path)?,
            None => drive::runtime()?.block_on(Members::learn(target, wanted))?,
        };
        members.ids.truncate(self.members.unwrap_or(usize::MAX));
        match members.ids.len() {
            0 => Err(LoadError::Usage("the site has no members: see --seed-members".to_owned())),
            count if count < self.members.unwrap_or(0) => {
                Err(LoadError::Usage(format!("there are only {count} members")))
            }
            _ => Ok(members),
        }
    }

    fn seed(&self, target: &Target, members: usize, random: u64) -> Result<(), LoadError> {
        let seed = Seed {
            target,
            members,
            follows_per_member: self.follows,
            counters_per_member: self.counters,
            lines_per_request: self.batch,
            threads: self.threads,
            connections: self.connections,
            random,
        };
        seed.run(self.ids_file.as_deref())
    }

    fn count(
        &self,
        target: &Target,
        members: &Members,
        lanes: Vec<Lane>,
        name: &str,
        random: u64,
    ) -> Result<(), LoadError> {
        let spread = Spread::new(members.ids.len(), self.zipf);
        let round = Round {
            target,
            members,
            spread: &spread,
            exactly_once: self.exactly_once,
            threads: self.threads,
            connections: self.connections,
            rate: self.rate,
            warm_up: Duration::from_secs_f64(self.warm_up),
            duration: Duration::from_secs_f64(self.duration),
            key: name,
            name,
            seed: random,
        };
        let rounds = if self.versus_redis { ROUNDS_BESIDE_REDIS } else { 1 };
        let plan = Plan {
            lanes,
            rounds: self.rounds.unwrap_or(rounds),
            redis_directory: self.versus_redis.then(|| self.redis_dir.clone()),
            disk_directory: self.disk_probe.then(|| self.disk_dir.clone()),
        };
        let meter = rounds::run(&plan, &round)?;
        if self.check { self.check_sum(&round, &meter) } else { Ok(()) }
    }

    fn check_sum(&self, round: &Round<'_>, meter: &Meter) -> Result<(), LoadError> {
        let Round { target, members, key, .. } = *round;
        let sum = Sum {
            target,
            members,
            key,
            threads: self.threads,
            connections: self.connections.min(64),
        };
        let (counted, route) = sum.read()?;
        sum::check(counted, meter)?;
        println!(
            "sum: counters {key} of {} members hold {counted}, acknowledged were {}, of unknown \
             fate {}: right (read by {})",
            members.ids.len(),
            meter.acknowledged_total,
            meter.uncertain_total,
            route.name()
        );
        Ok(())
    }

    fn socialize(&self, target: &Target, members: &Members, name: &str) -> Result<(), LoadError> {
        let social = Social {
            target,
            members,
            actors: self.actors,
            connections: self.connections,
            operations_per_second: self.rate.unwrap_or(1.0),
            warm_up: Duration::from_secs_f64(self.warm_up),
            duration: Duration::from_secs_f64(self.duration),
            watched: self.watch,
            dead_readers: 0,
            run: 0,
            name,
        };
        let mut runs = 0..;
        let mut next_run = || runs.next().unwrap_or_default();
        let mut probe =
            self.disk_probe.then(|| disk::DiskProbe::open(&self.disk_dir)).transpose()?;
        for round in 1..=self.rounds.unwrap_or(1) {
            probe.as_mut().map(|probe| probe.run(DISK_SLICE)).transpose()?;
            let named = format!("{name}-{round}");
            Social { name: &named, run: next_run(), ..social.clone() }.run()?;
            if let Some(dead_readers) = self.dead_readers {
                let named = format!("{name}-{round}-dead");
                Social { name: &named, dead_readers, run: next_run(), ..social.clone() }.run()?;
            }
        }
        if let Some(probe) = &mut probe {
            probe.run(DISK_SLICE)?;
            println!("disk fdatasync 4 KiB, all slices: {}", probe.latencies.summary());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        load: LoadArgs,
    }

    fn check(line: &str, expected: &str) {
        let words = format!("load --key k {line}");
        let shown = match Line::try_parse_from(words.split_whitespace()) {
            Ok(line) => match line.load.refuse_nonsense() {
                Ok(()) => line.load.lanes().iter().map(|lane| lane.name()).collect(),
                Err(error) => vec![error.to_string()],
            },
            Err(error) => vec![error.kind().to_string()],
        };
        assert_eq!(shown.join(", "), expected, "{line}");
    }

    #[test]
    fn arguments_name_the_lanes() {
        check("--http-batch 1000", "http batch 1000");
        check("--http-single --http-noop", "http single, http noop");
        check("--ws 8 --batch 500 --exactly-once op-ids", "ws 8 x 500");
        check("--seed-members 10", "");
        check("--idle-sockets 10", "");
        check("--social --rate 1 --watch site --dead-readers 1", "");
    }

    #[test]
    fn nonsense_is_refused_before_anything_is_done() {
        check("", "one or more required arguments were not provided");
        check("--social", "one or more required arguments were not provided");
        check("--http-batch 0", "numbers must be greater than 0");
        check("--idle-sockets 0", "numbers must be greater than 0");
        check(
            "--social --rate 1 --dead-readers 1",
            "one or more required arguments were not provided",
        );
        check("--http-batch 10001", "a batch holds at most 10000 lines");
        check("--seed-members 1 --versus-redis", "--versus-redis needs something to compare");
    }
}

//! All callers and the event log against one server: load until a moment, then the reckoning.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use super::api::{Answer, Api, Fault};
use super::event_log::EventLog;
use super::power::Power;
use super::random::Random;
use super::server::Server;
use super::worker::{BATCHED_KEY, COUNTED_KEY, Rule, Worker};

const WORKERS: usize = 6;
/// A server that cannot for so many tries in a row is not busy but broken.
const UNAVAILABLE_IN_A_ROW_MAX: usize = 2_000;
/// How long to wait for a checkpoint to be caught in the act.
const AIM_DEADLINE: Duration = Duration::from_secs(10);

pub struct World {
    pub workers: Vec<Worker>,
    pub log: EventLog,
    rules: Vec<Rule>,
    random: Random,
}

/// When the load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    After(Duration),
    /// As soon as a snapshot database has been written to, and the given time later.
    InACheckpoint(Duration),
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let workers =
            (0..WORKERS).map(|index| Worker::new(&format!("w{index}"), random.fork())).collect();
        World { workers, log: EventLog::default(), rules: Vec::new(), random }
    }

    pub fn set_up(&mut self, server: &Server) {
        let mut api = Api::new(server.address);
        // One line that single increments cross, one that batches cross.
        for (key, reaches) in [(COUNTED_KEY, 12), (BATCHED_KEY, 900)] {
            let badge = answered(api.create_ruled_badge(key, reaches));
            self.rules.push(Rule { badge, key, reaches });
        }
        for worker in &mut self.workers {
            answered(worker.set_up(&mut api));
        }
    }

    /// Half of the moments are aimed at checkpoints, half fall where they fall.
    pub fn next_moment(&mut self) -> Moment {
        if self.random.below(2) == 0 {
            Moment::InACheckpoint(Duration::from_micros(self.random.below(15_000) as u64))
        } else {
            Moment::After(Duration::from_millis(100 + self.random.below(1_200) as u64))
        }
    }

    /// How long a start may run before it is killed again; most starts are left alone.
    pub fn next_early_kill(&mut self) -> Option<Duration> {
        let early = self.random.below(4) == 0;
        early.then(|| Duration::from_millis(self.random.below(120) as u64))
    }

    /// Runs the load, calls `interrupt` at the moment and joins the callers, who notice by
    /// themselves. Tells whether the moment fell into a checkpoint.
    pub fn load(
        &mut self,
        server: Server,
        data_dir: &Path,
        moment: Moment,
        interrupt: impl FnOnce(Server, &Power),
    ) -> bool {
        let stop = AtomicBool::new(false);
        let interrupted = AtomicBool::new(false);
        let answers = AtomicU64::new(0);
        let (failed, failures) = mpsc::channel();
        let power = Arc::new(Power::default());
        let address = server.address;
        let new_api = || Api::powered_by(address, Arc::clone(&power));
        let log = &mut self.log;
        let hit = std::thread::scope(|scope| {
            for worker in &mut self.workers {
                let bell = Bell { stop: &stop, interrupted: &interrupted, failed: failed.clone() };
                let (answers, api) = (&answers, new_api());
                scope.spawn(move || work(worker, api, answers, &bell));
            }
            let bell = Bell { stop: &stop, interrupted: &interrupted, failed: failed.clone() };
            let api = new_api();
            scope.spawn(move || read(log, api, &bell));
            let hit = wait_for(moment, data_dir, &failures);
            interrupted.store(true, Ordering::SeqCst);
            interrupt(server, &power);
            stop.store(true, Ordering::SeqCst);
            hit
        });
        if let Ok(failure) = failures.try_recv() {
            panic!("{failure}");
        }
        assert!(answers.load(Ordering::SeqCst) > 0, "not one answer before the moment");
        hit
    }

    /// Everything that was acknowledged is there, once; what was in doubt is repeated and then
    /// there, once.
    pub fn reckon(&mut self, server: &Server) {
        let mut api = Api::new(server.address);
        answered(self.log.read_again(&mut api));
        for worker in &self.workers {
            answered(worker.check(&mut api));
        }
        for worker in &mut self.workers {
            answered(worker.settle(&mut api));
            answered(worker.check(&mut api));
            answered(worker.check_producer_gap(&mut api));
        }
        while answered(self.log.read_on(&mut api)) {}
        for rule in &self.rules {
            let holders = answered(api.holders(&rule.badge));
            for worker in &self.workers {
                answered(worker.check_rule(&mut api, rule, &holders));
            }
            for member in &holders {
                let fact = format!("badge {member} {}", rule.badge);
                assert!(self.log.holds(&fact), "no event about {fact}");
            }
        }
        self.check_log_adds_up();
    }

    fn check_log_adds_up(&self) {
        let (mut acknowledged, mut sent) = (0, 0);
        for worker in &self.workers {
            for (fact, holds) in worker.acknowledged_facts() {
                assert_eq!(self.log.holds(&fact), holds, "events about {fact}");
            }
            let (created, tried) = worker.members();
            (acknowledged, sent) = (acknowledged + created, sent + tried);
        }
        let logged = self.log.members();
        assert!((acknowledged..=sent).contains(&logged), "{logged} members were logged");
    }

    pub fn acknowledged(&self) -> u64 {
        self.workers.iter().map(|worker| worker.tally.acknowledged).sum()
    }

    pub fn repeated(&self) -> u64 {
        self.workers.iter().map(|worker| worker.tally.repeated).sum()
    }
}

/// What callers hear and say while they work.
struct Bell<'a> {
    stop: &'a AtomicBool,
    /// From here on the world is broken on purpose, and failures say so rightly.
    interrupted: &'a AtomicBool,
    failed: Sender<String>,
}

impl Bell<'_> {
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Tells the test about a fault that no interruption explains.
    fn report(&self, who: &str, fault: Fault) {
        let story = match fault {
            Fault::Lost | Fault::Dark | Fault::Unavailable => return,
            Fault::Failed(_) if self.interrupted.load(Ordering::SeqCst) => return,
            Fault::Failed(story) | Fault::Wrong(story) => story,
        };
        // Nobody listens any more only when the test has failed already.
        self.failed.send(format!("{who}: {story}")).ok();
    }
}

fn work(worker: &mut Worker, mut api: Api, answers: &AtomicU64, bell: &Bell<'_>) {
    let mut unavailable_in_a_row = 0;
    while !bell.is_over() {
        match worker.step(&mut api) {
            Ok(()) => {
                answers.fetch_add(1, Ordering::SeqCst);
                unavailable_in_a_row = 0;
            }
            Err(Fault::Dark) => {}
            Err(Fault::Unavailable) if unavailable_in_a_row < UNAVAILABLE_IN_A_ROW_MAX => {
                unavailable_in_a_row += 1;
            }
            Err(Fault::Unavailable) => {
                let story = Fault::Wrong("unavailable for ever".to_owned());
                return bell.report(&worker.name, story);
            }
            Err(fault) => return bell.report(&worker.name, fault),
        }
    }
}

/// Reads what is shown while it is written: it must still be there after the crash.
fn read(log: &mut EventLog, mut api: Api, bell: &Bell<'_>) {
    while !bell.is_over() {
        match log.read_on(&mut api) {
            Ok(_) | Err(Fault::Dark | Fault::Unavailable) => {}
            Err(fault) => return bell.report("events", fault),
        }
    }
}

/// Returns at the moment, and tells whether it fell into a checkpoint.
fn wait_for(moment: Moment, data_dir: &Path, failures: &Receiver<String>) -> bool {
    let before = newest_write(data_dir);
    match moment {
        Moment::After(delay) => {
            pause(delay, failures);
            false
        }
        Moment::InACheckpoint(delay) => {
            let deadline = Instant::now() + AIM_DEADLINE;
            while newest_write(data_dir) == before {
                if Instant::now() > deadline {
                    return false;
                }
                pause(Duration::from_millis(1), failures);
            }
            pause(delay, failures);
            true
        }
    }
}

/// Waits for a failure, for the given time at most; a failure ends the test.
fn pause(delay: Duration, failures: &Receiver<String>) {
    match failures.recv_timeout(delay) {
        Ok(failure) => panic!("{failure}"),
        Err(RecvTimeoutError::Timeout) => {}
        Err(RecvTimeoutError::Disconnected) => panic!("every caller is gone"),
    }
}

/// When a snapshot database was written to last: sled keeps a file `db` beside a file `conf`.
fn newest_write(folder: &Path) -> Option<(SystemTime, u64)> {
    let mut newest = None;
    let Ok(entries) = std::fs::read_dir(folder) else { return None };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let found = if path.is_dir() { newest_write(&path) } else { written(&path) };
        newest = newest.max(found);
    }
    newest
}

fn written(path: &Path) -> Option<(SystemTime, u64)> {
    let is_database = path.file_name()? == "db" && path.with_file_name("conf").exists();
    let metadata = path.metadata().ok().filter(|_| is_database)?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// With a server that is up, everything is answered; what is not fails the test.
fn answered<T>(answer: Answer<T>) -> T {
    match answer {
        Ok(value) => value,
        Err(fault) => panic!("the server is up, but: {fault:?}"),
    }
}

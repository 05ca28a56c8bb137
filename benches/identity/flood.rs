//! More logins than passwords can be hashed: who else notices, and who gets in.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::server::OWNER_KEY;
use super::site::{Caller, Door, PASSWORD, Site, email};
use super::{ms, quantile, wait};

const ACCOUNTS: usize = 400;
const PER_SECOND: usize = 200;
const FLOOD: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(15);
const CALIBRATION: Duration = Duration::from_secs(5);
/// More than wait to be hashed, so that what is turned away has a connection too.
const CONNECTIONS: usize = 160;
const PROBES_PER_SECOND: usize = 100;
/// One of so many passwords is wrong.
const WRONG_EVERY: usize = 4;

/// Reads and writes of others, by their times.
#[derive(Default)]
struct Probes {
    reads: Vec<Duration>,
    writes: Vec<Duration>,
}

impl Probes {
    fn p99(&mut self) -> [Duration; 2] {
        [quantile(&mut self.reads, 0.99), quantile(&mut self.writes, 0.99)]
    }
}

pub fn of_logins() {
    let site = Site::start(ACCOUNTS);
    let capacity = hashing(&site.door);
    let idle = probe(&site.door, IDLE).p99();
    let (before, _) = site.resident_mb();
    let answers = Mutex::new(BTreeMap::new());
    let mut flooded = std::thread::scope(|scope| {
        let probes = scope.spawn(|| probe(&site.door, FLOOD));
        flood(&site.door, &answers);
        probes.join().expect("the probes end")
    });
    let flooded = flooded.p99();
    let (after, most) = site.resident_mb();
    let answers = answers.into_inner().expect("nobody panicked");
    let let_in = answers.get(&200).copied().unwrap_or(0) as f64 / FLOOD.as_secs_f64();
    println!(
        "flood: {PER_SECOND} logins/s for {} s, answers {answers:?}; let in {let_in:.1}/s of \
         {capacity:.1}/s that hashing can do ({:.0} %)",
        FLOOD.as_secs(),
        100.0 * let_in / capacity,
    );
    for (name, idle, flooded) in [("reads", idle[0], flooded[0]), ("writes", idle[1], flooded[1])] {
        println!(
            "flood: p99 of other {name} {:.2} ms idle, {:.2} ms under the flood ({:.2} times)",
            ms(idle),
            ms(flooded),
            ms(flooded) / ms(idle),
        );
    }
    println!("flood: resident {before:.0} MB before, {after:.0} MB after, {most:.0} MB at most");
    let allowed = [200, 401, 429, 503];
    let strange: Vec<&u16> = answers.keys().filter(|status| !allowed.contains(status)).collect();
    assert!(strange.is_empty(), "answers that nobody expects: {strange:?}");
}

/// Right passwords a second, one after the other on as many connections as are hashed at once.
fn hashing(door: &Door) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let at_once = (cores / 2).max(1);
    let done = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                let mut caller = Caller::new(door.address, &door.visitor, 0);
                while began.elapsed() < CALIBRATION {
                    let number = done.fetch_add(1, Ordering::Relaxed);
                    caller.reconnect(number);
                    let reply = caller.login(&email(number % ACCOUNTS), PASSWORD);
                    assert_eq!(reply.status, 200, "{}", reply.text);
                }
            });
        }
    });
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

fn flood(door: &Door, answers: &Mutex<BTreeMap<u16, usize>>) {
    let (next, began) = (AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for address in 0..CONNECTIONS {
            let next = &next;
            scope.spawn(move || {
                let mut caller = Caller::new(door.address, &door.visitor, address);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let due = Duration::from_secs_f64(number as f64 / PER_SECOND as f64);
                    if due >= FLOOD {
                        return;
                    }
                    wait(due.saturating_sub(began.elapsed()));
                    let is_wrong = number.is_multiple_of(WRONG_EVERY);
                    let password = if is_wrong { "a wrong guess" } else { PASSWORD };
                    let reply = caller.login(&email(number % ACCOUNTS), password);
                    *answers.lock().expect("nobody panicked").entry(reply.status).or_insert(0) += 1;
                }
            });
        }
    });
}

/// Reads and durable writes in turn, each timed from when it was due.
fn probe(door: &Door, time: Duration) -> Probes {
    let mut owner = Caller::new(door.address, OWNER_KEY, 0);
    let list = owner.send("GET", "/members/v1/members?paging.limit=1", None).json();
    let member = list["members"][0]["id"].as_str().expect("a member").to_owned();
    let (read, write) = (
        format!("/members/v1/members/{member}"),
        format!("/members/v1/activity-counters/{member}/increment"),
    );
    let body = "{\"counter\":{\"key\":\"probes\",\"delta\":1}}";
    let (began, mut probes) = (Instant::now(), Probes::default());
    for number in 0..(time.as_secs() as usize * PROBES_PER_SECOND) {
        let due = Duration::from_secs_f64(number as f64 / PROBES_PER_SECOND as f64);
        wait(due.saturating_sub(began.elapsed()));
        let reply = match number % 2 {
            0 => owner.send("GET", &read, None),
            _ => owner.send("POST", &write, Some(body)),
        };
        assert_eq!(reply.status, 200, "{}", reply.text);
        let took = began.elapsed().saturating_sub(due);
        if number % 2 == 0 { probes.reads.push(took) } else { probes.writes.push(took) }
    }
    probes
}

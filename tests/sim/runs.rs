//! Which seeds are run, on how many threads, and what is told of a failure.

use std::env;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::tally::Tally;
use crate::trace;
use crate::world::attempt;

const RUNS_DEFAULT: u64 = 300;
pub const THREADS: usize = 2;
/// A run of many seeds ends early once so many failed.
const VIOLATIONS_MAX: usize = 3;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// How many tests want panics to be told as violations, once, at the end.
static QUIET: AtomicUsize = AtomicUsize::new(0);

pub struct Quiet;

pub fn keep_panics_quiet() -> Quiet {
    if QUIET.fetch_add(1, Ordering::SeqCst) == 0 {
        panic::set_hook(Box::new(|_| {}));
    }
    Quiet
}

pub fn speak_again(_: Quiet) {
    if QUIET.fetch_sub(1, Ordering::SeqCst) == 1 {
        let _silent = panic::take_hook();
    }
}

/// Runs a seed again with its steps written down, and says how to do so by hand.
fn tell(seed: u64, violation: &str) -> String {
    trace::turn_on();
    let again = attempt(seed);
    trace::turn_off();
    let steps = trace::taken().join("\n");
    let is_same = again.as_ref().err().is_some_and(|again| again == violation);
    let note = if is_same { "" } else { "\nand it went otherwise the second time" };
    format!(
        "seed {seed}: the last steps\n{steps}\n\nseed {seed}: {violation}{note}\n\
         replay: SIM_SEED={seed} cargo test --test sim every_seed_holds -- --nocapture"
    )
}

#[test]
fn every_seed_holds() {
    let seeds = match (number("SIM_SEED"), number("SIM_RUNS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, runs) => 0..runs.unwrap_or(RUNS_DEFAULT),
    };
    let quiet = keep_panics_quiet();
    let started = Instant::now();
    let (next, all) = (AtomicU64::new(seeds.start), Mutex::new(Tally::default()));
    let violations = Mutex::new(Vec::new());
    let worker = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let failed =
                violations.lock().map_or(0, |found: std::sync::MutexGuard<'_, Vec<_>>| found.len());
            if !seeds.contains(&seed) || failed >= VIOLATIONS_MAX {
                return;
            }
            match attempt(seed) {
                Ok(tally) => all.lock().expect("no one panics here").add(tally),
                Err(violation) => {
                    let told = tell(seed, &violation);
                    violations.lock().expect("no one panics here").push(told);
                }
            }
        }
    };
    thread::scope(|scope| {
        (0..THREADS).for_each(|_| {
            scope.spawn(worker);
        });
    });
    speak_again(quiet);
    let violations = violations.into_inner().expect("no one panics here");
    assert!(violations.is_empty(), "{}", violations.join("\n\n"));
    let all = all.into_inner().expect("no one panics here");
    let runs = seeds.end - seeds.start;
    println!("{runs} seeds hold after {:?}: {all:?}", started.elapsed());
    assert!(all.is_full() || runs < RUNS_DEFAULT, "something never came to pass: {all:?}");
}

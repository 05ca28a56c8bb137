//! Which seeds are run, on how many threads, and what is told of a failure.

use std::env;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::trace;
use crate::world::{Summary, attempt};

const RUNS_DEFAULT: u64 = 300;
const THREADS: usize = 2;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// Panics are told as violations, once, at the end.
fn keep_panics_quiet() {
    panic::set_hook(Box::new(|_| {}));
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
    if let Some(seed) = number("SIM_SEED") {
        match attempt(seed) {
            Ok(summary) => return println!("seed {seed} holds: {summary:?}"),
            Err(violation) => panic!("{}", tell(seed, &violation)),
        }
    }
    keep_panics_quiet();
    let runs = number("SIM_RUNS").unwrap_or(RUNS_DEFAULT);
    let started = Instant::now();
    let (next, all) = (AtomicU64::new(0), Mutex::new(Summary::default()));
    let violations = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let is_over = violations.lock().map_or(true, |found| found.len() >= 3);
                    if seed >= runs || is_over {
                        return;
                    }
                    match attempt(seed) {
                        Ok(summary) => all.lock().expect("no one panics here").add(summary),
                        Err(violation) => {
                            let told = tell(seed, &violation);
                            violations.lock().expect("no one panics here").push(told);
                        }
                    }
                }
            });
        }
    });
    let _own = panic::take_hook();
    let violations = violations.into_inner().expect("no one panics here");
    assert!(violations.is_empty(), "{}", violations.join("\n\n"));
    let all = all.into_inner().expect("no one panics here");
    println!("{runs} seeds hold after {:?}: {all:?}", started.elapsed());
}

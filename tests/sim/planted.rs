//! The simulation is itself tested: each planted fault has to be noticed.

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use guildhall::core::fault::{Fault, plant};

use crate::runs::{THREADS, keep_panics_quiet, speak_again};
use crate::world::attempt;

const SEEDS_MAX: u64 = 500;

/// The first seed that notices a fault, with what it says.
fn caught(fault: Fault) -> Option<(u64, String)> {
    plant(Some(fault));
    let found = (0..SEEDS_MAX).find_map(|seed| Some((seed, attempt(seed).err()?)));
    plant(None);
    found
}

#[test]
fn every_planted_fault_is_caught_within_500_seeds() {
    if env::var_os("SIM_SEED").is_some() || env::var_os("SIM_RUNS").is_some() {
        return println!("left out: certain seeds were asked for");
    }
    let quiet = keep_panics_quiet();
    let (next, told) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(fault) = Fault::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = caught(*fault);
                    told.lock().expect("no one panics here").push((*fault, found));
                }
            });
        }
    });
    speak_again(quiet);
    let told = told.into_inner().expect("no one panics here");
    for (fault, found) in &told {
        match found {
            Some((seed, violation)) => println!("{fault:?}: seed {seed}: {violation:.150}"),
            None => println!("{fault:?}: not noticed"),
        }
    }
    let missed = told.iter().filter(|(_, found)| found.is_none()).map(|(fault, _)| fault);
    assert_eq!(missed.collect::<Vec<_>>(), Vec::<&Fault>::new(), "faults that nobody noticed");
}

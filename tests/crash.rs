//! The real program under load, killed without warning and started again, over and over.
//!
//! What was acknowledged is kept here, outside. `CRASH_CYCLES` says how often, `CRASH_SEED` which
//! dice, `GUILDHALL_BINARY` which program (else the one built beside this test).

#[path = "crash/api.rs"]
mod api;
#[path = "crash/event_log.rs"]
mod event_log;
#[path = "crash/http.rs"]
mod http;
#[path = "crash/power.rs"]
mod power;
#[path = "power_cut/cuts.rs"]
mod power_cut;
#[path = "crash/random.rs"]
mod random;
#[path = "crash/server.rs"]
mod server;
#[path = "power_cut/volume.rs"]
mod volume;
#[path = "crash/worker.rs"]
mod worker;
#[path = "crash/world.rs"]
mod world;

use std::time::Duration;

use server::{Home, Server};
use world::World;

/// Small, so that checkpoints and trims come every few hundred milliseconds.
const CONFIG: &str = "[checkpoint]\nlog_bytes_max = 131072\n";
const CYCLES_IN_A_PLAIN_RUN: u64 = 3;
const READY_MAX: Duration = Duration::from_secs(2);
/// An unoptimised program is not held to the promise.
const READY_UNOPTIMISED_MAX: Duration = Duration::from_secs(20);
/// From so many cycles on the log must have been trimmed and the snapshots read.
const CYCLES_TO_SEE_TRIMS: u64 = 20;
const LOADS_METRIC: &str = "snapshot_loads_total";
const TRIMS_METRIC: &str = "site_journal_trims_total";

#[derive(Default)]
struct Totals {
    kills: u64,
    kills_in_checkpoints: u64,
    kills_in_starts: u64,
    trims: u64,
    snapshot_loads: u64,
    slowest_ready: Duration,
}

#[test]
fn what_was_acknowledged_survives_every_kill() {
    let cycles = number("CRASH_CYCLES", CYCLES_IN_A_PLAIN_RUN);
    let seed = number("CRASH_SEED", 8_412);
    let desk = tempfile::tempdir().expect("a desk");
    let data_dir = desk.path().join("data");
    let home = Home::new(env!("CARGO_BIN_EXE_guildhall"), desk.path(), &data_dir, CONFIG);
    println!("crash: {cycles} cycles of {}, CRASH_SEED={seed}", home.binary.display());
    let mut world = World::new(seed);
    let mut totals = Totals::default();
    let mut server = home.start().ready();
    world.set_up(&server);
    for cycle in 1..=cycles {
        server = one_cycle(cycle, server, &home, &mut world, &mut totals);
    }
    totals.note(&server);
    drop(server);
    home.verify();
    home.assert_no_panic_was_logged();
    totals.tell(cycles, &world);
    if cycles >= CYCLES_TO_SEE_TRIMS {
        assert!(totals.trims >= 2, "the log was trimmed {} times", totals.trims);
        assert!(totals.snapshot_loads > 0, "no snapshot was read");
        assert!(totals.kills_in_checkpoints > 0, "no kill fell into a checkpoint");
    }
}

fn one_cycle(
    cycle: u64,
    server: Server,
    home: &Home,
    world: &mut World,
    totals: &mut Totals,
) -> Server {
    let moment = world.next_moment();
    totals.kills += 1;
    let in_checkpoint = world.load(server, &home.data_dir, moment, |server, _| {
        totals.note(&server);
        server.kill();
    });
    totals.kills_in_checkpoints += u64::from(in_checkpoint);
    if cycle.is_multiple_of(3) {
        // Also of a log that nobody has recovered yet.
        home.verify();
    }
    while let Some(delay) = world.next_early_kill() {
        home.start().interrupt_within(delay, || ());
        totals.kills_in_starts += 1;
    }
    let server = home.start().ready();
    totals.slowest_ready = totals.slowest_ready.max(server.ready_after);
    assert!(server.ready_after <= ready_max(), "ready after {:?}", server.ready_after);
    world.reckon(&server);
    if cycle % 3 == 1 {
        // Of a running server, through its admin socket.
        home.verify();
    }
    println!(
        "crash: cycle {cycle}: {moment:?}, {} acknowledged, {} events, ready in {:?}",
        world.acknowledged(),
        world.log.len(),
        server.ready_after
    );
    server
}

impl Totals {
    /// Metrics end with the process: they are added up before each kill.
    fn note(&mut self, server: &Server) {
        self.trims += server.metric(TRIMS_METRIC);
        self.snapshot_loads += server.metric(LOADS_METRIC);
    }

    fn tell(&self, cycles: u64, world: &World) {
        println!(
            "crash: {cycles} cycles, {} acknowledged, 0 lost, 0 doubled; {} repeated after a \
             crash; {} kills, {} in a checkpoint, {} more in a start; {} trims, {} snapshot loads; \
             slowest ready {:?}",
            world.acknowledged(),
            world.repeated(),
            self.kills,
            self.kills_in_checkpoints,
            self.kills_in_starts,
            self.trims,
            self.snapshot_loads,
            self.slowest_ready
        );
    }
}

fn ready_max() -> Duration {
    let optimised = std::env::var_os("GUILDHALL_BINARY").is_some() || !cfg!(debug_assertions);
    if optimised { READY_MAX } else { READY_UNOPTIMISED_MAX }
}

/// A number from the environment.
pub fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => otherwise,
    }
}

//! The real program on a file system whose power is cut under load: nothing acknowledged is lost,
//! and it always opens again. Part of the crash test, whose callers and reckoning it shares.
//!
//! Asked for with `POWER_CUTS=15` (tests/power_cut/run does it); `POWER_CUT_SEED` throws the same
//! dice again, `GUILDHALL_BINARY` names the program.

use std::time::Duration;

use super::number;
use super::server::{Home, Server};
use super::volume::Volume;
use super::world::World;

/// Smaller than in the crash test: a checkpoint is nearly always under way.
const CONFIG: &str = "[checkpoint]\nlog_bytes_max = 65536\n";
/// How long a program may go on believing that it can write.
const AFTERLIFE: Duration = Duration::from_millis(200);
/// From so many cuts on some must have fallen into a checkpoint.
const CUTS_TO_HIT_CHECKPOINTS: u64 = 6;

#[derive(Default)]
struct Totals {
    in_checkpoints: u64,
    in_starts: u64,
    slowest_ready: Duration,
}

#[test]
fn what_was_acknowledged_survives_every_cut() {
    let cuts = number("POWER_CUTS", 0);
    if cuts == 0 {
        println!("power cut: not asked for (POWER_CUTS=15 cuts fifteen times, as root)");
        return;
    }
    let desk = tempfile::tempdir().expect("a desk");
    match Volume::make(desk.path()).and_then(volume_that_can_be_cut) {
        Ok(volume) => cut_again_and_again(volume, cuts, desk.path()),
        Err(story) => println!("power cut: CANNOT RUN HERE ({story})"),
    }
}

fn volume_that_can_be_cut(mut volume: Volume) -> Result<Volume, String> {
    volume.cut_power()?;
    volume.power_returns();
    Ok(volume)
}

fn cut_again_and_again(mut volume: Volume, cuts: u64, desk: &std::path::Path) {
    let seed = number("POWER_CUT_SEED", 8_412);
    let data_dir = volume.mounted_at.join("data");
    let home = Home::new(env!("CARGO_BIN_EXE_guildhall"), desk, &data_dir, CONFIG);
    println!("power cut: {cuts} cuts of {}, POWER_CUT_SEED={seed}", home.binary.display());
    let mut world = World::new(seed);
    let mut totals = Totals::default();
    let mut server = home.start().ready();
    world.set_up(&server);
    for cut in 1..=cuts {
        server = one_cut(server, &home, &mut volume, &mut world, &mut totals);
        println!(
            "power cut: {cut}: {} acknowledged, {} events, ready in {:?}",
            world.acknowledged(),
            world.log.len(),
            server.ready_after
        );
    }
    server.kill();
    home.verify();
    println!(
        "power cut: {cuts} cuts, {} acknowledged, 0 lost, 0 unopenable; {} cuts in a checkpoint, \
         {} more in a start; {} repeated; slowest ready {:?}",
        world.acknowledged(),
        totals.in_checkpoints,
        totals.in_starts,
        world.repeated(),
        totals.slowest_ready
    );
    if cuts >= CUTS_TO_HIT_CHECKPOINTS {
        assert!(totals.in_checkpoints > 0, "no cut fell into a checkpoint");
    }
}

fn one_cut(
    server: Server,
    home: &Home,
    volume: &mut Volume,
    world: &mut World,
    totals: &mut Totals,
) -> Server {
    let moment = world.next_moment();
    let in_checkpoint = world.load(server, &home.data_dir, moment, |server, power| {
        power.goes();
        volume.cut_power().expect("the power can be cut");
        power.is_gone_from_now_on();
        server.ends_within(AFTERLIFE);
    });
    totals.in_checkpoints += u64::from(in_checkpoint);
    volume.power_returns();
    if let Some(delay) = world.next_early_kill() {
        home.start().interrupt_within(delay, || volume.cut_power().expect("the power can be cut"));
        volume.power_returns();
        totals.in_starts += 1;
    }
    let server = home.start().ready();
    totals.slowest_ready = totals.slowest_ready.max(server.ready_after);
    world.reckon(&server);
    server
}

//! What the store of snapshots costs for a site of a million members: time, memory, disk.
//! `cargo bench --bench snapshot` prints a table; `SNAPSHOT_BENCH_SCALE=100` makes it 100 times
//! smaller, `SNAPSHOT_BENCH_CACHE_MB` sets the page caches, `SNAPSHOT_BENCH_DIR` says where. Not a
//! criterion bench: one run takes a minute.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, process};

use guildhall::domain::SiteId;
use guildhall::domain::limits::SNAPSHOT_READ_BACK_MAX;
use guildhall::snapshot::{Key, Mark, Slot, SnapshotOptions, SnapshotStore};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SITE: SiteId = SiteId::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
const READ_ENV: &str = "SNAPSHOT_BENCH_READ";
const PUT_AT_ONCE: u64 = 256;

struct Kind {
    kind: u8,
    name: &'static str,
    count: u64,
    bytes: usize,
}

fn kinds() -> [Kind; 3] {
    let scale = env::var("SNAPSHOT_BENCH_SCALE").ok().and_then(|text| text.parse().ok());
    let scale: u64 = scale.unwrap_or(1);
    [
        Kind { kind: 1, name: "blocks", count: 31_000 / scale, bytes: 5_000 },
        Kind { kind: 2, name: "profiles", count: 1_000_000 / scale, bytes: 300 },
        Kind { kind: 3, name: "sets", count: 1_000_000 / scale, bytes: 200 },
    ]
}

fn options() -> SnapshotOptions {
    let megabytes = env::var("SNAPSHOT_BENCH_CACHE_MB").ok().and_then(|text| text.parse().ok());
    let default = SnapshotOptions::default();
    let cache_bytes = megabytes.map_or(default.cache_bytes, |megabytes: u64| megabytes << 20);
    SnapshotOptions { cache_bytes, ..default }
}

fn main() {
    if let Some(directory) = env::var_os(READ_ENV) {
        return read(Path::new(&directory));
    }
    let base = env::var_os("SNAPSHOT_BENCH_DIR").map(PathBuf::from);
    let base = base.unwrap_or_else(env::temp_dir);
    let directory = tempfile::tempdir_in(base).expect("a directory");
    write(directory.path());
    let exe = env::current_exe().expect("an executable");
    let mut reader = process::Command::new(exe);
    let status = reader.env(READ_ENV, directory.path()).status().expect("a reader");
    assert!(status.success());
}

fn write(directory: &Path) {
    let (store, _) = SnapshotStore::open(directory, options()).expect("opens");
    report("empty, open", Instant::now(), 0);
    for (round, slot) in [Slot::A, Slot::B].into_iter().enumerate() {
        store.begin(SITE, slot).expect("begins");
        for kind in kinds() {
            let started = Instant::now();
            put(&store, slot, &kind, 1, round as u64);
            report(&format!("{slot}: put {}", kind.name), started, kind.count);
        }
        complete(&store, slot, round as u64);
        println!("  disk {} MB", disk_bytes(&directory.join(slot.name())) / 1_000_000);
    }
    for (round, slot) in [Slot::A, Slot::B, Slot::A, Slot::B].into_iter().enumerate() {
        store.begin(SITE, slot).expect("begins");
        for (kind, step) in kinds().iter().zip([1, 10, 10]) {
            let started = Instant::now();
            put(&store, slot, kind, step, 100 + round as u64);
            report(&format!("{slot}: every {step}th {}", kind.name), started, kind.count / step);
        }
        complete(&store, slot, 100 + round as u64);
        println!("  disk {} MB", disk_bytes(&directory.join(slot.name())) / 1_000_000);
    }
    let started = Instant::now();
    drop(store);
    report("close", started, 0);
}

fn put(store: &SnapshotStore, slot: Slot, kind: &Kind, step: u64, round: u64) {
    for first in (0..kind.count).step_by((PUT_AT_ONCE * step) as usize) {
        let numbers = (first..kind.count.min(first + PUT_AT_ONCE * step)).step_by(step as usize);
        let entries = numbers.map(|number| (Key::new(kind.kind, number, 0), value(kind, round)));
        store.put(SITE, slot, &entries.collect::<Vec<_>>()).expect("puts");
    }
}

fn value(kind: &Kind, round: u64) -> Vec<u8> {
    vec![kind.kind ^ round as u8; kind.bytes]
}

fn complete(store: &SnapshotStore, slot: Slot, round: u64) {
    let mark = Mark {
        generation: 1,
        begin_commit: round + 1,
        end_commit: round + 1,
        entries: 0,
        checksum: 0,
        taken_at_ms: 0,
        format: 1,
    };
    let started = Instant::now();
    let completed = store.complete(SITE, slot, mark, SNAPSHOT_READ_BACK_MAX).expect("completes");
    report(&format!("{slot}: complete"), started, completed.read_back);
}

fn read(directory: &Path) {
    let started = Instant::now();
    let (store, findings) = SnapshotStore::open(directory, options()).expect("opens");
    assert_eq!(findings, []);
    report("open both", started, 0);
    for slot in Slot::BOTH {
        for kind in kinds() {
            let started = Instant::now();
            let mut bytes = 0;
            let scanned = store.scan(SITE, slot, kind.kind, &mut |_, value| {
                bytes += value.len();
                ControlFlow::Continue(())
            });
            let entries = scanned.expect("scans").entries;
            assert_eq!(entries, kind.count);
            report(&format!("{slot}: scan {}", kind.name), started, entries);
        }
    }
    let started = Instant::now();
    let [_, profiles, _] = kinds();
    let gets = profiles.count / 5;
    for n in 0..gets {
        let number = n.wrapping_mul(7_919) % profiles.count;
        let found = store.get(SITE, Slot::A, Key::new(profiles.kind, number, 0));
        assert!(found.expect("is whole").is_some());
    }
    report("a: get at random", started, gets);
}

fn report(what: &str, started: Instant, operations: u64) {
    let seconds = started.elapsed().as_secs_f64();
    let rate = if seconds > 0.0 { operations as f64 / seconds } else { 0.0 };
    println!("{what:<22} {seconds:>8.3} s {operations:>9} {rate:>10.0}/s  rss {} MB", rss_mb());
}

fn rss_mb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) / 1_000
}

fn disk_bytes(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => disk_bytes(&entry.path()),
            _ => entry.metadata().map_or(0, |metadata| metadata.len()),
        })
        .sum()
}

//! Who disturbs whom: endpoints that hang beside good ones, sites beside sites, and a backlog that
//! is larger than memory should be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::engine::{Caller, Engine};
use super::receiver::{Manner, Receiver, delays};
use super::server::OWNER_KEY;
use super::{LONGEST, MEMBERS, median, rounds};

const GOOD: u64 = 99;
const ROUND: Duration = Duration::from_secs(10);

/// 99 good endpoints, and then one more that never answers.
pub fn neighbours() {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let engine = Engine::start();
        let (good, hanging) = (Receiver::noting(Manner::Prompt), Receiver::counting(Manner::Hangs));
        let mut owner = engine.owner();
        owner.create_members(1);
        for path in 0..GOOD {
            owner.endpoint(&good.url(path), &["item.created"]);
        }
        // The first round warms up and does not count.
        good_p99(&engine, &mut owner, &good);
        alone.push(good_p99(&engine, &mut owner, &good));
        owner.endpoint(&hanging.url(GOOD), &["item.created"]);
        beside.push(good_p99(&engine, &mut owner, &good));
        assert!(hanging.count() > 0, "the hanging one is asked");
    }
    let [alone, beside] = [alone, beside].map(|values| median(&values));
    println!(
        "neighbours: p99 of {GOOD} good endpoints {alone:.2} ms, beside one that hangs \
         {beside:.2} ms: {:+.0} %",
        100.0 * (beside / alone - 1.0)
    );
}

fn good_p99(engine: &Engine, owner: &mut Caller, good: &Receiver) -> f64 {
    let (before, began, cpu) = (good.count(), Instant::now(), engine.cpu());
    let acknowledged = owner.put_items(10.0, ROUND);
    let used = engine.cpu().since(cpu, began.elapsed());
    good.wait_for(before + acknowledged.len() as u64 * GOOD, LONGEST);
    let spread = delays(&good.take_arrivals(), &acknowledged);
    println!("  good endpoints: {}; {used}", spread.tell());
    spread.at(0.99)
}

/// 5,000 endpoints of one site that hang, beside one good endpoint of another site.
pub fn sites() {
    let engine = Engine::start();
    let (good, hanging) = (Receiver::noting(Manner::Prompt), Receiver::counting(Manner::Hangs));
    let key = engine.new_site("another");
    let mut other = Caller::new(engine.server(), &key);
    other.create_members(1);
    other.endpoint(&good.url(0), &["item.created"]);
    let mut owner = engine.owner();
    owner.create_members(1);
    many_endpoints(&engine, &hanging, 5_000, "item.created");
    let mut alone = Vec::new();
    for _ in 0..rounds() {
        alone.push(other_p99(&engine, &mut other, &good));
    }
    let over = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        // One event a second for everyone who hangs: 5,000 deliveries a second to nowhere.
        let (owner, over) = (&mut owner, &over);
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                owner.put_item();
                super::wait(Duration::from_secs(1));
            }
        });
        let beside: Vec<f64> =
            (0..rounds()).map(|_| other_p99(&engine, &mut other, &good)).collect();
        over.store(true, Ordering::Relaxed);
        beside
    });
    println!(
        "sites: p99 of another site {:.2} ms, beside 5,000 endpoints that hang {:.2} ms ({} tries \
         hung); resident {:.0} MB",
        median(&alone),
        median(&beside),
        hanging.count(),
        engine.resident_mb()
    );
}

fn other_p99(engine: &Engine, other: &mut Caller, good: &Receiver) -> f64 {
    let (before, began, cpu) = (good.count(), Instant::now(), engine.cpu());
    let acknowledged = other.put_items(100.0, ROUND);
    let used = engine.cpu().since(cpu, began.elapsed());
    good.wait_for(before + acknowledged.len() as u64, LONGEST);
    let spread = delays(&good.take_arrivals(), &acknowledged);
    println!("  the other site: {}; {used}", spread.tell());
    spread.at(0.99)
}

fn many_endpoints(engine: &Engine, receiver: &Receiver, count: u64, event_type: &str) {
    const CALLERS: u64 = 16;
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let mut owner = Caller::new(engine.server(), OWNER_KEY);
            scope.spawn(move || {
                for path in (caller..count).step_by(CALLERS as usize) {
                    owner.endpoint(&receiver.url(path), &[event_type]);
                }
            });
        }
    });
}

/// 1,000,000 events that 10,000 endpoints have before them, each endpoint working at it slowly.
pub fn backlog() {
    const EVENTS: usize = 1_000_000;
    const ENDPOINTS: u64 = 10_000;
    let without = {
        let engine = Engine::start();
        let mut owner = engine.owner();
        owner.create_members(MEMBERS);
        let before = engine.resident_mb();
        owner.follow(EVENTS);
        engine.resident_mb() - before
    };
    println!("  1,000,000 follows without an endpoint: resident {without:+.0} MB");
    let mut engine = Engine::start();
    let slow = Receiver::counting(Manner::After(Duration::from_secs(1)));
    let mut owner = engine.owner();
    owner.create_members(MEMBERS);
    let empty = engine.resident_mb();
    many_endpoints(&engine, &slow, ENDPOINTS, "follow.created");
    let idle = engine.resident_mb();
    println!("  10,000 endpoints: resident {empty:.0} MB before, {idle:.0} MB with them");
    let (began, cpu) = (Instant::now(), engine.cpu());
    owner.follow(EVENTS);
    println!(
        "  1,000,000 events committed in {:.1} s beside deliveries; {}",
        began.elapsed().as_secs_f64(),
        engine.cpu().since(cpu, began.elapsed())
    );
    let loaded = peak_mb(&engine, ROUND);
    println!("  with the backlog: resident {loaded:.0} MB at most, {} delivered", slow.count());
    let before = slow.count();
    let began = engine.restart();
    let ready = began.elapsed();
    let first = slow.wait_for(before + 1, LONGEST).duration_since(began);
    let again = peak_mb(&engine, 2 * ROUND);
    let per_second = (slow.count() - before) as f64 / began.elapsed().as_secs_f64();
    println!(
        "backlog: resident growth {:.0} MB with endpoints and events ({without:.0} MB of it the \
         follows themselves), {again:.0} MB at most after a restart; ready after {:.2} s, first \
         delivery after {:.2} s, then {per_second:.0} deliveries/s of a receiver that takes 1 s",
        loaded - empty,
        ready.as_secs_f64(),
        first.as_secs_f64()
    );
}

fn peak_mb(engine: &Engine, time: Duration) -> f64 {
    let end = Instant::now() + time;
    let mut peak: f64 = 0.0;
    while Instant::now() < end {
        peak = peak.max(engine.resident_mb());
        super::wait(Duration::from_millis(100));
    }
    peak
}

//! Deliveries of the released program, measured from outside: how many a second, how soon, and who
//! disturbs whom. `cargo bench --bench webhooks -- NAME...` with the names at the end of this file;
//! without a name all of them. The program, the load and the receiver share the machine, and each
//! figure says what they used of it.

mod engine;
#[allow(dead_code)]
#[path = "../../tests/crash/http.rs"]
mod http;
mod isolation;
mod naive;
mod receiver;
#[allow(dead_code)]
#[path = "../../tests/crash/server.rs"]
mod server;

use std::time::{Duration, Instant};

use engine::Engine;
use naive::Signs;
use receiver::{Manner, Receiver, delays};

/// What an endpoint has on its way at once, as released.
const WINDOW: usize = guildhall::domain::limits::DELIVERY_WINDOW_DEFAULT;
/// By so many events a second more each time.
const LAG_STEP: usize = 2_000;
/// What an endpoint may wish for.
const WIDE_WINDOW: usize = guildhall::domain::limits::DELIVERY_WINDOW_MAX;
const LONGEST: Duration = Duration::from_secs(300);
const MEMBERS: usize = 2_000;

fn rounds() -> usize {
    std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// The load's own threads may wait; no arbiter is among them.
#[allow(clippy::disallowed_methods)]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

pub fn median(values: &[f64]) -> f64 {
    receiver::Spread::new(values.to_vec()).at(0.5)
}

/// A backlog is worked off with nothing else to do, beside senders that keep nothing.
fn throughput() {
    for (fan_out, in_flight) in [(1, WINDOW), (1, WIDE_WINDOW), (10, WINDOW)] {
        let deliveries = 200_000;
        let (mut ours, mut signing, mut bare) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds() {
            ours.push(drain(fan_out, in_flight, deliveries / fan_out));
            let receiver = Receiver::counting(Manner::Prompt);
            let connections = in_flight * fan_out as usize;
            signing.push(naive::rate(&receiver, connections, deliveries, Signs::Each));
            bare.push(naive::rate(&receiver, connections, deliveries, Signs::Once));
        }
        let [ours, signing, bare] = [ours, signing, bare].map(|rates| median(&rates));
        println!(
            "throughput, fan-out {fan_out}, {in_flight} in flight each: {ours:.0} deliveries/s, \
             {:.0} events/s; naive sender {signing:.0}/s ({:.0} %), without signing {bare:.0}/s \
             ({:.0} %)",
            ours / fan_out as f64,
            100.0 * ours / signing,
            100.0 * ours / bare,
        );
    }
}

/// Deliveries a second from the moment that the last event was acknowledged.
fn drain(fan_out: u64, in_flight: usize, events: u64) -> f64 {
    let engine = Engine::start();
    let receiver = Receiver::counting(Manner::Prompt);
    let mut owner = engine.owner();
    owner.create_members(MEMBERS);
    for path in 0..fan_out {
        owner.wide_endpoint(&receiver.url(path), &["follow.created"], in_flight);
    }
    owner.follow(events as usize);
    let (began, before, cpu) = (Instant::now(), receiver.count(), engine.cpu());
    let ended = receiver.wait_for(events * fan_out, LONGEST);
    let took = ended.duration_since(began);
    let rate = (events * fan_out - before) as f64 / took.as_secs_f64();
    let while_committing = 100.0 * before as f64 / (events * fan_out) as f64;
    println!(
        "  fan-out {fan_out}: {rate:.0} deliveries/s, {while_committing:.0} % were delivered while \
         events were committed; {}",
        engine.cpu().since(cpu, took)
    );
    rate
}

/// From the acknowledgement of an event to its arrival, at a pace that leaves time.
fn latency() {
    for (fan_out, per_second) in [(1, 100.0), (1, 500.0), (10, 100.0)] {
        let engine = Engine::start();
        let receiver = Receiver::noting(Manner::Prompt);
        let mut owner = engine.owner();
        owner.create_members(1);
        for path in 0..fan_out {
            owner.endpoint(&receiver.url(path), &["item.created"]);
        }
        let (began, cpu) = (Instant::now(), engine.cpu());
        let acknowledged = owner.put_items(per_second, Duration::from_secs(10));
        let used = engine.cpu().since(cpu, began.elapsed());
        receiver.wait_for(acknowledged.len() as u64 * fan_out, LONGEST);
        let spread = delays(&receiver.take_arrivals(), &acknowledged);
        println!(
            "latency, fan-out {fan_out}, {per_second:.0} events/s: acknowledged to received {}; \
             {used}",
            spread.tell()
        );
    }
}

/// At which pace of events the one endpoint falls behind.
fn lag() {
    let engine = Engine::start();
    let receiver = Receiver::counting(Manner::Prompt);
    let mut owner = engine.owner();
    // Pairs of them for every event of the run.
    owner.create_members(2 * MEMBERS);
    owner.endpoint(&receiver.url(0), &["follow.created"]);
    let (mut sent, mut kept_up) = (0, 0);
    for per_second in (1..=35).map(|step| step * LAG_STEP) {
        let tick = Duration::from_millis(50);
        let (began, cpu) = (Instant::now(), engine.cpu());
        let mut lags = Vec::new();
        for number in 1..=100 {
            sent += owner_follows(&mut owner, per_second / 20);
            let left = (tick * number).saturating_sub(began.elapsed());
            wait(left);
            lags.push(sent.saturating_sub(receiver.count()) as f64);
        }
        let took = began.elapsed();
        let (early, late) = (median(&lags[20..50]), median(&lags[70..]));
        let pace = per_second as f64 * 5.0 / took.as_secs_f64();
        println!(
            "  {pace:.0} events/s: lag {early:.0} after 2 s, {late:.0} after 4 s; {}",
            engine.cpu().since(cpu, took)
        );
        // Lag that grows by more than a tenth of what comes.
        if late - early > per_second as f64 * 2.0 * 0.1 || pace < per_second as f64 * 0.9 {
            break;
        }
        kept_up = per_second;
        receiver.wait_for(sent, LONGEST);
    }
    println!("lag: up to {kept_up} events/s one endpoint keeps up, with {LAG_STEP} more lag grows");
}

fn owner_follows(owner: &mut engine::Caller, count: usize) -> u64 {
    owner.follow(count);
    count as u64
}

type Scenario = (&'static str, fn());

const SCENARIOS: &[Scenario] = &[
    ("throughput", throughput),
    ("latency", latency),
    ("lag", lag),
    ("neighbours", isolation::neighbours),
    ("sites", isolation::sites),
    ("backlog", isolation::backlog),
];

fn main() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, shared by the program, the load and the receiver");
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for (name, scenario) in SCENARIOS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            scenario();
        }
    }
}

//! The real program, killed while it takes events and delivers them, over and over: whatever was
//! acknowledged is delivered, in order where order is wanted, and no kill repeats more than was on
//! its way and not yet noted.
//!
//! `WEBHOOK_CRASH_CYCLES` says how often, `CRASH_SEED` which dice, `GUILDHALL_BINARY` which
//! program.

#[allow(dead_code)]
#[path = "crash/http.rs"]
mod http;
#[path = "webhook_crash/ledger.rs"]
mod ledger;
#[allow(dead_code)]
#[path = "crash/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "crash/server.rs"]
mod server;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use guildhall::domain::limits;
use http::{Connection, Request};
use ledger::{ENDPOINTS, FICKLE, Ledger, ORDERED, ORDERED_BY_MEMBER, Receiver, STEADY};
use random::Random;
use serde_json::{Value, json};
use server::{Home, OWNER_KEY, Server};

const CONFIG: &str =
    "webhook_allow_networks = [\"127.0.0.0/8\"]\n[checkpoint]\nlog_bytes_max = 262144\n";
const CYCLES_IN_A_PLAIN_RUN: u64 = 3;
const CALLERS: usize = 4;
const AUTHORS: usize = 6;
/// Of the endpoints, by their number.
const MODES: [&str; ENDPOINTS] = ["parallel", "parallel", "fifo", "fifo_by_member"];
const APP: &str = "151e476a-715e-ec33-db9a-a7ff4d51f70a";
/// What a kill may repeat at one endpoint: what was on its way, and results not yet stored.
const REPEATS_MAX: usize = limits::DELIVERY_WINDOW_DEFAULT + limits::DELIVERY_UNSAVED_MAX as usize;
/// Refused events come again after the first waits of the schedule.
const ALL_DELIVERED_MAX: Duration = Duration::from_secs(60);
const CAUGHT_UP_MAX: Duration = Duration::from_secs(30);

#[test]
fn what_was_acknowledged_is_delivered_across_every_kill() {
    let cycles = number("WEBHOOK_CRASH_CYCLES", CYCLES_IN_A_PLAIN_RUN);
    let seed = number("CRASH_SEED", 8_412);
    let desk = tempfile::tempdir().expect("a desk");
    let data_dir = desk.path().join("data");
    let home = Home::new(env!("CARGO_BIN_EXE_guildhall"), desk.path(), &data_dir, CONFIG);
    println!("webhook crash: {cycles} cycles of {}, CRASH_SEED={seed}", home.binary.display());
    let mut random = Random::new(seed);
    let receiver = Receiver::start();
    let mut server = home.start().ready();
    let authors = set_up(&server, &receiver);
    let mut acknowledged = Vec::new();
    for cycle in 1..=cycles {
        let time = Duration::from_millis(50 + random.below(450) as u64);
        acknowledged.extend(load_and_kill(server, cycle, &authors, time));
        receiver.next_life();
        while random.below(4) == 0 {
            let delay = Duration::from_millis(random.below(300) as u64);
            home.start().interrupt_within(delay, || ());
            receiver.next_life();
        }
        server = home.start().ready();
        if cycle.is_multiple_of(20) {
            assert_caught_up(&receiver, &acknowledged);
            tell(cycle, &receiver, acknowledged.len());
        }
    }
    let everywhere = 0..ENDPOINTS;
    let all_there = all_at(everywhere, &acknowledged);
    assert!(receiver.until(ALL_DELIVERED_MAX, all_there), "{}", missing(&receiver, &acknowledged));
    drop(server);
    home.assert_no_panic_was_logged();
    assert_repeats_are_few(&receiver);
    tell(cycles, &receiver, acknowledged.len());
    assert!(acknowledged.len() as u64 >= cycles, "hardly anything was acknowledged");
}

fn set_up(server: &Server, receiver: &Receiver) -> Vec<String> {
    let mut connection = Connection::open(server.address).expect("it accepts");
    for (endpoint, mode) in MODES.iter().enumerate() {
        let url = receiver.url(endpoint);
        let body = json!({ "url": url, "eventTypes": ["item.created"], "mode": mode });
        call(&mut connection, "POST", "/v1/webhook-endpoints", &body).expect("an endpoint");
    }
    let mut author = |number: usize| {
        let member = json!({ "member": { "loginEmail": format!("a{number}@example.com"),
            "profile": { "nickname": format!("Author {number}") }, "privacyStatus": "PUBLIC" } });
        let answer = call(&mut connection, "POST", "/members/v1/members", &member);
        answer.expect("a member")["member"]["id"].as_str().expect("an id").to_owned()
    };
    (0..AUTHORS).map(&mut author).collect()
}

/// The answer, if it was one that acknowledges.
fn call(connection: &mut Connection, method: &str, path: &str, body: &Value) -> Option<Value> {
    let body = body.to_string();
    let request = Request { method, path, token: OWNER_KEY, body: Some(&body) };
    let reply = connection.send(&request).ok()?;
    assert!([200, 500, 503].contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
    (reply.status == 200).then(|| reply.json())
}

/// Callers create items until the program is killed; what was acknowledged to them.
fn load_and_kill(server: Server, cycle: u64, authors: &[String], time: Duration) -> Vec<String> {
    let over = AtomicBool::new(false);
    let address = server.address;
    std::thread::scope(|scope| {
        let caller = |caller: usize| {
            let over = &over;
            move || {
                let mut acknowledged = Vec::new();
                let Ok(mut connection) = Connection::open(address) else { return acknowledged };
                for number in 0_usize.. {
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                    let item = format!("item-{cycle}-{caller}-{number}");
                    let path = format!("/v1/items/{APP}/{item}");
                    let author = &authors[(number + caller) % AUTHORS];
                    let body = json!({ "authorId": author, "type": "post", "title": "A post" });
                    match call(&mut connection, "PUT", &path, &body) {
                        Some(_) => acknowledged.push(item),
                        None => break,
                    }
                }
                acknowledged
            }
        };
        let callers: Vec<_> = (0..CALLERS).map(|number| scope.spawn(caller(number))).collect();
        pause(time);
        server.kill();
        over.store(true, Ordering::SeqCst);
        callers.into_iter().flat_map(|caller| caller.join().expect("a caller")).collect()
    })
}

/// The moment of the kill; nothing waits for it.
fn pause(time: Duration) {
    let (_never, told) = mpsc::channel::<()>();
    told.recv_timeout(time).ok();
}

/// The endpoint that takes everything has what was acknowledged, soon after a start.
fn assert_caught_up(receiver: &Receiver, acknowledged: &[String]) {
    let there = all_at(STEADY..STEADY + 1, acknowledged);
    assert!(receiver.until(CAUGHT_UP_MAX, there), "{}", missing(receiver, acknowledged));
}

/// Whether these endpoints have all items. It is asked with every delivery, which waits meanwhile:
/// what was there once is not looked for again.
fn all_at(endpoints: Range<usize>, items: &[String]) -> impl FnMut(&Ledger) -> bool {
    let mut left = items.iter().peekable();
    move |ledger| {
        let is_there = |item: &&String| endpoints.clone().all(|it| ledger.has(it, item));
        while left.next_if(is_there).is_some() {}
        left.peek().is_none()
    }
}

fn missing(receiver: &Receiver, acknowledged: &[String]) -> String {
    let of = |endpoint: usize| {
        receiver.with(|ledger| {
            let missing = acknowledged.iter().filter(|item| !ledger.has(endpoint, item));
            missing.take(5).cloned().collect::<Vec<_>>()
        })
    };
    let missing: Vec<_> = (0..ENDPOINTS).map(of).collect();
    format!("acknowledged and not delivered: {missing:?}")
}

fn assert_repeats_are_few(receiver: &Receiver) {
    receiver.with(|ledger| {
        assert!(ledger.faults.is_empty(), "{:?}", &ledger.faults[..ledger.faults.len().min(5)]);
        assert!(ledger.members() <= AUTHORS);
        for endpoint in 0..ENDPOINTS {
            let (by_life, within) = ledger.repeats(endpoint);
            assert_eq!(within, 0, "endpoint {endpoint} got events twice without a kill");
            for (life, repeats) in by_life {
                assert!(
                    repeats <= REPEATS_MAX,
                    "endpoint {endpoint} got {repeats} events again in life {life}"
                );
            }
        }
    });
}

fn tell(cycle: u64, receiver: &Receiver, acknowledged: usize) {
    receiver.with(|ledger| {
        let repeats: Vec<String> = (0..ENDPOINTS)
            .map(|endpoint| {
                let (by_life, within) = ledger.repeats(endpoint);
                let most = by_life.values().max().copied().unwrap_or(0);
                let all: usize = by_life.values().sum();
                let events = ledger.events(endpoint);
                format!("{events} events, {all} repeats, {most} at most a kill, {within} without")
            })
            .collect();
        println!(
            "webhook crash: cycle {cycle}: {acknowledged} acknowledged; steady: {}; fickle: {}, {} \
             refused at first; in order: {}; in order by member: {}",
            repeats[STEADY],
            repeats[FICKLE],
            ledger.refused(),
            repeats[ORDERED],
            repeats[ORDERED_BY_MEMBER]
        );
    });
}

fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => otherwise,
    }
}

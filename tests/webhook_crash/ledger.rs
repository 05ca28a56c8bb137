//! What receivers got, across the lives of the program, and a receiver that keeps it: endpoints
//! over blocking sockets, one of which refuses some events at first and two of which want order.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The endpoint that takes everything at once.
pub const STEADY: usize = 0;
/// The one that refuses one event in so many when it first comes.
pub const FICKLE: usize = 1;
/// The one that wants all events in order, and the one that wants each member's in order.
pub const ORDERED: usize = 2;
pub const ORDERED_BY_MEMBER: usize = 3;
pub const ENDPOINTS: usize = 4;
const REFUSED_ONE_IN: u64 = 200;

/// One event at one endpoint.
#[derive(Default)]
struct Delivered {
    /// In which lives of the program it was taken, one entry each time.
    lives: Vec<u64>,
    refused: bool,
    fingerprint: u64,
}

#[derive(Default)]
pub struct Ledger {
    /// By endpoint and event id.
    events: [BTreeMap<String, Delivered>; ENDPOINTS],
    /// By endpoint and item.
    items: [BTreeMap<String, String>; ENDPOINTS],
    /// By endpoint and member, or nobody: the newest event that was taken.
    newest: [BTreeMap<String, u64>; ENDPOINTS],
    pub faults: Vec<String>,
}

impl Ledger {
    /// Takes a delivery down; whether it is taken.
    fn note(&mut self, endpoint: usize, life: u64, id: &str, body: &[u8]) -> bool {
        let fingerprint = fingerprint(body);
        let event = self.events[endpoint]
            .entry(id.to_owned())
            .or_insert_with(|| Delivered { fingerprint, ..Delivered::default() });
        if event.fingerprint != fingerprint {
            self.faults.push(format!("{id} came with another body"));
        }
        let first = event.lives.is_empty() && !event.refused;
        if endpoint == FICKLE && first && fingerprint.is_multiple_of(REFUSED_ONE_IN) {
            event.refused = true;
            return false;
        }
        event.lives.push(life);
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        if first {
            self.note_order(endpoint, &json);
        }
        match json.pointer("/data/item/itemId").and_then(Value::as_str) {
            Some(item) => drop(self.items[endpoint].insert(item.to_owned(), id.to_owned())),
            None => self.faults.push(format!("{id} names no item: {json}")),
        }
        true
    }

    /// An event that was not taken before is newer than all that were.
    fn note_order(&mut self, endpoint: usize, event: &Value) {
        let seq = &event["seq"];
        let seq = seq.as_u64().or_else(|| seq.as_str().and_then(|text| text.parse().ok()));
        let member = match endpoint {
            ORDERED => "",
            ORDERED_BY_MEMBER => event["memberId"].as_str().unwrap_or(""),
            _ => return,
        };
        let before = self.newest[endpoint].insert(member.to_owned(), seq.unwrap_or(0));
        if seq <= before {
            self.faults.push(format!("endpoint {endpoint}: {seq:?} came after {before:?}"));
        }
    }

    pub fn members(&self) -> usize {
        self.newest[ORDERED_BY_MEMBER].len()
    }

    pub fn has(&self, endpoint: usize, item: &str) -> bool {
        self.items[endpoint].contains_key(item)
    }

    pub fn events(&self, endpoint: usize) -> usize {
        self.events[endpoint].len()
    }

    pub fn refused(&self) -> usize {
        self.events[FICKLE].values().filter(|event| event.refused).count()
    }

    /// Events taken again in a life although they had been taken in an earlier one; and those
    /// taken twice in one life.
    pub fn repeats(&self, endpoint: usize) -> (BTreeMap<u64, usize>, usize) {
        let (mut by_life, mut within) = (BTreeMap::new(), 0);
        for event in self.events[endpoint].values() {
            for pair in event.lives.windows(2) {
                if pair[0] == pair[1] {
                    within += 1;
                } else {
                    *by_life.entry(pair[1]).or_default() += 1;
                }
            }
        }
        (by_life, within)
    }
}

fn fingerprint(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}

/// The far side. It outlives every life of the program.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    ledger: Mutex<Ledger>,
    news: Condvar,
    life: AtomicU64,
}

impl Receiver {
    pub fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = served.clone();
                // A connection belongs to the life that opened it.
                let life = shared.life.load(Ordering::SeqCst);
                // It ends with the program's life: every error is that end.
                std::thread::spawn(move || serve(stream, &shared, life).ok());
            }
        });
        Receiver { address, shared }
    }

    pub fn url(&self, endpoint: usize) -> String {
        format!("http://{}/{endpoint}", self.address)
    }

    pub fn next_life(&self) {
        self.shared.life.fetch_add(1, Ordering::SeqCst);
    }

    pub fn with<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.shared.ledger.lock().expect("a lock"))
    }

    /// Waits until the ledger is as described.
    pub fn until(&self, longest: Duration, mut good: impl FnMut(&Ledger) -> bool) -> bool {
        let end = Instant::now() + longest;
        let mut ledger = self.shared.ledger.lock().expect("a lock");
        while !good(&ledger) {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            ledger = self.shared.news.wait_timeout(ledger, left).expect("a lock").0;
        }
        true
    }
}

/// The endpoint that a request line names.
fn path_of(line: &str) -> usize {
    let path = line.split(' ').nth(1).and_then(|path| path[1..].parse().ok());
    path.filter(|endpoint| *endpoint < ENDPOINTS).expect("a path of this test")
}

fn serve(stream: TcpStream, shared: &Shared, life: u64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let (mut endpoint, mut id, mut length) = (STEADY, String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.trim_end().split_once(": ") {
                Some(("webhook-id", value)) => id = value.to_owned(),
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(_) => {}
                None if line.starts_with("POST /") => endpoint = path_of(&line),
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let taken = shared.ledger.lock().expect("a lock").note(endpoint, life, &id, &body);
        shared.news.notify_all();
        let status = if taken { "200 OK" } else { "500 Not Now" };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        reader.get_mut().write_all(answer.as_bytes())?;
    }
}

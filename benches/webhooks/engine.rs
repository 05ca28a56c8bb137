//! The released program under measurement, as its callers see it: sites, members, endpoints and
//! events; and what it uses, as the system sees it.

use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Connection, Request};
use super::server::{Home, OWNER_KEY, Server};

const CONFIG: &str = "webhook_allow_networks = [\"127.0.0.0/8\"]\n";
const APP: &str = "151e476a-715e-ec33-db9a-a7ff4d51f70a";
const LINES_PER_IMPORT: usize = 10_000;

/// A home for one program after another; it is emptied when it is dropped.
pub struct Engine {
    pub home: Home,
    pub server: Option<Server>,
    _desk: TempDir,
}

impl Engine {
    pub fn start() -> Engine {
        let desk = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or(".".into()));
        let desk = desk.expect("a desk");
        let data_dir = desk.path().join("data");
        let home = Home::new(env!("CARGO_BIN_EXE_guildhall"), desk.path(), &data_dir, CONFIG);
        let server = Some(home.start().ready());
        Engine { home, server, _desk: desk }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    /// SIGKILL, and a new start; tells when that began.
    pub fn restart(&mut self) -> Instant {
        self.server.take().expect("it runs").kill();
        let began = Instant::now();
        self.server = Some(self.home.start().ready());
        began
    }

    pub fn owner(&self) -> Caller {
        Caller::new(self.server(), OWNER_KEY)
    }

    /// Makes another site while the program runs; gives its owner's key.
    pub fn new_site(&self, name: &str) -> String {
        let mut command = Command::new(&self.home.binary);
        command.args(["site", "create", name, "--data-dir"]).arg(&self.home.data_dir);
        let output = command.output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let key = text.lines().find_map(|line| line.strip_prefix("owner key"));
        key.unwrap_or_else(|| panic!("no key: {text}{output:?}")).trim().to_owned()
    }

    pub fn resident_mb(&self) -> f64 {
        let path = format!("/proc/{}/status", self.server().pid());
        let text = std::fs::read_to_string(path).expect("the process is there");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1_024.0
    }

    /// Seconds of processor time that the program and this one have used so far.
    pub fn cpu(&self) -> Cpu {
        Cpu { program: cpu_seconds(self.server().pid()), own: cpu_seconds(std::process::id()) }
    }
}

#[derive(Clone, Copy)]
pub struct Cpu {
    program: f64,
    own: f64,
}

impl Cpu {
    pub fn since(self, before: Cpu, took: Duration) -> String {
        let share = |seconds: f64| 100.0 * seconds / took.as_secs_f64();
        let (program, own) = (share(self.program - before.program), share(self.own - before.own));
        format!("guildhall {program:.0} % of a core, load and receiver {own:.0} %")
    }
}

fn cpu_seconds(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = after_name.split(' ').skip(11).take(2).filter_map(|text| text.parse::<f64>().ok());
    // The kernel counts these in hundredths of a second.
    ticks.sum::<f64>() / 100.0
}

/// One connection of one key.
pub struct Caller {
    connection: Connection,
    key: String,
    members: Vec<String>,
    pairs: usize,
    items: u64,
}

impl Caller {
    pub fn new(server: &Server, key: &str) -> Caller {
        let connection = Connection::open(server.address).expect("it accepts");
        Caller { connection, key: key.to_owned(), members: Vec::new(), pairs: 0, items: 0 }
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> Value {
        let request = Request { method, path, token: &self.key, body: Some(body) };
        let reply = self.connection.send(&request).expect("an answer");
        assert_eq!(reply.status, 200, "{method} {path}: {}", reply.text);
        reply.json()
    }

    pub fn endpoint(&mut self, url: &str, event_types: &[&str]) {
        let body = json!({ "url": url, "eventTypes": event_types }).to_string();
        self.call("POST", "/v1/webhook-endpoints", &body);
    }

    /// The same with so many deliveries on their way at once.
    pub fn wide_endpoint(&mut self, url: &str, event_types: &[&str], in_flight: usize) {
        let body = json!({ "url": url, "eventTypes": event_types, "maxInFlight": in_flight });
        self.call("POST", "/v1/webhook-endpoints", &body.to_string());
    }

    pub fn create_members(&mut self, count: usize) {
        let line = |number| {
            json!({ "loginEmail": format!("m{number}@example.com"), "privacyStatus": "PUBLIC",
                "profile": { "nickname": format!("Member {number}") } })
        };
        let lines: Vec<String> = (0..count).map(|number| line(number).to_string()).collect();
        for some in lines.chunks(LINES_PER_IMPORT) {
            let answer = self.call("POST", "/v1/members/import", &some.join("\n"));
            let ids = answer["ids"].as_array().expect("ids").iter();
            self.members.extend(ids.filter_map(Value::as_str).map(str::to_owned));
        }
        assert_eq!(self.members.len(), count);
    }

    /// So many `follow.created` at once; the seq of the last of them.
    pub fn follow(&mut self, count: usize) -> u64 {
        let mut seq = 0;
        let mut left = count;
        while left > 0 {
            let some = left.min(LINES_PER_IMPORT);
            let lines: Vec<String> = (0..some).map(|_| self.next_pair()).collect();
            let answer = self.call("POST", "/v1/follows/import", &lines.join("\n"));
            assert_eq!(answer["accepted"].as_u64(), Some(some as u64), "{answer}");
            seq = seq_of(&answer);
            left -= some;
        }
        seq
    }

    /// Another pair of members with each call.
    fn next_pair(&mut self) -> String {
        let count = self.members.len();
        let (follower, step) = (self.pairs % count, 1 + self.pairs / count);
        assert!(step < count, "all of the {count} members follow each other");
        self.pairs += 1;
        let followed = (follower + step) % count;
        format!(
            "{{\"memberId\":\"{}\",\"followingId\":\"{}\"}}",
            self.members[follower], self.members[followed]
        )
    }

    /// One `item.created`; its seq and when it was acknowledged.
    pub fn put_item(&mut self) -> (u64, Instant) {
        self.items += 1;
        let author = &self.members[0];
        let body = format!("{{\"authorId\":\"{author}\",\"type\":\"post\",\"title\":\"A post\"}}");
        let answer = self.call("PUT", &format!("/v1/items/{APP}/item-{}", self.items), &body);
        (seq_of(&answer), Instant::now())
    }

    /// `item.created` at a steady pace, late or not; when each was acknowledged.
    pub fn put_items(&mut self, per_second: f64, time: Duration) -> HashMap<u64, Instant> {
        let began = Instant::now();
        let mut acknowledged = HashMap::new();
        for number in 0..(per_second * time.as_secs_f64()) as u32 {
            let due = began + Duration::from_secs_f64(f64::from(number) / per_second);
            super::wait(due.saturating_duration_since(Instant::now()));
            let (seq, at) = self.put_item();
            acknowledged.insert(seq, at);
        }
        acknowledged
    }
}

fn seq_of(answer: &Value) -> u64 {
    let seq = &answer["seq"];
    let seq = seq.as_u64().or_else(|| seq.as_str().and_then(|text| text.parse().ok()));
    seq.unwrap_or_else(|| panic!("no seq in {answer}"))
}

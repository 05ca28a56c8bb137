//! A site with accounts under measurement, and callers that come from many addresses.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Connection, Reply, Request};
use super::server::{Home, OWNER_KEY, Server};

pub const PASSWORD: &str = "correct horse";
const LOGIN: &str = "/_api/iam/authentication/v2/login";
const REGISTER: &str = "/_api/iam/authentication/v2/register";

pub struct Site {
    pub door: Door,
    server: Server,
    _desk: TempDir,
}

/// Where callers knock, and as whom.
pub struct Door {
    pub address: SocketAddr,
    pub visitor: String,
}

impl Site {
    pub fn start(accounts: usize) -> Site {
        let desk = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or(".".into()));
        let desk = desk.expect("a desk");
        let home =
            Home::new(env!("CARGO_BIN_EXE_guildhall"), desk.path(), &desk.path().join("data"), "");
        let server = home.start().ready();
        let mut owner = Caller::new(server.address, OWNER_KEY, 0);
        let client = owner.done("/v1/oauth-clients", &json!({"name": "bench"}));
        let wish = json!({"grantType": "anonymous", "clientId": client["client"]["id"]});
        let answer = owner.done("/oauth2/token", &wish);
        let visitor = answer["access_token"].as_str().expect("a token").to_owned();
        let mut caller = Caller::new(server.address, &visitor, 0);
        for number in 0..accounts {
            // Each from an address of its own, so that none is slowed down.
            caller.reconnect(number);
            let reply = caller.register(&email(number), PASSWORD);
            assert_eq!(reply.status, 200, "{}", reply.text);
        }
        Site { door: Door { address: server.address, visitor }, server, _desk: desk }
    }

    /// What the program holds now, and what it held at most.
    pub fn resident_mb(&self) -> (f64, f64) {
        let path = format!("/proc/{}/status", self.server.pid());
        let text = std::fs::read_to_string(path).expect("the process is there");
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1_024.0
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

pub fn email(number: usize) -> String {
    format!("account-{number}@example.com")
}

/// One connection of one credential, from one of many addresses.
pub struct Caller {
    connection: Connection,
    server: SocketAddr,
    token: String,
}

impl Caller {
    pub fn new(server: SocketAddr, token: &str, address: usize) -> Caller {
        let connection = Connection::open_from(source(address), server).expect("it accepts");
        Caller { connection, server, token: token.to_owned() }
    }

    /// From another address.
    pub fn reconnect(&mut self, address: usize) {
        let connection = Connection::open_from(source(address), self.server);
        self.connection = connection.expect("it accepts");
    }

    pub fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> Reply {
        let request = Request { method, path, token: &self.token, body };
        self.connection.send(&request).expect("an answer")
    }

    pub fn done(&mut self, path: &str, body: &Value) -> Value {
        let reply = self.send("POST", path, Some(&body.to_string()));
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    }

    pub fn login(&mut self, email: &str, password: &str) -> Reply {
        let body = json!({"loginId": {"email": email}, "password": password});
        self.send("POST", LOGIN, Some(&body.to_string()))
    }

    pub fn register(&mut self, email: &str, password: &str) -> Reply {
        let body = json!({"loginId": {"email": email}, "password": password});
        self.send("POST", REGISTER, Some(&body.to_string()))
    }
}

/// All of 127/8 leads to this machine.
fn source(number: usize) -> Ipv4Addr {
    let [_, high, low] = [number >> 14, (number >> 7) & 0x7f, number & 0x7f].map(|part| part as u8);
    Ipv4Addr::new(127, 1, high, low + 1)
}

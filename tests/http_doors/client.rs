//! A server with one site, and a client that holds its owner key.

use serde_json::{Value, json};

use crate::http::{Connection, Request};
use crate::program::{Desk, Server};

pub const OWNER_KEY: &str = "gh_owner_0123456789abcdefghijklmnop";

pub struct Site {
    // Dropped in this order: the server ends before its directory goes.
    server: Server,
    _desk: Desk,
}

/// A member, and the token it acts with.
pub struct Member {
    pub id: String,
    pub token: String,
}

impl Site {
    pub fn start() -> Site {
        let desk = Desk::new()
            .with("GUILDHALL_OWNER_KEY", OWNER_KEY)
            .with("GUILDHALL_WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8");
        Site { server: desk.start(), _desk: desk }
    }

    /// The same site after its server ended in good order and began again.
    pub fn restarted(self) -> Site {
        let Site { server, _desk: desk } = self;
        server.terminate();
        Site { server: desk.start(), _desk: desk }
    }

    pub fn address(&self) -> std::net::SocketAddr {
        self.server.address
    }

    /// Status and body of one request with the owner's key.
    pub fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask_as(OWNER_KEY, method, path, body)
    }

    pub fn ask_as(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let text = if body.is_null() { None } else { Some(body.to_string()) };
        self.send(token, method, path, text.as_deref())
    }

    pub fn send(&self, token: &str, method: &str, path: &str, body: Option<&str>) -> (u16, Value) {
        let mut connection = Connection::open(self.server.address).expect("a connection");
        let reply = connection.send(&Request { method, path, token, body }).expect("an answer");
        let json = serde_json::from_str(&reply.text);
        (reply.status, json.unwrap_or_else(|_| panic!("no JSON: {}", reply.text)))
    }

    /// Where a browser without any credential is sent on to.
    pub fn follow(&self, path: &str) -> String {
        let mut connection = Connection::open(self.server.address).expect("a connection");
        let request = Request { method: "GET", path, token: "", body: None };
        let reply = connection.send(&request).expect("an answer");
        assert_eq!(reply.status, 302, "{path}: {}", reply.text);
        reply.location.expect("a location")
    }

    /// The body of a request that has to succeed.
    pub fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    pub fn done_as(&self, member: &Member, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask_as(&member.token, method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// A request that has to be refused with this status and code.
    pub fn refused(&self, method: &str, path: &str, body: Value, expected: (u16, &str)) -> Value {
        let (status, answer) = self.ask(method, path, body);
        assert_eq!((status, code(&answer).as_str()), expected, "{method} {path}: {answer}");
        answer
    }

    pub fn create(&self, nickname: &str, privacy: &str) -> Member {
        let profile = json!({"nickname": nickname});
        let member = json!({"profile": profile, "privacyStatus": privacy});
        let created = self.done("POST", "/members/v1/members", json!({"member": member}));
        let id = text(&created["member"]["id"]);
        let token = self.done("POST", "/v1/member-tokens", json!({"memberId": id}));
        Member { id, token: text(&token["accessToken"]) }
    }

    pub fn public(&self, nickname: &str) -> Member {
        self.create(nickname, "PUBLIC")
    }
}

/// What a problem says it is.
pub fn code(problem: &Value) -> String {
    text(&problem["type"]).trim_start_matches("urn:guildhall:problem:").to_owned()
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The texts at one key of each element.
pub fn each(list: &Value, pointer: &str) -> Vec<String> {
    let elements = list.as_array().into_iter().flatten();
    elements.map(|element| text(element.pointer(pointer).unwrap_or(&Value::Null))).collect()
}

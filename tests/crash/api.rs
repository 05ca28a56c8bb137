//! The routes that the load and the checks use, and the shapes of their answers: all that this
//! test knows of the wire stands here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::http::{Connection, Reply, Request};
use super::power::Power;
use super::server::OWNER_KEY;

pub const APP: &str = "151e476a-715e-ec33-db9a-a7ff4d51f70a";
const MEMBERS: &str = "/members/v1/members";
pub const EVENTS_PAGE: usize = 1_000;

/// Why there is no acknowledgement.
#[derive(Debug)]
pub enum Fault {
    /// The connection broke: the change may or may not have been made.
    Lost,
    /// The server said that it could not; the same call is tried again.
    Unavailable,
    /// An answer that nobody received, because the power was gone.
    Dark,
    /// The server says that its world broke: right only once it did.
    Failed(String),
    /// An answer that no server in order gives: the test fails with it.
    Wrong(String),
}

pub type Answer<T> = Result<T, Fault>;

pub struct Api {
    address: SocketAddr,
    connection: Option<Connection>,
    power: Arc<Power>,
}

/// One line of an ingest batch.
#[derive(Clone, Debug)]
pub struct Increment {
    pub member: String,
    pub key: &'static str,
    pub delta: i64,
}

impl Api {
    pub fn new(address: SocketAddr) -> Api {
        Api::powered_by(address, Arc::default())
    }

    pub fn powered_by(address: SocketAddr, power: Arc<Power>) -> Api {
        Api { address, connection: None, power }
    }

    fn send(&mut self, request: &Request<'_>) -> Answer<Reply> {
        let was_gone = self.power.is_gone();
        let opened = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(self.address),
        };
        let answered = opened.and_then(|mut connection| {
            let reply = connection.send(request)?;
            Ok((connection, reply))
        });
        match answered {
            Ok((connection, reply)) => {
                self.connection = Some(connection);
                self.received(request, reply, was_gone)
            }
            Err(error) if hangs(&error) => {
                Err(Fault::Wrong(format!("{} {} hangs: {error}", request.method, request.path)))
            }
            Err(_) => Err(Fault::Lost),
        }
    }

    fn received(&self, request: &Request<'_>, reply: Reply, was_gone: bool) -> Answer<Reply> {
        if self.power.is_on() {
            return Ok(reply);
        }
        let is_creation = request.method == "POST" && request.path == MEMBERS;
        if was_gone && is_creation && reply.status == 200 {
            let story = format!("a member was created without a disk: {}", reply.text);
            return Err(Fault::Wrong(story));
        }
        Err(Fault::Dark)
    }

    fn call(
        &mut self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer<Value> {
        let body = body.map(|body| body.to_string());
        let request = Request { method, path, token, body: body.as_deref() };
        let reply = self.send(&request)?;
        match reply.status {
            200 => Ok(reply.json()),
            429 | 503 | 507 => Err(Fault::Unavailable),
            status @ 500.. => {
                Err(Fault::Failed(format!("{method} {path}: {status} {}", reply.text)))
            }
            status => {
                Err(Fault::Wrong(format!("{method} {path} {body:?}: {status} {}", reply.text)))
            }
        }
    }

    fn post(&mut self, path: &str, body: Value) -> Answer<Value> {
        self.call("POST", path, OWNER_KEY, Some(body))
    }

    fn get(&mut self, path: &str) -> Answer<Value> {
        self.call("GET", path, OWNER_KEY, None)
    }

    pub fn create_member(&mut self, nickname: &str) -> Answer<String> {
        let email = format!("{nickname}@example.com");
        let profile = json!({ "nickname": nickname, "title": "Stands where it stood" });
        let member = json!({ "loginEmail": email, "profile": profile, "privacyStatus": "PUBLIC" });
        let answer = self.post(MEMBERS, json!({ "member": member }))?;
        text_at(&answer, "/member/id")
    }

    pub fn member_token(&mut self, member: &str) -> Answer<String> {
        let answer = self.post("/v1/member-tokens", json!({ "memberId": member }))?;
        text_at(&answer, "/accessToken")
    }

    /// Nicknames of the given members, by id; at most 100 are asked for.
    pub fn nicknames(&mut self, ids: &[String]) -> Answer<BTreeMap<String, String>> {
        let query = json!({ "filter": { "id": { "$in": ids } }, "paging": { "limit": 100 } });
        let body = json!({ "query": query, "fieldsets": ["FULL"] });
        let answer = self.post("/members/v1/members/query", body)?;
        let mut nicknames = BTreeMap::new();
        for member in array_at(&answer, "/members")? {
            nicknames.insert(text_at(member, "/id")?, text_at(member, "/profile/nickname")?);
        }
        Ok(nicknames)
    }

    pub fn set_follow(&mut self, token: &str, followed: &str, follows: bool) -> Answer<()> {
        let method = if follows { "POST" } else { "DELETE" };
        let path = format!("/members/v3/followers/{followed}");
        let body = follows.then(|| json!({ "memberId": followed }));
        self.call(method, &path, token, body).map(|_| ())
    }

    pub fn following(&mut self, member: &str) -> Answer<BTreeSet<String>> {
        let path = format!("/members/v3/followers/{member}/following?paging.limit=100");
        let answer = self.get(&path)?;
        texts(array_at(&answer, "/memberIds")?)
    }

    pub fn put_item(&mut self, item: &str, author: &str) -> Answer<()> {
        let body = json!({ "authorId": author, "type": "post", "title": "A post" });
        self.call("PUT", &format!("/v1/items/{APP}/{item}"), OWNER_KEY, Some(body)).map(|_| ())
    }

    pub fn set_like(&mut self, token: &str, item: &str, likes: bool) -> Answer<()> {
        let method = if likes { "POST" } else { "DELETE" };
        let body = likes.then(|| json!({}));
        self.call(method, &format!("/v1/items/{APP}/{item}/likes"), token, body).map(|_| ())
    }

    /// Who likes an item; the total beside them must be their number.
    pub fn likers(&mut self, item: &str) -> Answer<BTreeSet<String>> {
        let mut likers = BTreeSet::new();
        let mut query = String::from("limit=100");
        loop {
            let answer = self.get(&format!("/v1/items/{APP}/{item}/likes?{query}"))?;
            likers.extend(texts(array_at(&answer, "/memberIds")?)?);
            match answer.pointer("/pagingMetadata/cursors/next").and_then(Value::as_str) {
                Some(next) if !next.is_empty() => query = format!("limit=100&cursor={next}"),
                _ => {
                    assert_eq!(answer["total"].as_u64(), Some(likers.len() as u64), "{answer}");
                    return Ok(likers);
                }
            }
        }
    }

    pub fn increment(&mut self, line: &Increment, op_id: Option<&str>) -> Answer<()> {
        let mut body = json!({ "counter": { "key": line.key, "delta": line.delta } });
        if let Some(op_id) = op_id {
            body["opId"] = json!(op_id);
        }
        let path = format!("/members/v1/activity-counters/{}/increment", line.member);
        self.post(&path, body).map(|_| ())
    }

    /// Sends batch `n` of a producer and tells whether it was counted now or had been before.
    pub fn ingest(&mut self, producer: &str, n: u64, lines: &[Increment]) -> Answer<Counted> {
        let body = ingest_body(producer, n, lines);
        let answer = self.post("/v1/activity-counters/ingest", body)?;
        let count = |name: &str| answer[name].as_u64().unwrap_or(0) as usize;
        match (count("accepted"), count("duplicates")) {
            (accepted, 0) if accepted == lines.len() => Ok(Counted::Now),
            (0, duplicates) if duplicates == lines.len() => Ok(Counted::Before),
            _ => Err(Fault::Wrong(format!("batch {n} of {producer}: {answer}"))),
        }
    }

    /// What a batch is answered whose number does not connect.
    pub fn ingest_with_gap(
        &mut self,
        producer: &str,
        n: u64,
        lines: &[Increment],
    ) -> Answer<Reply> {
        let text = ingest_body(producer, n, lines).to_string();
        let path = "/v1/activity-counters/ingest";
        let body = Some(text.as_str());
        self.send(&Request { method: "POST", path, token: OWNER_KEY, body })
    }

    pub fn counters(&mut self, member: &str) -> Answer<BTreeMap<String, i64>> {
        let answer = self.get(&format!("/members/v1/activity-counters/{member}"))?;
        let mut counters = BTreeMap::new();
        for app in array_at(&answer, "/activityCounters")? {
            if app["appId"] != APP {
                continue;
            }
            for counter in array_at(app, "/counters")? {
                let count = counter["count"].as_i64();
                let count = count.ok_or_else(|| Fault::Wrong(format!("no count in {answer}")))?;
                counters.insert(text_at(counter, "/key")?, count);
            }
        }
        Ok(counters)
    }

    pub fn create_badge(&mut self, title: &str) -> Answer<String> {
        let badge = json!({ "title": title, "backgroundColor": "#204060", "textColor": "#FFFFFF" });
        let answer = self.post("/badges/v4/badges", json!({ "badge": badge }))?;
        text_at(&answer, "/badge/id")
    }

    /// A badge that everyone gets whose counter reaches a number.
    pub fn create_ruled_badge(&mut self, key: &str, reaches: i64) -> Answer<String> {
        let rule = json!({ "counter": { "key": key }, "reaches": reaches });
        let badge = json!({
            "title": format!("{reaches} {key}"),
            "backgroundColor": "#204060",
            "textColor": "#FFFFFF",
            "rule": rule,
        });
        let answer = self.post("/badges/v4/badges", json!({ "badge": badge }))?;
        text_at(&answer, "/badge/id")
    }

    pub fn assign(&mut self, badge: &str, member: &str) -> Answer<()> {
        let assignment = json!({ "badgeId": badge, "memberId": member });
        let body = json!({ "badgeAssignment": assignment });
        self.post("/badges/v4/assignments", body).map(|_| ())
    }

    /// Members that hold a badge.
    pub fn holders(&mut self, badge: &str) -> Answer<BTreeSet<String>> {
        let mut holders = BTreeSet::new();
        let paging = json!({ "limit": 100 });
        let mut query =
            json!({ "filter": { "badgeId": { "$in": [badge] } }, "cursorPaging": paging });
        loop {
            let answer = self.post("/badges/v4/assignments/query", json!({ "query": query }))?;
            for assignment in array_at(&answer, "/badgeAssignments")? {
                holders.insert(text_at(assignment, "/memberId")?);
            }
            match answer.pointer("/pagingMetadata/cursors/next").and_then(Value::as_str) {
                Some(next) if !next.is_empty() => {
                    query = json!({ "cursorPaging": { "limit": 100, "cursor": next } });
                }
                _ => return Ok(holders),
            }
        }
    }

    /// Events after a seq, oldest first, a page of them.
    pub fn events(&mut self, after: u64) -> Answer<Vec<Value>> {
        let answer = self.get(&format!("/v1/events?after={after}&limit={EVENTS_PAGE}"))?;
        Ok(array_at(&answer, "/events")?.clone())
    }
}

/// Whether a batch was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Now,
    Before,
}

fn ingest_body(producer: &str, n: u64, lines: &[Increment]) -> Value {
    let one =
        |line: &Increment| json!({ "memberId": line.member, "key": line.key, "delta": line.delta });
    let increments: Vec<Value> = lines.iter().map(one).collect();
    json!({ "producer": producer, "n": n, "increments": increments })
}

fn hangs(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

pub fn text_at(value: &Value, pointer: &str) -> Answer<String> {
    let text = value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Fault::Wrong(format!("no text at {pointer} in {value}")))
}

fn array_at<'a>(value: &'a Value, pointer: &str) -> Answer<&'a Vec<Value>> {
    let array = value.pointer(pointer).and_then(Value::as_array);
    array.ok_or_else(|| Fault::Wrong(format!("no array at {pointer} in {value}")))
}

fn texts(values: &[Value]) -> Answer<BTreeSet<String>> {
    values.iter().map(|value| text_at(value, "")).collect()
}

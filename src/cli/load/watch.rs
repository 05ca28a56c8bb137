//! Sockets that see what the social run does: subscribed over the Centrifuge protocol, each frame
//! is matched with the operation that made it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::error::LoadError;
use super::http_client::Target;
use super::meter::{Latencies, Window};
use super::websocket::WebSocket;

/// Channels of one socket; the protocol allows a few more.
pub const CHANNELS_PER_SOCKET: usize = 100;
/// How long after the end frames may still come.
const FRAMES_LATE_MAX: Duration = Duration::from_secs(5);

/// What to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Watched {
    /// The one channel of everything that happens on the site.
    Site,
    /// The channel of every acting member.
    Members,
}

/// Operations whose frame has not come, by who acts on what.
#[derive(Debug, Default)]
pub struct Expected {
    operations: RefCell<HashMap<(String, String), Operation>>,
    seen: RefCell<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    since: Instant,
    answered: Option<Instant>,
    frame: Option<Instant>,
}

/// How long frames took.
#[derive(Debug)]
pub struct Seen {
    /// From when the operation was due.
    pub from_request: Latencies,
    /// From its answer; 0 where the frame came first.
    pub from_answer: Latencies,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { from_request: Latencies::new(), from_answer: Latencies::new() }
    }
}

impl Expected {
    pub fn sent(&self, actor: &str, target: &str, since: Instant) {
        let operation = Operation { since, answered: None, frame: None };
        self.operations.borrow_mut().insert((actor.to_owned(), target.to_owned()), operation);
    }

    pub fn answered(&self, actor: &str, target: &str) {
        self.note(actor, target, |operation| operation.answered = Some(Instant::now()));
    }

    /// An operation that failed makes no frame.
    pub fn failed(&self, actor: &str, target: &str) {
        self.operations.borrow_mut().remove(&(actor.to_owned(), target.to_owned()));
    }

    /// Notes the operation that a publication tells of: its member, and any text in its data.
    fn published(&self, data: &Value) {
        let Some(actor) = data.get("memberId").and_then(Value::as_str) else { return };
        let now = Instant::now();
        let mut texts = Vec::new();
        collect_texts(data, &mut texts);
        for text in texts {
            self.note(actor, text, |operation| operation.frame = Some(now));
        }
    }

    /// Changes an operation; with both its answer and its frame it is complete.
    fn note(&self, actor: &str, target: &str, change: impl FnOnce(&mut Operation)) {
        let key = (actor.to_owned(), target.to_owned());
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = operations.get_mut(&key) else { return };
        change(operation);
        let (Some(answered), Some(frame)) = (operation.answered, operation.frame) else { return };
        let mut seen = self.seen.borrow_mut();
        seen.from_request.record(frame.saturating_duration_since(operation.since));
        seen.from_answer.record(frame.saturating_duration_since(answered));
        operations.remove(&key);
    }

    fn is_complete(&self) -> bool {
        self.operations.borrow().is_empty()
    }

    /// Prints what was seen, and how much never was.
    pub fn report(&self) {
        let seen = self.seen.borrow();
        println!(
            "request to frame: {} frames, {}",
            seen.from_request.count(),
            seen.from_request.summary()
        );
        println!("answer to frame (0 where the frame was first): {}", seen.from_answer.summary());
        println!("operations without a frame: {}", self.operations.borrow().len());
    }
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A socket that is subscribed.
#[derive(Debug)]
pub struct Watcher {
    socket: WebSocket,
}

impl Watcher {
    /// Connects, subscribes, and waits until every subscription is confirmed.
    pub async fn open(target: &Target, channels: &[String]) -> Result<Watcher, LoadError> {
        let mut socket = WebSocket::open(target, "/connection/websocket").await?;
        let mut hello = format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, target.key);
        for (number, channel) in channels.iter().enumerate() {
            let id = number + 2;
            hello.push_str(&format!(
                "\n{{\"id\":{id},\"subscribe\":{{\"channel\":\"{channel}\"}}}}"
            ));
        }
        socket.send_text(&hello).await?;
        let mut watcher = Watcher { socket };
        let mut unconfirmed = channels.len() + 1;
        while unconfirmed > 0 {
            for line in watcher.next().await? {
                if let Some(error) = line.get("error") {
                    return Err(LoadError::protocol("a subscription", error.to_string()));
                }
                unconfirmed -= usize::from(line.get("id").is_some());
            }
        }
        Ok(watcher)
    }

    /// Notes frames until the end, and some time longer if operations wait for theirs.
    pub async fn watch(mut self, expected: &Expected, window: Window) -> Result<(), LoadError> {
        let last = window.end + FRAMES_LATE_MAX;
        loop {
            let until = if expected.is_complete() { window.end } else { last };
            let Ok(lines) = tokio::time::timeout_at(until.into(), self.next()).await else {
                if Instant::now() >= last || expected.is_complete() {
                    return Ok(());
                }
                continue;
            };
            for line in lines? {
                let push = line.get("push").and_then(|push| push.get("pub"));
                if let Some(data) = push.and_then(|publication| publication.get("data")) {
                    expected.published(data);
                }
            }
            if Instant::now() >= window.end && expected.is_complete() {
                return Ok(());
            }
        }
    }

    /// How many publications the next message brings.
    pub async fn publications(&mut self) -> Result<usize, LoadError> {
        let lines = self.next().await?;
        Ok(lines.iter().filter(|line| line.pointer("/push/pub").is_some()).count())
    }

    /// The lines of the next message; pings are answered.
    async fn next(&mut self) -> Result<Vec<Value>, LoadError> {
        let text = self.socket.next().await?;
        let mut lines = Vec::new();
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let value: Value = serde_json::from_slice(line)
                .map_err(|error| LoadError::protocol("a frame", error.to_string()))?;
            lines.push(value);
        }
        let is_ping = |line: &Value| line.as_object().is_some_and(serde_json::Map::is_empty);
        if lines.iter().any(is_ping) {
            self.socket.send_text("{}").await?;
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use serde_json::json;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;

    #[test]
    fn an_operation_is_complete_with_its_answer_and_its_frame() {
        let expected = Expected::default();
        let now = Instant::now();
        expected.sent("ann", "bob", now);
        expected.sent("ann", "post1", now);
        expected.sent("cid", "post1", now);
        expected.published(&json!({"memberId": "ann", "data": {"item": {"itemId": "post1"}}}));
        expected.answered("ann", "bob");
        expected.answered("ann", "post1");
        assert_eq!(expected.seen.borrow().from_request.count(), 1);
        expected.failed("cid", "post1");
        expected.published(&json!({"memberId": "ann", "data": {"followed": "bob"}}));
        assert_eq!(expected.seen.borrow().from_answer.count(), 2);
        assert!(expected.is_complete());
    }

    /// Confirms two commands in one message, pings, and publishes what the test waits for.
    async fn live_server(listener: tokio::net::TcpListener) {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let hello = socket.next().await.unwrap().unwrap().into_text().unwrap();
        let ids: Vec<Value> =
            hello.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(ids[0]["connect"]["token"], "key");
        assert_eq!(ids[1]["subscribe"]["channel"], "member:ann");
        let confirmed = "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{}}";
        socket.send(Message::text(confirmed)).await.unwrap();
        socket.send(Message::text("{}")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("{}"));
        let data = json!({"memberId": "ann", "data": {"followed": "bob"}});
        let push = json!({"push": {"channel": "member:ann", "pub": {"data": data, "offset": 1}}});
        socket.send(Message::text(push.to_string())).await.unwrap();
        // Ends when the watcher has seen enough and goes.
        while let Some(Ok(_)) = socket.next().await {}
    }

    #[test]
    fn a_watcher_subscribes_answers_pings_and_sees_frames() {
        super::super::drive::runtime().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let client = async {
                let target = Target::parse(&url, "key").unwrap();
                let expected = Expected::default();
                let channels = ["member:ann".to_owned()];
                let watcher = Watcher::open(&target, &channels).await.unwrap();
                expected.sent("ann", "bob", Instant::now());
                expected.answered("ann", "bob");
                // The round is over already: what is left is to wait for the late frame.
                let window = Window::starting_now(Duration::ZERO, Duration::ZERO);
                watcher.watch(&expected, window).await.unwrap();
                assert!(expected.is_complete());
                assert_eq!(expected.seen.borrow().from_request.count(), 1);
            };
            tokio::join!(live_server(listener), client);
        });
    }
}

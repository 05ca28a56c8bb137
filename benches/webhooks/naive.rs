//! The upper bound: the same HTTP client with nothing around it. Bodies wait in memory, some
//! connections send them one after the other, nobody remembers anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use guildhall::domain::Timestamp;
use guildhall::webhook::client::{Client, ClientOptions, Post};
use guildhall::webhook::guard::{Guard, SystemResolver, Target};
use guildhall::webhook::signature::{Message, Secret, sign};

use super::receiver::Receiver;

/// What a sender does for each event besides sending it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    Each,
    Once,
}

struct Work {
    client: Client,
    target: Arc<Target>,
    secret: Secret,
    signs: Signs,
    body: Bytes,
    next: AtomicU64,
    events: u64,
}

/// Events a second, over so many connections of one thread.
pub fn rate(receiver: &Receiver, connections: usize, events: u64, signs: Signs) -> f64 {
    let guard =
        Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], Arc::new(SystemResolver));
    let work = Arc::new(Work {
        client: Client::new(guard, ClientOptions::default()),
        target: Arc::new(Target::parse(&receiver.url(0)).expect("a url")),
        secret: Secret::generate(),
        signs,
        body: Bytes::from(body()),
        next: AtomicU64::new(0),
        events,
    });
    let before = receiver.count();
    let began = Instant::now();
    let sender = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async move {
            let senders: Vec<_> =
                (0..connections).map(|_| tokio::spawn(send(work.clone()))).collect();
            for sender in senders {
                sender.await.expect("a sender ends well");
            }
        });
    });
    let ended = receiver.wait_for(before + events, Duration::from_secs(120));
    sender.join().expect("the senders end well");
    events as f64 / ended.duration_since(began).as_secs_f64()
}

async fn send(work: Arc<Work>) {
    let mut kept = None;
    let mut signature = String::new();
    loop {
        let number = work.next.fetch_add(1, Ordering::Relaxed);
        if number >= work.events {
            return;
        }
        let id = format!("evt_0123456789abcdef_{number}");
        if signature.is_empty() || work.signs == Signs::Each {
            let message = Message { id: &id, unix_seconds: 1_700_000_000, body: &work.body };
            signature = sign(message, std::slice::from_ref(&work.secret));
        }
        let post = Post {
            target: work.target.clone(),
            id,
            time: Timestamp::from_unix_ms(1_700_000_000_000),
            signature: signature.clone(),
            media_type: "application/json",
            headers: Default::default(),
            body: work.body.clone(),
        };
        let called = work.client.post(post, kept).await;
        assert!(called.answer.is_ok(), "{:?}", called.answer);
        kept = called.connection;
    }
}

/// As long as the public form of a follow.
fn body() -> String {
    format!("{{\"type\":\"follow.created\",\"data\":\"{}\"}}", "x".repeat(BODY_BYTES - 36))
}

const BODY_BYTES: usize = 420;

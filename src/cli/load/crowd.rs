//! Many live sockets that do nothing but stay: what each of them costs the server, and how long one
//! event takes to reach them all.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};
use tokio::task::LocalSet;

use super::drive::runtime;
use super::error::LoadError;
use super::http_client::{Content, HttpConnection, Target};
use super::members::Members;
use super::meter::Latencies;
use super::scrape::{Reading, Scrape};
use super::watch::Watcher;

/// Sockets that are open before anything is measured: what the first ones cost is not theirs alone.
const WARM_UP_SOCKETS: usize = 100;
/// Handshakes at a time.
const HANDSHAKES_MAX: usize = 64;
/// Members whose tokens the sockets share.
const MEMBERS_MAX: usize = 1_000;
/// Long enough for anything; a crowd that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the last handshakes took is given back meanwhile.
const SETTLE: Duration = Duration::from_secs(3);

/// How to crowd.
#[derive(Clone, Debug)]
pub struct Crowd<'a> {
    pub target: &'a Target,
    pub members: &'a Members,
    pub sockets: usize,
    /// Events that go to all of them, one after the other.
    pub events: usize,
    /// Names this run's items.
    pub name: &'a str,
}

/// What the sockets have seen, shared by all of them.
struct Seen {
    opened: Cell<usize>,
    published: Cell<usize>,
    since: Cell<Option<Instant>>,
    latencies: RefCell<Latencies>,
    failed: RefCell<Option<LoadError>>,
    changed: Notify,
}

impl Crowd<'_> {
    pub fn run(&self) -> Result<(), LoadError> {
        if self.members.ids.len() < 2 {
            return Err(LoadError::Usage("a crowd needs two members".to_owned()));
        }
        let local = LocalSet::new();
        local.block_on(&runtime()?, self.gather())
    }

    async fn gather(&self) -> Result<(), LoadError> {
        let mut http = HttpConnection::open(self.target.address).await?;
        let members = self.members.ids.len().min(MEMBERS_MAX);
        let tokens = self.members.tokens(self.target, &mut http, members).await?;
        let mut scrape = Scrape::open(self.target).await?;
        let seen = Rc::new(Seen::new());
        let gate = Rc::new(Semaphore::new(HANDSHAKES_MAX));
        for number in 0..WARM_UP_SOCKETS {
            self.enter(number, &tokens, &seen, &gate);
        }
        seen.until(|seen| seen.opened.get() == WARM_UP_SOCKETS).await?;
        let before = self.settled(&mut scrape).await?;
        let began = Instant::now();
        let all = WARM_UP_SOCKETS + self.sockets;
        for number in WARM_UP_SOCKETS..all {
            self.enter(number, &tokens, &seen, &gate);
        }
        seen.until(|seen| seen.opened.get() == all).await?;
        let took = began.elapsed();
        self.report(before, self.settled(&mut scrape).await?, took);
        for event in 1..=self.events {
            self.tell_all(event, &seen, all).await?;
        }
        Ok(())
    }

    async fn settled(&self, scrape: &mut Scrape) -> Result<Reading, LoadError> {
        tokio::time::sleep(SETTLE).await;
        scrape.take().await
    }

    fn report(&self, before: Reading, after: Reading, took: Duration) {
        let grown = after.resident_bytes - before.resident_bytes;
        let mib = |bytes: f64| bytes / 1_048_576.0;
        println!(
            "idle sockets: {} more after {} were open, in {:.1} s: resident {:.1} -> {:.1} MiB, \
             {:.2} KiB each",
            self.sockets,
            before.live_sessions,
            took.as_secs_f64(),
            mib(before.resident_bytes),
            mib(after.resident_bytes),
            grown / self.sockets as f64 / 1_024.0
        );
    }

    /// Opens one more socket: a member in its own channel and in the one that all watch, which is
    /// nobody's own.
    fn enter(&self, number: usize, tokens: &[String], seen: &Rc<Seen>, gate: &Rc<Semaphore>) {
        let (seen, gate) = (Rc::clone(seen), Rc::clone(gate));
        let target = self.target.with_key(&tokens[1 + number % (tokens.len() - 1)]);
        let channel = [format!("member:{}", self.members.text(0))];
        tokio::task::spawn_local(async move {
            if let Err(error) = stay(&target, &channel, &seen, &gate).await {
                seen.failed.borrow_mut().get_or_insert(error);
                seen.changed.notify_one();
            }
        });
    }

    /// The member whom all watch publishes something.
    async fn tell_all(&self, event: usize, seen: &Seen, all: usize) -> Result<(), LoadError> {
        let mut http = HttpConnection::open(self.target.address).await?;
        let path = format!("/v1/items/load/{}-{event}", self.name);
        let author = self.members.text(0);
        let body = format!(r#"{{"author":"{author}","type":"post","title":"To all {event}"}}"#);
        let request = self.target.request("PUT", &path, Content::Json, body.as_bytes());
        seen.published.set(0);
        *seen.latencies.borrow_mut() = Latencies::new();
        seen.since.set(Some(Instant::now()));
        http.exchange(&request).await?.good(&path)?;
        seen.until(|seen| seen.published.get() == all).await?;
        let latencies = seen.latencies.borrow();
        println!(
            "one event to {all} sockets, from its request: {}, last {:.2} ms",
            latencies.summary(),
            latencies.millis_at(1.0)
        );
        Ok(())
    }
}

/// One socket: opens when it is its turn, then answers pings and notes what it is told.
async fn stay(
    target: &Target,
    channels: &[String],
    seen: &Seen,
    gate: &Semaphore,
) -> Result<(), LoadError> {
    let turn = gate.acquire().await;
    let mut watcher = Watcher::open(target, channels).await?;
    drop(turn);
    seen.opened.set(seen.opened.get() + 1);
    seen.changed.notify_one();
    loop {
        let publications = watcher.publications().await?;
        seen.told(publications);
    }
}

impl Seen {
    fn new() -> Seen {
        Seen {
            opened: Cell::new(0),
            published: Cell::new(0),
            since: Cell::new(None),
            latencies: RefCell::new(Latencies::new()),
            failed: RefCell::new(None),
            changed: Notify::new(),
        }
    }

    fn told(&self, publications: usize) {
        let (Some(since), true) = (self.since.get(), publications > 0) else { return };
        self.latencies.borrow_mut().record(since.elapsed());
        self.published.set(self.published.get() + publications);
        self.changed.notify_one();
    }

    /// Waits until it is so; the first socket that failed ends the wait.
    async fn until(&self, is_so: impl Fn(&Seen) -> bool) -> Result<(), LoadError> {
        let waiting = async {
            loop {
                if let Some(error) = self.failed.borrow_mut().take() {
                    return Err(error);
                }
                if is_so(self) {
                    return Ok(());
                }
                self.changed.notified().await;
            }
        };
        let seconds = PATIENCE.as_secs();
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(Err(LoadError::Stuck { seconds }))
    }
}

//! The actor of one endpoint with work: it reads from its own cursor, keeps a window on its way
//! and stores its progress. What to do is decided by `core::delivery`; here it is done.

mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::stream;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::attempt::{Attempting, Ended, Fate, attempt};
use super::client::Connection;
use super::port::{EventBody, PortError, Ports};
use super::receiver::Receiver;
use crate::core::delivery::{
    Attempt, Delivery, DisableReason, Due, Jitter, Phase, Progress, Wanted,
};
use crate::domain::endpoint::PayloadFormat;
use crate::domain::{EndpointId, Timestamp, WrittenRecord, limits};

pub use state::{DispatcherState, Observe};

/// Ends a dispatcher in good order: nothing new is sent, what is on its way may end, progress is
/// stored.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Drain;

/// Told to the site when there was nothing to do for a while.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    pub endpoint: EndpointId,
    pub cursor: u64,
}

/// What a dispatcher is started with.
pub struct Start {
    pub ports: Ports,
    /// The site's own share of the deliveries on their way.
    pub site_places: Arc<Semaphore>,
    pub progress: Progress,
    /// The newest of it counts for every try.
    pub receiver: watch::Receiver<Arc<Receiver>>,
    /// There is something to read up to and with this seq. A flag, not a queue.
    pub wanted: watch::Receiver<u64>,
    pub idle: mpsc::Sender<Idle>,
    /// Dropped when the dispatcher is gone.
    pub running: oneshot::Sender<()>,
}

pub struct Dispatcher {
    endpoint: EndpointId,
    ports: Ports,
    site_places: Arc<Semaphore>,
    receiver: watch::Receiver<Arc<Receiver>>,
    wanted: watch::Receiver<u64>,
    idle: mpsc::Sender<Idle>,
    _running: oneshot::Sender<()>,
    delivery: Delivery,
    /// Bodies of the events that may be sent again without being read again.
    bodies: BTreeMap<u64, EventBody>,
    /// Of those bodies.
    format: PayloadFormat,
    connections: Vec<Connection>,
    reading: Busy,
    storing: Storing,
    ending: Ending,
    alarm: Option<SpawnHandle>,
    idle_alarm: Option<SpawnHandle>,
    lag_told: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Busy {
    No,
    Yes,
}

/// One write at a time; of what comes meanwhile only the newest counts.
enum Storing {
    Resting,
    Writing { next: Option<Progress> },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// Waiting for what is on its way.
    Draining,
    /// The last progress is being written.
    Storing,
}

impl Dispatcher {
    pub fn new(start: Start) -> Dispatcher {
        let mut delivery = Delivery::new(start.ports.settings.clone(), start.progress);
        let receiver = start.receiver.borrow().clone();
        delivery.obey(receiver.mode, receiver.rate_per_minute);
        Dispatcher {
            endpoint: receiver.id,
            delivery,
            format: receiver.format.clone(),
            ports: start.ports,
            site_places: start.site_places,
            receiver: start.receiver,
            wanted: start.wanted,
            idle: start.idle,
            _running: start.running,
            bodies: BTreeMap::new(),
            connections: Vec::new(),
            reading: Busy::No,
            storing: Storing::Resting,
            ending: Ending::No,
            alarm: None,
            idle_alarm: None,
            lag_told: 0,
        }
    }

    fn now(&self) -> Timestamp {
        (self.ports.clock)()
    }

    /// Asks the machine and does what it says. Called after everything that happens.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        self.obey();
        let actions = self.delivery.tick(now);
        for due in actions.send {
            self.send(due, ctx);
        }
        for seq in actions.exhausted {
            let endpoint = self.endpoint;
            tracing::warn!(%endpoint, seq, "endpoint {endpoint} never took event {seq}");
        }
        if let Some(after) = actions.read_after {
            self.read(after, ctx);
        }
        if let Some(progress) = actions.persist {
            self.store(progress, ctx);
        }
        if let Some(reason) = actions.disable {
            self.disable(reason, ctx);
        }
        self.set_alarm(actions.wake_at, now, ctx);
        self.set_idle_alarm(ctx);
        self.tell_lag();
        self.end_if_drained(ctx);
    }

    /// The endpoint as its owner wants it now.
    fn obey(&mut self) {
        if !self.receiver.has_changed().unwrap_or(false) {
            return;
        }
        let receiver = self.receiver.borrow_and_update();
        self.delivery.obey(receiver.mode, receiver.rate_per_minute);
        if receiver.format != self.format {
            self.format = receiver.format.clone();
            self.bodies.clear();
        }
    }

    fn set_alarm(&mut self, at: Option<Timestamp>, now: Timestamp, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        self.alarm = at.map(|at| {
            let wait_ms = at.unix_ms.saturating_sub(now.unix_ms).max(1) as u64;
            ctx.run_later(Duration::from_millis(wait_ms), |dispatcher, ctx| dispatcher.turn(ctx))
        });
    }

    fn tell_lag(&mut self) {
        let lag = self.wanted.borrow().saturating_sub(self.delivery.cursor());
        metrics::gauge!("webhook_lag_events").increment(lag as f64 - self.lag_told as f64);
        self.lag_told = lag;
    }
}

/// Sending.
impl Dispatcher {
    fn send(&mut self, due: Due, ctx: &mut Context<Self>) {
        let attempting = Attempting {
            ports: self.ports.clone(),
            site_places: self.site_places.clone(),
            receiver: self.receiver.borrow().clone(),
            seq: due.seq,
            body: self.bodies.get(&due.seq).cloned(),
            kept: self.connections.pop(),
        };
        let ended = attempt(attempting).into_actor(self);
        ctx.spawn(ended.map(|ended, dispatcher, ctx| dispatcher.ended(ended, ctx)));
    }

    fn ended(&mut self, ended: Ended, ctx: &mut Context<Self>) {
        let now = self.now();
        let seq = ended.seq;
        let phase_before = self.delivery.phase();
        let kept = ended.connection.filter(Connection::is_fresh);
        self.connections.extend(kept);
        match ended.fate {
            Fate::Tried(result) => {
                let jitter = Jitter::from_draw(rand::random());
                self.delivery.attempted(Attempt { seq, result, jitter }, now);
            }
            Fate::Lost => {
                let endpoint = self.endpoint;
                tracing::warn!(%endpoint, seq, "retention took event {seq} before {endpoint} did");
                self.delivery.lost(seq, now);
            }
        }
        if !self.delivery.keeps(seq) {
            self.bodies.remove(&seq);
        }
        self.tell_hold(phase_before);
        self.turn(ctx);
    }

    fn tell_hold(&self, before: Phase) {
        let endpoint = self.endpoint;
        match (before, self.delivery.phase()) {
            (Phase::Closed { .. } | Phase::HalfOpen { .. }, Phase::Open { next_try_at }) => {
                let wait_ms = next_try_at.unix_ms - self.now().unix_ms;
                tracing::info!(%endpoint, wait_ms, "endpoint {endpoint} is held back {wait_ms} ms");
            }
            (Phase::HalfOpen { .. }, Phase::Closed { .. }) => {
                tracing::info!(%endpoint, "endpoint {endpoint} is well again");
            }
            (Phase::Closed { .. } | Phase::HalfOpen { .. }, _)
            | (Phase::Open { .. } | Phase::Stopped { .. }, _) => {}
        }
    }

    fn disable(&mut self, reason: DisableReason, ctx: &mut Context<Self>) {
        let (endpoint, ports) = (self.endpoint, self.ports.clone());
        tracing::warn!(%endpoint, "endpoint {endpoint} is disabled: {}", reason.text());
        let told = async move {
            while let Err(error) = ports.endpoints.disable(endpoint, reason.text()).await {
                tracing::warn!(%endpoint, "endpoint {endpoint} cannot be disabled yet: {error}");
                tokio::time::sleep(Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS)).await;
            }
        };
        ctx.spawn(told.into_actor(self));
    }
}

/// Reading.
impl Dispatcher {
    fn read(&mut self, after: u64, ctx: &mut Context<Self>) {
        if self.reading == Busy::Yes || after >= *self.wanted.borrow() {
            return;
        }
        self.reading = Busy::Yes;
        let source = self.ports.records.clone();
        let page = async move {
            let oldest_seq = source.oldest_seq().await?;
            let from = after.max(oldest_seq.saturating_sub(1));
            source.records_after(from, limits::WEBHOOK_PAGE_RECORDS_MAX).await
        };
        let page = page.into_actor(self);
        ctx.spawn(page.map(|page, dispatcher, ctx| dispatcher.have_read(page, ctx)));
    }

    fn have_read(&mut self, page: Result<Vec<WrittenRecord>, PortError>, ctx: &mut Context<Self>) {
        let page = page.inspect_err(|error| {
            let endpoint = self.endpoint;
            tracing::warn!(%endpoint, "endpoint {endpoint} cannot read on: {error}");
        });
        match page {
            Ok(records) if !records.is_empty() => {
                self.reading = Busy::No;
                self.take(&records);
                self.turn(ctx);
            }
            // What is wanted is durable, so it will be there: ask again, but not at once.
            Ok(_) | Err(_) => {
                let pause = Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS);
                ctx.run_later(pause, |dispatcher, ctx| {
                    dispatcher.reading = Busy::No;
                    dispatcher.turn(ctx);
                });
            }
        }
    }

    /// Takes a page, or as much of it as bodies may be held; the rest is read again later.
    fn take(&mut self, records: &[WrittenRecord]) {
        let now = self.now();
        if let Some(first) = records.first() {
            self.skip_to(first.seq, now);
        }
        let receiver = self.receiver.borrow().clone();
        let (mut wanted, mut through, mut bytes) = (Vec::new(), 0, 0);
        for record in records {
            through = record.seq;
            let Some(body) = receiver.taken(record, &self.ports.body_of) else { continue };
            bytes += body.bytes.len();
            wanted.push(receiver.wanted(record));
            self.bodies.insert(record.seq, body);
            if bytes >= limits::WEBHOOK_PAGE_BYTES_MAX {
                break;
            }
        }
        self.delivery.take(through, &wanted, now);
        for Wanted { seq, .. } in wanted.into_iter().filter(|one| !self.delivery.keeps(one.seq)) {
            self.bodies.remove(&seq);
        }
    }

    fn skip_to(&mut self, oldest_seq: u64, now: Timestamp) {
        if let Some(skipped) = self.delivery.skip_to(oldest_seq, now) {
            metrics::counter!("webhook_skipped_events_total")
                .increment(skipped.last_seq - skipped.first_seq + 1);
            tracing::warn!(
                endpoint = %self.endpoint,
                "endpoint {} lagged: events {} to {} are past retention",
                self.endpoint, skipped.first_seq, skipped.last_seq
            );
        }
    }
}

/// Storing and ending.
impl Dispatcher {
    fn store(&mut self, progress: Progress, ctx: &mut Context<Self>) {
        if let Storing::Writing { next } = &mut self.storing {
            *next = Some(progress);
            return;
        }
        self.storing = Storing::Writing { next: None };
        let (endpoint, store) = (self.endpoint, self.ports.progress.clone());
        let stored = async move { store.store(endpoint, Some(progress)).await }.into_actor(self);
        ctx.spawn(stored.map(|stored, dispatcher, ctx| dispatcher.have_stored(stored, ctx)));
    }

    fn have_stored(&mut self, stored: Result<(), PortError>, ctx: &mut Context<Self>) {
        if let Err(error) = stored {
            let endpoint = self.endpoint;
            tracing::warn!(%endpoint, "progress of endpoint {endpoint} is not stored: {error}");
            let pause = Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS);
            ctx.run_later(pause, |dispatcher, ctx| {
                dispatcher.storing = Storing::Resting;
                let now = dispatcher.now();
                dispatcher.delivery.not_persisted(now);
                dispatcher.turn(ctx);
            });
            return;
        }
        match std::mem::replace(&mut self.storing, Storing::Resting) {
            Storing::Writing { next: Some(next) } => self.store(next, ctx),
            Storing::Writing { next: None } | Storing::Resting => self.turn(ctx),
        }
    }

    fn end_if_drained(&mut self, ctx: &mut Context<Self>) {
        let resting = matches!(self.storing, Storing::Resting);
        match self.ending {
            Ending::Draining if self.delivery.in_flight() == 0 && resting => {
                self.ending = Ending::Storing;
                self.store(self.delivery.progress(), ctx);
            }
            Ending::Storing if resting => ctx.stop(),
            Ending::No | Ending::Draining | Ending::Storing => {}
        }
    }

    fn is_idle(&self) -> bool {
        let caught_up = self.delivery.cursor() >= *self.wanted.borrow();
        caught_up && self.delivery.is_idle() && matches!(self.storing, Storing::Resting)
    }

    fn set_idle_alarm(&mut self, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.idle_alarm.take() {
            ctx.cancel_future(alarm);
        }
        if self.is_idle() {
            let wait = Duration::from_millis(self.ports.idle_ms);
            self.idle_alarm = Some(ctx.run_later(wait, |dispatcher, ctx| {
                dispatcher.tell_idle();
                dispatcher.set_idle_alarm(ctx);
            }));
        }
    }

    /// The site decides: it knows whether something was wanted meanwhile. Told again if unheard.
    fn tell_idle(&self) {
        let idle = Idle { endpoint: self.endpoint, cursor: self.delivery.cursor() };
        if self.idle.try_send(idle).is_err() {
            tracing::debug!(endpoint = %self.endpoint, "endpoint {} stays for now", self.endpoint);
        }
    }
}

/// Something new is wanted.
struct Woken;

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let wanted = stream::unfold(self.wanted.clone(), |mut wanted| async move {
            wanted.changed().await.ok().map(|()| (Woken, wanted))
        });
        ctx.add_stream(Box::pin(wanted));
        self.turn(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        metrics::gauge!("webhook_lag_events").decrement(self.lag_told as f64);
    }
}

/// The site lets go of the other end when the endpoint is no more, which ends the dispatcher.
impl StreamHandler<Woken> for Dispatcher {
    fn handle(&mut self, _: Woken, ctx: &mut Context<Self>) {
        self.turn(ctx);
    }
}

impl Handler<Drain> for Dispatcher {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Context<Self>) {
        self.delivery.stop();
        self.ending = Ending::Draining;
        self.turn(ctx);
    }
}

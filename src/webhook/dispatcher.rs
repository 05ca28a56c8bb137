//! The actor of one endpoint with work: it reads from its own cursor, keeps a window on its way
//! and stores its progress. What to do is decided by `core::delivery`; here it is done.

mod flights;
mod reading;
mod replaying;
mod sending;
mod state;
mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::mpsc;

use super::attempt::{Attempting, Ended, Fate, attempt};
use super::board::{Heard, Reader};
use super::bounds::{Place, SiteBounds, Taken};
use super::client::Connection;
use super::meters::Meters;
use super::port::{EventBody, PortError, Ports};
use crate::core::delivery::{
    Attempt, AttemptLog, Delivery, DisableReason, Due, Jitter, Phase, Progress, Skipped, Wanted,
};
use crate::domain::endpoint::{EndpointReport, PayloadFormat};
use crate::domain::{EndpointId, Timestamp, WrittenRecord, limits};

use flights::{Flights, Landing};
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
pub(super) struct Start {
    pub ports: Arc<Ports>,
    /// The site's own share of what all deliveries take up.
    pub bounds: Arc<SiteBounds>,
    pub meters: Arc<Meters>,
    pub progress: Progress,
    pub attempts: AttemptLog,
    /// The endpoint, and how far there is something to read.
    pub told: Reader,
    pub idle: mpsc::Sender<Idle>,
}

pub struct Dispatcher {
    endpoint: EndpointId,
    ports: Arc<Ports>,
    bounds: Arc<SiteBounds>,
    meters: Arc<Meters>,
    /// The newest of it counts for every try.
    told: Reader,
    idle: mpsc::Sender<Idle>,
    delivery: Delivery,
    /// Chosen, and waiting for places.
    ready: VecDeque<Due>,
    /// Whether a place is being waited for: one wish at a time.
    asking: Busy,
    flights: Flights,
    /// Bodies of the events that may be sent without being read again.
    bodies: BTreeMap<u64, EventBody>,
    /// Of those bodies.
    format: PayloadFormat,
    /// What these bodies take up.
    room: Taken,
    /// Kept for later, each with its leave.
    connections: Vec<(Connection, Taken)>,
    reading: Busy,
    /// Nothing to read when it was last looked for: the next wish to read is news.
    starved: bool,
    storing: Busy,
    attempts: AttemptLog,
    storing_attempts: Busy,
    /// Events given up that are being written down.
    keeping: usize,
    /// Of the newest answer.
    last_status: Option<u16>,
    reports: telling::Reports,
    replaying: Busy,
    /// Replays that are done here; the site may not know yet.
    replays_ended: BTreeSet<u64>,
    ending: Ending,
    /// When the machine is asked again, whatever happens.
    alarm: Option<(Timestamp, SpawnHandle)>,
    idle_alarm: Option<SpawnHandle>,
    lag_told: u64,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Busy {
    #[default]
    No,
    Yes,
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
    pub(super) fn new(start: Start) -> Dispatcher {
        let mut delivery = Delivery::new(start.ports.settings.clone(), start.progress);
        let receiver = start.told.receiver();
        delivery.obey(receiver.wishes());
        Dispatcher {
            endpoint: receiver.id,
            delivery,
            format: receiver.format.clone(),
            ports: start.ports,
            bounds: start.bounds,
            meters: start.meters,
            told: start.told,
            idle: start.idle,
            ready: VecDeque::new(),
            asking: Busy::No,
            flights: Flights::default(),
            bodies: BTreeMap::new(),
            room: Taken::default(),
            connections: Vec::new(),
            reading: Busy::No,
            starved: true,
            storing: Busy::No,
            attempts: start.attempts,
            storing_attempts: Busy::No,
            keeping: 0,
            last_status: None,
            reports: telling::Reports::default(),
            replaying: Busy::No,
            replays_ended: BTreeSet::new(),
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
        self.replay_on(ctx);
        let actions = self.delivery.tick(now);
        self.ready.extend(actions.send);
        self.rest_if_held();
        self.send_ready(ctx);
        self.give_up(&actions.exhausted, ctx);
        self.tell(actions.notices, ctx);
        if let Some(after) = actions.read_after {
            self.read(after, ctx);
        }
        if let Some(progress) = actions.persist {
            self.store(progress, ctx);
        }
        if let Some(reason) = actions.disable {
            self.disable(reason, ctx);
        }
        self.store_attempts(ctx);
        let wakes = actions.wake_at.into_iter().chain(self.attempts_due_at());
        self.set_alarm(wakes.min(), now, ctx);
        self.set_idle_alarm(ctx);
        self.tell_lag();
        self.end_if_drained(ctx);
    }

    /// The endpoint as its owner wants it now.
    fn obey(&mut self) {
        let Some(receiver) = self.told.take_renewed() else { return };
        self.delivery.obey(receiver.wishes());
        if receiver.format != self.format {
            self.format = receiver.format.clone();
            self.bodies.clear();
            self.room = Taken::default();
        }
    }

    fn set_alarm(&mut self, at: Option<Timestamp>, now: Timestamp, ctx: &mut Context<Self>) {
        if self.alarm.map(|(at, _)| at) == at {
            return;
        }
        if let Some((_, alarm)) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        self.alarm = at.map(|at| {
            let wait_ms = at.unix_ms.saturating_sub(now.unix_ms).max(1) as u64;
            let alarm = ctx.run_later(Duration::from_millis(wait_ms), |dispatcher, ctx| {
                dispatcher.alarm = None;
                dispatcher.turn(ctx);
            });
            (at, alarm)
        });
    }

    fn tell_lag(&mut self) {
        let lag = self.told.wanted().saturating_sub(self.delivery.cursor());
        self.meters.lag_changed(self.lag_told, lag);
        self.lag_told = lag;
    }
}

/// Storing and ending.
impl Dispatcher {
    fn store(&mut self, progress: Progress, ctx: &mut Context<Self>) {
        self.storing = Busy::Yes;
        let (endpoint, store) = (self.endpoint, self.ports.progress.clone());
        let entries = vec![(endpoint, Some(progress))];
        let stored = async move { store.store(entries).await }.into_actor(self);
        ctx.spawn(stored.map(|stored, dispatcher, ctx| dispatcher.have_stored(stored, ctx)));
    }

    fn have_stored(&mut self, stored: Result<(), PortError>, ctx: &mut Context<Self>) {
        let Err(error) = stored else {
            self.storing = Busy::No;
            self.delivery.persisted();
            return self.turn(ctx);
        };
        let endpoint = self.endpoint;
        tracing::warn!(%endpoint, "progress of endpoint {endpoint} is not stored: {error}");
        let pause = Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS);
        ctx.run_later(pause, |dispatcher, ctx| {
            dispatcher.storing = Busy::No;
            let now = dispatcher.now();
            dispatcher.delivery.not_persisted(now);
            dispatcher.turn(ctx);
        });
    }

    fn end_if_drained(&mut self, ctx: &mut Context<Self>) {
        let resting = self.storing == Busy::No && self.all_is_told();
        match self.ending {
            Ending::Draining if self.delivery.in_flight() == 0 && resting => {
                self.ending = Ending::Storing;
                self.store(self.delivery.progress(), ctx);
            }
            Ending::Storing if resting => ctx.stop(),
            Ending::No | Ending::Draining | Ending::Storing => {}
        }
    }

    fn is_ending(&self) -> bool {
        self.ending != Ending::No
    }

    fn is_idle(&self) -> bool {
        let caught_up = self.delivery.cursor() >= self.told.wanted();
        let is_replaying = !self.told.receiver().replays.is_empty();
        let all_stored = self.storing == Busy::No && self.all_is_told();
        caught_up && self.delivery.is_idle() && all_stored && !is_replaying
    }

    fn set_idle_alarm(&mut self, ctx: &mut Context<Self>) {
        match (self.is_idle(), self.idle_alarm) {
            (true, None) => {
                let wait = Duration::from_millis(self.ports.idle_ms);
                self.idle_alarm = Some(ctx.run_later(wait, |dispatcher, ctx| {
                    dispatcher.idle_alarm = None;
                    dispatcher.tell_idle();
                    dispatcher.set_idle_alarm(ctx);
                }));
            }
            (false, Some(alarm)) => {
                ctx.cancel_future(alarm);
                self.idle_alarm = None;
            }
            (true, Some(_)) | (false, None) => {}
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

impl Actor for Dispatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(Landing);
        self.turn(ctx);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.meters.lag_changed(self.lag_told, 0);
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

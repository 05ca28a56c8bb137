//! The endpoints of one site with the dispatchers that run for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::mpsc;

use crate::core::delivery::{AttemptLog, Progress};
use crate::core::event_pattern::EventFilter;
use crate::domain::EndpointId;
use crate::domain::event::{Endpoint, Event};
use crate::webhook::board::{Board, board};
use crate::webhook::bounds::SiteBounds;
use crate::webhook::dispatcher::{Dispatcher, Drain, Idle, Start};
use crate::webhook::gathered::{GatheredAttempts, GatheredProgress};
use crate::webhook::meters::Meters;
use crate::webhook::port::{Ports, ProgressEntry};
use crate::webhook::receiver::{EndpointChange, Receiver, followed};

pub(super) struct Roster {
    ports: Arc<Ports>,
    idle: mpsc::Sender<Idle>,
    bounds: Arc<SiteBounds>,
    meters: Arc<Meters>,
    entries: BTreeMap<EndpointId, Entry>,
    /// Up to where it is stored that those who rest had nothing to do.
    rest_stored: u64,
    /// Which endpoints want events of a type; emptied whenever an endpoint changes.
    takers: HashMap<&'static str, Vec<EndpointId>>,
}

struct Entry {
    endpoint: Arc<Endpoint>,
    /// Which events it takes.
    filter: EventFilter,
    /// The newest seq that there is a reason to read to.
    wanted: u64,
    running: Option<Running>,
    /// Without a dispatcher: everything that was wanted so far is done.
    rested: bool,
}

/// What some records hold, by type of event: endpoints are woken once for each, not for each
/// record.
#[derive(Default)]
pub(super) struct News<'a> {
    /// In the order of their first records.
    kinds: Vec<Kind<'a>>,
}

struct Kind<'a> {
    first: &'a Event,
    first_seq: u64,
    last_seq: u64,
}

impl<'a> News<'a> {
    pub(super) fn note(&mut self, event: &'a Event, seq: u64) {
        let name = event.type_name();
        match self.kinds.iter_mut().find(|kind| kind.first.type_name() == name) {
            Some(kind) => kind.last_seq = seq,
            None => self.kinds.push(Kind { first: event, first_seq: seq, last_seq: seq }),
        }
    }
}

struct Running {
    dispatcher: Addr<Dispatcher>,
    /// Letting go of it ends the dispatcher.
    board: Board,
}

impl Running {
    /// Waits for room in the mailbox; one that is gone has nothing to drain.
    async fn drain(&self) {
        if self.dispatcher.send(Drain).await.is_err() {
            tracing::debug!("a dispatcher had ended before it was told to");
        }
    }

    /// At once, whatever is on its way.
    async fn end(self) {
        self.board.let_go().await;
    }
}

impl Entry {
    /// There is a reason to read to `seq`; whether that is news.
    fn want(&mut self, seq: u64) -> bool {
        let is_news = self.wanted < seq;
        self.wanted = self.wanted.max(seq);
        if let Some(running) = &self.running {
            running.board.want(seq);
        }
        is_news
    }
}

impl Roster {
    pub(super) fn new(mut ports: Ports, idle: mpsc::Sender<Idle>) -> Roster {
        ports.progress = Arc::new(GatheredProgress::over(ports.progress));
        ports.attempts = Arc::new(GatheredAttempts::over(ports.attempts));
        let bounds = Arc::new(SiteBounds::new(&ports.bounds));
        Roster {
            ports: Arc::new(ports),
            idle,
            bounds,
            meters: Arc::new(Meters::new()),
            entries: BTreeMap::new(),
            rest_stored: 0,
            takers: HashMap::new(),
        }
    }

    /// These are all the endpoints there are, as of `seq`.
    pub(super) async fn replace(&mut self, endpoints: Vec<Arc<Endpoint>>, seq: u64) {
        let listed: BTreeSet<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        let known: Vec<EndpointId> = self.entries.keys().copied().collect();
        for gone in known.into_iter().filter(|id| !listed.contains(id)) {
            self.remove(gone).await;
        }
        for endpoint in endpoints {
            let id = endpoint.id;
            self.put(endpoint, seq).await;
            self.read_to(id, seq).await;
        }
    }

    /// Records up to `seq` were not looked at one by one: the endpoint has to do so itself.
    async fn read_to(&mut self, id: EndpointId, seq: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.want(seq) && entry.rested && entry.endpoint.disabled.is_none() {
            entry.rested = false;
            self.start(id, 0).await;
        }
    }

    pub(super) async fn change(&mut self, change: EndpointChange<'_>, seq: u64) {
        let id = match change {
            EndpointChange::Created(endpoint) | EndpointChange::Updated(endpoint) => {
                return self.put(endpoint.clone(), seq).await;
            }
            EndpointChange::Deleted(id) => return self.remove(id).await,
            EndpointChange::Rotated { endpoint, .. }
            | EndpointChange::Enabled { endpoint, .. }
            | EndpointChange::Replay { endpoint, .. }
            | EndpointChange::Disabled { endpoint, .. } => endpoint,
        };
        let changed = self.entries.get(&id).and_then(|entry| followed(&entry.endpoint, &change));
        if let Some(changed) = changed {
            self.put(Arc::new(changed), seq).await;
        }
    }

    /// An endpoint that is new, or one as it is now.
    pub(super) async fn put(&mut self, endpoint: Arc<Endpoint>, seq: u64) {
        self.takers.clear();
        let id = endpoint.id;
        let receiver = match Receiver::open(&endpoint, &self.ports.vault) {
            Ok(receiver) => receiver,
            Err(error) => {
                tracing::error!(endpoint = %id, "endpoint {id} cannot be delivered to: {error}");
                return;
            }
        };
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            endpoint: endpoint.clone(),
            filter: EventFilter::default(),
            wanted: seq.max(endpoint.after_seq),
            running: None,
            rested: false,
        });
        if entry.endpoint.disabled.is_some() && endpoint.disabled.is_none() {
            // Nobody was woken meanwhile: all of it is to be looked at.
            entry.rested = false;
            entry.want(seq);
        }
        entry.rested &= endpoint.settings.replays.is_empty();
        entry.endpoint = endpoint;
        entry.filter = receiver.filter.clone();
        // What comes while it is disabled waits for it.
        entry.rested &= entry.endpoint.disabled.is_none();
        // Whoever runs looks at it at once.
        if let Some(running) = &entry.running {
            running.board.renew(Arc::new(receiver));
        }
        match (&entry.endpoint.disabled, &entry.running) {
            (Some(_), Some(running)) => running.drain().await,
            // One that rests has no work; it is woken when it has.
            (None, None) if !entry.rested => self.start(id, 0).await,
            (None | Some(_), None) | (None, Some(_)) => {}
        }
    }

    async fn remove(&mut self, id: EndpointId) {
        self.takers.clear();
        let Some(entry) = self.entries.remove(&id) else { return };
        if let Some(running) = entry.running {
            running.end().await;
        }
        if let Err(error) = self.ports.progress.store(vec![(id, None)]).await {
            tracing::warn!(endpoint = %id, "progress of endpoint {id} stays behind: {error}");
        }
        if let Err(error) = self.ports.attempts.forget(id).await {
            tracing::warn!(endpoint = %id, "attempts of endpoint {id} stay behind: {error}");
        }
    }

    /// Tells everyone who may want some of these that there is something to read.
    pub(super) async fn wake(&mut self, news: News<'_>) {
        for Kind { first, first_seq, last_seq } in news.kinds {
            for id in self.takers_of(first) {
                let Some(entry) = self.entries.get_mut(&id) else { continue };
                if last_seq <= entry.endpoint.after_seq {
                    continue;
                }
                entry.want(last_seq);
                if entry.running.is_none() && entry.rested {
                    self.start(id, first_seq - 1).await;
                }
            }
        }
    }

    fn takers_of(&mut self, event: &Event) -> Vec<EndpointId> {
        if let Some(takers) = self.takers.get(event.type_name()) {
            return takers.clone();
        }
        let takes = |entry: &&Entry| entry.endpoint.disabled.is_none() && entry.filter.takes(event);
        let takers: Vec<EndpointId> =
            self.entries.values().filter(takes).map(|entry| entry.endpoint.id).collect();
        self.takers.insert(event.type_name(), takers.clone());
        takers
    }

    /// Starts a dispatcher if there is work. `looked_through` is up to where a resting endpoint is
    /// known to have none.
    async fn start(&mut self, id: EndpointId, looked_through: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let stored = match self.ports.progress.load(id).await {
            Ok(stored) => stored,
            // Starting from nothing would repeat everything: the sweep asks again.
            Err(error) => {
                entry.rested = false;
                return tracing::warn!(endpoint = %id, "endpoint {id} does not start: {error}");
            }
        };
        let mut progress = stored.unwrap_or(Progress::starting_after(entry.endpoint.after_seq));
        if let Some(enabled_at) = entry.endpoint.settings.enabled_at {
            progress.forgive(enabled_at);
        }
        if entry.rested && is_clear(&progress) {
            progress.cursor = progress.cursor.max(looked_through);
        }
        let is_replaying = !entry.endpoint.settings.replays.is_empty();
        let caught_up = progress.cursor >= entry.wanted;
        entry.rested = caught_up && is_clear(&progress) && !is_replaying;
        if entry.rested {
            return;
        }
        let attempts = match self.ports.attempts.last(id).await {
            Ok(last) => AttemptLog::going_on(last),
            Err(error) => {
                tracing::warn!(endpoint = %id, "attempts of endpoint {id} begin anew: {error}");
                AttemptLog::going_on(None)
            }
        };
        let receiver = match Receiver::open(&entry.endpoint, &self.ports.vault) {
            Ok(receiver) => Arc::new(receiver),
            Err(error) => {
                return tracing::error!(endpoint = %id, "endpoint {id} does not start: {error}");
            }
        };
        let (board, told) = board(receiver, entry.wanted);
        let dispatcher = Dispatcher::new(Start {
            ports: self.ports.clone(),
            bounds: self.bounds.clone(),
            meters: self.meters.clone(),
            progress,
            attempts,
            told,
            idle: self.idle.clone(),
        });
        entry.running = Some(Running { dispatcher: dispatcher.start(), board });
    }

    /// Lets an idle dispatcher go, unless something was wanted meanwhile.
    pub(super) async fn let_go(&mut self, idle: Idle) {
        let Some(entry) = self.entries.get_mut(&idle.endpoint) else { return };
        let is_replaying = !entry.endpoint.settings.replays.is_empty();
        if idle.cursor < entry.wanted || is_replaying {
            return;
        }
        if let Some(running) = entry.running.take() {
            running.drain().await;
            running.board.ended().await;
            entry.rested = true;
        }
    }

    /// Starts what ended without being told to, and what could not be started.
    pub(super) async fn sweep(&mut self) {
        let mut missing = Vec::new();
        for (id, entry) in &mut self.entries {
            if entry.running.as_ref().is_some_and(|running| !running.dispatcher.connected()) {
                entry.running = None;
                tracing::warn!(endpoint = %id, "the dispatcher of endpoint {id} ended");
            }
            if entry.running.is_none() && !entry.rested && entry.endpoint.disabled.is_none() {
                missing.push(*id);
            }
        }
        for id in missing {
            self.start(id, 0).await;
        }
    }

    /// Stores for all who rest that they have nothing to do up to `through`, so that the next start
    /// does not look through everything since they came to rest.
    pub(super) async fn store_rest(&mut self, through: u64) {
        if through <= self.rest_stored {
            return;
        }
        let resting = self.entries.iter().filter(|(_, entry)| entry.rested);
        let rested = |(id, entry): (&EndpointId, &Entry)| {
            let cursor = through.max(entry.endpoint.after_seq);
            (*id, Some(Progress::starting_after(cursor)))
        };
        let entries: Vec<ProgressEntry> = resting.map(rested).collect();
        match self.ports.progress.store(entries).await {
            Ok(()) => self.rest_stored = through,
            Err(error) => tracing::warn!("the rest of endpoints is not stored: {error}"),
        }
    }

    pub(super) fn running(&self) -> Vec<(EndpointId, Addr<Dispatcher>)> {
        let running = |(id, entry): (&EndpointId, &Entry)| {
            entry.running.as_ref().map(|running| (*id, running.dispatcher.clone()))
        };
        self.entries.iter().filter_map(running).collect()
    }

    pub(super) async fn drain_all(&mut self) {
        let running: Vec<Running> =
            self.entries.values_mut().filter_map(|entry| entry.running.take()).collect();
        join_all(running.iter().map(Running::drain)).await;
        join_all(running.iter().map(|running| running.board.ended())).await;
    }
}

/// Nothing but the cursor is to be remembered.
fn is_clear(progress: &Progress) -> bool {
    let is_held = progress.next_try_at.is_some();
    let is_replaying = !progress.replays.is_empty();
    let has_batches = progress.gathering.is_some() || !progress.batches.is_empty();
    let has_set_aside = !progress.parked.is_empty() || !progress.done_above.is_empty();
    !has_set_aside && !is_held && !is_replaying && !has_batches
}

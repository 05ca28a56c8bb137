//! The dispatchers of one site: which endpoints there are, which of them have work, and starting
//! and ending an actor for each that has. It reads every record once and wakes only those that
//! want it; how far each one is, is the dispatcher's own affair.

mod roster;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::bodies;
use super::dispatcher::{Dispatcher, DispatcherState, Idle, Observe};
use super::pages::Pages;
use super::port::{PortError, Ports};
use super::receiver::EndpointChange;
use crate::domain::event::Endpoint;
use crate::domain::{EndpointId, WrittenRecord, limits};
use roster::{News, Roster};

/// The dispatchers of one site, from outside. Dropping it ends them all on the spot, which loses
/// nothing and repeats a little; [`Dispatchers::stop`] ends them in good order.
pub struct Dispatchers {
    calls: mpsc::Sender<Call>,
}

enum Call {
    Tell(Arc<Endpoint>),
    Running(oneshot::Sender<Vec<(EndpointId, Addr<Dispatcher>)>>),
    Stop(oneshot::Sender<()>),
}

impl Dispatchers {
    /// Starts on the current arbiter. Signing and TLS are work: give them an arbiter of their own.
    pub fn start(mut ports: Ports) -> Dispatchers {
        ports.records = Arc::new(Pages::over(ports.records, ports.bounds.pages.clone()));
        ports.body_of = bodies::shared(ports.body_of);
        let (calls, called) = mpsc::channel(limits::WEBHOOK_CALLS_MAX);
        let (idle, told_idle) = mpsc::channel(limits::WEBHOOK_CALLS_MAX);
        let following = Following {
            durable: ports.records.watch(),
            roster: Roster::new(ports.clone(), idle),
            ports,
            called,
            told_idle,
            through: 0,
            known: Known::No,
        };
        actix::spawn(following.run());
        Dispatchers { calls }
    }

    /// An endpoint as it is now, where the caller knows before its record arrives here. Optional:
    /// the records tell the same.
    pub async fn tell(&self, endpoint: Arc<Endpoint>) {
        if self.calls.send(Call::Tell(endpoint)).await.is_err() {
            tracing::debug!("the dispatchers have ended");
        }
    }

    /// What runs now, and how it is doing.
    pub async fn observable_state(&self) -> Vec<DispatcherState> {
        let (answer, running) = oneshot::channel();
        let mut states = Vec::new();
        if self.calls.send(Call::Running(answer)).await.is_err() {
            return states;
        }
        for (_, dispatcher) in running.await.unwrap_or_default() {
            states.extend(dispatcher.send(Observe).await);
        }
        states
    }

    /// Lets end what is on its way, stores all progress, ends. Bounded in time.
    pub async fn stop(self) {
        let (answer, stopped) = oneshot::channel();
        if self.calls.send(Call::Stop(answer)).await.is_ok() && stopped.await.is_err() {
            tracing::debug!("the dispatchers had ended");
        }
    }
}

/// The loop behind it.
struct Following {
    ports: Ports,
    durable: watch::Receiver<u64>,
    roster: Roster,
    called: mpsc::Receiver<Call>,
    told_idle: mpsc::Receiver<Idle>,
    /// Every record up to and with this one was looked at.
    through: u64,
    known: Known,
}

/// Whether the site has told its endpoints. Nothing is followed before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    No,
    Yes,
}

/// What to do after one step.
enum Next {
    GoOn,
    End,
}

impl Following {
    async fn run(mut self) {
        let mut sweep = tokio::time::interval(Duration::from_millis(limits::WEBHOOK_SWEEP_MS));
        let mut rest = tokio::time::interval(Duration::from_millis(limits::WEBHOOK_REST_MS));
        self.durable.mark_changed();
        loop {
            let next = tokio::select! {
                call = self.called.recv() => self.call(call).await,
                Some(idle) = self.told_idle.recv() => {
                    self.roster.let_go(idle).await;
                    Next::GoOn
                }
                durable = self.durable.changed() => match durable {
                    Ok(()) => self.follow().await,
                    Err(_) => Next::End,
                },
                _ = rest.tick() => {
                    self.roster.store_rest(self.through).await;
                    Next::GoOn
                }
                _ = sweep.tick() => {
                    self.roster.sweep().await;
                    Next::GoOn
                }
            };
            if matches!(next, Next::End) {
                return;
            }
        }
    }

    async fn call(&mut self, call: Option<Call>) -> Next {
        match call {
            Some(Call::Tell(endpoint)) => {
                self.roster.put(endpoint, self.through).await;
                Next::GoOn
            }
            Some(Call::Running(answer)) => {
                // Whoever asked may have gone; then nobody wants to know.
                answer.send(self.roster.running()).unwrap_or_default();
                Next::GoOn
            }
            Some(Call::Stop(answer)) => {
                let time = Duration::from_millis(limits::WEBHOOK_DRAIN_MS_MAX);
                let deadline = Instant::now() + time;
                let stopping = async {
                    self.roster.drain_all().await;
                    self.roster.store_rest(self.through).await;
                };
                if timeout_at(deadline, stopping).await.is_err() {
                    tracing::warn!("deliveries on their way were not waited for any longer");
                }
                answer.send(()).unwrap_or_default();
                Next::End
            }
            None => Next::End,
        }
    }

    /// One step towards the durable head; calls are heard between two steps.
    async fn follow(&mut self) -> Next {
        let head = *self.durable.borrow_and_update();
        if let Err(error) = self.step(head).await {
            tracing::warn!("endpoints cannot be followed for now: {error}");
            sleep(Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS)).await;
            self.durable.mark_changed();
        } else if self.through < head {
            self.durable.mark_changed();
        }
        Next::GoOn
    }

    async fn step(&mut self, head: u64) -> Result<(), PortError> {
        if self.known == Known::No {
            let listed = self.ports.endpoints.list().await?;
            self.through = listed.seq;
            self.roster.replace(listed.endpoints, listed.seq).await;
            self.known = Known::Yes;
        }
        if self.through >= head {
            return Ok(());
        }
        let records = self.page().await?;
        match records.first() {
            Some(first) if first.seq > self.through + 1 => {
                // Changes of endpoints may be among what is gone: ask the site again.
                self.known = Known::No;
                Ok(())
            }
            Some(_) => {
                self.route(&records).await;
                Ok(())
            }
            None => Err(PortError(format!("no record after {} yet", self.through))),
        }
    }

    async fn page(&self) -> Result<Vec<WrittenRecord>, PortError> {
        self.ports.records.records_after(self.through, limits::WEBHOOK_FOLLOW_RECORDS_MAX).await
    }

    async fn route(&mut self, records: &[WrittenRecord]) {
        let mut news = News::default();
        for record in records {
            if let Some(change) = EndpointChange::of(&record.event, record.time) {
                self.roster.wake(std::mem::take(&mut news)).await;
                self.roster.change(change, record.seq).await;
            }
            news.note(&record.event, record.seq);
            self.through = record.seq;
        }
        self.roster.wake(news).await;
    }
}

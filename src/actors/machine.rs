//! The shell around a site's machine: every turn runs through one guarded function, and every
//! answer leaves through the gate.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::clock::Clock;
use super::handle::{Answer, CallError};
use super::log_tail::LogTail;
use crate::core::site::Site;
use crate::domain::limits::{IN_FLIGHT_BYTES_MAX, PANICS_PER_KIND_MAX};
use crate::domain::{Commit, Refusal, SiteId, Timestamp};
use crate::journal::SiteLog;
use crate::snapshot::recovery::Recovered;

pub type Reply<T> = oneshot::Sender<Result<Answer<T>, CallError>>;

/// A site's state and what surrounds it. Shared by the actors of one arbiter, never across threads.
pub struct Machine {
    id: SiteId,
    /// `None` while it is rebuilt: nobody enters a machine that may be wrong.
    site: Option<Site>,
    log: SiteLog,
    clock: Arc<dyn Clock>,
    generation: u64,
    disk_is_full: bool,
    tail: LogTail,
    panics: HashMap<&'static str, u32>,
}

/// Why a turn did not happen.
#[derive(Clone, Debug)]
pub enum TurnFailure {
    Call(CallError),
    /// The state is torn: it must be rebuilt before anybody enters again.
    Torn,
}

impl From<CallError> for TurnFailure {
    fn from(error: CallError) -> Self {
        TurnFailure::Call(error)
    }
}

impl Machine {
    pub fn new(site: Site, log: SiteLog, clock: Arc<dyn Clock>, generation: u64) -> Machine {
        let (id, site) = (site.id(), Some(site));
        let (disk_is_full, tail, panics) = (false, LogTail::default(), HashMap::new());
        Machine { id, site, log, clock, generation, disk_is_full, tail, panics }
    }

    pub fn id(&self) -> SiteId {
        self.id
    }

    pub fn log(&self) -> &SiteLog {
        &self.log
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn set_disk_is_full(&mut self, is_full: bool) {
        self.disk_is_full = is_full;
    }

    pub fn tail(&self) -> &LogTail {
        &self.tail
    }

    pub fn tail_mut(&mut self) -> &mut LogTail {
        &mut self.tail
    }

    /// May a change be taken in now?
    pub fn admit(&self) -> Result<(), CallError> {
        if self.site.is_none() {
            return Err(CallError::Undone);
        }
        if self.disk_is_full {
            return Err(CallError::DiskFull);
        }
        if self.log.in_flight_bytes() > IN_FLIGHT_BYTES_MAX {
            return Err(CallError::Busy);
        }
        Ok(())
    }

    /// Runs `turn` on the machine. A panic before anything was applied changes nothing; a later
    /// one leaves a torn state, which is thrown away at once.
    pub fn guarded<T>(
        &mut self,
        kind: &'static str,
        turn: impl FnOnce(&mut Site, Timestamp) -> T,
    ) -> Result<T, TurnFailure> {
        if self.panics.get(kind).copied().unwrap_or(0) >= PANICS_PER_KIND_MAX {
            return Err(CallError::Busy.into());
        }
        let now = self.clock.now();
        let Some(site) = self.site.as_mut() else { return Err(CallError::Undone.into()) };
        match catch_unwind(AssertUnwindSafe(|| turn(site, now))) {
            Ok(outcome) => Ok(outcome),
            Err(_) => {
                *self.panics.entry(kind).or_default() += 1;
                let site_id = self.id;
                tracing::error!(site = %site_id, kind, "a {kind} turn of site {site_id} panicked");
                metrics::counter!("site_turn_panics_total", "kind" => kind).increment(1);
                if site.is_torn() {
                    self.site = None;
                    return Err(TurnFailure::Torn);
                }
                Err(CallError::Internal.into())
            }
        }
    }

    /// Hands a commit to the writer; nothing of it leaves the process before it is durable.
    pub fn submit(&mut self, commit: Arc<Commit>) {
        self.tail.grow(commit.bytes_estimate() as u64);
        self.log.submit(self.generation, commit);
    }

    /// Answers once everything that this turn saw is durable.
    pub fn answer<T: Send + 'static>(&self, reply: Reply<T>, value: T) {
        let Some(site) = &self.site else { return send(reply, Err(CallError::Undone)) };
        let (commit, seq) = (site.commit(), site.seq());
        let waiter = move |outcome: Result<(), _>| {
            let answer = outcome.map(|()| Answer { value, seq });
            send(reply, answer.map_err(|_| CallError::Undone));
        };
        self.log.park_in(self.generation, commit, Box::new(waiter));
    }

    /// Answers a read whose value was durable when it was read.
    pub fn answer_now<T>(&self, reply: Reply<T>, value: T) {
        send(reply, Ok(Answer { value, seq: self.log.durable().seq }));
    }

    /// A refusal depends on the state too: it waits at the gate like an answer.
    pub fn refuse<T: Send + 'static>(&self, reply: Reply<T>, refusal: Refusal) {
        let Some(site) = &self.site else { return send(reply, Err(CallError::Undone)) };
        let waiter = move |outcome: Result<(), _>| {
            let refused = outcome.map_or(CallError::Undone, |()| CallError::Refused(refusal));
            send(reply, Err(refused));
        };
        self.log.park_in(self.generation, site.commit(), Box::new(waiter));
    }

    /// The state is not to be trusted any more: whoever comes is told to try again.
    pub fn discard(&mut self) {
        self.site = None;
    }

    /// A rebuilt state takes over; everything of the generation before is lost.
    pub fn replace(&mut self, recovered: Recovered) {
        self.generation += 1;
        self.log.present(self.generation, recovered.at);
        self.tail = LogTail::replayed(recovered.replayed_bytes);
        self.site = Some(recovered.site);
    }
}

/// A caller that went away is not told: that is no fault.
pub fn send<T>(reply: Reply<T>, answer: Result<Answer<T>, CallError>) {
    reply.send(answer).unwrap_or_default();
}

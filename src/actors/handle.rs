//! How the floors above talk to a site: one cloneable handle, async, every answer behind the gate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix::prelude::*;
use thiserror::Error;
use tokio::sync::oneshot;

use super::machine::Reply;
use super::shared::Wish;
use super::site::{Ask, Do, Import, ImportLines, Ingest, SiteSupervisor};

use crate::core::query::{Imported, Ingested, Outcome, Query, View};
use crate::domain::command::{Command, IncrementBatch, NewMember};
use crate::domain::{AppId, KeyId, MemberId, Refusal, SiteId};
use crate::journal::SiteLog;

/// Why a site did not do as asked. Only `Refused` is the caller's doing.
#[derive(Clone, Debug, Error)]
pub enum CallError {
    #[error("{0}")]
    Refused(Refusal),
    /// A queue or the in-flight budget is full: try again after a moment.
    #[error("the site is busy")]
    Busy,
    /// The change was not made durable and is undone: safe to try again.
    #[error("the change could not be stored and was undone")]
    Undone,
    /// The disk has less room than the reserve: changes are refused, reads go on.
    #[error("no room on the disk")]
    DiskFull,
    #[error("the site stopped")]
    Stopped,
    /// We were wrong; it is logged with the request.
    #[error("internal error")]
    Internal,
}

/// A durable answer: everything up to `seq` was on disk when it was given.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    pub value: T,
    pub seq: u64,
}

/// Who calls, proven. The site is part of the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub site: SiteId,
    pub role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The site owner's key; acts for the app of the site's own code.
    Owner { key: KeyId },
    /// An integrator's key: acts for one app.
    App { key: KeyId, app: AppId },
    /// A member's short-lived token.
    Member { member: MemberId },
    /// A token of somebody who has not logged in: reads what everybody may.
    Visitor,
}

impl Caller {
    /// The key behind it; a member's token has none.
    pub fn key(&self) -> Option<KeyId> {
        match &self.role {
            Role::Owner { key } | Role::App { key, .. } => Some(*key),
            Role::Member { .. } | Role::Visitor => None,
        }
    }

    /// The app whose counters and items this caller writes; members write none.
    pub fn app(&self) -> Option<AppId> {
        match &self.role {
            Role::Owner { .. } => Some(AppId::site_code()),
            Role::App { app, .. } => Some(app.clone()),
            Role::Member { .. } | Role::Visitor => None,
        }
    }
}

/// What a handle and its supervisor share beside messages.
#[derive(Debug, Default)]
pub struct HandleCore {
    listeners: AtomicUsize,
    rebuilding: AtomicBool,
}

impl HandleCore {
    pub fn listeners(&self) -> usize {
        self.listeners.load(Ordering::Relaxed)
    }

    pub fn set_rebuilding(&self, rebuilding: bool) {
        self.rebuilding.store(rebuilding, Ordering::Relaxed);
    }
}

/// One site, from outside.
#[derive(Clone)]
pub struct SiteHandle {
    site: SiteId,
    supervisor: Addr<SiteSupervisor>,
    log: SiteLog,
    core: Arc<HandleCore>,
}

/// While it lives, counters that change are reported as events.
pub struct Listening {
    core: Arc<HandleCore>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.core.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl SiteHandle {
    pub fn new(
        site: SiteId,
        supervisor: Addr<SiteSupervisor>,
        log: SiteLog,
        core: Arc<HandleCore>,
    ) -> SiteHandle {
        SiteHandle { site, supervisor, log, core }
    }

    pub fn site(&self) -> SiteId {
        self.site
    }

    /// What is durable, and how to follow it.
    pub fn log(&self) -> &SiteLog {
        &self.log
    }

    pub fn supervisor(&self) -> &Addr<SiteSupervisor> {
        &self.supervisor
    }

    /// Whether its state was thrown away and is being built again: nobody is answered meanwhile.
    pub fn is_rebuilding(&self) -> bool {
        self.core.rebuilding.load(Ordering::Relaxed)
    }

    /// Announces a live listener to whom changed counters are to be reported.
    pub fn listen(&self) -> Listening {
        self.core.listeners.fetch_add(1, Ordering::Relaxed);
        Listening { core: self.core.clone() }
    }

    pub async fn command(&self, command: Command) -> Result<Answer<Outcome>, CallError> {
        self.command_by(None, command).await
    }

    /// Asked with the token of a member, if there is one: it is done while the member may act.
    pub async fn command_by(
        &self,
        by: Option<MemberId>,
        command: Command,
    ) -> Result<Answer<Outcome>, CallError> {
        self.call(|reply| Do { wish: Wish { by, command }, reply }).await
    }

    pub async fn query(&self, query: Query) -> Result<Answer<View>, CallError> {
        self.query_by(None, query).await
    }

    /// Asked with the token of a member, if there is one: it is answered while the member may act.
    pub async fn query_by(
        &self,
        member: Option<MemberId>,
        query: Query,
    ) -> Result<Answer<View>, CallError> {
        self.call(|reply| Ask { member, query, reply }).await
    }

    /// `batch.app` must be set from the caller's credential.
    pub async fn ingest(&self, batch: IncrementBatch) -> Result<Answer<Ingested>, CallError> {
        self.call(|reply| Ingest { batch, reply }).await
    }

    /// Lines come with their position in the request.
    pub async fn import_members(
        &self,
        lines: Vec<(u32, NewMember)>,
    ) -> Result<Answer<Imported>, CallError> {
        self.call(|reply| Import { lines: ImportLines::Members(lines), reply }).await
    }

    /// Lines are position, follower, followed.
    pub async fn import_follows(
        &self,
        lines: Vec<(u32, MemberId, MemberId)>,
    ) -> Result<Answer<Imported>, CallError> {
        self.call(|reply| Import { lines: ImportLines::Follows(lines), reply }).await
    }

    /// Sends without waiting in a queue that has no end: a full mailbox is `Busy`.
    async fn call<M, T>(&self, message: impl FnOnce(Reply<T>) -> M) -> Result<Answer<T>, CallError>
    where
        M: Message<Result = ()> + Send + 'static,
        SiteSupervisor: Handler<M>,
    {
        let (reply, answer) = oneshot::channel();
        self.supervisor.try_send(message(reply)).map_err(|error| match error {
            SendError::Full(_) => CallError::Busy,
            SendError::Closed(_) => CallError::Stopped,
        })?;
        // A reply that is dropped belongs to a state that was thrown away.
        answer.await.unwrap_or(Err(CallError::Undone))
    }
}

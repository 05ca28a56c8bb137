//! How the floors above talk to a site: one cloneable handle, async, every answer behind the gate.

use std::sync::Arc;

use thiserror::Error;

use crate::core::query::{Imported, Ingested, Outcome, Query, View};
use crate::domain::command::{Command, IncrementBatch, NewMember};
use crate::domain::{AppId, KeyId, MemberId, Refusal, SiteId};

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
}

impl Caller {
    /// The app whose counters and items this caller writes; members write none.
    pub fn app(&self) -> Option<AppId> {
        match &self.role {
            Role::Owner { .. } => Some(AppId::site_code()),
            Role::App { app, .. } => Some(app.clone()),
            Role::Member { .. } => None,
        }
    }
}

/// One site, from outside.
#[derive(Clone)]
pub struct SiteHandle {
    inner: Arc<dyn SitePort>,
}

/// What a site can do for the floors above; the supervisor implements it, and tests of those floors
/// use the supervisor too.
pub trait SitePort: Send + Sync {
    fn site(&self) -> SiteId;
}

#[allow(unused_variables)]
impl SiteHandle {
    pub async fn command(&self, command: Command) -> Result<Answer<Outcome>, CallError> {
        Err(CallError::Stopped)
    }
    pub async fn ingest(&self, batch: IncrementBatch) -> Result<Answer<Ingested>, CallError> {
        Err(CallError::Stopped)
    }
    pub async fn import_members(
        &self,
        lines: Vec<(u32, NewMember)>,
    ) -> Result<Answer<Imported>, CallError> {
        Err(CallError::Stopped)
    }
    pub async fn import_follows(
        &self,
        lines: Vec<(u32, MemberId, MemberId)>,
    ) -> Result<Answer<Imported>, CallError> {
        Err(CallError::Stopped)
    }
    pub async fn query(&self, query: Query) -> Result<Answer<View>, CallError> {
        Err(CallError::Stopped)
    }
    pub fn site(&self) -> SiteId {
        self.inner.site()
    }
}

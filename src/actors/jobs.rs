//! Work on all members that a filter names. A job is a value beside the log, as webhook progress
//! is: what it does are commands like any others, and after a kill it goes on behind the last page
//! that was written down. Doing a page again changes nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::clock::Clock;
use super::handle::{CallError, SiteHandle};
use super::identity::Identity;
use crate::core::query::{Cursor, MemberFilter, MemberOrder, Page, PageStart, Query, View, Viewer};
use crate::domain::limits::{
    JOB_AT_ONCE_MAX, JOB_FAILURES_KEPT_MAX, JOB_PAGE_MEMBERS, JOB_RETRY_MS, JOBS_KEPT_MAX,
    JOBS_RUNNING_MAX,
};
use crate::domain::moderation::{Act, Terms};
use crate::domain::{Command, MemberId, SiteId, Timestamp};
use crate::journal::{Journal, JournalError, codec};

const JOBS: &[u8] = b"job/";

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JobError {
    #[error("{JOBS_RUNNING_MAX} jobs of this site are running: wait for one to end")]
    TooMany,
    #[error("jobs cannot be read or stored: {0}")]
    Store(String),
}

impl From<JournalError> for JobError {
    fn from(error: JournalError) -> JobError {
        JobError::Store(error.to_string())
    }
}

/// What is to be done to each member. Stored for ever in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobAct {
    Delete { content_assignee: Option<MemberId> },
    Approve,
    Block,
}

/// Stored for ever in this order: fields are only appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: [u8; 16],
    pub act: JobAct,
    pub filter: MemberFilter,
    /// Who is written down as having decided.
    pub by: Option<String>,
    pub created: Timestamp,
    /// Behind which member the next page begins.
    after: Option<Cursor>,
    pub succeeded: u64,
    pub failed: u64,
    /// The first of those that failed.
    pub failures: Vec<JobFailure>,
    pub ended: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    pub member: MemberId,
    pub code: String,
    pub detail: String,
}

pub struct JobWish {
    pub id: Uuid,
    pub act: JobAct,
    pub filter: MemberFilter,
    pub by: Option<String>,
}

/// One for the process.
#[derive(Clone)]
pub struct Jobs {
    journal: Arc<dyn Journal>,
    identity: Arc<Identity>,
    clock: Arc<dyn Clock>,
    /// Held while jobs are counted and begun.
    beginning: Arc<Mutex<()>>,
}

/// Why a job stops where it is.
enum Halt {
    /// It goes on after the next start.
    Stopped,
}

impl Jobs {
    pub fn new(journal: Arc<dyn Journal>, identity: Arc<Identity>, clock: Arc<dyn Clock>) -> Jobs {
        Jobs { journal, identity, clock, beginning: Arc::default() }
    }

    /// Writes the job down, then begins it on the current arbiter.
    pub async fn start(&self, site: SiteHandle, wish: JobWish) -> Result<Job, JobError> {
        let JobWish { id, act, filter, by } = wish;
        let _alone = self.beginning.lock().await;
        let known = self.list(site.site()).await?;
        if known.iter().filter(|job| job.ended.is_none()).count() >= JOBS_RUNNING_MAX {
            return Err(JobError::TooMany);
        }
        let job = Job {
            id: id.into_bytes(),
            act,
            filter,
            by,
            created: self.clock.now(),
            after: None,
            succeeded: 0,
            failed: 0,
            failures: Vec::new(),
            ended: None,
        };
        // The oldest that ended make room.
        let surplus = (known.len() + 1).saturating_sub(JOBS_KEPT_MAX);
        let ended = known.iter().rev().filter(|job| job.ended.is_some());
        let mut entries: Vec<_> = ended.take(surplus).map(|job| (name(&job.id), None)).collect();
        entries.push((name(&job.id), Some(codec::encode(&job))));
        self.journal.put(Some(site.site()), entries).await?;
        self.go_on(site, job.clone());
        Ok(job)
    }

    /// Newest first.
    pub async fn list(&self, site: SiteId) -> Result<Vec<Job>, JobError> {
        let rows = self.journal.scan(Some(site), JOBS.to_vec()).await?;
        let read = |(_, bytes): &(Vec<u8>, Vec<u8>)| codec::decode::<Job>(bytes);
        let jobs: Result<Vec<Job>, _> = rows.iter().map(read).collect();
        let mut jobs = jobs.map_err(|error| JobError::Store(error.to_string()))?;
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created, job.id)));
        Ok(jobs)
    }

    pub async fn get(&self, site: SiteId, id: Uuid) -> Result<Option<Job>, JobError> {
        let stored = self.journal.get(Some(site), name(id.as_bytes())).await?;
        let job = stored.map(|bytes| codec::decode(&bytes)).transpose();
        job.map_err(|error| JobError::Store(error.to_string()))
    }

    /// Goes on with what the last process left.
    pub async fn resume(&self, site: SiteHandle) -> Result<(), JobError> {
        let left = self.list(site.site()).await?.into_iter().filter(|job| job.ended.is_none());
        left.for_each(|job| self.go_on(site.clone(), job));
        Ok(())
    }

    fn go_on(&self, site: SiteHandle, mut job: Job) {
        let jobs = self.clone();
        actix_rt::spawn(async move {
            while job.ended.is_none() {
                if let Err(Halt::Stopped) = jobs.page(&site, &mut job).await {
                    return;
                }
                jobs.keep(&site, &job).await;
            }
            let (id, site) = (Uuid::from_bytes(job.id), site.site());
            let (done, failed) = (job.succeeded, job.failed);
            tracing::info!(%site, "job {id} ended: {done} members done, {failed} failed");
        });
    }

    /// Does the next page, and notes how it went.
    async fn page(&self, site: &SiteHandle, job: &mut Job) -> Result<(), Halt> {
        let start = job.after.clone().map_or(PageStart::Offset(0), PageStart::After);
        let query = || Query::Members {
            filter: job.filter.clone(),
            order: MemberOrder::CreatedAscending,
            page: Page { limit: JOB_PAGE_MEMBERS, start: start.clone() },
            viewer: Viewer::Owner,
        };
        let found = persistently(|| site.query(query())).await?;
        let Ok(View::Members(found)) = found else { return Err(Halt::Stopped) };
        let members: Vec<MemberId> = found.items.iter().map(|facts| facts.id).collect();
        let each = stream::iter(members).map(|member| self.one(site, job, member));
        let results: Vec<_> = each.buffered(JOB_AT_ONCE_MAX).collect().await;
        for result in results {
            match result? {
                None => job.succeeded += 1,
                Some(failure) => {
                    job.failed += 1;
                    let has_room = job.failures.len() < JOB_FAILURES_KEPT_MAX;
                    job.failures.extend(Some(failure).filter(|_| has_room));
                }
            }
        }
        match found.next {
            Some(next) => job.after = Some(next),
            None => job.ended = Some(self.clock.now()),
        }
        Ok(())
    }

    async fn one(
        &self,
        site: &SiteHandle,
        job: &Job,
        member: MemberId,
    ) -> Result<Option<JobFailure>, Halt> {
        let terms = || Terms { by: job.by.clone(), ..Terms::default() };
        let command = || match job.act {
            JobAct::Delete { content_assignee } => {
                Command::DeleteMember { member, content_assignee }
            }
            JobAct::Approve => Command::Moderate { member, act: Act::Approve, terms: terms() },
            JobAct::Block => Command::Moderate { member, act: Act::Block, terms: terms() },
        };
        if let Err(refusal) = persistently(|| site.command(command())).await? {
            let (code, detail) = (refusal.code().to_owned(), refusal.to_string());
            return Ok(Some(JobFailure { member, code, detail }));
        }
        if matches!(job.act, JobAct::Delete { .. })
            && let Err(error) = self.identity.accounts.forget(site.site(), member).await
        {
            // It opens nothing: there is nobody any more whom it proves.
            tracing::warn!(%member, "the password of member {member} stays: {error}");
        }
        Ok(None)
    }

    /// What is not written down is only done again.
    async fn keep(&self, site: &SiteHandle, job: &Job) {
        let entry = vec![(name(&job.id), Some(codec::encode(job)))];
        if let Err(error) = self.journal.put(Some(site.site()), entry).await {
            let id = Uuid::from_bytes(job.id);
            tracing::warn!(site = %site.site(), "job {id} is not written down yet: {error}");
        }
    }
}

fn name(id: &[u8; 16]) -> Vec<u8> {
    [JOBS, id].concat()
}

/// Asks until the site says yes or no. Nobody waits for a job, so it gives way to everybody.
async fn persistently<T, F>(ask: impl Fn() -> F) -> Result<Result<T, crate::domain::Refusal>, Halt>
where
    F: Future<Output = Result<super::handle::Answer<T>, CallError>>,
{
    loop {
        match ask().await {
            Ok(answer) => return Ok(Ok(answer.value)),
            Err(CallError::Refused(refusal)) => return Ok(Err(refusal)),
            Err(CallError::Stopped) => return Err(Halt::Stopped),
            Err(
                CallError::Busy | CallError::Undone | CallError::DiskFull | CallError::Internal,
            ) => tokio::time::sleep(Duration::from_millis(JOB_RETRY_MS)).await,
        }
    }
}

//! What the HTTP doors ask of the process.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::health::Health;
use super::hook_desk::HookDesk;
use super::sites::{OpenSite, Sites};
use crate::actors::clock::Clock;
use crate::actors::handle::{CallError, Caller, SiteHandle};
use crate::actors::identity::IdentityDesk;
use crate::actors::jobs::Jobs;
use crate::domain::{EndpointId, MemberId, SiteId, Timestamp};
use crate::http::Front;
use crate::http::front::{EndpointSecret, IssuedToken, RecordsFault, RecordsPage, Unready};
use crate::http::hook_front::HookFront;
use crate::journal::JournalError;
use crate::telemetry::Metrics;
use crate::webhook::guard::Guard;
use crate::webhook::signature::Secret;
use crate::webhook::vault::Vault;

pub struct ProcessFront {
    pub sites: Sites,
    pub clock: Arc<dyn Clock>,
    pub guard: Guard,
    pub vault: Vault,
    pub hooks: HookDesk,
    pub identity: IdentityDesk,
    pub jobs: Jobs,
    pub metrics: Metrics,
    pub health: Health,
}

impl ProcessFront {
    /// Goes on with the jobs that the last process left.
    pub async fn resume_jobs(&self) {
        for site in self.sites.registry.sites() {
            let Some(handle) = self.sites.registry.site(site.id) else { continue };
            if let Err(error) = self.jobs.resume(handle).await {
                tracing::error!(site = %site.id, "jobs of site {} stand still: {error}", site.id);
            }
        }
    }
}

impl Front for ProcessFront {
    fn authenticate(&self, credential: &str) -> Option<Caller> {
        self.sites.registry.authenticate(credential, self.now())
    }

    fn site(&self, site: SiteId) -> Option<SiteHandle> {
        self.sites.registry.site(site)
    }

    fn issue_member_token(&self, site: SiteId, member: MemberId) -> Option<IssuedToken> {
        match self.sites.registry.issue_member_token(site, member, self.now()) {
            Ok((access_token, expires_in_seconds)) => {
                Some(IssuedToken { access_token, expires_in_seconds })
            }
            Err(error) => {
                tracing::error!(%site, %member, "no token for member {member}: {error}");
                None
            }
        }
    }

    fn identity(&self) -> Option<&IdentityDesk> {
        Some(&self.identity)
    }

    fn jobs(&self) -> Option<&Jobs> {
        Some(&self.jobs)
    }

    fn records_after(
        &self,
        site: SiteId,
        after: u64,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<RecordsPage, RecordsFault>> {
        let site = self.sites.get(site);
        Box::pin(async move {
            match site {
                Some(site) => records_of(&site, after, limit).await,
                None => Err(RecordsFault::Call(CallError::Stopped)),
            }
        })
    }

    fn new_endpoint_secret(&self, endpoint: EndpointId) -> EndpointSecret {
        let secret = Secret::generate();
        EndpointSecret { text: secret.reveal(), sealed: self.vault.seal(endpoint, &secret) }
    }

    fn check_receiver(&self, url: String) -> LocalBoxFuture<'static, Result<(), String>> {
        let guard = self.guard.clone();
        Box::pin(async move {
            guard.check_url(&url).await.map(|_| ()).map_err(|refusal| refusal.to_string())
        })
    }

    fn hooks(&self) -> &dyn HookFront {
        &self.hooks
    }

    fn metrics_text(&self) -> String {
        self.metrics.render()
    }

    fn unready(&self) -> Vec<Unready> {
        self.health.unready()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn new_uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// The durable seq is read first: what is told as durable then is in the page or before it.
async fn records_of(
    site: &OpenSite,
    after: u64,
    limit: usize,
) -> Result<RecordsPage, RecordsFault> {
    let durable_seq = site.log().durable().seq;
    match site.log().records_after(after, limit).await {
        Ok(records) if starts_late(after, &records) => Err(trimmed(site).await),
        Ok(records) => {
            let incarnation = site.journal.incarnation();
            Ok(RecordsPage { incarnation, records, durable_seq })
        }
        Err(JournalError::Trimmed { .. }) => Err(trimmed(site).await),
        Err(error) => Err(unreadable(site, &error)),
    }
}

/// Records are dense, so a first one that is not the next one shows that some are gone.
fn starts_late(after: u64, records: &[crate::domain::WrittenRecord]) -> bool {
    records.first().is_some_and(|record| record.seq > after + 1)
}

async fn trimmed(site: &OpenSite) -> RecordsFault {
    match site.journal.position(site.id()).await {
        Ok(position) => RecordsFault::Trimmed { floor: position.first_seq.saturating_sub(1) },
        Err(error) => unreadable(site, &error),
    }
}

fn unreadable(site: &OpenSite, error: &JournalError) -> RecordsFault {
    let id = site.id();
    tracing::error!(site = %id, "events of site {id} cannot be read: {error}");
    RecordsFault::Call(CallError::Internal)
}

//! Starting sites: recovers a site, attaches it to the writer, and gives it to an arbiter of a
//! fixed pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::prelude::*;
use thiserror::Error;

use super::clock::Clock;
use super::handle::{HandleCore, SiteHandle};
use super::site::{SiteOptions, SiteParts, SiteSupervisor};
use super::snapshot_thread::{JobLost, SnapshotThread};
use crate::domain::SiteId;
use crate::journal::{Journal, JournalError, Writer};
use crate::snapshot::SnapshotStore;
use crate::snapshot::recovery::{RecoveryError, recover};

/// What all sites of a process share.
pub struct SiteRuntime {
    pub journal: Arc<dyn Journal>,
    pub writer: Arc<Writer>,
    pub store: Arc<SnapshotStore>,
    pub snapshots: SnapshotThread,
    pub clock: Arc<dyn Clock>,
    pub options: SiteOptions,
    arbiters: Vec<ArbiterHandle>,
    next: AtomicUsize,
}

#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Job(#[from] JobLost),
}

/// The process's parts, as the wiring made them.
pub struct RuntimeParts {
    pub journal: Arc<dyn Journal>,
    pub writer: Arc<Writer>,
    pub store: Arc<SnapshotStore>,
    pub snapshots: SnapshotThread,
    pub clock: Arc<dyn Clock>,
    pub options: SiteOptions,
    /// Threads that sites are spread over.
    pub arbiters: usize,
}

impl SiteRuntime {
    pub fn new(parts: RuntimeParts) -> SiteRuntime {
        let arbiters = (0..parts.arbiters.max(1)).map(|_| Arbiter::new().handle()).collect();
        SiteRuntime {
            journal: parts.journal,
            writer: parts.writer,
            store: parts.store,
            snapshots: parts.snapshots,
            clock: parts.clock,
            options: parts.options,
            arbiters,
            next: AtomicUsize::new(0),
        }
    }

    /// Stops all arbiters, writes what was handed over, and lets the threads end.
    pub async fn stop(&self) {
        let writer = self.writer.clone();
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        // The writer's last append may wait for the disk.
        let stopped = actix_rt::task::spawn_blocking(move || writer.stop()).await;
        if stopped.is_err() {
            tracing::error!("the journal's writer did not stop in order");
        }
    }

    /// Brings a site up from the disk; a new one begins empty because its journal says so.
    pub async fn start(&self, site: SiteId) -> Result<SiteHandle, StartError> {
        self.journal.open_site(site).await?;
        let (store, journal) = (self.store.clone(), self.journal.clone());
        let recovered =
            self.snapshots.run(move |runtime| runtime.block_on(recover(&store, &*journal, site)));
        let recovered = recovered.await??;
        let (commit, replayed) = (recovered.at.commit, recovered.replayed);
        tracing::info!(%site, commit, replayed, "site {site} is recovered up to commit {commit}");
        let generation = 1;
        let log = self.writer.attach(site, recovered.at, generation);
        let core = Arc::new(HandleCore::default());
        let parts = SiteParts {
            site: recovered.site,
            log: log.clone(),
            generation,
            clock: self.clock.clone(),
            store: self.store.clone(),
            journal: self.journal.clone(),
            snapshots: self.snapshots.clone(),
            options: self.options.clone(),
            core: core.clone(),
            replayed_bytes: recovered.replayed_bytes,
        };
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let arbiter = &self.arbiters[next % self.arbiters.len()];
        let make = move |_: &mut Context<SiteSupervisor>| SiteSupervisor::new(parts);
        let supervisor = SiteSupervisor::start_in_arbiter(arbiter, make);
        Ok(SiteHandle::new(site, supervisor, log, core))
    }
}

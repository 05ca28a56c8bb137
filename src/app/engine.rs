//! The engine without its doors: journal, snapshots, sites, registry, deliveries, in the order in
//! which they need each other. Opened for serving, for verifying, or only to look after keys.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::StartError;
use super::admin::{Admin, Verify};
use super::deliveries::{Deliveries, Running};
use super::front::ProcessFront;
use super::health::Health;
use super::hook_desk::{HookDesk, HookParts};
use super::life::Life;
use super::live_ports::LivePorts;
use super::sites::{OpenSite, Sites};
use super::verifier;
use crate::actors::clock::{Clock, SystemClock};
use crate::actors::data_dir::{DataDir, Stage};
use crate::actors::disk::DiskReserve;
use crate::actors::identity::{Identity, IdentityDesk};
use crate::actors::jobs::Jobs;
use crate::actors::registry::{Registry, StartSite};
use crate::actors::runtime::{RuntimeParts, SiteRuntime};
use crate::actors::site::SiteOptions;
use crate::actors::snapshot_thread::SnapshotThread;
use crate::config::Config;
use crate::journal::embedded::{Embedded, EmbeddedOptions};
use crate::journal::{Journal, Writer, WriterOptions};
use crate::snapshot::{SnapshotOptions, SnapshotStore};
use crate::telemetry::Metrics;
use crate::webhook::guard::{Guard, Lookups, SystemResolver};
use crate::webhook::vault::Vault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Serve,
    /// Snapshots are open, but no site runs.
    Verify,
    /// Keys and sites only: no site runs.
    LookAfter,
}

pub struct Engine {
    pub data_dir: DataDir,
    pub journal: Arc<dyn Journal>,
    pub registry: Registry,
    consumers_changed: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
    vault: Vault,
    guard: Guard,
    writer: Arc<Writer>,
    verify: Verify,
    deliveries: Option<Running>,
    disk: DiskReserve,
}

impl Engine {
    pub async fn open(
        config: &Config,
        data_dir: DataDir,
        purpose: Purpose,
    ) -> Result<Engine, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let disk = DiskReserve::new(data_dir.path().to_owned(), config.disk_reserve_bytes);
        let journal = open_journal(data_dir.path().to_owned(), clock.clone()).await?;
        data_dir.check_journal(journal.incarnation())?;
        let vault = open_vault(&data_dir)?;
        let guard = Guard::new(
            config.webhook_allow_networks.clone(),
            Arc::new(Lookups::over(Arc::new(SystemResolver))),
        );
        let writer = Writer::start(journal.clone(), WriterOptions::default());
        let store = match purpose {
            Purpose::Serve | Purpose::Verify => Some(open_store(&data_dir).await?),
            Purpose::LookAfter => None,
        };
        let runtime = match (purpose, store.clone()) {
            (Purpose::Serve, Some(store)) => {
                Some(open_runtime(config, &disk, &journal, &writer, &clock, store)?)
            }
            (Purpose::Serve | Purpose::Verify | Purpose::LookAfter, _) => None,
        };
        let consumers_changed = watch::Sender::new(0);
        let (deliveries, running) = match purpose {
            Purpose::Serve => {
                let parts = (guard.clone(), vault.clone(), clock.clone());
                let changed = consumers_changed.subscribe();
                let (deliveries, running) = Deliveries::new(parts.0, parts.1, parts.2, changed);
                (Some(deliveries), Some(running))
            }
            Purpose::Verify | Purpose::LookAfter => (None, None),
        };
        let start_site = runtime.map(|runtime| start_site(runtime, journal.clone(), deliveries));
        let opened = Registry::open(journal.clone(), start_site).await;
        let place = data_dir.path().display().to_string();
        let registry = opened.map_err(|reason| StartError::Registry { place, reason })?;
        let verify = verifier::verifier(registry.clone(), journal.clone(), store);
        let deliveries = running;
        Ok(Engine {
            data_dir,
            journal,
            registry,
            consumers_changed,
            clock,
            vault,
            guard,
            writer,
            verify,
            deliveries,
            disk,
        })
    }

    pub fn admin(&self) -> Admin {
        Admin { registry: self.registry.clone(), verify: self.verify.clone() }
    }

    pub fn front(&self, metrics: Metrics, life: Life) -> ProcessFront {
        let hooks = HookDesk::new(HookParts {
            sites: self.sites(),
            clock: self.clock.clone(),
            vault: self.vault.clone(),
            guard: self.guard.clone(),
            consumers_changed: self.consumers_changed.clone(),
        });
        let identity = IdentityDesk {
            identity: Arc::new(Identity::new(self.journal.clone(), self.registry.ended_logins())),
            registry: self.registry.clone(),
        };
        let accounts = identity.identity.clone();
        let jobs = Jobs::new(self.journal.clone(), accounts, self.clock.clone());
        ProcessFront {
            hooks,
            jobs,
            identity,
            sites: self.sites(),
            clock: self.clock.clone(),
            guard: self.guard.clone(),
            vault: self.vault.clone(),
            metrics,
            health: Health { life, registry: self.registry.clone(), disk: self.disk.clone() },
        }
    }

    pub fn live_ports(&self) -> LivePorts {
        LivePorts { sites: self.sites(), clock: self.clock.clone() }
    }

    fn sites(&self) -> Sites {
        Sites { registry: self.registry.clone(), journal: self.journal.clone() }
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Names the data directory in messages.
    pub fn place(&self) -> String {
        self.data_dir.path().display().to_string()
    }

    /// Ends deliveries, writes what waits, and gives the data directory back.
    pub async fn close(self) {
        if let Some(deliveries) = self.deliveries {
            deliveries.stop().await;
        }
        let writer = self.writer;
        let stopped = tokio::task::spawn_blocking(move || writer.stop()).await;
        if stopped.is_err() {
            tracing::error!("the journal's writer did not stop in order");
        }
        drop(self.data_dir);
    }
}

/// Opening reads the whole log, so it happens off the arbiter, where signals are heard meanwhile.
async fn open_journal(
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Journal>, StartError> {
    let place = data_dir.display().to_string();
    let options =
        EmbeddedOptions { clock: Arc::new(move || clock.now()), ..EmbeddedOptions::default() };
    let opening = move || Embedded::open(&data_dir, options);
    match tokio::task::spawn_blocking(opening).await {
        Ok(Ok(journal)) => Ok(Arc::new(journal)),
        Ok(Err(reason)) => Err(StartError::Journal { place, reason: reason.to_string() }),
        Err(reason) => Err(StartError::Journal { place, reason: reason.to_string() }),
    }
}

/// The two snapshot databases.
async fn open_store(data_dir: &DataDir) -> Result<Arc<SnapshotStore>, StartError> {
    let place = data_dir.path().display().to_string();
    let directory = data_dir.snapshots();
    let opening = move || SnapshotStore::open(&directory, SnapshotOptions::default());
    match tokio::task::spawn_blocking(opening).await {
        // What was moved aside has been logged where it was found.
        Ok(Ok((store, _moved_aside))) => Ok(Arc::new(store)),
        Ok(Err(reason)) => Err(StartError::Snapshots { place, reason: reason.to_string() }),
        Err(reason) => Err(StartError::Snapshots { place, reason: reason.to_string() }),
    }
}

/// What sites run on: the snapshots, their thread, and a pool of arbiters.
fn open_runtime(
    config: &Config,
    disk: &DiskReserve,
    journal: &Arc<dyn Journal>,
    writer: &Arc<Writer>,
    clock: &Arc<dyn Clock>,
    store: Arc<SnapshotStore>,
) -> Result<SiteRuntime, StartError> {
    Ok(SiteRuntime::new(RuntimeParts {
        journal: journal.clone(),
        writer: writer.clone(),
        store,
        snapshots: SnapshotThread::start()?,
        clock: clock.clone(),
        options: SiteOptions {
            checkpoint_log_bytes_max: config.checkpoint_log_bytes_max,
            members_hot_max: config.members_hot_max,
            disk: Some(disk.clone()),
            ..SiteOptions::default()
        },
        arbiters: config.worker_count(),
    }))
}

fn start_site(
    runtime: SiteRuntime,
    journal: Arc<dyn Journal>,
    deliveries: Option<Deliveries>,
) -> StartSite {
    let parts = Arc::new((runtime, journal, deliveries));
    Arc::new(move |site| {
        let parts = parts.clone();
        Box::pin(async move {
            let (runtime, journal, deliveries) = &*parts;
            let handle = runtime.start(site).await.map_err(|error| error.to_string())?;
            if let Some(deliveries) = deliveries {
                deliveries.start(OpenSite { handle: handle.clone(), journal: journal.clone() });
            }
            Ok(handle)
        })
    })
}

/// Once secrets may have been sealed, a missing key is told: a new one would never open them.
fn open_vault(data_dir: &DataDir) -> Result<Vault, StartError> {
    let path = data_dir.path();
    let told = |reason: String| StartError::Vault { place: path.display().to_string(), reason };
    match (Vault::load(path), data_dir.stage()) {
        (Ok(Some(vault)), _) => Ok(vault),
        (Ok(None), Stage::Begun) => Vault::create(path).map_err(|error| told(error.to_string())),
        (Ok(None), Stage::Ready { .. }) => Err(told("seal.key is missing".to_owned())),
        (Err(error), _) => Err(told(error.to_string())),
    }
}

//! The engine without its doors: journal, snapshots, registry, sites, deliveries, in the order in
//! which they need each other. Opened for serving, for verifying, or only to look after keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::StartError;
use super::admin::{Admin, Verify};
use super::front::ProcessFront;
use super::life::Life;
use super::live_ports::LivePorts;
use super::sites::Sites;
use crate::actors::data_dir::{DataDir, Stage};
use crate::actors::registry::{Registry, StartSite};
use crate::config::Config;
use crate::domain::Timestamp;
use crate::journal::embedded::{Embedded, EmbeddedOptions};
use crate::journal::{Journal, Writer, WriterOptions};
use crate::telemetry::Metrics;
use crate::webhook::guard::{Guard, SystemResolver};
use crate::webhook::vault::Vault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Serve,
    Verify,
    /// Keys and sites only: no site runs.
    LookAfter,
}

pub struct Engine {
    pub data_dir: DataDir,
    pub journal: Arc<dyn Journal>,
    pub registry: Registry,
    pub sites: Sites,
    vault: Vault,
    guard: Guard,
    writer: Arc<Writer>,
    verify: Verify,
}

impl Engine {
    pub async fn open(
        config: &Config,
        data_dir: DataDir,
        purpose: Purpose,
    ) -> Result<Engine, StartError> {
        let place = data_dir.path().display().to_string();
        let journal = open_journal(data_dir.path().to_owned()).await?;
        data_dir.check_journal(journal.incarnation())?;
        let vault = open_vault(&data_dir)?;
        let writer = Writer::start(journal.clone(), WriterOptions::default());
        let start_site: Option<StartSite> = match purpose {
            Purpose::Serve | Purpose::Verify => None,
            Purpose::LookAfter => None,
        };
        let registry = Registry::open(journal.clone(), start_site)
            .await
            .map_err(|reason| StartError::Registry { place, reason })?;
        let guard = Guard::new(config.webhook_allow_networks.clone(), Arc::new(SystemResolver));
        let verify: Verify = Arc::new(|_| Box::pin(async { Err("not wired".to_owned()) }));
        let sites = Sites::default();
        Ok(Engine { data_dir, journal, registry, sites, vault, guard, writer, verify })
    }

    pub fn admin(&self) -> Admin {
        Admin { registry: self.registry.clone(), verify: self.verify.clone() }
    }

    pub fn front(&self, metrics: Metrics, life: Life) -> ProcessFront {
        ProcessFront {
            registry: self.registry.clone(),
            sites: self.sites.clone(),
            guard: self.guard.clone(),
            vault: self.vault.clone(),
            metrics,
            life,
        }
    }

    pub fn live_ports(&self) -> LivePorts {
        LivePorts { registry: self.registry.clone(), sites: self.sites.clone() }
    }

    /// Names the data directory in messages.
    pub fn place(&self) -> String {
        self.data_dir.path().display().to_string()
    }

    /// Stops the sites, writes what waits, and gives the data directory back.
    pub async fn close(self) {
        let writer = self.writer;
        let stopped = tokio::task::spawn_blocking(move || writer.stop()).await;
        if stopped.is_err() {
            tracing::error!("the journal's writer did not stop in order");
        }
        drop(self.data_dir);
    }
}

/// Opening reads the whole log, so it happens off the arbiter, where signals are heard meanwhile.
async fn open_journal(data_dir: PathBuf) -> Result<Arc<dyn Journal>, StartError> {
    let path = data_dir.clone();
    let opening = move || Embedded::open(&path, EmbeddedOptions::default());
    let place = data_dir.display().to_string();
    match tokio::task::spawn_blocking(opening).await {
        Ok(Ok(journal)) => Ok(Arc::new(journal)),
        Ok(Err(reason)) => Err(StartError::Journal { place, reason: reason.to_string() }),
        Err(reason) => Err(StartError::Journal { place, reason: reason.to_string() }),
    }
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

pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(since_epoch.as_millis() as i64)
}

//! The engine without its doors: journal, registry, sites, in the order in which they need each
//! other. Opened for serving, for verifying, or only to look after keys and sites.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::StartError;
use super::admin::{Admin, Verify};
use crate::actors::data_dir::DataDir;
use crate::actors::registry::{Registry, StartSite};
use crate::config::Config;
use crate::domain::Timestamp;
use crate::journal::{Journal, Memory, Writer, WriterOptions};

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
    writer: Arc<Writer>,
    verify: Verify,
}

impl Engine {
    pub async fn open(
        _config: &Config,
        data_dir: DataDir,
        purpose: Purpose,
    ) -> Result<Engine, StartError> {
        let place = data_dir.path().display().to_string();
        let journal = open_journal(&data_dir.journal())?;
        data_dir.check_journal(journal.incarnation())?;
        let writer = Writer::start(journal.clone(), WriterOptions::default());
        let start_site: Option<StartSite> = match purpose {
            Purpose::Serve | Purpose::Verify => None,
            Purpose::LookAfter => None,
        };
        let registry = Registry::open(journal.clone(), start_site)
            .await
            .map_err(|reason| StartError::Registry { place, reason })?;
        let verify: Verify = Arc::new(|_| Box::pin(async { Err("not wired".to_owned()) }));
        Ok(Engine { data_dir, journal, registry, writer, verify })
    }

    pub fn admin(&self) -> Admin {
        Admin { registry: self.registry.clone(), verify: self.verify.clone() }
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

/// Stands in for the embedded engine until that is here.
fn open_journal(path: &Path) -> Result<Arc<dyn Journal>, StartError> {
    let made = std::fs::create_dir_all(path).and_then(|()| std::fs::write(path.join("log"), "-"));
    made.map_err(|reason| StartError::File { path: path.to_owned(), reason })?;
    Ok(Arc::new(Memory::new(1)))
}

pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(since_epoch.as_millis() as i64)
}

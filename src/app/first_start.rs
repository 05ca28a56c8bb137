//! What the first start does once: the first site, its owner key, and the block that shows both.

use super::StartError;
use super::engine::Engine;
use crate::actors::data_dir::Stage;
use crate::actors::keys::KeyRole;
use crate::actors::registry::{Registry, RegistryError};
use crate::config::{Config, FirstStart};
use crate::domain::SiteId;

const FIRST_SITE: &str = "default";

/// Completes the first start, also one that a crash interrupted; later starts change nothing. The
/// directory counts as complete only after the key was shown.
pub async fn complete(config: &Config, engine: &mut Engine) -> Result<(), StartError> {
    let place = engine.place();
    match engine.data_dir.stage() {
        Stage::Ready { .. } => {
            if engine.registry.sites().is_empty() {
                return Err(StartError::NoSite { place });
            }
            warn_of_unused_key(engine, config);
            Ok(())
        }
        Stage::Begun => {
            let made = make(&engine.registry, &config.first_start).await;
            let made = made.map_err(|reason| StartError::Registry { place, reason })?;
            super::say(&block(&engine.place(), &made))?;
            Ok(engine.data_dir.mark_ready(engine.journal.incarnation())?)
        }
    }
}

struct Made {
    site: SiteId,
    /// `None` where the operator brought the key.
    shown_key: Option<String>,
}

async fn make(registry: &Registry, wish: &FirstStart) -> Result<Made, RegistryError> {
    let site = match registry.sites().first() {
        Some(site) => site.id,
        None => registry.create_site(FIRST_SITE, wish.site).await?.id,
    };
    let shown_key = match &wish.owner_key {
        Some(key) => {
            registry.admit_owner_key(site, key.reveal()).await?;
            None
        }
        None => Some(registry.create_key(site, KeyRole::Owner, "owner").await?.0),
    };
    Ok(Made { site, shown_key })
}

fn block(data_dir: &str, made: &Made) -> String {
    let key = match &made.shown_key {
        Some(key) => format!("{key}\n\n  The key is shown only this once. Keep it."),
        None => "the one in GUILDHALL_OWNER_KEY".to_owned(),
    };
    format!("\n  New data directory {data_dir}\n  site       {}\n  owner key  {key}\n", made.site)
}

fn warn_of_unused_key(engine: &Engine, config: &Config) {
    let Some(key) = &config.first_start.owner_key else { return };
    if engine.registry.authenticate(key.reveal(), engine.clock().now()).is_none() {
        tracing::warn!("GUILDHALL_OWNER_KEY only counts at the first start: it is no key here");
    }
}

//! The check behind `guildhall verify`: of sites that run, or of those that lie on the disk.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::admin::{Verify, VerifyReport};
use crate::actors::registry::Registry;
use crate::actors::verify::{Ground, SiteReport, VerifyError, verify_running, verify_stopped};
use crate::domain::SiteId;
use crate::journal::Journal;
use crate::snapshot::SnapshotStore;

/// One check at a time: each takes memory of its own. Without a store there is none.
pub fn verifier(
    registry: Registry,
    journal: Arc<dyn Journal>,
    store: Option<Arc<SnapshotStore>>,
) -> Verify {
    let turn = Arc::new(Mutex::new(()));
    Arc::new(move |site| {
        let (registry, journal, turn) = (registry.clone(), journal.clone(), turn.clone());
        let store = store.clone().ok_or_else(|| "the snapshots are not open".to_owned());
        Box::pin(async move {
            let (store, _turn) = (store?, turn.lock().await);
            let known: Vec<SiteId> = registry.sites().iter().map(|site| site.id).collect();
            let wanted = match site {
                Some(site) if !known.contains(&site) => return Err(format!("no site {site}")),
                Some(site) => vec![site],
                None => known,
            };
            let mut report = VerifyReport::default();
            for site in wanted {
                let ground = Ground::new(journal.clone(), store.clone(), site);
                add(&mut report, site, check(&registry, ground).await);
            }
            Ok(report)
        })
    })
}

async fn check(registry: &Registry, ground: Ground) -> Result<SiteReport, VerifyError> {
    match registry.site(ground.site) {
        Some(handle) => verify_running(ground, handle).await,
        None => verify_stopped(ground).await,
    }
}

/// A check that came to no end is told like a difference: it is no proof.
fn add(report: &mut VerifyReport, site: SiteId, checked: Result<SiteReport, VerifyError>) {
    match checked {
        Ok(checked) => {
            report.add(checked.checked(), checked.differences);
            report.differences_total += checked.differences_left_out;
        }
        Err(error) => report.add(format!("site {site}"), vec![format!("site {site}: {error}")]),
    }
}

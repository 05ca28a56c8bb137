//! Reading parts from the current snapshot, off the arbiter.

use std::sync::Arc;

use metrics::counter;

use crate::core::parts::{Part, PartKey};
use crate::domain::SiteId;
use crate::snapshot::values;
use crate::snapshot::{Cause, Damaged, Slot, SnapshotStore};

/// A part as it was read, with its stamp.
pub type LoadedPart = (PartKey, u64, Part);

/// Reads parts of one site. Cheap to clone.
#[derive(Clone)]
pub struct Loader {
    store: Arc<SnapshotStore>,
    site: SiteId,
}

impl Loader {
    pub fn new(store: Arc<SnapshotStore>, site: SiteId) -> Loader {
        Loader { store, site }
    }

    pub fn store(&self) -> &Arc<SnapshotStore> {
        &self.store
    }

    /// Reads all of `keys` from `slot` on a blocking thread.
    pub async fn load(&self, slot: Slot, keys: Vec<PartKey>) -> Result<Vec<LoadedPart>, Damaged> {
        let (store, site) = (self.store.clone(), self.site);
        let read = actix_rt::task::spawn_blocking(move || {
            keys.into_iter().map(|key| load_one(&store, site, slot, key)).collect()
        });
        read.await.unwrap_or_else(|_| Err(self.damaged(slot, "reading panicked")))
    }

    fn damaged(&self, slot: Slot, why: &str) -> Damaged {
        damaged(&self.store, slot, why)
    }

    /// A part whose stamp is not the one that the machine expects.
    pub fn stale(&self, slot: Slot, key: PartKey) -> Damaged {
        self.damaged(slot, &format!("{key:?} is not in its newest state"))
    }
}

fn load_one(
    store: &SnapshotStore,
    site: SiteId,
    slot: Slot,
    key: PartKey,
) -> Result<LoadedPart, Damaged> {
    let bytes = store.get(site, slot, values::key_of(key))?;
    let bytes = bytes.ok_or_else(|| damaged(store, slot, &format!("{key:?} is missing")))?;
    let (commit, part) =
        values::read_part(key, &bytes).map_err(|error| damaged(store, slot, &error.to_string()))?;
    counter!("site_page_ins_total").increment(1);
    Ok((key, commit, part))
}

fn damaged(store: &SnapshotStore, slot: Slot, why: &str) -> Damaged {
    let incarnation = store.incarnation(slot);
    Damaged { slot, key: None, why: why.to_owned(), cause: Cause::Database, incarnation }
}

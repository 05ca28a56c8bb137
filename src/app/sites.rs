//! The sites that run in this process, with what the doors need of each besides its handle.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::actors::handle::SiteHandle;
use crate::domain::SiteId;
use crate::journal::{Journal, SiteLog};

/// One site: to be asked, and to be followed.
#[derive(Clone)]
pub struct OpenSite {
    pub handle: SiteHandle,
    pub log: SiteLog,
    pub journal: Arc<dyn Journal>,
}

/// All of them, from anywhere. A site that was started stays until the end of the process.
#[derive(Clone)]
pub struct Sites {
    open: Arc<watch::Sender<HashMap<SiteId, OpenSite>>>,
}

impl Default for Sites {
    fn default() -> Self {
        Sites { open: Arc::new(watch::Sender::new(HashMap::new())) }
    }
}

impl Sites {
    pub fn get(&self, site: SiteId) -> Option<OpenSite> {
        self.open.borrow().get(&site).cloned()
    }

    pub fn all(&self) -> Vec<OpenSite> {
        self.open.borrow().values().cloned().collect()
    }

    pub fn add(&self, site: OpenSite) {
        self.open.send_modify(|open| {
            open.insert(site.handle.site(), site);
        });
    }
}

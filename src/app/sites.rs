//! A running site with what the doors need of it besides its handle.

use std::sync::Arc;

use crate::actors::handle::SiteHandle;
use crate::actors::registry::Registry;
use crate::domain::SiteId;
use crate::journal::{Journal, SiteLog};

/// One site: to be asked, and to be followed.
#[derive(Clone)]
pub struct OpenSite {
    pub handle: SiteHandle,
    pub journal: Arc<dyn Journal>,
}

impl OpenSite {
    pub fn id(&self) -> SiteId {
        self.handle.site()
    }

    pub fn log(&self) -> &SiteLog {
        self.handle.log()
    }
}

/// All of them, from anywhere.
#[derive(Clone)]
pub struct Sites {
    pub registry: Registry,
    pub journal: Arc<dyn Journal>,
}

impl Sites {
    pub fn get(&self, site: SiteId) -> Option<OpenSite> {
        let handle = self.registry.site(site)?;
        Some(OpenSite { handle, journal: self.journal.clone() })
    }
}

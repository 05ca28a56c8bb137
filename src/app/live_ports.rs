//! What live sockets ask, answered by the registry and the sites.

use std::sync::Arc;

use super::sites::Sites;
use crate::actors::clock::Clock;
use crate::actors::live::{Authenticated, LiveFuture, LiveSite, LiveSource};
use crate::actors::live_site::LoggedSite;
use crate::actors::registry::{Holder, Proven, Unproven};
use crate::core::session::TokenFault;
use crate::domain::SiteId;

#[derive(Clone)]
pub struct LivePorts {
    pub sites: Sites,
    pub clock: Arc<dyn Clock>,
}

impl LiveSource for LivePorts {
    fn authenticate(&self, token: String) -> LiveFuture<'_, Result<Authenticated, TokenFault>> {
        let proven = self.sites.registry.prove(&token, self.clock.now());
        let answer = match proven {
            Ok(proven) => {
                let Proven { caller, expires_at, holder } = proven;
                Ok(Authenticated { caller, expires_at, holder })
            }
            Err(Unproven::Invalid) => Err(TokenFault::Invalid),
            Err(Unproven::Expired) => Err(TokenFault::Expired),
        };
        Box::pin(async { answer })
    }

    fn holders_version(&self) -> u64 {
        self.sites.registry.holders_version()
    }

    fn holds(&self, holder: Holder) -> bool {
        self.sites.registry.holds(holder)
    }

    fn site(&self, site: SiteId) -> Option<Arc<dyn LiveSite>> {
        let handle = self.sites.registry.site(site)?;
        Some(Arc::new(LoggedSite::new(handle, self.sites.journal.incarnation())))
    }
}

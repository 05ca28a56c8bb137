//! What live sockets ask, answered by the registry and the sites.

use std::sync::Arc;

use super::sites::Sites;
use crate::actors::clock::Clock;
use crate::actors::live::{Authenticated, LiveFuture, LiveSite, LiveSource};
use crate::actors::live_site::LoggedSite;
use crate::actors::registry::Unproven;
use crate::core::session::TokenFault;
use crate::domain::{KeyId, SiteId};

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
                Ok(Authenticated { caller: proven.caller, expires_at: proven.expires_at })
            }
            Err(Unproven::Invalid) => Err(TokenFault::Invalid),
            Err(Unproven::Expired) => Err(TokenFault::Expired),
        };
        Box::pin(async { answer })
    }

    fn keys_version(&self) -> u64 {
        self.sites.registry.keys_version()
    }

    fn holds(&self, key: KeyId) -> bool {
        self.sites.registry.holds(key)
    }

    fn site(&self, site: SiteId) -> Option<Arc<dyn LiveSite>> {
        let handle = self.sites.registry.site(site)?;
        Some(Arc::new(LoggedSite::new(handle, self.sites.journal.incarnation())))
    }
}

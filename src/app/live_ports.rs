//! What live sockets ask, answered by the registry, the site and its log.

use std::future::pending;
use std::sync::Arc;

use super::sites::{OpenSite, Sites};
use crate::actors::clock::Clock;
use crate::actors::handle::{Answer, CallError, Listening};
use crate::actors::live::{Authenticated, ChannelFault, LiveFuture, LiveSite, LiveSource};
use crate::actors::registry::Unproven;
use crate::core::query::{Ingested, Query, View, Viewer};
use crate::core::recovery::Barrier;
use crate::core::session::TokenFault;
use crate::domain::command::IncrementBatch;
use crate::domain::{MemberId, SiteId, WrittenRecord};
use crate::journal::JournalError;

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

    fn site(&self, site: SiteId) -> Option<Arc<dyn LiveSite>> {
        let site = self.sites.get(site)?;
        let _listening = site.handle.listen();
        Some(Arc::new(FollowedSite { site, _listening }))
    }
}

/// A site while live connections follow it: its counters are reported as they change.
struct FollowedSite {
    site: OpenSite,
    _listening: Listening,
}

impl LiveSite for FollowedSite {
    fn incarnation(&self) -> u128 {
        self.site.journal.incarnation()
    }

    fn durable_seq(&self) -> u64 {
        self.site.log().durable().seq
    }

    fn wait_after(&self, seq: u64) -> LiveFuture<'_, ()> {
        let mut durable = self.site.log().watch();
        Box::pin(async move {
            if durable.wait_for(|durable| durable.seq > seq).await.is_err() {
                pending::<()>().await;
            }
        })
    }

    fn records_after(
        &self,
        seq: u64,
        limit: usize,
    ) -> LiveFuture<'_, Result<Vec<WrittenRecord>, JournalError>> {
        Box::pin(self.site.log().records_after(seq, limit))
    }

    fn record(&self, seq: u64) -> LiveFuture<'_, Result<Option<WrittenRecord>, JournalError>> {
        Box::pin(self.site.log().record(seq))
    }

    fn channel(
        &self,
        member: MemberId,
        viewer: Viewer,
    ) -> LiveFuture<'_, Result<Barrier, ChannelFault>> {
        Box::pin(async move {
            let answer = self.site.handle.query(Query::Channel { member, viewer }).await;
            match answer {
                Ok(Answer { value: View::Channel(channel), seq }) => {
                    Ok(Barrier { seq, last_seq: channel.last_seq })
                }
                Err(CallError::Refused(_)) => Err(ChannelFault::Unknown),
                Ok(_) | Err(_) => Err(ChannelFault::Unavailable),
            }
        })
    }

    fn ingest(&self, batch: IncrementBatch) -> LiveFuture<'_, Result<Answer<Ingested>, CallError>> {
        Box::pin(self.site.handle.ingest(batch))
    }
}

//! What live connections ask of the sites: a port, so that the floor above needs no actor by name.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::actors::handle::{Answer, CallError, Caller};
use crate::actors::registry::Holder;
use crate::core::query::{Ingested, Viewer};
use crate::core::recovery::Barrier;
use crate::core::session::TokenFault;
use crate::domain::command::IncrementBatch;
use crate::domain::{MemberId, SiteId, Timestamp, WrittenRecord};
use crate::journal::JournalError;

pub type LiveFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A caller whose credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    pub caller: Caller,
    /// When the credential ends; `None` for keys.
    pub expires_at: Option<Timestamp>,
    /// What may be taken back before that.
    pub holder: Option<Holder>,
}

/// Why a member's channel was not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelFault {
    /// Unknown, or not for this viewer: the two look the same.
    Unknown,
    /// It could not be asked now.
    Unavailable,
}

/// The whole server, as live connections see it.
pub trait LiveSource: Send + Sync {
    /// Checks an API key or a member token.
    fn authenticate(&self, token: String) -> LiveFuture<'_, Result<Authenticated, TokenFault>>;
    /// Grows whenever a key comes or goes, or a login ends.
    fn holders_version(&self) -> u64;
    /// Whether what a caller was proven by is still good.
    fn holds(&self, holder: Holder) -> bool;
    /// A site that a caller was proven for.
    fn site(&self, site: SiteId) -> Option<Arc<dyn LiveSite>>;
}

/// One site, as live connections see it.
pub trait LiveSite: Send + Sync {
    /// Of the journal that numbers the site's records.
    fn incarnation(&self) -> u128;
    /// Seq of the newest durable record.
    fn durable_seq(&self) -> u64;
    /// Resolves when a record after `seq` is durable; never, where the log has ended for good.
    fn wait_after(&self, seq: u64) -> LiveFuture<'_, ()>;
    /// Durable records after `seq`, oldest first, at most `limit`.
    fn records_after(
        &self,
        seq: u64,
        limit: usize,
    ) -> LiveFuture<'_, Result<Vec<WrittenRecord>, JournalError>>;
    /// One durable record; `None` where it is no longer kept.
    fn record(&self, seq: u64) -> LiveFuture<'_, Result<Option<WrittenRecord>, JournalError>>;
    /// Where a member's channel stands, if `viewer` may see it: `Query::Channel` behind the gate.
    fn channel(
        &self,
        member: MemberId,
        viewer: Viewer,
    ) -> LiveFuture<'_, Result<Barrier, ChannelFault>>;
    /// Counts a batch; answered once it is durable.
    fn ingest(&self, batch: IncrementBatch) -> LiveFuture<'_, Result<Answer<Ingested>, CallError>>;
}

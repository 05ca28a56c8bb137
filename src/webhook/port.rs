//! What dispatchers need of the rest of the house, as ports that the wiring fills.

use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::watch;

use super::bounds::Bounds;
use super::client::Client;
use super::vault::Vault;
use crate::core::delivery::{AttemptChunk, DeadLetter, DeliverySettings, Progress, StoredAttempts};
use crate::domain::endpoint::{EndpointReport, PayloadFormat};
use crate::domain::event::Endpoint;
use crate::domain::{EndpointId, Record, Timestamp, WrittenRecord};

pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// A port that did not answer is asked again after a pause; nothing is decided without it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// The durable records of one site.
pub trait RecordSource: Send + Sync {
    /// Records after `seq`, oldest first. What retention took is left out, so that the first one
    /// shows by its seq that some are missing.
    fn records_after(&self, seq: u64, limit: usize) -> PortFuture<'_, Vec<WrittenRecord>>;
    /// The same at once, where they are in memory anyway.
    fn near(&self, _seq: u64, _limit: usize) -> Option<Vec<WrittenRecord>> {
        None
    }
    /// The newest durable seq.
    fn watch(&self) -> watch::Receiver<u64>;
}

/// The progress of one endpoint; `None` forgets the endpoint.
pub type ProgressEntry = (EndpointId, Option<Progress>);

/// Where progress is kept. Durable soon is enough: losing the newest only repeats deliveries.
pub trait ProgressStore: Send + Sync {
    fn load(&self, endpoint: EndpointId) -> PortFuture<'_, Option<Progress>>;
    fn store(&self, entries: Vec<ProgressEntry>) -> PortFuture<'_, ()>;
}

/// Attempts of one endpoint.
pub type AttemptEntry = (EndpointId, StoredAttempts);

/// Where attempts are written down, and what was given up. Losing the newest loses nothing else.
pub trait AttemptStore: Send + Sync {
    /// The newest chunk.
    fn last(&self, endpoint: EndpointId) -> PortFuture<'_, Option<AttemptChunk>>;
    fn store(&self, entries: Vec<AttemptEntry>) -> PortFuture<'_, ()>;
    /// Keeps events that were given up, for as long as there is room.
    fn give_up(&self, endpoint: EndpointId, letters: Vec<DeadLetter>) -> PortFuture<'_, ()>;
    /// All of an endpoint that is gone.
    fn forget(&self, endpoint: EndpointId) -> PortFuture<'_, ()>;
}

/// All endpoints of a site, as of a seq.
#[derive(Clone, Debug)]
pub struct Listed {
    pub endpoints: Vec<Arc<Endpoint>>,
    pub seq: u64,
}

/// The site's own view of its endpoints.
pub trait EndpointSource: Send + Sync {
    fn list(&self) -> PortFuture<'_, Listed>;
    /// Tells the owner, in the log.
    fn report(&self, endpoint: EndpointId, report: EndpointReport) -> PortFuture<'_, ()>;
    /// A replay is done.
    fn finish_replay(&self, endpoint: EndpointId, id: u64) -> PortFuture<'_, ()>;
    /// Already disabled or deleted is as good.
    fn disable(&self, endpoint: EndpointId, reason: &'static str) -> PortFuture<'_, ()>;
}

/// An event as receivers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBody {
    /// The same for every try and every receiver; never holds a dot.
    pub id: Arc<str>,
    /// UTF-8, the same bytes for every try.
    pub bytes: Bytes,
    pub media_type: &'static str,
}

/// What receivers see of a record, as a format shows it; `None` where it has nothing to show. Of a
/// signed format these are the claims.
pub type BodyOf = Arc<dyn Fn(&Record, &PayloadFormat) -> Option<EventBody> + Send + Sync>;

/// What receivers see of counter events that go out together, known by their first and last seq;
/// `None` where the format has nothing to show.
pub type BatchOf = Arc<
    dyn Fn(&RangeInclusive<u64>, &[WrittenRecord], &PayloadFormat) -> Option<EventBody>
        + Send
        + Sync,
>;

/// The site's clock. It never goes back.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything that the dispatchers of one site share.
#[derive(Clone)]
pub struct Ports {
    pub records: Arc<dyn RecordSource>,
    pub progress: Arc<dyn ProgressStore>,
    pub attempts: Arc<dyn AttemptStore>,
    pub endpoints: Arc<dyn EndpointSource>,
    pub body_of: BodyOf,
    pub batch_of: BatchOf,
    pub client: Client,
    pub vault: Vault,
    pub clock: Clock,
    pub bounds: Bounds,
    pub settings: DeliverySettings,
    /// How long a dispatcher without work is kept.
    pub idle_ms: u64,
}

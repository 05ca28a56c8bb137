//! What the doors need of the process for webhook endpoints, beside what the site itself knows.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use serde_json::Value;

use crate::actors::handle::CallError;
use crate::domain::event::Endpoint;
use crate::domain::{AppId, EndpointId, SiteId};

/// The answer of something that may have to wait for the log or for a receiver.
pub type HookFuture<T> = LocalBoxFuture<'static, Result<T, CallError>>;

pub trait HookFront {
    /// The sealed form of a header's value; opens for this endpoint only.
    fn seal_header(&self, endpoint: EndpointId, value: &str) -> Vec<u8>;
    /// The key pair that an app's deliveries in the wire's own format are signed with.
    fn app_key(&self, site: SiteId, app: AppId, need: KeyNeed) -> HookFuture<Option<PublishedKey>>;
    /// Sends an example of an event once; `None` where the endpoint's format has no such event.
    fn try_endpoint(
        &self,
        site: SiteId,
        endpoint: Arc<Endpoint>,
        event_type: String,
    ) -> HookFuture<Option<Tried>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyNeed {
    /// Only where it was made already.
    Known,
    Make,
}

/// A key pair: the public half to be shown, the private one sealed.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    pub sealed: Vec<u8>,
    pub public_pem: String,
    pub public_jwk: Value,
}

/// One delivery that was tried while its asker waited.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    pub event_id: String,
    pub event_type: String,
    pub delivered: bool,
    pub status: Option<u16>,
    /// Why there was no answer.
    pub fault: Option<String>,
    pub latency_ms: u64,
    /// The first part of the answer's body.
    pub response: String,
}

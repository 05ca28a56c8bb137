//! What the doors need of the process for webhook endpoints, beside what the site itself knows.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use serde_json::Value;

use crate::actors::handle::CallError;
use crate::core::delivery::{AttemptLine, DeadLetter};
use crate::domain::endpoint::Replayed;
use crate::domain::event::Endpoint;
use crate::domain::{AppId, EndpointId, SiteId, Timestamp};

/// The answer of something that may have to wait for the log or for a receiver.
pub type HookFuture<T> = LocalBoxFuture<'static, Result<T, CallError>>;

pub trait HookFront {
    /// The sealed form of a header's value; opens for this endpoint only.
    fn seal_header(&self, endpoint: EndpointId, value: &str) -> Vec<u8>;
    /// Whether a receiver agrees to be delivered to in the name of this host: the deliveries a
    /// minute that it allows, or why not.
    fn ask_consent(&self, url: String, origin: String) -> HookFuture<Result<Option<u32>, String>>;
    /// The key pair that an app's deliveries in the wire's own format are signed with.
    fn app_key(&self, site: SiteId, app: AppId, need: KeyNeed) -> HookFuture<Option<PublishedKey>>;
    /// Sends an example of an event once; `None` where the endpoint's format has no such event.
    fn try_endpoint(
        &self,
        site: SiteId,
        endpoint: Arc<Endpoint>,
        event_type: String,
    ) -> HookFuture<Option<Tried>>;
    /// Sends one event of the log once; `None` where there is none to be sent.
    fn deliver_once(
        &self,
        site: SiteId,
        endpoint: Arc<Endpoint>,
        seq: u64,
    ) -> HookFuture<Option<Tried>>;
    /// How far an endpoint's deliveries are.
    fn delivery_state(&self, site: SiteId, endpoint: Arc<Endpoint>) -> HookFuture<DeliveryState>;
    /// How many events a replay would send.
    fn count_replay(
        &self,
        site: SiteId,
        endpoint: Arc<Endpoint>,
        what: Replayed,
    ) -> HookFuture<Counted>;
    /// Named consumers of the event log.
    fn consumers(&self, site: SiteId) -> HookFuture<Consumers>;
    /// A consumer after a step; `None` where an unknown one acknowledges.
    fn step_consumer(
        &self,
        site: SiteId,
        name: String,
        step: ConsumerStep,
    ) -> HookFuture<Option<(Consumer, u64)>>;
    /// `None` where it is not known.
    fn remove_consumer(&self, site: SiteId, name: String) -> HookFuture<Option<()>>;
    /// The newest attempts, oldest first.
    fn attempts(&self, site: SiteId, endpoint: EndpointId) -> HookFuture<Vec<ListedAttempt>>;
    /// What was given up, by seq.
    fn dead_letters(&self, site: SiteId, endpoint: EndpointId) -> HookFuture<Vec<DeadLetter>>;
    fn forget_dead_letters(
        &self,
        site: SiteId,
        endpoint: EndpointId,
        seqs: Vec<u64>,
    ) -> HookFuture<()>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryState {
    pub cursor: u64,
    /// Events after the cursor that it takes and has not got.
    pub pending: u64,
    /// There may be more: not all of the log was looked at.
    pub pending_capped: bool,
    /// Age of the oldest of them.
    pub lag_seconds: i64,
    pub parked: usize,
    pub dead_letters: usize,
    pub failing_since: Option<Timestamp>,
    pub held_until: Option<Timestamp>,
}

/// A reader of the log whose place is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub name: String,
    /// Everything up to and with this seq is done.
    pub after: u64,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumers {
    pub consumers: Vec<Consumer>,
    pub durable_seq: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerStep {
    /// Anywhere, or to the newest event; makes a consumer that is not known.
    Seek(Option<u64>),
    /// Forward only.
    Acknowledge(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    pub events: u64,
    /// There may be more: not all of the range was looked at.
    pub capped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAttempt {
    /// Ascending with time.
    pub number: u64,
    pub event_id: String,
    pub line: AttemptLine,
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

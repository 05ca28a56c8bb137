//! The port of this floor: what the doors need from the process. The wiring implements it once.

use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::hook_front::HookFront;
use crate::actors::handle::{CallError, Caller, SiteHandle};
use crate::actors::identity::IdentityDesk;
use crate::actors::jobs::Jobs;
use crate::domain::{EndpointId, MemberId, SiteId, Timestamp, WrittenRecord};

pub trait Front: Send + Sync + 'static {
    /// Proves a key or a member token; the site comes with the proof.
    fn authenticate(&self, credential: &str) -> Option<Caller>;
    fn site(&self, site: SiteId) -> Option<SiteHandle>;
    /// `None` when it cannot be signed, which is told in the log.
    fn issue_member_token(&self, site: SiteId, member: MemberId) -> Option<IssuedToken>;
    /// `None` while nothing is served.
    fn identity(&self) -> Option<&IdentityDesk>;
    /// `None` while nothing is served.
    fn jobs(&self) -> Option<&Jobs> {
        None
    }
    /// Durable records with a seq above `after`, oldest first, at most `limit`.
    fn records_after(
        &self,
        site: SiteId,
        after: u64,
        limit: usize,
    ) -> LocalBoxFuture<'static, Result<RecordsPage, RecordsFault>>;
    /// A fresh signing secret: the text shown once, and its sealed form for the log, which opens
    /// for this endpoint only.
    fn new_endpoint_secret(&self, endpoint: EndpointId) -> EndpointSecret;
    /// Why deliveries to this address would be refused, if they would be.
    fn check_receiver(&self, url: String) -> LocalBoxFuture<'static, Result<(), String>>;
    /// Webhook endpoints, beside what the site itself knows of them.
    fn hooks(&self) -> &dyn HookFront;
    /// All metrics in the Prometheus text format.
    fn metrics_text(&self) -> String;
    /// Everything for which requests should not be sent here now; nothing where they should.
    fn unready(&self) -> Vec<Unready>;
    fn now(&self) -> Timestamp;
    fn new_uuid(&self) -> Uuid;
}

/// One reason to stay away for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    pub code: &'static str,
    pub detail: String,
}

pub struct IssuedToken {
    pub access_token: String,
    pub expires_in_seconds: i64,
}

pub struct EndpointSecret {
    /// `whsec_` and base64, as receivers configure it.
    pub text: String,
    pub sealed: Vec<u8>,
}

pub struct RecordsPage {
    /// The journal's incarnation: part of every event's id.
    pub incarnation: u128,
    pub records: Vec<WrittenRecord>,
    /// The newest durable seq of the site when this was read.
    pub durable_seq: u64,
}

pub enum RecordsFault {
    /// Records after the asked one are gone; the oldest that is left comes after `floor`.
    Trimmed {
        floor: u64,
    },
    Call(CallError),
}

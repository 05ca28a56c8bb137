//! What the doors ask about webhook endpoints: sealing, apps' key pairs, trying one out.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::deliveries::body_of;
use super::sites::{OpenSite, Sites};
use crate::actors::clock::Clock;
use crate::actors::handle::CallError;
use crate::domain::event::Endpoint;
use crate::domain::limits::WEBHOOK_TRIES_AT_ONCE_MAX;
use crate::domain::{AppId, EndpointId, SiteId};
use crate::http::hook_front::{HookFront, HookFuture, KeyNeed, PublishedKey, Tried};
use crate::webhook::app_key::{AppKey, AppKeyError};
use crate::webhook::client::{Client, ClientOptions};
use crate::webhook::guard::Guard;
use crate::webhook::once::{OnceTried, try_once};
use crate::webhook::receiver::{Receiver, app_key_owner};
use crate::webhook::vault::Vault;
use crate::wire::event::EventSource;
use crate::wire::example;

const APP_KEY: &[u8] = b"webhook/app-key/";

#[derive(Clone)]
pub struct HookDesk {
    sites: Sites,
    clock: Arc<dyn Clock>,
    vault: Vault,
    client: Client,
    /// Deliveries that somebody waits for.
    tries: Arc<Semaphore>,
    /// One key pair is made at a time, so that an app never gets two.
    making: Arc<Semaphore>,
}

impl HookDesk {
    pub fn new(sites: Sites, clock: Arc<dyn Clock>, vault: Vault, guard: Guard) -> HookDesk {
        HookDesk {
            sites,
            clock,
            vault,
            client: Client::new(guard, ClientOptions::default()),
            tries: Arc::new(Semaphore::new(WEBHOOK_TRIES_AT_ONCE_MAX)),
            making: Arc::new(Semaphore::new(1)),
        }
    }

    fn site(&self, site: SiteId) -> Result<OpenSite, CallError> {
        self.sites.get(site).ok_or(CallError::Stopped)
    }
}

impl HookFront for HookDesk {
    fn seal_header(&self, endpoint: EndpointId, value: &str) -> Vec<u8> {
        self.vault.seal_header(endpoint, value)
    }

    fn app_key(&self, site: SiteId, app: AppId, need: KeyNeed) -> HookFuture<Option<PublishedKey>> {
        let desk = self.clone();
        Box::pin(async move {
            let site = desk.site(site)?;
            let known = desk.stored_key(&site, &app).await?;
            match (known, need) {
                (None, KeyNeed::Make) => desk.make_key(&site, &app).await.map(Some),
                (known, KeyNeed::Known | KeyNeed::Make) => Ok(known),
            }
        })
    }

    fn try_endpoint(
        &self,
        site: SiteId,
        endpoint: Arc<Endpoint>,
        event_type: String,
    ) -> HookFuture<Option<Tried>> {
        let desk = self.clone();
        Box::pin(async move {
            let site = desk.site(site)?;
            desk.send_example(&site, &endpoint, event_type).await
        })
    }
}

/// Apps' key pairs.
impl HookDesk {
    async fn stored_key(
        &self,
        site: &OpenSite,
        app: &AppId,
    ) -> Result<Option<PublishedKey>, CallError> {
        let stored = site.journal.get(Some(site.id()), key_name(app)).await.map_err(failed)?;
        let Some(sealed) = stored else { return Ok(None) };
        let der = self.vault.open_for(&app_key_owner(app), &sealed).ok_or_else(|| {
            tracing::error!(%app, "the key pair of app {app} cannot be opened with this key");
            CallError::Internal
        })?;
        let key = AppKey::from_der(&der).map_err(failed)?;
        published(&key, sealed).map(Some).map_err(failed)
    }

    async fn make_key(&self, site: &OpenSite, app: &AppId) -> Result<PublishedKey, CallError> {
        // Never closed; without it two keys of one app might be made at the same time.
        let _one_at_a_time = self.making.acquire().await.map_err(failed)?;
        if let Some(known) = self.stored_key(site, app).await? {
            return Ok(known);
        }
        let made = actix_rt::task::spawn_blocking(AppKey::generate).await.map_err(failed)?;
        let key = made.map_err(failed)?;
        let der = key.to_der().map_err(failed)?;
        let sealed = self.vault.seal_for(&app_key_owner(app), &der);
        let entry = vec![(key_name(app), Some(sealed.clone()))];
        site.journal.put(Some(site.id()), entry).await.map_err(failed)?;
        published(&key, sealed).map_err(failed)
    }
}

fn published(key: &AppKey, sealed: Vec<u8>) -> Result<PublishedKey, AppKeyError> {
    Ok(PublishedKey { sealed, public_pem: key.public_pem()?, public_jwk: key.public_jwk()? })
}

fn key_name(app: &AppId) -> Vec<u8> {
    [APP_KEY, app.as_str().as_bytes()].concat()
}

/// Told in the log where it happened; the caller learns that it was our side.
fn failed(error: impl std::fmt::Display) -> CallError {
    tracing::error!("a webhook request failed: {error}");
    CallError::Internal
}

/// Deliveries that somebody waits for.
impl HookDesk {
    async fn send_example(
        &self,
        site: &OpenSite,
        endpoint: &Endpoint,
        event_type: String,
    ) -> Result<Option<Tried>, CallError> {
        let _place = self.tries.try_acquire().map_err(|_| CallError::Busy)?;
        let receiver = Receiver::open(endpoint, &self.vault).map_err(failed)?;
        let source = EventSource { site: site.id(), incarnation: site.journal.incarnation() };
        let now = self.clock.now();
        // The time in place of a seq: each example has an id of its own.
        let Some(record) = example::record(&event_type, now.unix_ms.unsigned_abs(), now) else {
            return Ok(None);
        };
        let body_of = body_of(source);
        let Some(body) = receiver.body(&record, &body_of) else { return Ok(None) };
        let event_id = body.id.clone();
        let tried = try_once(&self.client, &receiver, body, now).await;
        Ok(Some(told(event_id, event_type, tried)))
    }
}

fn told(event_id: String, event_type: String, tried: OnceTried) -> Tried {
    let OnceTried { answer, latency_ms } = tried;
    match answer {
        Ok(answer) => Tried {
            event_id,
            event_type,
            delivered: answer.delivered,
            status: Some(answer.status),
            fault: None,
            latency_ms,
            response: answer.snippet,
        },
        Err(fault) => Tried {
            event_id,
            event_type,
            delivered: false,
            status: None,
            fault: Some(fault.to_string()),
            latency_ms,
            response: String::new(),
        },
    }
}

//! What the doors ask about webhook endpoints: sealing, apps' key pairs, trying one out.

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::deliveries::{batch_of, body_of};
use super::sites::{OpenSite, Sites};
use crate::actors::clock::Clock;
use crate::actors::handle::CallError;
use crate::core::delivery::DeadLetter;
use crate::domain::endpoint::Replayed;
use crate::domain::event::Endpoint;
use crate::domain::limits::{ATTEMPT_AGE_MS_MAX, WEBHOOK_TRIES_AT_ONCE_MAX};
use crate::domain::{AppId, EndpointId, SiteId};
use crate::http::hook_front::{
    Consumer, ConsumerStep, Consumers, Counted, DeliveryState, HookFront, HookFuture, KeyNeed,
    ListedAttempt, PublishedKey, Tried,
};
use crate::webhook::app_key::{AppKey, AppKeyError};
use crate::webhook::client::{Client, ClientOptions, Consent};
use crate::webhook::guard::{Guard, Target};
use crate::webhook::once::{OnceTried, try_once};
use crate::webhook::receiver::{Receiver, app_key_owner};
use crate::webhook::vault::Vault;
use crate::wire::counter_batch;
use crate::wire::event::event_id;
use crate::wire::example;

const APP_KEY: &[u8] = b"webhook/app-key/";

/// What a desk is made of.
pub struct HookParts {
    pub sites: Sites,
    pub clock: Arc<dyn Clock>,
    pub vault: Vault,
    pub guard: Guard,
    /// Told when a consumer comes or goes.
    pub consumers_changed: watch::Sender<u64>,
}

#[derive(Clone)]
pub struct HookDesk {
    sites: Sites,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) vault: Vault,
    pub(super) client: Client,
    /// Deliveries that somebody waits for.
    pub(super) tries: Arc<Semaphore>,
    /// One key pair is made at a time, so that an app never gets two.
    making: Arc<Semaphore>,
    /// Consumers take one step at a time.
    pub(super) consuming: Arc<Semaphore>,
    pub(super) consumers_changed: watch::Sender<u64>,
}

impl HookDesk {
    pub fn new(parts: HookParts) -> HookDesk {
        HookDesk {
            sites: parts.sites,
            clock: parts.clock,
            vault: parts.vault,
            client: Client::new(parts.guard, ClientOptions::default()),
            tries: Arc::new(Semaphore::new(WEBHOOK_TRIES_AT_ONCE_MAX)),
            making: Arc::new(Semaphore::new(1)),
            consuming: Arc::new(Semaphore::new(1)),
            consumers_changed: parts.consumers_changed,
        }
    }

    pub(super) fn site(&self, site: SiteId) -> Result<OpenSite, CallError> {
        self.sites.get(site).ok_or(CallError::Stopped)
    }
}

impl HookFront for HookDesk {
    fn seal_header(&self, endpoint: EndpointId, value: &str) -> Vec<u8> {
        self.vault.seal_header(endpoint, value)
    }

    fn ask_consent(&self, url: String, origin: String) -> HookFuture<Result<Option<u32>, String>> {
        let desk = self.clone();
        Box::pin(async move {
            let _place = desk.tries.try_acquire().map_err(|_| CallError::Busy)?;
            let target = match Target::parse(&url) {
                Ok(target) => target,
                Err(refusal) => return Ok(Err(refusal.to_string())),
            };
            Ok(match desk.client.ask_consent(&target, &origin).await {
                Ok(Consent::Given { rate_per_minute }) => Ok(rate_per_minute),
                Ok(Consent::NotGiven) => Err("the receiver does not agree to it".to_owned()),
                Err(fault) => Err(fault.to_string()),
            })
        })
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

    fn deliver_once(
        &self,
        site: SiteId,
        endpoint: Arc<Endpoint>,
        seq: u64,
    ) -> HookFuture<Option<Tried>> {
        let desk = self.clone();
        Box::pin(async move { desk.send_event(&desk.site(site)?, endpoint, seq).await })
    }

    fn delivery_state(&self, site: SiteId, endpoint: Arc<Endpoint>) -> HookFuture<DeliveryState> {
        let desk = self.clone();
        Box::pin(async move { desk.state_of(&desk.site(site)?, &endpoint).await })
    }

    fn count_replay(
        &self,
        site: SiteId,
        endpoint: Arc<Endpoint>,
        what: Replayed,
    ) -> HookFuture<Counted> {
        let desk = self.clone();
        Box::pin(async move { desk.count(&desk.site(site)?, &endpoint, &what).await })
    }

    fn consumers(&self, site: SiteId) -> HookFuture<Consumers> {
        let desk = self.clone();
        Box::pin(async move { desk.all_consumers(site).await })
    }

    fn step_consumer(
        &self,
        site: SiteId,
        name: String,
        step: ConsumerStep,
    ) -> HookFuture<Option<(Consumer, u64)>> {
        let desk = self.clone();
        Box::pin(async move { desk.step(site, name, step).await })
    }

    fn remove_consumer(&self, site: SiteId, name: String) -> HookFuture<Option<()>> {
        let desk = self.clone();
        Box::pin(async move { desk.remove(site, name).await })
    }

    fn attempts(&self, site: SiteId, endpoint: EndpointId) -> HookFuture<Vec<ListedAttempt>> {
        let desk = self.clone();
        Box::pin(async move {
            let site = desk.site(site)?;
            let source = desk.source(&site);
            let oldest = desk.clock.now().plus_ms(-ATTEMPT_AGE_MS_MAX);
            let lines = site.shelf().attempts(endpoint).await.map_err(failed)?;
            let lines = lines.into_iter().filter(|(_, line)| line.at >= oldest);
            let listed = lines.map(|(number, line)| {
                let event_id = event_id(source, line.seq);
                ListedAttempt { number, event_id, line }
            });
            Ok(listed.collect())
        })
    }

    fn dead_letters(&self, site: SiteId, endpoint: EndpointId) -> HookFuture<Vec<DeadLetter>> {
        let desk = self.clone();
        Box::pin(
            async move { desk.site(site)?.shelf().dead_letters(endpoint).await.map_err(failed) },
        )
    }

    fn forget_dead_letters(
        &self,
        site: SiteId,
        endpoint: EndpointId,
        seqs: Vec<u64>,
    ) -> HookFuture<()> {
        let desk = self.clone();
        Box::pin(async move {
            desk.site(site)?.shelf().forget_dead_letters(endpoint, &seqs).await.map_err(failed)
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
pub(super) fn failed(error: impl std::fmt::Display) -> CallError {
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
        let source = self.source(site);
        let now = self.clock.now();
        // The time in place of a seq: each example has an id of its own.
        let seq = now.unix_ms.unsigned_abs();
        let body = if event_type == counter_batch::TYPE {
            batch_of(source)(&(seq - 1..=seq), &example::counters(seq, now), &receiver.format)
        } else {
            let record = example::record(&event_type, seq, now);
            record.and_then(|record| receiver.body(&record, &body_of(source)))
        };
        let Some(body) = body else { return Ok(None) };
        let event_id = body.id.clone();
        let tried = try_once(&self.client, &receiver, body, now).await;
        Ok(Some(told(event_id.to_string(), event_type, tried)))
    }
}

pub(super) fn told(event_id: String, event_type: String, tried: OnceTried) -> Tried {
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

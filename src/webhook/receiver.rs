//! One endpoint made ready for delivery: its URL parsed, its patterns read, its secrets opened.

use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use thiserror::Error;

use super::app_key::{AppKey, AppKeyError, Signer};
use super::client::REQUEST_ORIGIN;
use super::condition::Asked;
use super::guard::{GuardError, Target};
use super::port::{BodyOf, EventBody};
use super::signature::Secret;
use super::vault::{Vault, VaultError};
use crate::core::delivery::{Wanted, Wishes};
use crate::core::event_channels::carries;
use crate::core::event_pattern::{EventFilter, PatternError};
use crate::domain::endpoint::{
    CounterBatch, DeliveryMode, EndpointChannel, PayloadFormat, ReplayJob, ReplayStep,
};
use crate::domain::event::{Endpoint, Event};
use crate::domain::{AppId, EndpointId, Record, Timestamp};

/// Why a stored endpoint cannot be delivered to. All were refused when it was saved, so one of
/// these means that the key or the stored bytes changed.
#[derive(Debug, Error)]
pub enum ReceiverError {
    #[error(transparent)]
    Url(#[from] GuardError),
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Secret(#[from] VaultError),
    #[error(transparent)]
    Key(#[from] AppKeyError),
    #[error("a header cannot be sent")]
    Header,
    #[error("a condition cannot be read")]
    Condition,
}

#[derive(Clone, Debug)]
pub struct Receiver {
    pub id: EndpointId,
    pub target: Arc<Target>,
    pub filter: EventFilter,
    pub mode: DeliveryMode,
    pub format: PayloadFormat,
    pub rate_per_minute: Option<u32>,
    /// Sent along with every delivery.
    pub headers: HeaderMap,
    pub replays: Vec<ReplayJob>,
    counter_batch: Option<CounterBatch>,
    in_flight_max: Option<u32>,
    channels: Vec<EndpointChannel>,
    conditions: Vec<Asked>,
    secret: Secret,
    old_secrets: Vec<(Secret, Timestamp)>,
    signer: Option<Box<Signer>>,
}

impl Receiver {
    pub fn open(endpoint: &Endpoint, vault: &Vault) -> Result<Receiver, ReceiverError> {
        let (id, settings) = (endpoint.id, &endpoint.settings);
        let old = endpoint.previous_secret.iter().chain(&settings.older_secrets);
        let old = old.map(|(sealed, until)| Ok((vault.open(id, sealed)?, *until)));
        let old_secrets: Result<Vec<_>, VaultError> = old.collect();
        let conditions: Option<Vec<Asked>> = settings.conditions.iter().map(Asked::new).collect();
        Ok(Receiver {
            id: endpoint.id,
            target: Arc::new(Target::parse(&endpoint.url)?),
            filter: EventFilter::parse(&endpoint.event_types)?,
            mode: settings.mode,
            format: settings.format.clone(),
            rate_per_minute: settings.rate_per_minute,
            headers: headers(endpoint, vault)?,
            replays: settings.replays.clone(),
            counter_batch: settings.counter_batch,
            in_flight_max: settings.in_flight_max,
            channels: settings.channels.clone(),
            conditions: conditions.ok_or(ReceiverError::Condition)?,
            secret: vault.open(id, &endpoint.sealed_secret)?,
            old_secrets: old_secrets?,
            signer: signer(endpoint, vault)?.map(Box::new),
        })
    }

    /// What signs now: the secret, and those before it until their time is over.
    pub fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let old = self.old_secrets.iter().filter(move |(_, until)| now < *until);
        std::iter::once(&self.secret).chain(old.map(|(secret, _)| secret))
    }

    /// The event as this endpoint gets it; `None` where it does not take it.
    pub fn taken(&self, record: &Record, body_of: &BodyOf) -> Option<EventBody> {
        self.takes(record, body_of).then(|| self.body(record, body_of)).flatten()
    }

    /// Whether it is among what the owner chose.
    pub fn takes(&self, record: &Record, body_of: &BodyOf) -> bool {
        self.filter.takes(&record.event)
            && carries(&self.channels, &record.event)
            && self.meets_conditions(record, body_of)
    }

    /// Whether events like this one go out together.
    pub fn gathers(&self, record: &Record) -> bool {
        // The wire's token knows no counters.
        let has_counters = !matches!(self.format, PayloadFormat::Jwt { .. });
        self.counter_batch.is_some() && record.event.is_counter() && has_counters
    }

    pub fn wishes(&self) -> Wishes {
        Wishes {
            mode: self.mode,
            rate_per_minute: self.rate_per_minute,
            counter_batch: self.counter_batch,
            window: self.in_flight_max.map(|count| count as usize),
        }
    }

    /// The same bytes for every try.
    pub fn body(&self, record: &Record, body_of: &BodyOf) -> Option<EventBody> {
        let body = body_of(record, &self.format)?;
        let Some(signer) = &self.signer else { return Some(body) };
        let claims: serde_json::Value = serde_json::from_slice(&body.bytes).ok()?;
        let token = signer.sign(&claims).inspect_err(|error| {
            let (endpoint, seq) = (self.id, record.seq);
            tracing::error!(%endpoint, seq, "event {seq} for {endpoint} is not signed: {error}");
        });
        Some(EventBody { bytes: Bytes::from(token.ok()?), ..body })
    }

    fn meets_conditions(&self, record: &Record, body_of: &BodyOf) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        let Some(body) = body_of(record, &PayloadFormat::Standard) else { return false };
        let event: Option<serde_json::Value> = serde_json::from_slice(&body.bytes).ok();
        let event = event.unwrap_or_default();
        self.conditions.iter().all(|condition| condition.holds(&event["data"]))
    }

    /// The event's place in the order that this endpoint wants.
    pub fn wanted(&self, record: &Record) -> Wanted {
        let member = match self.mode {
            DeliveryMode::Parallel | DeliveryMode::Fifo => None,
            DeliveryMode::FifoByMember => record.event.member(),
        };
        let key = member.map(|member| member.as_u128());
        Wanted { seq: record.seq, key, gathered: self.gathers(record) }
    }
}

fn headers(endpoint: &Endpoint, vault: &Vault) -> Result<HeaderMap, ReceiverError> {
    let mut headers = HeaderMap::new();
    for header in &endpoint.settings.headers {
        let value = vault.open_header(endpoint.id, &header.sealed_value)?;
        let name: HeaderName = header.name.parse().map_err(|_| ReceiverError::Header)?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| ReceiverError::Header)?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    if let Some(origin) = &endpoint.settings.request_origin {
        let value = HeaderValue::from_str(origin).map_err(|_| ReceiverError::Header)?;
        headers.insert(REQUEST_ORIGIN, value);
    }
    Ok(headers)
}

fn signer(endpoint: &Endpoint, vault: &Vault) -> Result<Option<Signer>, ReceiverError> {
    let PayloadFormat::Jwt { app, sealed_key, .. } = &endpoint.settings.format else {
        return Ok(None);
    };
    let der = vault.open_for(&app_key_owner(app), sealed_key);
    let der = der.ok_or(VaultError::Sealed(endpoint.id))?;
    Ok(Some(AppKey::from_der(&der)?.signer()?))
}

/// Whom the vault seals an app's private key for.
pub fn app_key_owner(app: &AppId) -> Vec<u8> {
    [b"app key ".as_slice(), app.as_str().as_bytes()].concat()
}

/// An endpoint after one more record; `None` where that changes nothing about it.
pub fn followed(endpoint: &Endpoint, change: &EndpointChange<'_>) -> Option<Endpoint> {
    match change {
        EndpointChange::Rotated { sealed_secret, overlap_until, at, .. }
            if *sealed_secret != endpoint.sealed_secret =>
        {
            let mut rotated = endpoint.clone();
            rotated.rotate(sealed_secret.to_vec(), *overlap_until, *at);
            Some(rotated)
        }
        EndpointChange::Enabled { at, .. } if endpoint.disabled.is_some() => {
            let mut enabled = endpoint.clone();
            (enabled.disabled, enabled.settings.enabled_at) = (None, Some(*at));
            Some(enabled)
        }
        EndpointChange::Disabled { reason, .. } if endpoint.disabled.is_none() => {
            Some(Endpoint { disabled: Some((*reason).to_owned()), ..endpoint.clone() })
        }
        EndpointChange::Replay { step, .. } if !is_known(endpoint, step) => {
            let mut replaying = endpoint.clone();
            replaying.replay(step);
            Some(replaying)
        }
        EndpointChange::Created(_)
        | EndpointChange::Updated(_)
        | EndpointChange::Replay { .. }
        | EndpointChange::Deleted(_)
        | EndpointChange::Enabled { .. }
        | EndpointChange::Rotated { .. }
        | EndpointChange::Disabled { .. } => None,
    }
}

fn is_known(endpoint: &Endpoint, step: &ReplayStep) -> bool {
    let known = |id: u64| endpoint.settings.replays.iter().any(|job| job.id == id);
    match step {
        ReplayStep::Started(job) => known(job.id),
        ReplayStep::Finished { id } => !known(*id),
    }
}

/// What a record says about endpoints.
#[derive(Clone, Copy, Debug)]
pub enum EndpointChange<'a> {
    Created(&'a Arc<Endpoint>),
    Updated(&'a Arc<Endpoint>),
    Deleted(EndpointId),
    Rotated {
        endpoint: EndpointId,
        sealed_secret: &'a [u8],
        overlap_until: Timestamp,
        at: Timestamp,
    },
    Disabled {
        endpoint: EndpointId,
        reason: &'a str,
    },
    Enabled {
        endpoint: EndpointId,
        at: Timestamp,
    },
    Replay {
        endpoint: EndpointId,
        step: &'a ReplayStep,
    },
}

impl EndpointChange<'_> {
    /// `at` is the time of the event's record.
    pub fn of(event: &Event, at: Timestamp) -> Option<EndpointChange<'_>> {
        match event {
            Event::EndpointCreated { endpoint } => Some(EndpointChange::Created(endpoint)),
            Event::EndpointUpdated { endpoint } => Some(EndpointChange::Updated(endpoint)),
            Event::EndpointReplay { endpoint, step } => {
                Some(EndpointChange::Replay { endpoint: *endpoint, step })
            }
            Event::EndpointEnabled { endpoint } => {
                Some(EndpointChange::Enabled { endpoint: *endpoint, at })
            }
            Event::EndpointDeleted { endpoint } => Some(EndpointChange::Deleted(*endpoint)),
            Event::EndpointSecretRotated { endpoint, sealed_secret, overlap_until } => {
                Some(EndpointChange::Rotated {
                    endpoint: *endpoint,
                    sealed_secret,
                    overlap_until: *overlap_until,
                    at,
                })
            }
            Event::EndpointDisabled { endpoint, reason } => {
                Some(EndpointChange::Disabled { endpoint: *endpoint, reason })
            }
            Event::MemberCreated { .. }
            | Event::MemberUpdated { .. }
            | Event::FollowCreated { .. }
            | Event::FollowDeleted { .. }
            | Event::ItemCreated { .. }
            | Event::ItemUpdated { .. }
            | Event::ItemLiked { .. }
            | Event::ItemUnliked { .. }
            | Event::CounterUpdated { .. }
            | Event::BadgeCreated { .. }
            | Event::BadgeUpdated { .. }
            | Event::BadgeDeleted { .. }
            | Event::BadgeAssigned { .. }
            | Event::BadgeUnassigned { .. }
            | Event::MemberDeleted { .. }
            | Event::Moderated { .. }
            | Event::Setting { .. }
            | Event::Tie { .. }
            | Event::Community { .. }
            | Event::Reported { .. }
            | Event::About { .. }
            | Event::EndpointReported { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::EndpointSettings;

    fn endpoint(vault: &Vault, secret: &Secret) -> Endpoint {
        let id = EndpointId::from_u128(1);
        Endpoint {
            id,
            url: "https://example.com/hook".to_owned(),
            event_types: vec!["follow.*".to_owned()],
            sealed_secret: vault.seal(id, secret),
            previous_secret: None,
            after_seq: 0,
            created_at: Timestamp::default(),
            disabled: None,
            settings: EndpointSettings::default(),
        }
    }

    #[test]
    fn both_secrets_sign_until_the_overlap_is_over() {
        let vault = Vault::from_key([1; 32]);
        let (old, new) = (Secret::generate(), Secret::generate());
        let before = endpoint(&vault, &old);
        let overlap_until = Timestamp::from_unix_ms(1_000);
        let sealed_secret = vault.seal(before.id, &new);
        let event =
            Event::EndpointSecretRotated { endpoint: before.id, sealed_secret, overlap_until };
        let at = Timestamp::default();
        let rotation = EndpointChange::of(&event, at).expect("about an endpoint");
        let after = followed(&before, &rotation).expect("a change");
        assert_eq!(followed(&after, &rotation), None, "told twice changes nothing");
        let receiver = Receiver::open(&after, &vault).expect("good");
        let secrets = |now| receiver.secrets(now).collect::<Vec<_>>();
        assert_eq!(secrets(Timestamp::from_unix_ms(999)), [&new, &old]);
        assert_eq!(secrets(overlap_until), [&new]);
    }

    #[test]
    fn a_key_that_opens_nothing_is_told() {
        let stored = endpoint(&Vault::from_key([1; 32]), &Secret::generate());
        let opened = Receiver::open(&stored, &Vault::from_key([2; 32]));
        assert!(matches!(opened, Err(ReceiverError::Secret(_))));
    }
}

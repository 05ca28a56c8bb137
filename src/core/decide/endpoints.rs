//! Webhook endpoints: made, changed, rotated, disabled, enabled, deleted.

use std::sync::Arc;

use super::refuse::limit;
use super::{Answering, Decided, Decision};
use crate::core::site::Site;
use crate::domain::command::{Command, EndpointPatch, NewEndpoint};
use crate::domain::endpoint::{EndpointReport, ReplayJob, ReplayStep, Replayed};
use crate::domain::event::{Endpoint, Event};
use crate::domain::limits::{
    ENDPOINT_OLD_SECRETS_MAX, ENDPOINT_REPLAYS_MAX, ENDPOINTS_PER_SITE_MAX,
    SECRET_OVERLAP_MS_DEFAULT,
};
use crate::domain::{EndpointId, Refusal, Timestamp};

/// A new secret, and how long the old one signs beside it.
struct Rotation<'a> {
    endpoint: EndpointId,
    sealed_secret: &'a [u8],
    overlap_ms: Option<u32>,
}

impl Site {
    pub(super) fn decide_of_endpoint(&self, command: &Command, now: Timestamp) -> Decided {
        match command {
            Command::CreateEndpoint(new) => self.decide_create_endpoint(new, now),
            Command::DeleteEndpoint { endpoint } => self.decide_delete_endpoint(*endpoint),
            Command::RotateEndpointSecret { endpoint, sealed_secret, overlap_ms } => {
                let (endpoint, overlap_ms) = (*endpoint, *overlap_ms);
                self.decide_rotate(Rotation { endpoint, sealed_secret, overlap_ms }, now)
            }
            Command::DisableEndpoint { endpoint, reason } => self.decide_disable(*endpoint, reason),
            Command::UpdateEndpoint { endpoint, patch } => {
                self.decide_update_endpoint(*endpoint, patch)
            }
            Command::EnableEndpoint { endpoint } => self.decide_enable(*endpoint),
            Command::ReportEndpoint { endpoint, report } => self.decide_report(*endpoint, *report),
            Command::ReplayEndpoint { endpoint, what } => self.decide_replay(*endpoint, what),
            Command::FinishReplay { endpoint, id } => self.decide_finish_replay(*endpoint, *id),
            other => unreachable!("{} is no command of an endpoint", other.kind()),
        }
    }

    fn decide_create_endpoint(&self, new: &NewEndpoint, now: Timestamp) -> Decided {
        let endpoints = self.endpoints.len();
        limit(endpoints, ENDPOINTS_PER_SITE_MAX, "ENDPOINT_LIMIT", "webhook endpoints")?;
        let endpoint = Endpoint {
            id: new.id,
            url: new.url.clone(),
            event_types: new.event_types.clone(),
            sealed_secret: new.sealed_secret.clone(),
            previous_secret: None,
            // Its own creation is the last event that it does not get.
            after_seq: self.seq + 1,
            created_at: now,
            disabled: None,
            settings: new.settings.clone(),
        };
        let created = Event::EndpointCreated { endpoint: Arc::new(endpoint) };
        Ok(Decision::new(vec![created], Answering::Endpoint(new.id)))
    }

    fn decide_delete_endpoint(&self, endpoint: EndpointId) -> Decided {
        self.endpoint(endpoint)?;
        Ok(Decision::new(vec![Event::EndpointDeleted { endpoint }], Answering::Done))
    }

    fn decide_rotate(&self, rotation: Rotation<'_>, now: Timestamp) -> Decided {
        let Rotation { endpoint, sealed_secret, overlap_ms } = rotation;
        let overlap_ms = overlap_ms.map_or(SECRET_OVERLAP_MS_DEFAULT, i64::from);
        let old_secrets = self.endpoint(endpoint)?.old_secrets(now).count();
        if overlap_ms > 0 {
            limit(old_secrets, ENDPOINT_OLD_SECRETS_MAX, "OLD_SECRET_LIMIT", "old secrets")?;
        }
        let sealed_secret = sealed_secret.to_vec();
        let overlap_until = now.plus_ms(overlap_ms);
        let rotated = Event::EndpointSecretRotated { endpoint, sealed_secret, overlap_until };
        Ok(Decision::new(vec![rotated], Answering::Endpoint(endpoint)))
    }

    fn decide_disable(&self, endpoint: EndpointId, reason: &str) -> Decided {
        if self.endpoint(endpoint)?.disabled.is_some() {
            return Ok(Decision::already(Answering::Endpoint(endpoint)));
        }
        let disabled = Event::EndpointDisabled { endpoint, reason: reason.to_owned() };
        Ok(Decision::new(vec![disabled], Answering::Endpoint(endpoint)))
    }

    fn decide_enable(&self, endpoint: EndpointId) -> Decided {
        if self.endpoint(endpoint)?.disabled.is_none() {
            return Ok(Decision::already(Answering::Endpoint(endpoint)));
        }
        let enabled = Event::EndpointEnabled { endpoint };
        Ok(Decision::new(vec![enabled], Answering::Endpoint(endpoint)))
    }

    fn decide_update_endpoint(&self, id: EndpointId, patch: &EndpointPatch) -> Decided {
        let before = self.endpoint(id)?;
        let after = patched(before, patch);
        if after == **before {
            return Ok(Decision::already(Answering::Endpoint(id)));
        }
        let updated = Event::EndpointUpdated { endpoint: Arc::new(after) };
        Ok(Decision::new(vec![updated], Answering::Endpoint(id)))
    }

    /// What deliveries came to, as a record.
    fn decide_report(&self, endpoint: EndpointId, report: EndpointReport) -> Decided {
        self.endpoint(endpoint)?;
        let reported = Event::EndpointReported { endpoint, report };
        Ok(Decision::new(vec![reported], Answering::Done))
    }

    fn decide_replay(&self, endpoint: EndpointId, what: &Replayed) -> Decided {
        let under_way = self.endpoint(endpoint)?.settings.replays.len();
        limit(under_way, ENDPOINT_REPLAYS_MAX, "REPLAY_LIMIT", "replays under way")?;
        let job = ReplayJob { id: self.seq + 1, what: what.clone() };
        let started = Event::EndpointReplay { endpoint, step: ReplayStep::Started(job) };
        Ok(Decision::new(vec![started], Answering::Endpoint(endpoint)))
    }

    fn decide_finish_replay(&self, endpoint: EndpointId, id: u64) -> Decided {
        let replays = &self.endpoint(endpoint)?.settings.replays;
        if replays.iter().all(|job| job.id != id) {
            return Ok(Decision::already(Answering::Done));
        }
        let finished = Event::EndpointReplay { endpoint, step: ReplayStep::Finished { id } };
        Ok(Decision::new(vec![finished], Answering::Done))
    }

    pub(in crate::core) fn endpoint(&self, id: EndpointId) -> Result<&Arc<Endpoint>, Refusal> {
        self.endpoints.get(&id).ok_or_else(|| {
            let detail = format!("webhook endpoint {id} is not known");
            Refusal::NotFound { code: "ENDPOINT_NOT_FOUND", detail }
        })
    }
}

fn patched(endpoint: &Endpoint, patch: &EndpointPatch) -> Endpoint {
    let EndpointPatch {
        url,
        event_types,
        description,
        headers,
        channels,
        conditions,
        rate_per_minute,
        mode,
        format,
        request_origin,
        counter_batch,
        in_flight_max,
    } = patch.clone();
    let mut after = endpoint.clone();
    put(&mut after.url, url);
    put(&mut after.event_types, event_types);
    let settings = &mut after.settings;
    put(&mut settings.description, description);
    put(&mut settings.headers, headers);
    put(&mut settings.channels, channels);
    put(&mut settings.conditions, conditions);
    put(&mut settings.rate_per_minute, rate_per_minute);
    put(&mut settings.mode, mode);
    put(&mut settings.format, format);
    put(&mut settings.request_origin, request_origin);
    put(&mut settings.counter_batch, counter_batch);
    put(&mut settings.in_flight_max, in_flight_max);
    after
}

fn put<T>(field: &mut T, wished: Option<T>) {
    if let Some(wished) = wished {
        *field = wished;
    }
}

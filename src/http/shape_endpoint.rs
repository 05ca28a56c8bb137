//! A webhook endpoint as its owner sees it: everything but what is secret.

use serde_json::{Value, json};

use super::condition_input;
use super::endpoint_input::{BADGE_WIRES, MODES, format_name};
use super::hook_front::DeliveryState;
use crate::domain::Timestamp;
use crate::domain::endpoint::{CounterBatch, EndpointChannel, PayloadFormat};
use crate::domain::event::Endpoint;
use crate::wire::time::WireTime;

pub fn shape(endpoint: &Endpoint, now: Timestamp) -> Value {
    let settings = &endpoint.settings;
    let overlap_until = endpoint.previous_secret.as_ref().map(|(_, until)| WireTime(*until));
    let header_names: Vec<&str> = settings.headers.iter().map(|h| h.name.as_str()).collect();
    let (app_id, badge_events) = match &settings.format {
        PayloadFormat::Jwt { app, badges, .. } => (Some(app), named(BADGE_WIRES, badges)),
        PayloadFormat::Standard | PayloadFormat::CloudEvents => (None, None),
    };
    json!({
        "id": endpoint.id,
        "url": endpoint.url,
        "eventTypes": endpoint.event_types,
        "createdDate": WireTime(endpoint.created_at),
        "afterSeq": endpoint.after_seq,
        "disabled": endpoint.disabled.is_some(),
        "disabledReason": endpoint.disabled,
        "previousSecretUntil": overlap_until,
        "oldSecrets": endpoint.old_secrets(now).count(),
        "description": settings.description,
        "headerNames": header_names,
        "channels": channels(&settings.channels),
        "conditions": condition_input::shape(&settings.conditions),
        "ratePerMinute": settings.rate_per_minute,
        "mode": named(MODES, &settings.mode),
        "format": format_name(&settings.format),
        "appId": app_id,
        "badgeEvents": badge_events,
        "requestOrigin": settings.request_origin,
        "counterBatch": settings.counter_batch.map(counter_batch),
        "maxInFlight": settings.in_flight_max,
        "replays": settings.replays.iter().map(|job| job.id).collect::<Vec<u64>>(),
    })
}

/// How far its deliveries are.
pub fn delivery(state: &DeliveryState) -> Value {
    json!({
        "cursor": state.cursor,
        "lagEvents": state.pending,
        "lagCapped": state.pending_capped,
        "lagSeconds": state.lag_seconds,
        "parked": state.parked,
        "deadLetters": state.dead_letters,
        "failingSince": state.failing_since.map(WireTime),
        "heldUntil": state.held_until.map(WireTime),
    })
}

fn counter_batch(batch: CounterBatch) -> Value {
    json!({"maxEvents": batch.events_max, "everySeconds": batch.every_seconds})
}

fn named<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> Option<&'static str> {
    words.iter().find(|(_, known)| known == value).map(|(word, _)| *word)
}

fn channels(channels: &[EndpointChannel]) -> Value {
    let (mut members, mut apps, mut badges) = (Vec::new(), Vec::new(), Vec::new());
    for channel in channels {
        match channel {
            EndpointChannel::Member(member) => members.push(json!(member)),
            EndpointChannel::App(app) => apps.push(json!(app)),
            EndpointChannel::Badge(badge) => badges.push(json!(badge)),
        }
    }
    json!({"memberIds": members, "appIds": apps, "badgeIds": badges})
}

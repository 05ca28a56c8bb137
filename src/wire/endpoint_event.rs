//! What the owner sees of the plumbing: endpoints that change, and how their deliveries go. Nobody
//! else sees anything of it.

use serde::Serialize;

use super::time::WireTime;
use crate::domain::endpoint::{EndpointReport, ReplayStep, Replayed};
use crate::domain::event::Endpoint;
use crate::domain::{EndpointId, Event};

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum EndpointData<'a> {
    Whole { endpoint: EndpointBody<'a> },
    Plain { endpoint_id: EndpointId },
    Rotated { endpoint_id: EndpointId, overlap_until: WireTime },
    Disabled { endpoint_id: EndpointId, reason: &'a str },
    Lagged { endpoint_id: EndpointId, first_seq: u64, last_seq: u64 },
    Attempt { endpoint_id: EndpointId, event_seq: u64, tries: u32 },
    Recovered { endpoint_id: EndpointId, failing_since: WireTime },
    ReplayOfEvents { endpoint_id: EndpointId, replay_id: u64, events: usize },
    ReplayOfRange { endpoint_id: EndpointId, replay_id: u64, first_seq: u64, last_seq: u64 },
    ReplayEnded { endpoint_id: EndpointId, replay_id: u64 },
}

/// An endpoint without its secrets.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointBody<'a> {
    id: EndpointId,
    url: &'a str,
    event_types: &'a [String],
    created_date: WireTime,
}

/// `None` for every event that is not about endpoints.
pub fn endpoint_data(event: &Event) -> Option<EndpointData<'_>> {
    match event {
        Event::EndpointCreated { endpoint } | Event::EndpointUpdated { endpoint } => {
            Some(EndpointData::Whole { endpoint: endpoint_body(endpoint) })
        }
        Event::EndpointDeleted { endpoint } | Event::EndpointEnabled { endpoint } => {
            Some(EndpointData::Plain { endpoint_id: *endpoint })
        }
        Event::EndpointSecretRotated { endpoint, overlap_until, sealed_secret: _ } => {
            let overlap_until = WireTime(*overlap_until);
            Some(EndpointData::Rotated { endpoint_id: *endpoint, overlap_until })
        }
        Event::EndpointDisabled { endpoint, reason } => {
            Some(EndpointData::Disabled { endpoint_id: *endpoint, reason })
        }
        Event::EndpointReported { endpoint, report } => Some(report_data(*endpoint, *report)),
        Event::EndpointReplay { endpoint, step } => Some(replay_data(*endpoint, step)),
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
        | Event::About { .. } => None,
    }
}

fn endpoint_body(endpoint: &Endpoint) -> EndpointBody<'_> {
    EndpointBody {
        id: endpoint.id,
        url: &endpoint.url,
        event_types: &endpoint.event_types,
        created_date: WireTime(endpoint.created_at),
    }
}

fn report_data<'a>(endpoint_id: EndpointId, report: EndpointReport) -> EndpointData<'a> {
    match report {
        EndpointReport::Lagged { first_seq, last_seq } => {
            EndpointData::Lagged { endpoint_id, first_seq, last_seq }
        }
        EndpointReport::Failing { event_seq, tries }
        | EndpointReport::Exhausted { event_seq, tries } => {
            EndpointData::Attempt { endpoint_id, event_seq, tries }
        }
        EndpointReport::Recovered { failing_since } => {
            EndpointData::Recovered { endpoint_id, failing_since: WireTime(failing_since) }
        }
    }
}

fn replay_data<'a>(endpoint_id: EndpointId, step: &ReplayStep) -> EndpointData<'a> {
    match step {
        ReplayStep::Started(job) => match &job.what {
            Replayed::Events(seqs) => {
                EndpointData::ReplayOfEvents { endpoint_id, replay_id: job.id, events: seqs.len() }
            }
            Replayed::Range { first_seq, last_seq, .. } => EndpointData::ReplayOfRange {
                endpoint_id,
                replay_id: job.id,
                first_seq: *first_seq,
                last_seq: *last_seq,
            },
        },
        ReplayStep::Finished { id } => EndpointData::ReplayEnded { endpoint_id, replay_id: *id },
    }
}

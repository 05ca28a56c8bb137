//! Webhook endpoints: create, list, get, change, enable, disable, delete, rotate the secret, try
//! it out. A secret is shown once, where it is made.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{Call, Reply, unexpected};
use super::endpoint_input::{Wished, consent, receiver, settings};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::page::Window;
use super::shape_endpoint::{delivery, shape};
use crate::core::query::{Outcome, Query, View};
use crate::domain::command::NewEndpoint;
use crate::domain::event::Endpoint;
use crate::domain::limits::{EVENT_PATTERN_BYTES_MAX, SECRET_OVERLAP_SECONDS_MAX};
use crate::domain::{Command, EndpointId};

const DISABLED_BY_OWNER: &str = "the owner disabled it";
/// What is sent to try an endpoint out, unless another type is named.
const TEST_TYPE: &str = "member.created";

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let url = receiver(&call, &root.child("url"), &mut faults).await;
    let wished = Wished::read(&call, &root, &mut faults)?;
    faults.done()?;
    let id = EndpointId::from(call.front.new_uuid());
    let secret = call.front.new_endpoint_secret(id);
    let mut patch = wished.sealed(&call, id).await?;
    consent(&call, &url, &mut patch, None).await?;
    let event_types = patch.event_types.take().unwrap_or_default();
    let sealed_secret = secret.sealed;
    let new = NewEndpoint { id, url, event_types, sealed_secret, settings: settings(patch) };
    let seq_and_endpoint = changed(&call, Command::CreateEndpoint(Box::new(new))).await?;
    with_secret(&call, seq_and_endpoint, &secret.text)
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let endpoint = endpoint_id(&call)?;
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let url = match body.get("url") {
        Some(_) => Some(receiver(&call, &root.child("url"), &mut faults).await),
        None => None,
    };
    let wished = Wished::read(&call, &root, &mut faults)?;
    faults.done()?;
    let mut patch = wished.sealed(&call, endpoint).await?;
    if url.is_some() || patch.request_origin.is_some() {
        let (_, known) = known(&call).await?;
        let (url, origin) = (url.as_ref().unwrap_or(&known.url), &known.settings.request_origin);
        consent(&call, url, &mut patch, origin.as_deref()).await?;
    }
    patch.url = url;
    answer(&call, Command::UpdateEndpoint { endpoint, patch: Box::new(patch) }).await
}

pub async fn enable(call: Call) -> Result<Reply, Problem> {
    let endpoint = endpoint_id(&call)?;
    answer(&call, Command::EnableEndpoint { endpoint }).await
}

pub async fn disable(call: Call) -> Result<Reply, Problem> {
    let (endpoint, reason) = (endpoint_id(&call)?, DISABLED_BY_OWNER.to_owned());
    answer(&call, Command::DisableEndpoint { endpoint, reason }).await
}

pub async fn rotate(call: Call) -> Result<Reply, Problem> {
    let endpoint = endpoint_id(&call)?;
    let body = call.json()?;
    let mut faults = Faults::new();
    let grace = Node::root(&body);
    let grace = faults.bounded(&grace.child("gracePeriodSeconds"), 0..=SECRET_OVERLAP_SECONDS_MAX);
    faults.done()?;
    let overlap_ms = grace.map(|seconds| (seconds * 1_000) as u32);
    let secret = call.front.new_endpoint_secret(endpoint);
    let sealed_secret = secret.sealed;
    let command = Command::RotateEndpointSecret { endpoint, sealed_secret, overlap_ms };
    let rotated = changed(&call, command).await?;
    with_secret(&call, rotated, &secret.text)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let (seq, endpoint) = known(&call).await?;
    let site = call.caller()?.site;
    let state = call.front.hooks().delivery_state(site, endpoint.clone()).await?;
    let mut shape = shape(&endpoint, call.front.now());
    shape["delivery"] = delivery(&state);
    Reply::with_seq(seq, json!({ "endpoint": shape }))
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let command = Command::DeleteEndpoint { endpoint: endpoint_id(&call)? };
    let answer = call.command(command).await?;
    Reply::with_seq(answer.seq, json!({}))
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let mut faults = Faults::new();
    let window = Window::read(&Node::root(&input), &mut faults);
    faults.done()?;
    let list = call.list("endpoints")?;
    let bound = window.bind(&list, String::new())?;
    let answer = call.ask(Query::Endpoints { page: bound.page.clone() }).await?;
    let View::Endpoints(page) = answer.value else { return unexpected() };
    let now = call.front.now();
    let endpoints: Vec<Value> = page.items.iter().map(|endpoint| shape(endpoint, now)).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::with_seq(answer.seq, json!({"endpoints": endpoints, "pagingMetadata": metadata}))
}

/// Sends an example of an event now, once, and tells how it went. It is not an event of the site.
pub async fn try_out(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let node = root.child("eventType");
    let event_type = faults.text(&node, EVENT_PATTERN_BYTES_MAX).unwrap_or(TEST_TYPE);
    faults.done()?;
    let (seq, endpoint) = known(&call).await?;
    let site = call.caller()?.site;
    let tried = call.front.hooks().try_endpoint(site, endpoint, event_type.to_owned()).await?;
    let Some(tried) = tried else {
        let detail = format!("there is no {event_type} in the format of this endpoint");
        return Err(Problem::field("eventType", "EVENT_TYPE", detail));
    };
    Reply::with_seq(seq, json!({"attempt": tried}))
}

pub async fn known(call: &Call) -> Result<(u64, Arc<Endpoint>), Problem> {
    let answer = call.ask(Query::Endpoint { id: endpoint_id(call)? }).await?;
    let View::Endpoint(endpoint) = answer.value else { return unexpected() };
    Ok((answer.seq, endpoint))
}

fn endpoint_id(call: &Call) -> Result<EndpointId, Problem> {
    call.id("ENDPOINT_NOT_FOUND", "webhook endpoint")
}

async fn changed(call: &Call, command: Command) -> Result<(u64, Arc<Endpoint>), Problem> {
    let answer = call.command(command).await?;
    let Outcome::Endpoint(endpoint) = answer.value else { return unexpected() };
    Ok((answer.seq, endpoint))
}

async fn answer(call: &Call, command: Command) -> Result<Reply, Problem> {
    let (seq, endpoint) = changed(call, command).await?;
    Reply::with_seq(seq, json!({"endpoint": shape(&endpoint, call.front.now())}))
}

fn with_secret(
    call: &Call,
    (seq, endpoint): (u64, Arc<Endpoint>),
    secret: &str,
) -> Result<Reply, Problem> {
    let mut shape = shape(&endpoint, call.front.now());
    shape["secret"] = json!(secret);
    Reply::with_seq(seq, json!({ "endpoint": shape }))
}

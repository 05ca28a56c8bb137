//! Webhook endpoints: create, list, get, delete, rotate the secret. A secret is shown once, where it
//! is made.

use serde_json::{Value, json};

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::event_patterns;
use super::fields::{Faults, Node};
use super::page::Window;
use crate::core::query::{Outcome, Query, View};
use crate::domain::command::NewEndpoint;
use crate::domain::event::Endpoint;
use crate::domain::limits::ENDPOINT_URL_BYTES_MAX;
use crate::domain::{Command, EndpointId};
use crate::wire::time::WireTime;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let url = receiver(&call, &root.child("url"), &mut faults).await;
    let event_types = event_patterns::read(&root.child("eventTypes"), &mut faults);
    faults.done()?;
    let id = EndpointId::from(call.front.new_uuid());
    let secret = call.front.new_endpoint_secret(id);
    let new = NewEndpoint { id, url, event_types, sealed_secret: secret.sealed };
    let answer = call.command(Command::CreateEndpoint(Box::new(new))).await?;
    let Outcome::Endpoint(endpoint) = answer.value else { return unexpected() };
    with_secret(answer.seq, &endpoint, &secret.text)
}

pub async fn rotate(call: Call) -> Result<Reply, Problem> {
    let endpoint = endpoint_id(&call)?;
    let secret = call.front.new_endpoint_secret(endpoint);
    let command = Command::RotateEndpointSecret { endpoint, sealed_secret: secret.sealed };
    let answer = call.command(command).await?;
    let Outcome::Endpoint(endpoint) = answer.value else { return unexpected() };
    with_secret(answer.seq, &endpoint, &secret.text)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let answer = call.ask(Query::Endpoint { id: endpoint_id(&call)? }).await?;
    let View::Endpoint(endpoint) = answer.value else { return unexpected() };
    Reply::with_seq(answer.seq, json!({"endpoint": shape(&endpoint)}))
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
    let endpoints: Vec<Value> = page.items.iter().map(|endpoint| shape(endpoint)).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::with_seq(answer.seq, json!({"endpoints": endpoints, "pagingMetadata": metadata}))
}

fn endpoint_id(call: &Call) -> Result<EndpointId, Problem> {
    call.id("ENDPOINT_NOT_FOUND", "webhook endpoint")
}

/// The address, checked now so that a mistake shows here and not in the deliveries.
async fn receiver(call: &Call, node: &Node<'_>, faults: &mut Faults) -> String {
    let Some(url) = faults.needed_text(node, ENDPOINT_URL_BYTES_MAX) else { return String::new() };
    if let Err(reason) = call.front.check_receiver(url.to_owned()).await {
        faults.add(node, "RECEIVER_REFUSED", reason);
    }
    url.to_owned()
}

fn with_secret(seq: u64, endpoint: &Endpoint, secret: &str) -> Result<Reply, Problem> {
    let mut shape = shape(endpoint);
    shape["secret"] = json!(secret);
    Reply::with_seq(seq, json!({ "endpoint": shape }))
}

fn shape(endpoint: &Endpoint) -> Value {
    let overlap_until = endpoint.previous_secret.as_ref().map(|(_, until)| WireTime(*until));
    json!({
        "id": endpoint.id,
        "url": endpoint.url,
        "eventTypes": endpoint.event_types,
        "createdDate": WireTime(endpoint.created_at),
        "afterSeq": endpoint.after_seq,
        "disabled": endpoint.disabled.is_some(),
        "disabledReason": endpoint.disabled,
        "previousSecretUntil": overlap_until,
    })
}

//! Named consumers of the event log: their place is kept here, so that they need not keep it.

use serde_json::{Value, json};

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::hook_front::{Consumer, ConsumerStep};
use crate::domain::limits::CONSUMER_NAME_BYTES_MAX;
use crate::wire::time::WireTime;

/// Makes a consumer, or moves one anywhere: to `after`, or to the newest event without it.
pub async fn put(call: Call) -> Result<Reply, Problem> {
    let name = named(&call)?;
    let body = call.json()?;
    let mut faults = Faults::new();
    let after = faults.bounded(&Node::root(&body).child("after"), 0..=i64::MAX);
    faults.done()?;
    step(&call, name, ConsumerStep::Seek(after.map(i64::unsigned_abs))).await
}

/// Everything up to and with `seq` is done. An older seq changes nothing.
pub async fn acknowledge(call: Call) -> Result<Reply, Problem> {
    let name = named(&call)?;
    let body = call.json()?;
    let mut faults = Faults::new();
    let seq = faults.needed_bounded(&Node::root(&body).child("seq"), 0..=i64::MAX);
    faults.done()?;
    step(&call, name, ConsumerStep::Acknowledge(seq.map_or(0, i64::unsigned_abs))).await
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let name = named(&call)?;
    let site = call.caller()?.site;
    let gone = call.front.hooks().remove_consumer(site, name).await?;
    gone.ok_or_else(unknown)?;
    Reply::stateless(Kind::Json, "{}")
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let site = call.caller()?.site;
    let all = call.front.hooks().consumers(site).await?;
    let durable_seq = all.durable_seq;
    let consumers: Vec<Value> =
        all.consumers.iter().map(|consumer| shape(consumer, durable_seq)).collect();
    Reply::with_seq(durable_seq, json!({ "consumers": consumers }))
}

/// Where a consumer stands.
pub async fn place(call: &Call, name: &str) -> Result<u64, Problem> {
    let all = call.front.hooks().consumers(call.caller()?.site).await?;
    let known = all.consumers.into_iter().find(|consumer| consumer.name == name);
    Ok(known.ok_or_else(unknown)?.after)
}

async fn step(call: &Call, name: String, step: ConsumerStep) -> Result<Reply, Problem> {
    let site = call.caller()?.site;
    let stepped = call.front.hooks().step_consumer(site, name, step).await?;
    let (consumer, durable_seq) = stepped.ok_or_else(unknown)?;
    Reply::with_seq(durable_seq, json!({"consumer": shape(&consumer, durable_seq)}))
}

fn named(call: &Call) -> Result<String, Problem> {
    let name = call.param(0);
    if is_name(name) { Ok(name.to_owned()) } else { Err(unknown()) }
}

pub fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=CONSUMER_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(good)
}

pub fn unknown() -> Problem {
    Problem::not_found("CONSUMER_NOT_FOUND", "consumer")
}

fn shape(consumer: &Consumer, durable_seq: u64) -> Value {
    json!({
        "name": consumer.name,
        "after": consumer.after,
        "lagEvents": durable_seq.saturating_sub(consumer.after),
        "updatedDate": WireTime(consumer.updated_at),
    })
}

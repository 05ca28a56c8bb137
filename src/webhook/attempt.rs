//! One try of one delivery, from its body to the judged answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::batch;
use super::bounds::Place;
use super::client::{Called, Connection, Post};
use super::meters::Meters;
use super::once::snippet;
use super::port::{EventBody, Ports};
use super::receiver::Receiver;
use super::signature::{Message, sign};
use crate::core::delivery::AttemptResult;
use crate::domain::{Timestamp, limits};

/// What one try needs.
pub(super) struct Attempting {
    pub ports: Arc<Ports>,
    pub meters: Arc<Meters>,
    /// Held until it has ended.
    pub place: Place,
    pub receiver: Arc<Receiver>,
    pub seq: u64,
    /// The first seq of a batch that ends with this one.
    pub batch_from: Option<u64>,
    /// `None` where the event has to be read again.
    pub body: Option<EventBody>,
    pub kept: Option<Connection>,
}

/// How it went.
pub(super) struct Ended {
    pub seq: u64,
    pub fate: Fate,
    pub connection: Option<Connection>,
}

pub(super) enum Fate {
    Tried(Told),
    /// Retention took the event before it could be tried again.
    Lost,
}

/// One try, as it is judged and written down.
pub(super) struct Told {
    pub at: Timestamp,
    pub latency_ms: u32,
    pub result: AttemptResult,
    pub status: Option<u16>,
    /// Why nobody answered.
    pub fault: Option<String>,
    /// The first part of an answer that was not the wished one.
    pub snippet: Option<String>,
}

pub(super) async fn attempt(attempting: Attempting) -> Ended {
    let Attempting { ports, meters, place: _place, receiver, seq, batch_from, body, kept } =
        attempting;
    let body = match (body, batch_from) {
        (Some(body), _) => Some(body),
        (None, None) => read_again(&ports, &receiver, seq).await,
        (None, Some(first_seq)) => batch::body(&ports, &receiver, first_seq..=seq).await,
    };
    let Some(body) = body else {
        return Ended { seq, fate: Fate::Lost, connection: kept };
    };
    let (started, at) = (Instant::now(), (ports.clock)());
    let called = ports.client.post(signed(&receiver, body, at), kept).await;
    let result = judge(&called, &receiver, seq);
    let took = started.elapsed();
    meters.tried(result, took.as_secs_f64());
    let latency_ms = took.as_millis() as u32;
    let told = told(&called, Told { latency_ms, ..Told::new(at, result) });
    Ended { seq, fate: Fate::Tried(told), connection: called.connection }
}

impl Told {
    fn new(at: Timestamp, result: AttemptResult) -> Told {
        Told { at, latency_ms: 0, result, status: None, fault: None, snippet: None }
    }
}

fn told(called: &Called, told: Told) -> Told {
    match &called.answer {
        Ok(answer) => {
            let is_wished = told.result == AttemptResult::Delivered;
            let snippet = (!is_wished).then(|| snippet(&answer.body));
            Told { status: Some(answer.status), snippet, ..told }
        }
        Err(fault) => Told { fault: Some(fault.to_string()), ..told },
    }
}

/// The timestamp and with it the signature are of this try; id and body are of the event.
pub(super) fn signed(receiver: &Receiver, body: EventBody, time: Timestamp) -> Post {
    let message =
        Message { id: &body.id, unix_seconds: time.unix_ms.div_euclid(1_000), body: &body.bytes };
    let signature = sign(message, receiver.secrets(time));
    Post {
        target: receiver.target.clone(),
        id: String::from(&*body.id),
        time,
        signature,
        media_type: body.media_type,
        headers: receiver.headers.clone(),
        body: body.bytes,
    }
}

fn judge(called: &Called, receiver: &Receiver, seq: u64) -> AttemptResult {
    match &called.answer {
        Ok(answer) => answer.result(),
        Err(fault) => {
            let endpoint = receiver.id;
            tracing::debug!(%endpoint, seq, "endpoint {endpoint} did not answer: {fault}");
            AttemptResult::EndpointFault
        }
    }
}

async fn read_again(ports: &Ports, receiver: &Receiver, seq: u64) -> Option<EventBody> {
    loop {
        match ports.records.records_after(seq.saturating_sub(1), 1).await {
            Ok(records) => {
                let record = records.into_iter().find(|record| record.seq == seq)?;
                return receiver.body(&record, &ports.body_of);
            }
            Err(error) => tracing::warn!(seq, "record {seq} cannot be read again yet: {error}"),
        }
        sleep(Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS)).await;
    }
}

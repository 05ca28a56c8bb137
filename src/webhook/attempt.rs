//! One try of one delivery, from its body to the judged answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::bounds::Place;
use super::client::{Called, Connection, Post};
use super::port::{EventBody, Ports};
use super::receiver::Receiver;
use super::signature::{Message, sign};
use crate::core::delivery::AttemptResult;
use crate::domain::{Timestamp, limits};

/// What one try needs.
pub(super) struct Attempting {
    pub ports: Arc<Ports>,
    /// Held until it has ended.
    pub place: Place,
    pub receiver: Arc<Receiver>,
    pub seq: u64,
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
    Tried(AttemptResult),
    /// Retention took the event before it could be tried again.
    Lost,
}

pub(super) async fn attempt(attempting: Attempting) -> Ended {
    let Attempting { ports, place: _place, receiver, seq, body, kept } = attempting;
    let body = match body {
        Some(body) => Some(body),
        None => read_again(&ports, &receiver, seq).await,
    };
    let Some(body) = body else {
        return Ended { seq, fate: Fate::Lost, connection: kept };
    };
    let started = Instant::now();
    let called = ports.client.post(signed(&receiver, body, (ports.clock)()), kept).await;
    let result = judge(&called, &receiver, seq);
    metrics::histogram!("webhook_attempt_seconds").record(started.elapsed().as_secs_f64());
    metrics::counter!("webhook_attempts_total", "result" => name_of(result)).increment(1);
    Ended { seq, fate: Fate::Tried(result), connection: called.connection }
}

/// The timestamp and with it the signature are of this try; id and body are of the event.
pub(super) fn signed(receiver: &Receiver, body: EventBody, time: Timestamp) -> Post {
    let message =
        Message { id: &body.id, unix_seconds: time.unix_ms.div_euclid(1_000), body: &body.bytes };
    let signature = sign(message, &receiver.secrets(time));
    Post {
        target: receiver.target.clone(),
        id: body.id,
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

fn name_of(result: AttemptResult) -> &'static str {
    match result {
        AttemptResult::Delivered => "delivered",
        AttemptResult::EndpointFault => "endpoint_fault",
        AttemptResult::Throttled { .. } => "throttled",
        AttemptResult::EventFault => "event_fault",
        AttemptResult::Gone => "gone",
    }
}

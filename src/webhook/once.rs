//! One delivery while somebody waits for it: no retry, no place in the order, no progress.

use tokio::time::Instant;

use super::attempt::signed;
use super::client::{CallFault, Client};
use super::port::EventBody;
use super::receiver::Receiver;
use crate::core::delivery::AttemptResult;
use crate::domain::{Timestamp, limits};

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceTried {
    pub answer: Result<OnceAnswer, CallFault>,
    pub latency_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnceAnswer {
    pub status: u16,
    pub delivered: bool,
    pub snippet: String,
}

pub async fn try_once(
    client: &Client,
    receiver: &Receiver,
    body: EventBody,
    time: Timestamp,
) -> OnceTried {
    let started = Instant::now();
    let called = client.post(signed(receiver, body, time), None).await;
    let latency_ms = started.elapsed().as_millis() as u64;
    let answer = called.answer.map(|answer| OnceAnswer {
        status: answer.status,
        delivered: answer.result() == AttemptResult::Delivered,
        snippet: snippet(&answer.body),
    });
    OnceTried { answer, latency_ms }
}

/// The first part of a body as text; what is no text is shown as such.
pub fn snippet(body: &[u8]) -> String {
    let cut = body.len().min(limits::WEBHOOK_SNIPPET_BYTES_MAX);
    String::from_utf8_lossy(&body[..cut]).into_owned()
}

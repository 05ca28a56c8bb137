//! What operators and their tools ask: alive, ready, metrics, the API document.

use serde_json::json;

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::openapi;

pub async fn live(_call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Json, json!({"status": "alive"}).to_string())
}

pub async fn ready(call: Call) -> Result<Reply, Problem> {
    match call.front.readiness() {
        Ok(()) => Reply::stateless(Kind::Json, json!({"status": "ready"}).to_string()),
        Err(reason) => Err(Problem::unavailable("NOT_READY", &reason)),
    }
}

pub async fn metrics(call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Metrics, call.front.metrics_text())
}

pub async fn openapi(_call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Json, openapi::document().to_string())
}

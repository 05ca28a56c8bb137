//! What operators and their tools ask: alive, ready, metrics, the API documents.

use serde_json::{Value, json};

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::front::Unready;
use super::{asyncapi, openapi};

pub async fn live(_call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Json, json!({"status": "alive"}).to_string())
}

pub async fn ready(call: Call) -> Result<Reply, Problem> {
    match call.front.unready() {
        none if none.is_empty() => {
            Reply::stateless(Kind::Json, json!({"status": "ready"}).to_string())
        }
        reasons => Err(not_ready(&reasons)),
    }
}

fn not_ready(reasons: &[Unready]) -> Problem {
    let details: Vec<&str> = reasons.iter().map(|reason| reason.detail.as_str()).collect();
    let coded = reasons.iter().map(|it| json!({"code": it.code, "detail": it.detail}));
    Problem::unavailable("NOT_READY", &details.join("; "))
        .with("reasons", Value::Array(coded.collect()))
}

pub async fn metrics(call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Metrics, call.front.metrics_text())
}

pub async fn openapi(_call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Json, openapi::document().to_string())
}

pub async fn asyncapi(_call: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Json, asyncapi::document().to_string())
}

//! Increments by the thousand: parse, hand over, tell what was counted. Nothing per line here.

use serde::Serialize;
use serde_json::json;

use super::call::{Call, Reply};
use super::error::Problem;
use crate::core::query::Ingested;
use crate::wire::ingest::{IngestParseError, parse_increments};

pub async fn ingest(call: Call) -> Result<Reply, Problem> {
    let app = call.app()?;
    let mut batch = parse_increments(&call.body).map_err(unreadable)?;
    batch.app = Some(app);
    let answer = call.site()?.ingest(batch).await?;
    Reply::json(answer.seq, &IngestedBody::new(&answer.value, answer.seq))
}

fn unreadable(error: IngestParseError) -> Problem {
    let problem = Problem::bad_request(error.code(), error.to_string());
    match error.offset() {
        Some(offset) => problem.with("offset", json!(offset)),
        None => problem,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IngestedBody<'i> {
    accepted: usize,
    duplicates: usize,
    errors: Vec<FaultBody<'i>>,
    /// The producer's last n.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    /// UUIDv7 operation ids at or below this time are refused as expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    op_id_floor_ms: Option<i64>,
    seq: u64,
}

/// One line that was not taken.
#[derive(Serialize)]
pub struct FaultBody<'i> {
    pub index: u32,
    pub code: &'i str,
    pub detail: &'i str,
}

impl<'i> IngestedBody<'i> {
    fn new(ingested: &'i Ingested, seq: u64) -> IngestedBody<'i> {
        let errors = ingested.errors.iter().map(|fault| FaultBody {
            index: fault.index,
            code: fault.code,
            detail: &fault.detail,
        });
        IngestedBody {
            accepted: ingested.accepted,
            duplicates: ingested.duplicates,
            errors: errors.collect(),
            n: ingested.producer_n,
            op_id_floor_ms: Some(ingested.op_id_floor_ms).filter(|floor_ms| *floor_ms > 0),
            seq,
        }
    }
}

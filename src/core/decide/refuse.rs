//! Refusals that several rules share, with their stable codes.

use crate::domain::{ItemKey, MemberId, Refusal};

use crate::core::parts::PartKey;
use crate::core::turn::Stop;

pub(in crate::core) fn need(part: PartKey) -> Stop {
    Stop::Need(vec![part])
}

pub(in crate::core) fn limit(
    have: usize,
    max: usize,
    code: &'static str,
    what: &str,
) -> Result<(), Refusal> {
    if have < max {
        return Ok(());
    }
    let detail = format!("the limit of {max} {what} is reached");
    Err(Refusal::LimitReached { code, detail, limit: max as u64 })
}

pub(in crate::core) fn conflict(code: &'static str, detail: String) -> Refusal {
    Refusal::Conflict { code, detail }
}

pub(in crate::core) fn forbidden(code: &'static str, what: &str) -> Refusal {
    Refusal::Forbidden { code, detail: format!("the member {what}") }
}

pub(in crate::core) fn member_not_found(id: MemberId) -> Refusal {
    Refusal::NotFound { code: "MEMBER_NOT_FOUND", detail: format!("member {id} is not known") }
}

pub(in crate::core) fn item_not_found(key: &ItemKey) -> Refusal {
    let detail = format!("item {} of app {} is not known", key.item, key.app);
    Refusal::NotFound { code: "ITEM_NOT_FOUND", detail }
}

pub(in crate::core) fn op_id_expired(floor_ms: i64) -> Refusal {
    let detail = format!("operation ids of {floor_ms} ms and before can no longer be told apart");
    Refusal::Conflict { code: "OP_ID_EXPIRED", detail }
}

pub(in crate::core) fn overflow(id: MemberId) -> Refusal {
    let detail = format!("the counter of member {id} does not hold that sum");
    Refusal::Conflict { code: "COUNTER_OVERFLOW", detail }
}

pub(in crate::core) fn too_many_counters(id: MemberId) -> Refusal {
    let limit = crate::domain::limits::COUNTERS_PER_MEMBER_MAX as u64;
    let detail = format!("member {id} holds {limit} counters, as many as it may");
    Refusal::LimitReached { code: "COUNTER_LIMIT", detail, limit }
}

//! How an endpoint's deliveries went: the newest attempts, and what was given up.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::endpoints::known;
use super::error::Problem;
use super::fields::{Faults, Node};
use super::hook_front::ListedAttempt;
use crate::core::delivery::{DeadLetter, LoggedResult};
use crate::domain::command::Command;
use crate::domain::endpoint::Replayed;
use crate::domain::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, REPLAY_EVENTS_MAX};
use crate::wire::time::WireTime;

const RESULTS: &[(&str, LoggedResult)] = &[
    ("delivered", LoggedResult::Delivered),
    ("endpoint_fault", LoggedResult::EndpointFault),
    ("throttled", LoggedResult::Throttled),
    ("event_fault", LoggedResult::EventFault),
    ("gone", LoggedResult::Gone),
];

/// `?limit=&before=&result=&seq=`, newest first; ask again with `before=next`.
pub async fn list(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let root = Node::root(&input);
    let mut faults = Faults::new();
    let limit = faults.bounded(&root.child("limit"), 1..=PAGE_LIMIT_MAX as i64);
    let before = faults.bounded(&root.child("before"), 1..=i64::MAX).map(i64::unsigned_abs);
    let result = faults.choice(&root.child("result"), RESULTS);
    let of_seq = faults.bounded(&root.child("seq"), 1..=i64::MAX).map(i64::unsigned_abs);
    faults.done()?;
    let limit = limit.map_or(PAGE_LIMIT_DEFAULT, |limit| limit as usize);
    let (seq, endpoint) = known(&call).await?;
    let all = call.front.hooks().attempts(call.caller()?.site, endpoint.id).await?;
    let is_wished = |one: &&ListedAttempt| {
        before.is_none_or(|before| one.number < before)
            && result.is_none_or(|result| one.line.result == result)
            && of_seq.is_none_or(|seq| one.line.seq == seq)
    };
    let page: Vec<&ListedAttempt> = all.iter().rev().filter(is_wished).take(limit + 1).collect();
    let next = (page.len() > limit).then(|| page[limit - 1].number);
    let attempts: Vec<Value> = page.into_iter().take(limit).map(attempt).collect();
    Reply::with_seq(seq, json!({"attempts": attempts, "next": next}))
}

fn attempt(listed: &ListedAttempt) -> Value {
    let line = &listed.line;
    let result = RESULTS.iter().find(|(_, known)| *known == line.result).map(|(name, _)| *name);
    json!({
        "number": listed.number,
        "eventId": listed.event_id,
        "eventSeq": line.seq,
        "time": WireTime(line.at),
        "latencyMs": line.latency_ms,
        "result": result,
        "status": line.status,
        "fault": line.fault,
        "response": line.snippet,
        "nextTry": line.next_try_at.map(WireTime),
    })
}

/// `?limit=&after=` by seq; ask again with `after=next`.
pub async fn dead_letters(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let root = Node::root(&input);
    let mut faults = Faults::new();
    let limit = faults.bounded(&root.child("limit"), 1..=PAGE_LIMIT_MAX as i64);
    let after = faults.bounded(&root.child("after"), 0..=i64::MAX).map_or(0, i64::unsigned_abs);
    faults.done()?;
    let limit = limit.map_or(PAGE_LIMIT_DEFAULT, |limit| limit as usize);
    let (seq, endpoint) = known(&call).await?;
    let all = call.front.hooks().dead_letters(call.caller()?.site, endpoint.id).await?;
    let total = all.len();
    let rest: Vec<&DeadLetter> =
        all.iter().filter(|letter| letter.seq > after).take(limit + 1).collect();
    let next = (rest.len() > limit).then(|| rest[limit - 1].seq);
    let letters: Vec<Value> = rest.into_iter().take(limit).map(letter).collect();
    Reply::with_seq(seq, json!({"deadLetters": letters, "total": total, "next": next}))
}

fn letter(letter: &DeadLetter) -> Value {
    json!({
        "eventSeq": letter.seq,
        "tries": letter.tries,
        "givenUpDate": WireTime(letter.given_up_at),
        "status": letter.status,
    })
}

/// Sends what was given up once more: the named events, or all.
pub async fn retry(call: Call) -> Result<Reply, Problem> {
    let (_, endpoint) = known(&call).await?;
    let seqs = chosen(&call).await?;
    if seqs.is_empty() {
        return Err(Problem::not_found("DEAD_LETTER_NOT_FOUND", "event that was given up"));
    }
    let (count, what) = (seqs.len(), Replayed::Events(seqs.clone()));
    let answer = call.command(Command::ReplayEndpoint { endpoint: endpoint.id, what }).await?;
    let site = call.caller()?.site;
    call.front.hooks().forget_dead_letters(site, endpoint.id, seqs).await?;
    Reply::with_seq(answer.seq, json!({"retried": count}))
}

/// Forgets what was given up: the named events, or all.
pub async fn purge(call: Call) -> Result<Reply, Problem> {
    let (seq, endpoint) = known(&call).await?;
    let seqs = chosen(&call).await?;
    let count = seqs.len();
    let site = call.caller()?.site;
    call.front.hooks().forget_dead_letters(site, endpoint.id, seqs).await?;
    Reply::with_seq(seq, json!({"purged": count}))
}

/// The dead letters that `eventSeqs` names, or all.
async fn chosen(call: &Call) -> Result<Vec<u64>, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let node = root.child("eventSeqs");
    let mut faults = Faults::new();
    let mut named = Vec::new();
    for (position, value) in faults.list(&node, REPLAY_EVENTS_MAX).iter().enumerate() {
        let position = position.to_string();
        let seq = faults.needed_bounded(&node.element(&position, value), 1..=i64::MAX);
        named.extend(seq.map(i64::unsigned_abs));
    }
    faults.done()?;
    let (_, endpoint) = known(call).await?;
    let all = call.front.hooks().dead_letters(call.caller()?.site, endpoint.id).await?;
    let seqs = all.iter().map(|letter| letter.seq);
    Ok(seqs.filter(|seq| !node.is_there() || named.contains(seq)).collect())
}

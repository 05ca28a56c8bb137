//! Replays: one event, all that failed since, or a stretch of the log; first as a dry run if
//! wanted; one event to another address as well.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::endpoint_input::receiver;
use super::endpoints::known;
use super::error::Problem;
use super::event_patterns;
use super::fields::{Faults, Node};
use crate::domain::command::Command;
use crate::domain::endpoint::Replayed;
use crate::domain::event::Endpoint;
use crate::wire::time::parse_time;

/// What is wished, not yet looked up.
enum Wish {
    Event(u64),
    FailedSince(crate::domain::Timestamp),
    Range(Replayed),
}

struct Asked {
    wish: Wish,
    dry_run: bool,
    url: Option<String>,
}

pub async fn replay(call: Call) -> Result<Reply, Problem> {
    let (seq, endpoint) = known(&call).await?;
    let Asked { wish, dry_run, url } = read(&call, seq).await?;
    if let (Wish::Event(event), Some(url)) = (&wish, url) {
        let elsewhere = Endpoint { url, ..Endpoint::clone(&endpoint) };
        return deliver_once(&call, elsewhere, *event, seq).await;
    }
    let what = found(&call, &endpoint, wish).await?;
    let site = call.caller()?.site;
    let counted = call.front.hooks().count_replay(site, endpoint.clone(), what.clone()).await?;
    let mut body = json!({"matching": counted.events, "capped": counted.capped, "dryRun": dry_run});
    if dry_run || (counted.events == 0 && !counted.capped) {
        return Reply::with_seq(seq, body);
    }
    let command = Command::ReplayEndpoint { endpoint: endpoint.id, what };
    let answer = call.command(command).await?;
    body["replayId"] = json!(answer.seq);
    Reply::with_seq(answer.seq, body)
}

async fn deliver_once(
    call: &Call,
    endpoint: Endpoint,
    event: u64,
    seq: u64,
) -> Result<Reply, Problem> {
    let site = call.caller()?.site;
    let tried = call.front.hooks().deliver_once(site, endpoint.into(), event).await?;
    let tried = tried.ok_or_else(|| Problem::not_found("EVENT_NOT_FOUND", "event"))?;
    Reply::with_seq(seq, json!({"attempt": tried}))
}

async fn read(call: &Call, newest: u64) -> Result<Asked, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let (event, failed, range) =
        (root.child("eventSeq"), root.child("failedSince"), root.child("range"));
    let named = [event, failed, range].iter().filter(|node| node.is_there()).count();
    if named != 1 {
        faults.add(&root, "ONE_OF", "name one of eventSeq, failedSince and range");
    }
    let dry_run = faults.flag(&root.child("dryRun")).unwrap_or(false);
    let url_node = root.child("url");
    let url = match url_node.is_there() {
        true => Some(receiver(call, &url_node, &mut faults).await),
        false => None,
    };
    if url.is_some() && (!event.is_there() || dry_run) {
        faults.add(&url_node, "FORMAT", "only one event goes to another address, and it does go");
    }
    let event = faults.bounded(&event, 1..=i64::MAX).map(|seq| Wish::Event(seq as u64));
    let failed = failed_since(&failed, &mut faults).map(Wish::FailedSince);
    let range = range.is_there().then(|| Wish::Range(stretch(&range, newest, &mut faults)));
    faults.done()?;
    let wish = event.or(failed).or(range).ok_or_else(Problem::internal)?;
    Ok(Asked { wish, dry_run, url })
}

fn failed_since(node: &Node<'_>, faults: &mut Faults) -> Option<crate::domain::Timestamp> {
    let time = node.value().map(|value| value.as_str().and_then(parse_time))?;
    if time.is_none() {
        faults.add(node, "FORMAT", "a time is RFC 3339: 2026-01-02T03:04:05Z");
    }
    time
}

fn stretch(node: &Node<'_>, newest: u64, faults: &mut Faults) -> Replayed {
    let seqs = 1..=i64::MAX;
    let first_seq = faults.bounded(&node.child("firstSeq"), seqs.clone()).map_or(1, |s| s as u64);
    let last_seq = faults.bounded(&node.child("lastSeq"), seqs).map_or(newest, |s| s as u64);
    let event_types = event_patterns::read(&node.child("eventTypes"), faults);
    let member = faults.id(&node.child("memberId"));
    if node.value().is_some_and(|value: &Value| !value.is_object()) {
        faults.add(node, "TYPE", "a range is an object");
    }
    if first_seq > last_seq {
        faults.add(node, "FORMAT", "firstSeq is above lastSeq");
    }
    Replayed::Range { first_seq, last_seq: last_seq.min(newest), event_types, member }
}

/// The events of a wish, as the site keeps it.
async fn found(call: &Call, endpoint: &Endpoint, wish: Wish) -> Result<Replayed, Problem> {
    let since = match wish {
        Wish::Event(seq) => return Ok(Replayed::Events(vec![seq])),
        Wish::Range(range) => return Ok(range),
        Wish::FailedSince(since) => since,
    };
    let site = call.caller()?.site;
    let letters = call.front.hooks().dead_letters(site, endpoint.id).await?;
    let failed = letters.iter().filter(|letter| letter.given_up_at >= since);
    Ok(Replayed::Events(failed.map(|letter| letter.seq).collect()))
}

//! The event log as a list: everything durable after a seq, by type where wanted.

use actix_web::http::StatusCode;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::call::{Call, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::front::RecordsFault;
use super::{consumers, event_patterns};
use crate::core::event_pattern::EventFilter;
use crate::core::visibility::Audience;
use crate::domain::limits::{
    CONSUMER_NAME_BYTES_MAX, EVENTS_PAGE_LIMIT_DEFAULT, EVENTS_PAGE_LIMIT_MAX, EVENTS_SCAN_MAX,
};
use crate::domain::{SiteId, WrittenRecord};
use crate::wire::event::event_json;

/// `GET /v1/events?after=&limit=&types=` answers `{events, next, hasMore, seq}`, from `after` or
/// from where the `consumer` stands: ask again with
/// `after=next`. A page may be short, even empty, where few records are of the wanted types.
pub async fn list(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let wish = Wish::read(&Node::root(&input))?.placed(&call).await?;
    let mut found = Found { next: wish.after, ..Found::default() };
    let mut scanned = 0;
    while found.events.len() < wish.limit && scanned < EVENTS_SCAN_MAX {
        let count = take_page(&call, &wish, &mut found).await?;
        scanned += count;
        if count == 0 {
            break;
        }
    }
    let Found { events, next, durable_seq } = found;
    let body = EventsBody { events, next, has_more: next < durable_seq, seq: durable_seq };
    Reply::json(durable_seq, &body)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventsBody {
    events: Vec<Box<RawValue>>,
    /// The `after` of the next request.
    next: u64,
    has_more: bool,
    seq: u64,
}

struct Wish {
    after: u64,
    consumer: Option<String>,
    limit: usize,
    types: EventFilter,
}

impl Wish {
    fn read(root: &Node<'_>) -> Result<Wish, Problem> {
        let mut faults = Faults::new();
        let after = faults.bounded(&root.child("after"), 0..=i64::MAX);
        let limit = faults.bounded(&root.child("limit"), 1..=EVENTS_PAGE_LIMIT_MAX as i64);
        let types = event_patterns::read(&root.child("types"), &mut faults);
        let node = root.child("consumer");
        let consumer = faults.text(&node, CONSUMER_NAME_BYTES_MAX).map(str::to_owned);
        if consumer.is_some() && after.is_some() {
            faults.add(&node, "ONE_OF", "name a consumer or a place, not both");
        }
        faults.done()?;
        let types = EventFilter::parse(&types)
            .map_err(|error| Problem::field("types", "FORMAT", error.to_string()))?;
        let after = after.map_or(0, i64::unsigned_abs);
        let limit = limit.map_or(EVENTS_PAGE_LIMIT_DEFAULT, |limit| limit as usize);
        Ok(Wish { after, consumer, limit, types })
    }

    /// The wish from where its consumer stands, if it names one.
    async fn placed(self, call: &Call) -> Result<Wish, Problem> {
        match &self.consumer {
            Some(name) => Ok(Wish { after: consumers::place(call, name).await?, ..self }),
            None => Ok(self),
        }
    }
}

#[derive(Default)]
struct Found {
    events: Vec<Box<RawValue>>,
    next: u64,
    durable_seq: u64,
}

/// Reads one page of records and keeps what is wanted; answers how many it looked at.
async fn take_page(call: &Call, wish: &Wish, found: &mut Found) -> Result<usize, Problem> {
    let site = call.caller()?.site;
    let page = call.front.records_after(site, found.next, EVENTS_PAGE_LIMIT_MAX).await;
    let page = page.map_err(problem)?;
    found.durable_seq = page.durable_seq;
    let mut looked_at = 0;
    for record in &page.records {
        if found.events.len() == wish.limit {
            break;
        }
        looked_at += 1;
        found.next = record.seq;
        if wish.types.takes(&record.event) {
            found.events.extend(shape(record, site, page.incarnation));
        }
    }
    Ok(looked_at)
}

/// The record as its public JSON, already encoded.
fn shape(record: &WrittenRecord, site: SiteId, incarnation: u128) -> Option<Box<RawValue>> {
    let encoded = event_json(record, site, incarnation, Audience::App)?;
    RawValue::from_string(String::from_utf8(encoded.to_vec()).ok()?).ok()
}

fn problem(fault: RecordsFault) -> Problem {
    match fault {
        RecordsFault::Call(error) => Problem::from(error),
        RecordsFault::Trimmed { floor } => {
            let detail = format!("events up to {floor} are no longer kept: ask with after={floor}");
            Problem::new(StatusCode::GONE, "CURSOR_TRIMMED", detail).with("floor", json!(floor))
        }
    }
}

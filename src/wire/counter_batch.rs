//! Counter events that go out together: each counter once, with what it was before the first of
//! them and what it is after the last.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use serde::Serialize;

use super::cloud_event::CloudEvent;
use super::event::{EventBody, EventSource, event_id};
use super::time::WireTime;
use crate::domain::{AppId, Event, MemberId, WrittenRecord};

pub const TYPE: &str = "counter.batch";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchData<'a> {
    first_seq: u64,
    last_seq: u64,
    counters: Vec<CounterChange<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CounterChange<'a> {
    member_id: MemberId,
    app_id: &'a AppId,
    key: &'a str,
    public: bool,
    old: i64,
    new: i64,
}

/// From the first seq of a batch to its last: what it is known by, whatever is still there of it.
pub type BatchSeqs = RangeInclusive<u64>;

/// The id of a batch: of its first event, and where it ends.
pub fn batch_id(seqs: &BatchSeqs, source: EventSource) -> String {
    format!("{}-{}", event_id(source, *seqs.start()), seqs.end())
}

/// The public form; `None` of nothing.
pub fn batch_json(
    seqs: &BatchSeqs,
    records: &[WrittenRecord],
    source: EventSource,
) -> Option<Bytes> {
    let last = records.last()?;
    // It belongs to many members, so that it names none.
    let body = EventBody {
        id: batch_id(seqs, source),
        event_type: TYPE,
        timestamp: WireTime(last.time),
        site_id: source.site,
        member_id: None,
        seq: *seqs.end(),
        member_seq: None,
        data: data(seqs, records),
    };
    serde_json::to_vec(&body).ok().map(Bytes::from)
}

/// The same data in the envelope of CloudEvents.
pub fn batch_cloud_event(
    seqs: &BatchSeqs,
    records: &[WrittenRecord],
    source: EventSource,
) -> Option<Bytes> {
    let last = records.last()?;
    let at = (*seqs.end(), last.time);
    let event = CloudEvent::new(batch_id(seqs, source), TYPE, at, source, data(seqs, records));
    serde_json::to_vec(&event).ok().map(Bytes::from)
}

fn data<'a>(seqs: &BatchSeqs, records: &'a [WrittenRecord]) -> BatchData<'a> {
    let mut places: HashMap<(MemberId, &AppId, &str), usize> = HashMap::new();
    let mut counters: Vec<CounterChange<'_>> = Vec::new();
    for record in records {
        let Event::CounterUpdated { member, app, key, public, old, new } = &record.event else {
            continue;
        };
        let place = *places.entry((*member, app, key)).or_insert(counters.len());
        match counters.get_mut(place) {
            Some(known) => (known.public, known.new) = (*public, *new),
            None => counters.push(CounterChange {
                member_id: *member,
                app_id: app,
                key,
                public: *public,
                old: *old,
                new: *new,
            }),
        }
    }
    BatchData { first_seq: *seqs.start(), last_seq: *seqs.end(), counters }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::domain::batch::Touches;
    use crate::domain::{Record, SiteId, Timestamp};

    const SOURCE: EventSource = EventSource { site: SiteId::from_u128(1), incarnation: 1 };

    fn record(seq: u64, member: u128, key: &str, (old, new): (i64, i64)) -> WrittenRecord {
        let (member, app) = (MemberId::from_u128(member), AppId::parse("shop").expect("an app"));
        let key = key.to_owned();
        let event = Event::CounterUpdated { member, app, key, public: true, old, new };
        let time = Timestamp::from_unix_ms(seq as i64);
        Arc::new(Record { seq, time, member_seq: 1, touches: Touches::new(), event })
    }

    #[test]
    fn each_counter_is_told_once_from_its_first_value_to_its_last() {
        let records = [
            record(3, 1, "orders", (0, 2)),
            record(5, 2, "orders", (7, 8)),
            record(6, 1, "visits", (1, 2)),
            record(9, 1, "orders", (2, 5)),
        ];
        let body: Value =
            serde_json::from_slice(&batch_json(&(3..=9), &records, SOURCE).expect("a body"))
                .expect("JSON");
        let id = body["id"].as_str().expect("an id");
        assert!(id.starts_with("evt_") && id.ends_with("_3-9"), "{id}");
        assert_eq!((&body["type"], &body["seq"]), (&json!("counter.batch"), &json!(9)));
        assert_eq!(body["data"]["firstSeq"], 3);
        let told: Vec<(&Value, &Value, &Value)> = body["data"]["counters"]
            .as_array()
            .expect("counters")
            .iter()
            .map(|counter| (&counter["key"], &counter["old"], &counter["new"]))
            .collect();
        let orders = json!("orders");
        assert_eq!(told[0], (&orders, &json!(0), &json!(5)));
        assert_eq!(told[1], (&orders, &json!(7), &json!(8)));
        assert_eq!(told[2], (&json!("visits"), &json!(1), &json!(2)));
        let cloud: Value =
            serde_json::from_slice(&batch_cloud_event(&(3..=9), &records, SOURCE).expect("a body"))
                .expect("JSON");
        assert_eq!((&cloud["data"], &cloud["id"]), (&body["data"], &body["id"]));
        assert_eq!(cloud["sequence"], "9");
        assert_eq!(batch_json(&(3..=9), &[], SOURCE), None);
        // Its id outlives what retention takes of it.
        let left = batch_json(&(3..=9), &records[1..3], SOURCE).expect("a body");
        let left: Value = serde_json::from_slice(&left).expect("JSON");
        assert_eq!((&left["id"], &left["seq"]), (&body["id"], &body["seq"]));
    }
}

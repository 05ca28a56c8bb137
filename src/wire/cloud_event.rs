//! Records as CloudEvents 1.0, structured JSON: the same data in another envelope.

use bytes::Bytes;
use serde::Serialize;

use super::event::{EventSource, data_for_keys, event_id};
use super::time::WireTime;
use crate::domain::{MemberId, Record, Timestamp};

pub const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";

#[derive(Serialize)]
pub(super) struct CloudEvent<D> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: &'static str,
    time: WireTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<MemberId>,
    datacontenttype: &'static str,
    /// The seq: whole numbers of an attribute have 32 bits only, so it is text.
    sequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    membersequence: Option<String>,
    data: D,
}

impl<D: Serialize> CloudEvent<D> {
    /// One that is about nobody in particular.
    pub(super) fn new(
        id: String,
        event_type: &'static str,
        (seq, time): (u64, Timestamp),
        source: EventSource,
        data: D,
    ) -> CloudEvent<D> {
        CloudEvent {
            specversion: "1.0",
            id,
            source: format!("urn:guildhall:site:{}", source.site),
            event_type,
            time: WireTime(time),
            subject: None,
            datacontenttype: "application/json",
            sequence: seq.to_string(),
            membersequence: None,
            data,
        }
    }
}

/// What keys see of a record; its subject is the member it belongs to.
pub fn cloud_event_json(record: &Record, source: EventSource) -> Option<Bytes> {
    let subject = record.event.member();
    let (id, event_type) = (event_id(source, record.seq), record.event.type_name());
    let data = data_for_keys(source.site, &record.event)?;
    let event = CloudEvent {
        subject,
        membersequence: subject.map(|_| record.member_seq.to_string()),
        ..CloudEvent::new(id, event_type, (record.seq, record.time), source, data)
    };
    serde_json::to_vec(&event).ok().map(Bytes::from)
}

//! The catalogue: every type of event with what it means, a JSON Schema of its public form and an
//! example. The shapes are in the notation of `openapi_schemas`, which shows them too.

use serde_json::{Value, json};

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::openapi_schemas;
use crate::domain::SiteId;
use crate::domain::endpoint::BadgeWire;
use crate::wire::counter_batch;
use crate::wire::event::{Audience, EventSource, event_json};
use crate::wire::example;
use crate::wire::jwt_event::jwt_type;

/// One type: its name, when it happens, and the fields of its `data`.
pub struct EventType {
    pub name: &'static str,
    pub meaning: &'static str,
    pub data: &'static str,
}

const fn of(name: &'static str, meaning: &'static str, data: &'static str) -> EventType {
    EventType { name, meaning, data }
}

const EVENT: &str = "id: string, type: string, timestamp: time, siteId: uuid, \
    memberId: uuidOrNull, seq: seq, memberSeq: seqOrNull, data: any";
const FOLLOW: &str = "memberId: uuid, affectedMemberId: uuid";
const LIKE: &str = "item: EventItem, memberId: uuid";
const BADGE: &str = "badge: Badge, rule?: EventBadgeRule";
const ASSIGNMENT: &str =
    "assignmentId: uuid, badgeId: uuid, memberId: uuid, reason: AssignmentReason";
/// The document goes to the member itself and to keys.
const ABOUT: &str = "memberAbout: EventAbout";
const MODERATED: &str = "member: Member, moderation: Moderation";
const BLOCK: &str = "memberId: uuid, blockedMemberId: uuid";
const COMMUNITY: &str = "memberId: uuid, privacyStatus: Privacy";
const FIELD: &str = "customField: CustomField";
const APPLICATION: &str = "customFieldApplication: CustomFieldApplication";
const ROLE: &str = "role: MemberRoleDefinition";
const HELD_ROLE: &str = "memberId: uuid, role: MemberRole";
const REPORTED: &str = "reportedMemberId: uuid";
const ENDPOINT: &str = "endpoint: EventEndpoint";
const ENDPOINT_ID: &str = "endpointId: uuid";
const ATTEMPT: &str = "endpointId: uuid, eventSeq: seq, tries: integer";

pub const TYPES: &[EventType] = &[
    of("member.created", "a member signed up or was created", "member: Member, origin: Origin"),
    of("member.updated", "a member changed", "member: Member, changes: [FieldChange]"),
    of(
        "member.deleted",
        "a member is gone; its edges end and its badges go in events of their own",
        "contentAssigneeId?: uuid",
    ),
    of("member.approved", "a member who asked to join is let in", MODERATED),
    of("member.rejected", "a member who asked to join is turned away", MODERATED),
    of("member.blocked", "a member is blocked, or under other terms than before", MODERATED),
    of("member.unblocked", "a member is blocked no more", MODERATED),
    of("member.muted", "a member is muted, or under other terms than before", MODERATED),
    of("member.unmuted", "a member is muted no more", MODERATED),
    of("member.disconnected", "a member is out for good", MODERATED),
    of("member.privacy_changed", "a member is public or private from now on", COMMUNITY),
    of("member.community_joined", "a member shows itself to others", COMMUNITY),
    of("member.community_left", "a member shows itself to nobody any more", COMMUNITY),
    of("member.role_assigned", "a member holds a role", HELD_ROLE),
    of("member.role_unassigned", "a member holds a role no more", HELD_ROLE),
    of("member_to_member_block.created", "a member blocks another for itself", BLOCK),
    of("member_to_member_block.deleted", "a member blocks another no more", BLOCK),
    of(
        "default_privacy.updated",
        "new members begin otherwise than before",
        "defaultPrivacy: DefaultPrivacy",
    ),
    of(
        "privacy_settings.updated",
        "who sees public members, and who may be one, is another than before",
        "memberPrivacySettings: MemberPrivacySettings",
    ),
    of("role.created", "there is a role", ROLE),
    of("role.updated", "a role changed", ROLE),
    of("role.deleted", "a role is gone, and nobody holds it any more", ROLE),
    of("custom_field.created", "there is another field in profiles", FIELD),
    of("custom_field.updated", "a field changed", FIELD),
    of("custom_field.deleted", "a field is gone", FIELD),
    of("custom_field.ordered", "fields stand in another order", "customFieldIds: [uuid]"),
    of("custom_field_application.created", "a field applies to some only", APPLICATION),
    of("custom_field_application.updated", "a field applies to others", APPLICATION),
    of("custom_field_application.deleted", "a field applies to everybody again", APPLICATION),
    of("follow.created", "a member follows another", FOLLOW),
    of("follow.deleted", "a member follows another no more", FOLLOW),
    of("item.created", "an app told of something that a member authored", "item: EventItem"),
    of("item.updated", "an app told more of an item", "item: EventItem"),
    of("item.liked", "a member likes an item", LIKE),
    of("item.unliked", "a member likes an item no more", LIKE),
    of(
        "counter.updated",
        "a counter is another than at its last report",
        "memberId: uuid, appId: string, key: counterKey, public: boolean, old: integer, \
         new: integer",
    ),
    of("badge.created", "a badge was made", BADGE),
    of("badge.updated", "a badge changed", BADGE),
    of("badge.deleted", "a badge is gone, and so are its assignments", "badgeId: uuid"),
    of("badge.assigned", "a member holds a badge", ASSIGNMENT),
    of("badge.unassigned", "a member holds a badge no more", ASSIGNMENT),
    of("about.created", "a member tells about itself", ABOUT),
    of("about.updated", "a member tells something else", ABOUT),
    of("about.deleted", "a member tells nothing any more", "memberAboutId: uuid"),
    of("report.created", "somebody reported a member", "memberReport: MemberReport"),
    of(
        "report.deleted",
        "a report about a member was taken away",
        "memberReportId: uuid, reportedMemberId: uuid",
    ),
    of(
        "reported_member.created",
        "a member was reported for the first time",
        "reportedMember: ReportedMember",
    ),
    of("reported_member.deleted", "no report about a member is left", REPORTED),
    of("reported_member.reviewed", "the owner looked at the reports about a member", REPORTED),
    of("endpoint.created", "an endpoint was made", ENDPOINT),
    of("endpoint.updated", "an endpoint changed", ENDPOINT),
    of("endpoint.deleted", "an endpoint is gone", ENDPOINT_ID),
    of(
        "endpoint.secret_rotated",
        "an endpoint signs with a new secret",
        "endpointId: uuid, overlapUntil: time",
    ),
    of("endpoint.disabled", "nothing is delivered any more", "endpointId: uuid, reason: string"),
    of("endpoint.enabled", "deliveries go on where they stopped", ENDPOINT_ID),
    of(
        "endpoint.replay_started",
        "events are delivered once more",
        "endpointId: uuid, replayId: seq, events?: integer, firstSeq?: seq, lastSeq?: seq",
    ),
    of("endpoint.replay_finished", "a replay is done", "endpointId: uuid, replayId: seq"),
    of(
        "endpoint.lagged",
        "retention took events before they could be delivered",
        "endpointId: uuid, firstSeq: seq, lastSeq: seq",
    ),
    of("attempt.failing", "an event failed several times", ATTEMPT),
    of("attempt.exhausted", "an event was given up", ATTEMPT),
    of(
        "endpoint.recovered",
        "an endpoint that was failing takes events again",
        "endpointId: uuid, failingSince: time",
    ),
];

/// Not in the log: what an endpoint with `counterBatch` is sent in place of single counters.
const BATCH: &EventType = &of(
    counter_batch::TYPE,
    "counters that changed, together: sent to an endpoint with a counterBatch in place of the \
     counter.updated that it takes",
    "firstSeq: seq, lastSeq: seq, counters: [CounterChange]",
);

/// Everything that an endpoint may be sent.
pub fn delivered() -> impl Iterator<Item = &'static EventType> {
    TYPES.iter().chain([BATCH])
}

pub async fn list(_: Call) -> Result<Reply, Problem> {
    let types: Vec<Value> = delivered().map(shape).collect();
    let body = json!({ "eventTypes": types });
    Reply::stateless(Kind::Json, body.to_string())
}

fn shape(known: &EventType) -> Value {
    let record = example::record(known.name, 4_711, example::TIME);
    let wire = |badges| record.as_ref().and_then(|record| jwt_type(record, badges));
    let mut wire_types = vec![wire(BadgeWire::V4), wire(BadgeWire::V3)];
    wire_types.dedup();
    json!({
        "type": known.name,
        "description": known.meaning,
        "operational": record.as_ref().is_some_and(|record| record.event.is_operational()),
        "wireTypes": wire_types.into_iter().flatten().collect::<Vec<String>>(),
        "schema": schema(known),
        "example": example_of(known),
    })
}

pub fn example_of(known: &EventType) -> Value {
    let source = EventSource { site: SiteId::from_u128(1), incarnation: 1 };
    if known.name == counter_batch::TYPE {
        let counters = example::counters(4_711, example::TIME);
        let bytes = counter_batch::batch_json(&(4_710..=4_711), &counters, source);
        return bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    }
    let record = example::record(known.name, 4_711, example::TIME);
    let json = record
        .and_then(|record| event_json(&record, source.site, source.incarnation, Audience::App));
    json.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// A whole JSON Schema: it refers to nothing outside of it.
fn schema(known: &EventType) -> Value {
    let mut schema = openapi_schemas::inlined(referring(known));
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(known.name);
    schema
}

/// The schema as it stands in the API document, beside its components.
pub fn referring(known: &EventType) -> Value {
    let mut schema = openapi_schemas::object(EVENT);
    schema["properties"]["type"] = json!({"const": known.name});
    schema["properties"]["data"] = openapi_schemas::object(known.data);
    schema
}

/// What receivers are sent, as the API document tells it.
pub fn webhooks() -> Value {
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let text = json!({"type": "string"});
    let header =
        |name: &str| json!({"name": name, "in": "header", "required": true, "schema": text});
    let delivery = |known: &EventType| {
        let post = json!({
            "summary": known.meaning,
            "parameters": headers.map(header),
            "requestBody": {"content": {"application/json": {"schema": referring(known)}}},
            "responses": {"2XX": {"description": "taken"}},
        });
        (known.name.to_owned(), json!({ "post": post }))
    };
    Value::Object(delivered().map(delivery).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_is_in_the_catalogue_and_nothing_else_is() {
        let known: BTreeSet<&str> = TYPES.iter().map(|known| known.name).collect();
        let events = example::events();
        let made: BTreeSet<&str> = events.iter().map(|event| event.type_name()).collect();
        assert_eq!(known, made);
        assert_eq!((known.len(), made.len()), (TYPES.len(), events.len()), "none twice");
    }

    /// What of `value` the schema does not say, or says and is not there.
    fn differences(schema: &Value, value: &Value, path: &str, into: &mut Vec<String>) {
        if let (Some(properties), Some(fields)) =
            (schema["properties"].as_object(), value.as_object())
        {
            for name in fields.keys().filter(|name| !properties.contains_key(*name)) {
                into.push(format!("{path}/{name} is not declared"));
            }
            for name in schema["required"].as_array().into_iter().flatten() {
                if !fields.contains_key(name.as_str().unwrap_or_default()) {
                    into.push(format!("{path}/{name} is missing"));
                }
            }
            for (name, schema) in properties {
                differences(schema, &value[name], &format!("{path}/{name}"), into);
            }
        }
        for (position, element) in value.as_array().into_iter().flatten().enumerate() {
            differences(&schema["items"], element, &format!("{path}/{position}"), into);
        }
        let is_reference = schema.get("$ref").is_some();
        if is_reference {
            into.push(format!("{path} refers elsewhere"));
        }
    }

    #[test]
    fn every_example_has_the_form_that_its_schema_says() {
        for known in delivered() {
            let (schema, example) = (schema(known), example_of(known));
            assert_eq!(example["type"], known.name);
            let mut found = Vec::new();
            differences(&schema, &example, "", &mut found);
            assert_eq!(found, Vec::<String>::new(), "{}: {example}", known.name);
        }
    }
}

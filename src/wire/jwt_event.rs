//! Records as the members wire's webhooks carry them: claims whose `data` is JSON text that holds
//! JSON text. Only events that the wire has a name for; the signature is made elsewhere.

use serde_json::{Map, Value, json};

use super::about::AboutBody;
use super::badge::BadgeBody;
use super::event::{EventSource, event_id};
use super::member::{Fieldset, member_json};
use super::report::report_data;
use super::time::time_text;
use crate::domain::about::AboutStep;
use crate::domain::endpoint::BadgeWire;
use crate::domain::event::{Badge, FieldChange, MemberFacts};
use crate::domain::report::ReportStep;
use crate::domain::{Event, Record};

/// One event under the wire's names.
struct Named {
    entity_fqdn: &'static str,
    slug: &'static str,
    entity_id: String,
    /// One of the wire's four kinds of body, under its name.
    kind: &'static str,
    body: Value,
}

/// The claims as JSON; `None` where the wire has no such event.
pub fn jwt_claims(record: &Record, source: EventSource, badges: BadgeWire) -> Option<Value> {
    let named = named(&record.event, badges)?;
    let mut event = Map::new();
    event.insert("id".to_owned(), json!(event_id(source, record.seq)));
    event.insert("entityFqdn".to_owned(), json!(named.entity_fqdn));
    event.insert("slug".to_owned(), json!(named.slug));
    event.insert("entityId".to_owned(), json!(named.entity_id));
    event.insert("eventTime".to_owned(), json!(time_text(record.time)));
    event.insert("triggeredByAnonymizeRequest".to_owned(), json!(false));
    event.insert("originatedFrom".to_owned(), json!("guildhall"));
    event.insert("entityEventSequence".to_owned(), json!(record.seq.to_string()));
    event.insert(named.kind.to_owned(), named.body);
    let outer = json!({
        "eventType": format!("{}_{}", named.entity_fqdn, named.slug),
        "instanceId": source.site,
        "data": Value::Object(event).to_string(),
        "accountInfo": {"siteId": source.site},
    });
    let issued_at = record.time.unix_ms.div_euclid(1_000);
    Some(json!({"data": outer.to_string(), "iat": issued_at, "iss": "guildhall"}))
}

/// The wire's name for an event of this kind, where it has one.
pub fn jwt_type(record: &Record, badges: BadgeWire) -> Option<String> {
    let named = named(&record.event, badges)?;
    Some(format!("{}_{}", named.entity_fqdn, named.slug))
}

const MEMBER: &str = "wix.members.v1.member";
const FOLLOW: &str = "wix.members.v3.follow";
const REPORT: &str = "wix.members.v1.member_report";
const ABOUT: &str = "wix.members.about.v2.member_about";
const BADGE: &str = "wix.badges.v4.badge";
const BADGE_V3: &str = "wix.badges.v3.badge";
const ASSIGNMENT: &str = "wix.badges.v4.badge_assignment";

fn named(event: &Event, badges: BadgeWire) -> Option<Named> {
    let named = match event {
        Event::MemberCreated { facts, .. } => created(MEMBER, facts.id, member(facts)),
        Event::MemberUpdated { facts, changes } => {
            let body = json!({"currentEntity": member(facts), "modifiedFields": modified(changes)});
            updated(MEMBER, facts.id, body)
        }
        Event::FollowCreated { follower, followed } => {
            let connection = json!({"memberId": follower, "affectedMemberId": followed});
            action(FOLLOW, "member_followed", followed, json!({"memberConnection": connection}))
        }
        Event::FollowDeleted { follower, followed } => {
            let connection = json!({"memberId": follower, "affectedMemberId": followed});
            action(FOLLOW, "member_unfollowed", followed, json!({"memberConnection": connection}))
        }
        Event::BadgeCreated { badge } => created(BADGE, badge.id, badge_json(badge)),
        Event::BadgeUpdated { badge } => {
            updated(BADGE, badge.id, json!({"currentEntity": badge_json(badge)}))
        }
        Event::BadgeDeleted { badge } => deleted(BADGE, badge, json!({})),
        Event::BadgeAssigned { badge, member, assignment, .. } => match badges {
            BadgeWire::V3 => action(BADGE_V3, "badge_assigned", badge, json!({"memberId": member})),
            BadgeWire::V4 => {
                let entity = json!({"id": assignment, "badgeId": badge, "memberId": member});
                created(ASSIGNMENT, assignment, entity)
            }
        },
        Event::BadgeUnassigned { badge, member, assignment, .. } => match badges {
            BadgeWire::V3 => {
                action(BADGE_V3, "badge_unassigned", badge, json!({"memberId": member}))
            }
            BadgeWire::V4 => {
                let entity = json!({"id": assignment, "badgeId": badge, "memberId": member});
                deleted(ASSIGNMENT, assignment, json!({"deletedEntity": entity}))
            }
        },
        Event::MemberDeleted { member, .. } => deleted(MEMBER, member, json!({})),
        // The wire has no type of its own for what is decided about a member.
        Event::Moderated { ruling } => {
            let body = json!({"currentEntity": member(&ruling.facts)});
            updated(MEMBER, ruling.facts.id, body)
        }
        Event::Reported { step } => return reported(step),
        Event::About { step } => about(step),
        Event::ItemCreated { .. }
        | Event::ItemUpdated { .. }
        | Event::ItemLiked { .. }
        | Event::ItemUnliked { .. }
        | Event::CounterUpdated { .. }
        | Event::Setting { .. }
        | Event::Tie { .. }
        | Event::Community { .. }
        | Event::EndpointCreated { .. }
        | Event::EndpointDeleted { .. }
        | Event::EndpointSecretRotated { .. }
        | Event::EndpointDisabled { .. }
        | Event::EndpointUpdated { .. }
        | Event::EndpointEnabled { .. }
        | Event::EndpointReported { .. }
        | Event::EndpointReplay { .. } => return None,
    };
    Some(named)
}

fn reported(step: &ReportStep) -> Option<Named> {
    let data = json!(report_data(step));
    Some(match step {
        ReportStep::Created(report) => created(REPORT, report.id, data["memberReport"].clone()),
        ReportStep::Deleted { report, .. } => deleted(REPORT, report, json!({})),
        ReportStep::MemberAdded { member, .. } => {
            action(REPORT, "reported_member_created", member, data)
        }
        ReportStep::MemberRemoved { member } => {
            action(REPORT, "reported_member_deleted", member, data)
        }
        ReportStep::MemberReviewed { .. } => return None,
    })
}

fn about(step: &AboutStep) -> Named {
    match step {
        AboutStep::Created(about) => created(ABOUT, about.id, json!(AboutBody::from(&**about))),
        AboutStep::Updated(about) => {
            let entity = json!(AboutBody::from(&**about));
            updated(ABOUT, about.id, json!({"currentEntity": entity}))
        }
        AboutStep::Deleted { about, .. } => deleted(ABOUT, about, json!({})),
    }
}

fn created(entity_fqdn: &'static str, id: impl ToString, entity: Value) -> Named {
    let (kind, body) = ("createdEvent", json!({"entity": entity}));
    Named { entity_fqdn, slug: "created", entity_id: id.to_string(), kind, body }
}

fn updated(entity_fqdn: &'static str, id: impl ToString, body: Value) -> Named {
    Named { entity_fqdn, slug: "updated", entity_id: id.to_string(), kind: "updatedEvent", body }
}

fn deleted(entity_fqdn: &'static str, id: impl ToString, body: Value) -> Named {
    Named { entity_fqdn, slug: "deleted", entity_id: id.to_string(), kind: "deletedEvent", body }
}

fn action(entity_fqdn: &'static str, slug: &'static str, id: impl ToString, body: Value) -> Named {
    let (kind, body) = ("actionEvent", json!({"body": body}));
    Named { entity_fqdn, slug, entity_id: id.to_string(), kind, body }
}

fn member(facts: &MemberFacts) -> Value {
    json!(member_json(facts, Fieldset::Full))
}

fn badge_json(badge: &Badge) -> Value {
    json!(BadgeBody::from(badge))
}

/// What the changed fields held before.
fn modified(changes: &[FieldChange]) -> Value {
    let old = |change: &FieldChange| serde_json::from_str(&change.old_json).unwrap_or(Value::Null);
    let fields = changes.iter().map(|change| (change.field.clone(), old(change)));
    Value::Object(fields.collect())
}

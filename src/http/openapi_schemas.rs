//! The shapes of the API document in a short notation: `name: type, other?: [type]`. A type is a
//! scalar from [`scalar`] or a component from [`COMPONENTS`]; `A|B` is an enumeration.

use serde_json::{Map, Value, json};

use super::openapi_fields;
use super::openapi_identity;
use super::openapi_settings;
use crate::domain::limits;

const COMPONENTS: &[(&str, &str)] = &[
    ("Status", "UNKNOWN|PENDING|APPROVED|BLOCKED|OFFLINE"),
    ("PrivacyStatus", "UNKNOWN|PRIVATE|PUBLIC"),
    ("ActivityStatus", "UNKNOWN|ACTIVE|MUTED"),
    ("Fieldset", "PUBLIC|EXTENDED|FULL"),
    ("SortOrder", "ASC|DESC"),
    (
        "Member",
        "id: uuid, loginEmail?: email, status: Status, contactId: uuid, contact?: Contact, \
         profile: Profile, privacyStatus: PrivacyStatus, activityStatus: ActivityStatus, \
         createdDate: time, updatedDate: time",
    ),
    (
        "MemberInput",
        "loginEmail?: email, profile?: Profile, contact?: Contact, privacyStatus?: PrivacyStatus",
    ),
    (
        "Profile",
        "nickname?: nickname, slug?: string, photo?: Image, cover?: Image, title?: profileTitle",
    ),
    (
        "Image",
        "id?: string, url?: url, height?: integer, width?: integer, offsetX?: integer, \
         offsetY?: integer",
    ),
    (
        "Contact",
        "firstName?: profileText, lastName?: profileText, phones?: [string], emails?: [email], \
         addresses?: [Address], birthdate?: profileText, company?: profileText, \
         jobTitle?: profileText, customFields?: any",
    ),
    (
        "Address",
        "id?: uuid, streetAddress?: StreetAddress, addressLine?: addressText, \
         addressLine2?: addressText, city?: addressText, subdivision?: addressText, \
         country?: addressText, postalCode?: addressText",
    ),
    ("StreetAddress", "number?: addressText, name?: addressText"),
    ("Paging", "limit?: pageLimit, offset?: integer, cursor?: cursor"),
    ("Sorting", "fieldName: string, order?: SortOrder"),
    (
        "MemberQuery",
        "filter?: Filter, paging?: Paging, cursorPaging?: Paging, sort?: [Sorting], \
         sorting?: [Sorting]",
    ),
    ("CounterQuery", "filter?: Filter, paging?: Paging, cursorPaging?: Paging"),
    ("AssignmentQuery", "filter?: Filter, paging?: Paging, cursorPaging?: Paging"),
    (
        "ListQuery",
        "filter?: Filter, paging?: Paging, cursorPaging?: Paging, sort?: [Sorting], \
         sorting?: [Sorting]",
    ),
    ("Filter", ""),
    (
        "PagingMetadata",
        "count: integer, offset?: integer, total: integer, tooManyToCount: boolean, \
         cursors: Cursors, hasNext: boolean, visible?: integer, hidden?: integer",
    ),
    ("Cursors", "next?: cursor"),
    ("Connection", "connectedMemberId: uuid, followedByMember: boolean, followingMember: boolean"),
    (
        "ActivityCounter",
        "memberId: uuid, appId: string, counters: [CounterValue], revision: string",
    ),
    ("CounterValue", "key: counterKey, public: boolean, count: integer"),
    ("Counter", "key: counterKey, public?: boolean, count: integer"),
    ("CounterStep", "key: counterKey, delta?: integer"),
    ("Increment", "memberId: uuid, key: counterKey, delta?: integer, opId?: opId, at?: time"),
    ("MemberAbout", "id: uuid, revision: string, memberId: uuid, content: any"),
    ("EventAbout", "id: uuid, revision: string, memberId: uuid, content?: any"),
    ("NewMemberAbout", "memberId?: uuid, content: any"),
    ("MemberAboutInput", "revision: string, content: any"),
    (
        "MemberReport",
        "id: uuid, reportedMemberId: uuid, reportingMemberId?: uuid, reason: ReportReason, \
         createdDate: time",
    ),
    ("MemberReportInput", "reportedMemberId: uuid, reason: ReportReason"),
    ("ReportReason", "category: ReportCategory, description?: reportText"),
    ("ReportCategory", "SPAM|IMPERSONATION|HARASSMENT|OTHER"),
    (
        "ReportedMember",
        "reportedMemberId: uuid, reportCount: string, reviewed: boolean, lastReportDate: time",
    ),
    ("BulkResult", "itemMetadata: BulkItem"),
    ("BulkItem", "id?: uuid, originalIndex: integer, success: boolean, error?: BulkError"),
    ("BulkError", "code: string, description: string"),
    ("BulkCounts", "totalSuccesses: integer, totalFailures: integer, undetailedFailures: integer"),
    ("LineFault", "index: integer, code: string, detail: string"),
    ("FrameFault", "code: string, detail: string, n?: integer, last?: integer"),
    (
        "Badge",
        "id: uuid, revision: string, title: badgeTitle, description?: badgeDescription, \
         backgroundColor: color, textColor: color, icon?: BadgeIcon, permissionsEnabled: boolean, \
         slug: string, createdDate: time, updatedDate: time",
    ),
    (
        "BadgeInput",
        "title: badgeTitle, description?: badgeDescription, backgroundColor: color, \
         textColor: color, icon?: BadgeIcon, permissionsEnabled?: boolean, rule?: BadgeRule",
    ),
    (
        "BadgeUpdate",
        "revision?: string, title?: badgeTitle, description?: badgeDescription, \
         backgroundColor?: color, textColor?: color, icon?: BadgeIcon, \
         permissionsEnabled?: boolean",
    ),
    ("BadgePosition", "LAST|FIRST|AFTER"),
    (
        "BadgeV3",
        "id: uuid, title: badgeTitle, description?: badgeDescription, backgroundColor: color, \
         textColor: color, icon?: url, permissionsEnabled: boolean, slug: string, \
         createdDate: time, updatedDate: time",
    ),
    (
        "BadgeV3Input",
        "title: badgeTitle, description?: badgeDescription, backgroundColor: color, \
         textColor: color, icon?: url, permissionsEnabled?: boolean, rule?: BadgeRule",
    ),
    (
        "BadgeV3Update",
        "title?: badgeTitle, description?: badgeDescription, backgroundColor?: color, \
         textColor?: color, icon?: url, permissionsEnabled?: boolean",
    ),
    ("BadgeMemberCount", "badgeId: uuid, memberCount: integer"),
    ("MemberBadgeIds", "memberId: uuid, badgeIds: [uuid]"),
    ("BulkAssignment", "itemMetadata: BulkItem, item?: BadgeAssignment"),
    (
        "BadgeIcon",
        "id?: string, url?: url, height?: integer, width?: integer, altText?: string, \
         filename?: string",
    ),
    ("BadgeRule", "counter: BadgeRuleCounter, reaches: integer"),
    ("BadgeRuleCounter", "appId?: string, key: counterKey"),
    ("BadgeAssignmentInput", "badgeId: uuid, memberId: uuid"),
    (
        "BadgeAssignment",
        "id: uuid, badgeId: uuid, memberId: uuid, createdDate: time, updatedDate: time",
    ),
    (
        "Item",
        "appId: string, itemId: string, authorId: uuidOrNull, type: any, title: any, url: any, \
         likes: integer, createdDate: time",
    ),
    (
        "Event",
        "id: string, type: string, timestamp: time, siteId: uuid, memberId: uuidOrNull, seq: seq, \
         memberSeq: seqOrNull, data: any",
    ),
    (
        "CounterChange",
        "memberId: uuid, appId: string, key: counterKey, public: boolean, old: integer, \
         new: integer",
    ),
    ("Moderation", "reason?: moderationReason, until?: time, by?: moderatorName"),
    ("Sanction", "reason?: moderationReason, until?: time, by?: moderatorName, since: time"),
    ("Origin", "CREATION|IMPORT|SIGN_UP"),
    ("FieldChange", "field: string, old: any, new: any"),
    (
        "EventItem",
        "appId: string, itemId: string, authorId?: uuid, type?: itemType, title?: itemTitle, \
         url?: url",
    ),
    ("EventBadgeRule", "appId: string, key: counterKey, reaches: integer"),
    ("AssignmentReason", "type: ReasonType, appId?: string, key?: counterKey, count?: integer"),
    ("ReasonType", "ASSIGNED|RULE_REACHED|UNASSIGNED|BADGE_DELETED|MEMBER_DELETED"),
    ("EventEndpoint", "id: uuid, url: url, eventTypes: [string], createdDate: time"),
    (
        "EventType",
        "type: string, description: string, operational: boolean, wireTypes: [string], \
         schema: any, example: Event",
    ),
    ("Consumer", "name: string, after: seq, lagEvents: integer, updatedDate: time"),
    ("WebhookEndpoint", ENDPOINT),
    ("NewWebhookEndpoint", NEW_ENDPOINT),
    ("EndpointChannels", "memberIds?: [uuid], appIds?: [string], badgeIds?: [uuid]"),
    ("CounterBatch", "maxEvents?: batchEvents, everySeconds?: batchSeconds"),
    ("DeliveryMode", "parallel|fifo|fifo_by_member"),
    ("PayloadFormat", "standard|cloudevents|jwt"),
    ("BadgeEvents", "v4|v3"),
    ("AttemptResult", "delivered|endpoint_fault|throttled|event_fault|gone"),
    (
        "WebhookAttempt",
        "number: integer, eventId: string, eventSeq: seq, time: time, latencyMs: integer, \
         result: AttemptResult, status: any, fault: any, response: any, nextTry: any",
    ),
    ("DeadLetter", "eventSeq: seq, tries: integer, givenUpDate: time, status: any"),
    ("ReplayRange", "firstSeq?: seq, lastSeq?: seq, eventTypes?: [string], memberId?: uuid"),
    (
        "EndpointDelivery",
        "cursor: seq, lagEvents: integer, lagCapped: boolean, lagSeconds: integer, \
         parked: integer, deadLetters: integer, failingSince: any, heldUntil: any",
    ),
    (
        "TriedDelivery",
        "eventId: string, eventType: string, delivered: boolean, status: any, fault: any, \
         latencyMs: integer, response: string",
    ),
    (
        "Problem",
        "type: string, title: string, status: integer, detail: string, requestId: string, \
         errors: [PointedError], message: string, details: ProblemDetails",
    ),
    ("PointedError", "pointer: string, code: string, detail: string"),
    ("ProblemDetails", "applicationError?: ApplicationError, validationError?: ValidationError"),
    ("ApplicationError", "code: string, description: string, data: any"),
    ("ValidationError", "fieldViolations: [FieldViolation]"),
    (
        "FieldViolation",
        "field: string, description: string, violatedRule: string, ruleName: string, data?: any",
    ),
];

const ENDPOINT: &str = "id: uuid, url: url, eventTypes: [string], createdDate: time, \
         afterSeq: seq, disabled: boolean, disabledReason: any, previousSecretUntil: any, \
         oldSecrets: integer, description: any, headerNames: [string], channels: EndpointChannels, \
         conditions: any, ratePerMinute: any, mode: DeliveryMode, format: PayloadFormat, \
         appId: any, badgeEvents: any, requestOrigin: any, counterBatch: any, \
         maxInFlight: any, replays: [seq], \
         delivery?: EndpointDelivery";
const NEW_ENDPOINT: &str = "id: uuid, url: url, eventTypes: [string], createdDate: time, \
         afterSeq: seq, disabled: boolean, disabledReason: any, previousSecretUntil: any, \
         oldSecrets: integer, description: any, headerNames: [string], channels: EndpointChannels, \
         conditions: any, ratePerMinute: any, mode: DeliveryMode, format: PayloadFormat, \
         appId: any, badgeEvents: any, requestOrigin: any, counterBatch: any, \
         maxInFlight: any, replays: [seq], \
         secret: string";

/// A schema that stands alone: what it refers to is put in its place.
pub fn inlined(schema: Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let target = fields.get("$ref").and_then(|path| path.as_str()?.rsplit('/').next());
            let component = target.and_then(|name| components().find(|(n, _)| *n == name));
            match component {
                Some((_, shape)) if shape.contains('|') => enumeration(shape),
                Some((_, shape)) => inlined(object(shape)),
                None => {
                    let inside = fields.into_iter().map(|(name, value)| (name, inlined(value)));
                    Value::Object(inside.collect())
                }
            }
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(inlined).collect()),
        plain => plain,
    }
}

/// All components, by name.
fn components() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    COMPONENTS
        .iter()
        .chain(openapi_identity::COMPONENTS)
        .chain(openapi_settings::COMPONENTS)
        .chain(openapi_fields::COMPONENTS)
}

pub fn all() -> Value {
    let mut schemas = Map::new();
    for (name, shape) in components() {
        let schema = if shape.contains('|') { enumeration(shape) } else { object(shape) };
        schemas.insert((*name).to_owned(), schema);
    }
    Value::Object(schemas)
}

fn enumeration(shape: &str) -> Value {
    json!({"type": "string", "enum": shape.split('|').collect::<Vec<&str>>()})
}

/// The fields of a shape with their types.
pub fn fields(shape: &str) -> impl Iterator<Item = (&str, &str)> {
    shape.split(", ").filter_map(|field| field.trim().split_once(": "))
}

/// An object; fields whose name ends in `?` may be absent, and more than the named may be there.
pub fn object(shape: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, kind) in fields(shape) {
        let bare = name.trim_end_matches('?');
        if bare == name {
            required.push(name);
        }
        properties.insert(bare.to_owned(), schema(kind));
    }
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

pub fn schema(kind: &str) -> Value {
    if let Some(inner) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return json!({"type": "array", "items": schema(inner)});
    }
    if components().any(|(name, _)| *name == kind) {
        return json!({"$ref": format!("#/components/schemas/{kind}")});
    }
    scalar(kind)
}

fn scalar(kind: &str) -> Value {
    let text = |length_max: usize| json!({"type": "string", "maxLength": length_max});
    match kind {
        "uuid" => json!({"type": "string", "format": "uuid"}),
        "uuidOrNull" => json!({"type": ["string", "null"], "format": "uuid"}),
        "seqOrNull" => json!({"type": ["integer", "null"], "format": "int64", "minimum": 0}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "integer" => json!({"type": "integer", "format": "int64"}),
        "seq" => json!({"type": "integer", "format": "int64", "minimum": 0}),
        "boolean" => json!({"type": "boolean"}),
        "any" => json!({}),
        "color" => json!({"type": "string", "pattern": "^#[0-9A-Fa-f]{6}$"}),
        "email" => text(limits::EMAIL_BYTES_MAX),
        "password" => json!({
            "type": "string", "minLength": limits::PASSWORD_CHARS_MIN,
            "maxLength": limits::PASSWORD_BYTES_MAX,
        }),
        "nickname" => text(limits::NICKNAME_BYTES_MAX),
        "profileTitle" => text(limits::PROFILE_TITLE_BYTES_MAX),
        "profileText" => text(limits::PROFILE_TEXT_BYTES_MAX),
        "addressText" => text(limits::ADDRESS_TEXT_BYTES_MAX),
        "badgeTitle" => text(limits::BADGE_TITLE_CHARS_MAX),
        "reportText" => text(limits::REPORT_DESCRIPTION_BYTES_MAX),
        "moderationReason" => text(limits::MODERATION_REASON_BYTES_MAX),
        "fieldName" => text(limits::FIELD_NAME_CHARS_MAX),
        "slug" => text(limits::SLUG_BYTES_MAX),
        "roleKey" => text(limits::ROLE_KEY_BYTES_MAX),
        "roleTitle" => text(limits::ROLE_TITLE_BYTES_MAX),
        "moderatorName" => text(limits::MODERATOR_BYTES_MAX),
        "badgeDescription" => text(limits::BADGE_DESCRIPTION_CHARS_MAX),
        "counterKey" => text(limits::COUNTER_KEY_BYTES_MAX),
        "opId" => text(limits::OP_ID_BYTES_MAX),
        "producerName" => text(limits::PRODUCER_NAME_BYTES_MAX),
        "itemType" => text(limits::ITEM_TYPE_BYTES_MAX),
        "itemTitle" => text(limits::ITEM_TITLE_BYTES_MAX),
        "url" => text(limits::ITEM_URL_BYTES_MAX),
        "endpointText" => text(limits::ENDPOINT_DESCRIPTION_BYTES_MAX),
        "endpointRate" => json!({
            "type": ["integer", "null"], "minimum": 1,
            "maximum": limits::ENDPOINT_RATE_PER_MINUTE_MAX,
        }),
        "inFlight" => json!({
            "type": ["integer", "null"], "minimum": 1, "maximum": limits::DELIVERY_WINDOW_MAX,
        }),
        "batchEvents" => json!({
            "type": "integer", "minimum": 1, "maximum": limits::COUNTER_BATCH_EVENTS_MAX,
        }),
        "batchSeconds" => json!({
            "type": "integer", "minimum": 1, "maximum": limits::COUNTER_BATCH_SECONDS_MAX,
        }),
        "gracePeriod" => json!({
            "type": "integer", "minimum": 0, "maximum": limits::SECRET_OVERLAP_SECONDS_MAX,
        }),
        "hostName" => json!({"type": ["string", "null"], "maxLength": limits::ORIGIN_BYTES_MAX}),
        "cursor" => json!({
            "type": "string", "pattern": "^[A-Za-z0-9_-]*$", "maxLength": limits::CURSOR_BYTES_MAX,
        }),
        "pageLimit" => {
            json!({"type": "integer", "minimum": 1, "maximum": limits::PAGE_LIMIT_MAX})
        }
        "eventsLimit" => {
            json!({"type": "integer", "minimum": 1, "maximum": limits::EVENTS_PAGE_LIMIT_MAX})
        }
        "request" => json!({
            "type": "string",
            "description": "the whole request as base64url of JSON, instead of other parameters",
        }),
        _ => json!({"type": "string"}),
    }
}

//! The API document (OpenAPI 3.1), made from the route table and the words beside it. What it says
//! of access, limits and paths is read from where they are decided.

use serde_json::{Map, Value, json};

use super::access::Access;
use super::event_catalogue;
use super::openapi_badges;
use super::openapi_fields;
use super::openapi_identity;
use super::openapi_operations::{self, Described};
use super::openapi_schemas;
use super::openapi_settings;
use super::route::Row;
use super::router::is_parameter;
use super::routes::table;
use crate::domain::limits;

/// The whole document. A snapshot of it is kept with the tests, so that no change goes unseen.
pub fn document() -> Value {
    let mut paths = Map::new();
    for row in table() {
        let path = paths.entry(row.path.clone()).or_insert_with(|| json!({}));
        path[row.method.as_str().to_lowercase()] = operation(&row);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Guildhall",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            "description": DESCRIPTION,
        },
        "paths": paths,
        "webhooks": event_catalogue::webhooks(),
        "components": {
            "securitySchemes": {"credential": {
                "type": "apiKey", "in": "header", "name": "Authorization",
                "description": "An API key or a member's token, `Bearer` or not.",
            }},
            "schemas": openapi_schemas::all(),
        },
        "x-limits": limit_values(),
    })
}

const DESCRIPTION: &str = "Members, follows, likes, counters and badges of one site. The site \
    comes from the credential. Success is always 200 with a JSON body; everything else is one \
    problem body. Every answer carries `x-wix-request-id`, every answer that shows state \
    `x-wix-consistent`: the seq up to which it is durable.";

fn operation(row: &Row) -> Value {
    let described = operations().find(|described| described.name == row.operation);
    let mut operation = json!({
        "operationId": row.operation,
        "description": description(row),
        "responses": responses(row, described),
    });
    if row.access != Access::Public {
        operation["security"] = json!([{"credential": []}]);
    }
    let parameters = parameters(row, described);
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    let Some(described) = described else { return operation };
    operation["summary"] = json!(described.summary);
    operation["tags"] = json!([described.tag]);
    if row.body_bytes_max > 0 {
        operation["requestBody"] = request_body(row, described);
    }
    operation
}

fn operations() -> impl Iterator<Item = &'static Described> {
    let identity = openapi_identity::OPERATIONS.iter();
    let others = openapi_settings::OPERATIONS.iter().chain(identity);
    let others = others.chain(openapi_fields::OPERATIONS);
    openapi_operations::OPERATIONS.iter().chain(openapi_badges::OPERATIONS).chain(others)
}

fn description(row: &Row) -> String {
    let wanted = row.access.wanted();
    match row.aliases.as_slice() {
        [] => format!("{wanted}."),
        others => format!("{wanted}. Also at {}.", others.join(", ")),
    }
}

fn parameters(row: &Row, described: Option<&Described>) -> Vec<Value> {
    let mut parameters = Vec::new();
    for name in row.path.split('/').filter(|segment| is_parameter(segment)) {
        let name = name.trim_matches(['{', '}']);
        let kind = if matches!(name, "appId" | "itemId" | "file" | "name" | "roleKey" | "key") {
            "string"
        } else {
            "uuid"
        };
        let schema = openapi_schemas::schema(kind);
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    let query = described.map(|described| described.query).unwrap_or_default();
    for (name, kind) in openapi_schemas::fields(query) {
        let schema = openapi_schemas::schema(kind);
        parameters
            .push(json!({"name": name.trim_end_matches('?'), "in": "query", "schema": schema}));
    }
    parameters
}

fn request_body(row: &Row, described: &Described) -> Value {
    let schema = openapi_schemas::object(described.request);
    let mut content = Map::new();
    content.insert("application/json".to_owned(), json!({ "schema": schema }));
    if row.body_bytes_max == limits::BATCH_BODY_BYTES_MAX {
        let lines = format!("one object a line, up to {} lines", limits::BATCH_LINES_MAX);
        let lines = json!({"type": "string", "description": lines});
        content.insert("application/x-ndjson".to_owned(), json!({ "schema": lines }));
    }
    json!({
        "description": format!("at most {} bytes", row.body_bytes_max),
        "content": content,
    })
}

fn responses(row: &Row, described: Option<&Described>) -> Value {
    let (media, schema) = match row.operation {
        "page" | "pageFile" => ("*/*", json!({"type": "string"})),
        "metrics" => ("text/plain", json!({"type": "string"})),
        _ => {
            let response = described.map(|described| described.response).unwrap_or_default();
            ("application/json", openapi_schemas::object(response))
        }
    };
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let mut responses = json!({
        "default": {
            "description": "refused or failed",
            "content": {"application/problem+json": {"schema": problem}},
        },
    });
    if row.operation != "authorize" {
        let content = json!({media: {"schema": schema}});
        responses["200"] = json!({"description": "done", "content": content});
    }
    if matches!(row.operation, "authorize" | "logout") {
        responses["302"] = json!({"description": "a browser goes on to `Location`"});
    }
    responses
}

/// The limits that a caller can run into, under their names.
fn limit_values() -> Value {
    let mut values = json!({
        "bodyBytesMax": limits::BODY_BYTES_MAX,
        "batchBodyBytesMax": limits::BATCH_BODY_BYTES_MAX,
        "batchLinesMax": limits::BATCH_LINES_MAX,
        "bodyReadSecondsMax": limits::BODY_READ_SECONDS_MAX,
        "jsonDepthMax": limits::JSON_DEPTH_MAX,
        "queryPairsMax": limits::QUERY_PAIRS_MAX,
        "pageLimitMax": limits::PAGE_LIMIT_MAX,
        "pageLimitDefault": limits::PAGE_LIMIT_DEFAULT,
        "eventsPageLimitMax": limits::EVENTS_PAGE_LIMIT_MAX,
        "eventsScanMax": limits::EVENTS_SCAN_MAX,
        "connectionsMax": limits::CONNECTIONS_MAX,
        "filterConditionsMax": limits::FILTER_CONDITIONS_MAX,
        "filterDepthMax": limits::FILTER_DEPTH_MAX,
        "filterValuesMax": limits::FILTER_VALUES_MAX,
        "cursorBytesMax": limits::CURSOR_BYTES_MAX,
        "violationsMax": limits::VIOLATIONS_MAX,
        "memberTokenSeconds": limits::MEMBER_TOKEN_SECONDS,
        "membersPerSiteMax": limits::MEMBERS_PER_SITE_MAX,
        "itemsPerSiteMax": limits::ITEMS_PER_SITE_MAX,
        "followingPerMemberMax": limits::FOLLOWING_PER_MEMBER_MAX,
        "likesPerMemberMax": limits::LIKES_PER_MEMBER_MAX,
        "countersPerMemberMax": limits::COUNTERS_PER_MEMBER_MAX,
        "counterKeysPerSiteMax": limits::COUNTER_KEYS_PER_SITE_MAX,
        "countersPerPutMax": limits::COUNTERS_PER_PUT_MAX,
        "opIdsPerAppMax": limits::OP_IDS_PER_APP_MAX,
        "producersPerAppMax": limits::PRODUCERS_PER_APP_MAX,
        "badgesPerSiteMax": limits::BADGES_PER_SITE_MAX,
        "badgesPerMemberMax": limits::BADGES_PER_MEMBER_MAX,
        "badgesPerOrderMax": limits::BADGES_PER_ORDER_MAX,
        "assignmentsPerBulkMax": limits::ASSIGNMENTS_PER_BULK_MAX,
        "badgeMembersPerCallMax": limits::BADGE_MEMBERS_PER_CALL_MAX,
        "sortFieldsMax": limits::SORT_FIELDS_MAX,
        "keysPerSiteMax": limits::KEYS_PER_SITE_MAX,
        "oauthClientsPerSiteMax": limits::OAUTH_CLIENTS_PER_SITE_MAX,
        "redirectUrisPerClientMax": limits::REDIRECT_URIS_PER_CLIENT_MAX,
        "passwordBytesMax": limits::PASSWORD_BYTES_MAX,
        "sessionsPerMemberMax": limits::SESSIONS_PER_MEMBER_MAX,
        "loginFailuresMax": limits::LOGIN_FAILURES_MAX,
        "profileBytesMax": limits::PROFILE_BYTES_MAX,
        "contactEntriesMax": limits::CONTACT_ENTRIES_MAX,
        "customFieldsMax": limits::CUSTOM_FIELDS_MAX,
    });
    for (name, limit) in webhook_limits() {
        values[name] = json!(limit);
    }
    values
}

fn webhook_limits() -> [(&'static str, usize); 10] {
    [
        ("consumersPerSiteMax", limits::CONSUMERS_PER_SITE_MAX),
        ("endpointsPerSiteMax", limits::ENDPOINTS_PER_SITE_MAX),
        ("endpointEventTypesMax", limits::ENDPOINT_EVENT_TYPES_MAX),
        ("endpointHeadersMax", limits::ENDPOINT_HEADERS_MAX),
        ("endpointHeaderValueBytesMax", limits::ENDPOINT_HEADER_VALUE_BYTES_MAX),
        ("endpointChannelsMax", limits::ENDPOINT_CHANNELS_MAX),
        ("endpointConditionsMax", limits::ENDPOINT_CONDITIONS_MAX),
        ("conditionValuesMax", limits::CONDITION_VALUES_MAX),
        ("endpointRatePerMinuteMax", limits::ENDPOINT_RATE_PER_MINUTE_MAX as usize),
        ("endpointOldSecretsMax", limits::ENDPOINT_OLD_SECRETS_MAX),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_has_its_words_and_no_words_are_left_over() {
        let routes: BTreeSet<&str> = table().iter().map(|row| row.operation).collect();
        let words: BTreeSet<&str> = operations().map(|described| described.name).collect();
        assert_eq!(routes, words);
        assert_eq!(words.len(), operations().count());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}

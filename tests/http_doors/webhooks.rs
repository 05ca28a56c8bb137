//! Webhook endpoints as their owner manages them.

use serde_json::{Value, json};

use crate::client::{Site, text};
use crate::receiver::{body_of, next, receiver};

pub const ENDPOINTS: &str = "/v1/webhook-endpoints";

#[test]
fn a_secret_is_shown_where_it_is_made_and_never_again() {
    let site = Site::start();
    let wished = json!({"url": "http://127.0.0.1:9/hook", "eventTypes": ["follow.*"]});
    let created = site.done("POST", ENDPOINTS, wished)["endpoint"].clone();
    let secret = text(&created["secret"]);
    assert!(secret.starts_with("whsec_"), "{created}");
    let path = format!("{ENDPOINTS}/{}", text(&created["id"]));
    let read = site.done("GET", &path, Value::Null);
    assert_eq!(read["endpoint"]["eventTypes"], json!(["follow.*"]));
    let listed = site.done("GET", ENDPOINTS, Value::Null);
    assert_eq!(listed["endpoints"].as_array().map(Vec::len), Some(1));
    let rotated = site.done("POST", &format!("{path}/rotate"), Value::Null);
    let newer = text(&rotated["endpoint"]["secret"]);
    assert!(newer.starts_with("whsec_") && newer != secret, "{rotated}");
    let events = site.done("GET", "/v1/events?types=endpoint.*", Value::Null);
    for answer in [&read, &listed, &events, &site.done("GET", &path, Value::Null)] {
        let answer = answer.to_string();
        assert!(!answer.contains(&secret) && !answer.contains(&newer), "{answer}");
        assert!(!answer.contains("sealed"), "{answer}");
    }
    site.done("DELETE", &path, Value::Null);
    site.refused("GET", &path, Value::Null, (404, "ENDPOINT_NOT_FOUND"));
}

#[test]
fn a_receiver_that_may_not_be_called_is_refused_where_it_is_named() {
    let site = Site::start();
    for url in ["http://10.0.0.1/", "http://169.254.169.254/x", "ftp://127.0.0.1/", "nonsense"] {
        let problem =
            site.refused("POST", ENDPOINTS, json!({"url": url}), (400, "INVALID_ARGUMENT"));
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}");
        assert_eq!(problem["errors"][0]["code"], "RECEIVER_REFUSED", "{url}");
    }
    let both = json!({"eventTypes": ["Follow.*"]});
    let problem = site.refused("POST", ENDPOINTS, both, (400, "INVALID_ARGUMENT"));
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(2));
}

pub fn created(site: &Site, wished: &Value) -> (String, Value) {
    let endpoint = site.done("POST", ENDPOINTS, wished.clone())["endpoint"].clone();
    (format!("{ENDPOINTS}/{}", text(&endpoint["id"])), endpoint)
}

#[test]
fn every_setting_is_kept_shown_and_changed_one_by_one() {
    let site = Site::start();
    let ann = site.public("ann");
    let wished = json!({
        "url": "http://127.0.0.1:9/hook", "eventTypes": ["follow.*"], "description": "our CRM",
        "headers": {"X-Api-Key": "very secret"}, "channels": {"memberIds": [ann.id]},
        "conditions": {"memberId": {"$exists": true}}, "ratePerMinute": 90,
        "counterBatch": {"maxEvents": 50, "everySeconds": 30}, "maxInFlight": 64,
        "mode": "fifo_by_member", "format": "cloudevents",
    });
    let (path, endpoint) = created(&site, &wished);
    let shown = json!({
        "eventTypes": ["follow.*"], "description": "our CRM", "headerNames": ["x-api-key"],
        "channels": {"memberIds": [ann.id], "appIds": [], "badgeIds": []},
        "conditions": {"memberId": {"$exists": true}}, "ratePerMinute": 90,
        "counterBatch": {"maxEvents": 50, "everySeconds": 30}, "maxInFlight": 64,
        "mode": "fifo_by_member", "format": "cloudevents", "disabled": false,
    });
    for (name, value) in shown.as_object().unwrap() {
        assert_eq!(endpoint[name], *value, "{name}");
    }
    site.done("PATCH", &path, json!({"description": null, "counterBatch": null}));
    site.done("PATCH", &path, json!({"maxInFlight": null}));
    site.done("PATCH", &path, json!({"ratePerMinute": null, "counterBatch": {}}));
    let patch = json!({"mode": "parallel", "eventTypes": [], "channels": {}});
    let changed = site.done("PATCH", &path, patch)["endpoint"].clone();
    assert_eq!(changed["description"], Value::Null);
    assert_eq!((&changed["ratePerMinute"], &changed["maxInFlight"]), (&Value::Null, &Value::Null));
    assert_eq!(changed["counterBatch"], json!({"maxEvents": 200, "everySeconds": 10}));
    assert_eq!((&changed["mode"], &changed["eventTypes"]), (&json!("parallel"), &json!([])));
    assert_eq!(changed["headerNames"], json!(["x-api-key"]), "what is not sent is kept");
    let seq = site.done("GET", &path, Value::Null)["seq"].clone();
    let again = site.done("PATCH", &path, json!({"mode": "parallel"}));
    assert_eq!(again["seq"], seq, "nothing new is no event");
    let events = site.done("GET", "/v1/events?types=endpoint.*", Value::Null);
    assert!(!events.to_string().contains("very secret"), "{events}");
    let mut read = site.done("GET", &path, Value::Null)["endpoint"].clone();
    assert!(read.as_object_mut().unwrap().remove("delivery").is_some(), "how it goes: {read}");
    assert_eq!(read, changed);
}

#[test]
fn every_fault_of_an_endpoint_is_told_at_once_and_nothing_changes() {
    let site = Site::start();
    let (path, _) = created(&site, &json!({"url": "http://127.0.0.1:9/hook"}));
    let before = site.done("GET", &path, Value::Null);
    let bad = json!({
        "url": "http://10.0.0.1/", "eventTypes": ["Nope"], "description": "x".repeat(1_001),
        "headers": {"Host": "a"}, "channels": {"memberIds": ["7"], "appIds": ["a b"]},
        "conditions": {"a": {"$like": "b"}}, "ratePerMinute": 0, "mode": "lifo", "format": "xml",
        "appId": "blog", "counterBatch": {"maxEvents": 201, "everySeconds": 0},
        "maxInFlight": 65,
    });
    let problem = site.refused("PATCH", &path, bad, (400, "INVALID_ARGUMENT"));
    let mut found = crate::client::each(&problem["errors"], "/pointer");
    found.sort();
    let expected = [
        "/appId",
        "/channels/appIds/0",
        "/channels/memberIds/0",
        "/conditions/a/$like",
        "/counterBatch/everySeconds",
        "/counterBatch/maxEvents",
        "/description",
        "/eventTypes",
        "/format",
        "/headers/Host",
        "/maxInFlight",
        "/mode",
        "/ratePerMinute",
        "/url",
    ];
    assert_eq!(found, expected, "{problem}");
    assert_eq!(site.done("GET", &path, Value::Null), before);
    let grace = json!({"gracePeriodSeconds": 604_801});
    site.refused("POST", &format!("{path}/rotate"), grace, (400, "INVALID_ARGUMENT"));
    let unknown = format!("{ENDPOINTS}/00000000-0000-4000-8000-000000000000");
    for (method, rest) in
        [("PATCH", ""), ("POST", "/enable"), ("POST", "/disable"), ("POST", "/test")]
    {
        let path = format!("{unknown}{rest}");
        site.refused(method, &path, json!({}), (404, "ENDPOINT_NOT_FOUND"));
    }
}

#[test]
fn at_most_ten_old_secrets_sign_and_no_grace_ends_them_all() {
    let site = Site::start();
    let (path, _) = created(&site, &json!({"url": "http://127.0.0.1:9/hook"}));
    let rotate = format!("{path}/rotate");
    for count in 1..=10 {
        let rotated = site.done("POST", &rotate, json!({"gracePeriodSeconds": 3_600}));
        assert_eq!(rotated["endpoint"]["oldSecrets"], count);
    }
    site.refused("POST", &rotate, json!({}), (429, "OLD_SECRET_LIMIT"));
    let rotated = site.done("POST", &rotate, json!({"gracePeriodSeconds": 0}));
    assert_eq!(rotated["endpoint"]["oldSecrets"], 0);
}

#[test]
fn an_endpoint_that_was_disabled_gets_all_that_it_missed() {
    let site = Site::start();
    let (url, requests) = receiver();
    let (path, _) = created(&site, &json!({"url": url, "eventTypes": ["member.created"]}));
    let ann = site.public("ann");
    assert_eq!(body_of(&next(&requests))["memberId"], json!(ann.id));
    let disabled = site.done("POST", &format!("{path}/disable"), json!({}))["endpoint"].clone();
    assert_eq!(disabled["disabledReason"], "the owner disabled it");
    let (bob, cat) = (site.public("bob"), site.public("cat"));
    let enabled = site.done("POST", &format!("{path}/enable"), json!({}))["endpoint"].clone();
    assert_eq!(enabled["disabled"], false);
    let mut got: Vec<Value> =
        (0..2).map(|_| body_of(&next(&requests))["memberId"].clone()).collect();
    let mut expected = vec![json!(bob.id), json!(cat.id)];
    got.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(got, expected);
}

#[test]
fn channels_conditions_headers_and_formats_shape_what_is_delivered() {
    let site = Site::start();
    let (url, requests) = receiver();
    let (ann, bob) = (site.public("ann"), site.public("bob"));
    let wished = json!({
        "url": url, "eventTypes": ["follow.created"], "format": "cloudevents",
        "headers": {"Authorization": "Bearer ours"}, "channels": {"memberIds": [bob.id]},
        "conditions": {"affectedMemberId": bob.id},
    });
    created(&site, &wished);
    let cat = site.public("cat");
    let follow = |fan: &crate::client::Member, star: &crate::client::Member| {
        let path = format!("/members/v3/followers/{}", star.id);
        site.done_as(fan, "POST", &path, Value::Null);
    };
    follow(&cat, &ann);
    follow(&bob, &cat);
    follow(&cat, &bob);
    let request = next(&requests);
    let head = request.to_ascii_lowercase();
    assert!(head.contains("authorization: bearer ours\r\n"), "{request}");
    assert!(head.contains("content-type: application/cloudevents+json"), "{request}");
    let event = body_of(&request);
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "follow.created");
    assert_eq!(event["subject"], json!(cat.id));
    assert_eq!(event["data"]["affectedMemberId"], json!(bob.id));
    assert!(head.contains(&format!("webhook-id: {}", text(&event["id"]).to_ascii_lowercase())));
}

#[test]
fn a_test_delivery_tells_how_it_went_and_leaves_no_event() {
    let site = Site::start();
    let (url, requests) = receiver();
    let (path, _) = created(&site, &json!({"url": url, "eventTypes": ["follow.*"]}));
    let before = site.done("GET", &path, Value::Null)["seq"].clone();
    let test = format!("{path}/test");
    let tried = site.done("POST", &test, json!({"eventType": "item.liked"}));
    let attempt = &tried["attempt"];
    assert_eq!((&attempt["delivered"], &attempt["status"]), (&json!(true), &json!(200)));
    assert_eq!(attempt["response"], "heard");
    let body = body_of(&next(&requests));
    assert_eq!((&body["type"], &body["id"]), (&json!("item.liked"), &attempt["eventId"]));
    assert_eq!(tried["seq"], before);
    let unknown = json!({"eventType": "item.eaten"});
    site.refused("POST", &test, unknown, (400, "INVALID_ARGUMENT"));
    site.done("PATCH", &path, json!({"url": "http://127.0.0.1:1/closed"}));
    let tried = site.done("POST", &test, json!({}));
    assert_eq!(tried["attempt"]["delivered"], false);
    assert_eq!(tried["attempt"]["fault"], "could not connect");
}

#[test]
fn an_apps_key_is_made_once_and_its_public_half_is_served() {
    let site = Site::start();
    let keys = "/v1/apps/blog/webhook-keys";
    site.refused("GET", keys, Value::Null, (404, "APP_KEY_NOT_FOUND"));
    let (url, requests) = receiver();
    let wished = json!({"url": url, "format": "jwt", "appId": "blog"});
    let (path, endpoint) = created(&site, &wished);
    assert_eq!((&endpoint["appId"], &endpoint["badgeEvents"]), (&json!("blog"), &json!("v4")));
    let published = site.done("GET", keys, Value::Null);
    assert!(text(&published["publicKeyPem"]).starts_with("-----BEGIN PUBLIC KEY-----"));
    assert_eq!(published["keys"][0]["alg"], "RS256");
    created(&site, &json!({"url": "http://127.0.0.1:9/", "format": "jwt", "appId": "blog"}));
    assert_eq!(site.done("GET", keys, Value::Null), published, "the same pair");
    assert!(published.to_string().find("sealed").is_none());
    site.done("POST", &format!("{path}/test"), json!({"eventType": "follow.created"}));
    let token = next(&requests).split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(token.split('.').count(), 3, "{token}");
    let unsigned = json!({"eventType": "item.liked"});
    site.refused("POST", &format!("{path}/test"), unsigned, (400, "INVALID_ARGUMENT"));
}

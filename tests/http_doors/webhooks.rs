//! Webhook endpoints as their owner manages them.

use serde_json::{Value, json};

use crate::client::{Site, text};

const ENDPOINTS: &str = "/v1/webhook-endpoints";

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

//! Bulk routes and the event log.

use serde_json::{Value, json};

use crate::client::{OWNER_KEY, Site, code, each};

const INGEST: &str = "/v1/activity-counters/ingest";

#[test]
fn the_good_lines_of_an_import_are_taken_and_the_bad_ones_are_named() {
    let site = Site::start();
    let lines = concat!(
        r#"{"profile":{"nickname":"Ann"},"privacyStatus":"PUBLIC"}"#,
        "\n{\"loginEmail\":5}\n\n{oops\n",
        r#"{"profile":{"nickname":"Ben"}}"#,
    );
    let (status, answer) = site.send(OWNER_KEY, "POST", "/v1/members/import", Some(lines));
    assert_eq!(status, 200, "{answer}");
    let ids = answer["ids"].as_array().cloned().unwrap_or_default();
    let is_there: Vec<bool> = ids.iter().map(Value::is_string).collect();
    assert_eq!(is_there, [true, false, false, true]);
    assert_eq!(each(&answer["errors"], "/code"), ["INVALID_ARGUMENT", "MALFORMED_JSON"]);
    assert!(answer["seq"].is_u64());
    let follow = json!({"memberId": ids[3], "followingId": ids[0]});
    let lines = format!("{follow}\n{{\"memberId\":\"x\"}}\n{follow}");
    let (status, answer) = site.send(OWNER_KEY, "POST", "/v1/follows/import", Some(&lines));
    assert_eq!((status, each(&answer["errors"], "/code").len()), (200, 1), "{answer}");
    let path = format!("/members/v3/followers/{}", ids[0].as_str().unwrap_or_default());
    assert_eq!(site.done("GET", &path, Value::Null)["memberIds"], json!([ids[3]]));
}

#[test]
fn a_numbered_batch_counts_once_and_a_gap_is_refused() {
    let site = Site::start();
    let ann = site.public("Ann");
    let batch = |n: u64| {
        let good = json!({"memberId": ann.id, "key": "views", "delta": 2});
        json!({"producer": "shop", "n": n, "increments": [good, {"memberId": "x", "key": "views"}]})
    };
    let counted = site.done("POST", INGEST, batch(1));
    assert_eq!((&counted["accepted"], &counted["n"]), (&json!(1), &json!(1)));
    assert_eq!(counted["errors"][0]["index"], 1);
    assert_eq!(site.done("POST", INGEST, batch(1))["accepted"], 0);
    let problem = site.refused("POST", INGEST, batch(7), (409, "PRODUCER_GAP"));
    assert_eq!(problem["details"]["applicationError"]["data"]["last"], 1);
    let path = format!("/members/v1/activity-counters/{}", ann.id);
    let read = site.done("GET", &path, Value::Null);
    assert_eq!(read["activityCounters"][0]["counters"][0]["count"], 2);
}

#[test]
fn the_event_log_is_read_in_pages_by_type_and_by_seq() {
    let site = Site::start();
    for nickname in ["Ann", "Ben", "Cleo"] {
        site.public(nickname);
    }
    let mut after = json!(0);
    let mut names = Vec::new();
    loop {
        let path = format!("/v1/events?limit=1&types=member.*&after={after}");
        let page = site.done("GET", &path, Value::Null);
        names.extend(each(&page["events"], "/data/member/profile/nickname"));
        after = page["next"].clone();
        if page["hasMore"] == false {
            break;
        }
    }
    assert_eq!(names, ["Ann", "Ben", "Cleo"]);
    let none = site.done("GET", "/v1/events?types=badge.*", Value::Null);
    assert_eq!((&none["events"], &none["hasMore"]), (&json!([]), &json!(false)));
    let bad = "/v1/events?limit=1001&types=Bad&after=-1";
    let problem = site.refused("GET", bad, Value::Null, (400, "INVALID_ARGUMENT"));
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(3));
}

#[test]
fn malformed_and_oversized_bodies_are_refused_and_harm_nobody() {
    let site = Site::start();
    let path = "/members/v1/members";
    let post = |body: &str| {
        let (status, problem) = site.send(OWNER_KEY, "POST", path, Some(body));
        (status, code(&problem))
    };
    assert_eq!(post("{\"member\": tru}"), (400, "MALFORMED_JSON".to_owned()));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    assert_eq!(post(&deep), (400, "JSON_TOO_DEEP".to_owned()));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(300_000));
    assert_eq!(post(&large), (413, "BODY_TOO_LARGE".to_owned()));
    assert_eq!(post("{}").0, 200);
}

//! What became of deliveries, what is sent once more, and what of an endpoint outlives the process.

use serde_json::{Value, json};

use crate::client::Site;
use crate::receiver::{body_of, eventually, next, receiver, receiver_that_says};
use crate::webhooks::{ENDPOINTS, created};

#[test]
fn attempts_lag_and_replays_are_there_for_the_owner() {
    let site = Site::start();
    let (url, requests) = receiver();
    let (path, _) = created(&site, &json!({"url": url, "eventTypes": ["member.created"]}));
    let ids: Vec<String> = (0..5).map(|n| site.public(&format!("m{n}")).id).collect();
    let mut seqs: Vec<u64> =
        (0..5).map(|_| body_of(&next(&requests))["seq"].as_u64().unwrap()).collect();
    seqs.sort_unstable();
    let listed = eventually(|| {
        let all = site.done("GET", &format!("{path}/attempts"), Value::Null);
        (all["attempts"].as_array().unwrap().len() == 5)
            .then(|| site.done("GET", &format!("{path}/attempts?limit=2"), Value::Null))
    });
    let attempt = &listed["attempts"][0];
    assert_eq!((&attempt["result"], &attempt["status"]), (&json!("delivered"), &json!(200)));
    assert_eq!(attempt["number"], 5, "newest first");
    let rest = format!("{path}/attempts?before={}", listed["next"]);
    assert_eq!(
        crate::client::each(&site.done("GET", &rest, Value::Null)["attempts"], "/eventId").len(),
        3
    );
    let none = format!("{path}/attempts?result=event_fault");
    assert_eq!(site.done("GET", &none, Value::Null)["attempts"], json!([]));
    let delivery = eventually(|| {
        let endpoint = site.done("GET", &path, Value::Null)["endpoint"].clone();
        (endpoint["delivery"]["lagEvents"] == 0).then(|| endpoint["delivery"].clone())
    });
    assert_eq!((&delivery["lagSeconds"], &delivery["parked"]), (&json!(0), &json!(0)));

    let replay = format!("{path}/replay");
    let range = json!({"firstSeq": seqs[1], "lastSeq": seqs[3], "memberId": ids[2]});
    let dry = site.done("POST", &replay, json!({"range": range, "dryRun": true}));
    assert_eq!((&dry["matching"], &dry["replayId"]), (&json!(1), &Value::Null));
    let begun = site.done("POST", &replay, json!({"range": range}));
    assert_eq!(begun["matching"], 1);
    assert_eq!(body_of(&next(&requests))["memberId"], json!(ids[2]));
    site.done("POST", &replay, json!({"eventSeq": seqs[0]}));
    assert_eq!(body_of(&next(&requests))["seq"], json!(seqs[0]));
    let (elsewhere, heard) = receiver();
    let once = site.done("POST", &replay, json!({"eventSeq": seqs[4], "url": elsewhere}));
    assert_eq!(once["attempt"]["delivered"], true);
    assert_eq!(body_of(&next(&heard))["seq"], json!(seqs[4]));
    eventually(|| {
        let endpoint = site.done("GET", &path, Value::Null)["endpoint"].clone();
        (endpoint["replays"] == json!([])).then_some(())
    });
    let events = site.done("GET", "/v1/events?types=endpoint.*", Value::Null);
    let types = crate::client::each(&events["events"], "/type");
    let count = |name: &str| types.iter().filter(|kind| *kind == name).count();
    assert_eq!((count("endpoint.replay_started"), count("endpoint.replay_finished")), (2, 2));
    let failed = site.done("POST", &replay, json!({"failedSince": "2020-01-01T00:00:00Z"}));
    assert_eq!(failed["matching"], 0, "nothing failed, so nothing begins");
}

#[test]
fn replays_and_dead_letters_refuse_what_they_cannot_do() {
    let site = Site::start();
    let (path, _) = created(&site, &json!({"url": "http://127.0.0.1:9/hook"}));
    let replay = format!("{path}/replay");
    for wrong in [
        json!({}),
        json!({"eventSeq": 1, "failedSince": "2020-01-01T00:00:00Z"}),
        json!({"eventSeq": 0}),
        json!({"failedSince": "yesterday"}),
        json!({"range": {"firstSeq": 9, "lastSeq": 3}}),
        json!({"range": {"eventTypes": ["Nope"]}}),
        json!({"range": {}, "url": "http://127.0.0.1:9/x"}),
        json!({"eventSeq": 1, "url": "http://10.0.0.1/"}),
    ] {
        site.refused("POST", &replay, wrong, (400, "INVALID_ARGUMENT"));
    }
    let gone = json!({"eventSeq": 999, "url": "http://127.0.0.1:9/x"});
    site.refused("POST", &replay, gone, (404, "EVENT_NOT_FOUND"));
    let letters = format!("{path}/dead-letters");
    let listed = site.done("GET", &letters, Value::Null);
    assert_eq!((&listed["deadLetters"], &listed["total"]), (&json!([]), &json!(0)));
    let retry = format!("{letters}/retry");
    site.refused("POST", &retry, json!({}), (404, "DEAD_LETTER_NOT_FOUND"));
    site.refused("POST", &retry, json!({"eventSeqs": [0]}), (400, "INVALID_ARGUMENT"));
    assert_eq!(site.done("POST", &format!("{letters}/purge"), json!({}))["purged"], 0);
    site.refused(
        "GET",
        &format!("{path}/attempts?result=good"),
        Value::Null,
        (400, "INVALID_ARGUMENT"),
    );
}

#[test]
fn the_catalogue_tells_every_type_with_its_schema_and_an_example() {
    let site = Site::start();
    let catalogue = site.done("GET", "/v1/event-types", Value::Null);
    let types = catalogue["eventTypes"].as_array().unwrap();
    let of = |name: &str| types.iter().find(|one| one["type"] == name).unwrap();
    let follow = of("follow.created");
    assert_eq!(follow["wireTypes"], json!(["wix.members.v3.follow_member_followed"]));
    assert_eq!(follow["schema"]["properties"]["type"], json!({"const": "follow.created"}));
    assert_eq!(follow["example"]["type"], "follow.created");
    assert_eq!(of("badge.assigned")["wireTypes"].as_array().unwrap().len(), 2);
    assert_eq!(of("attempt.failing")["operational"], true);
    let member = site.public("ann");
    site.done_as(&member, "GET", "/v1/event-types", Value::Null);
}

#[test]
fn a_consumer_reads_from_its_own_place_and_moves_on_when_it_says_so() {
    let site = Site::start();
    let consumer = "/v1/events/consumers/crm";
    let read = "/v1/events?consumer=crm&types=member.created";
    site.refused("GET", read, Value::Null, (404, "CONSUMER_NOT_FOUND"));
    let ack = format!("{consumer}/ack");
    site.refused("POST", &ack, json!({"seq": 0}), (404, "CONSUMER_NOT_FOUND"));
    site.public("before");
    let made = site.done("PUT", consumer, json!({}))["consumer"].clone();
    assert_eq!(made["lagEvents"], 0, "a new one begins at the newest event");
    let ann = site.public("ann");
    site.public("bob");
    let page = site.done("GET", &format!("{read}&limit=1"), Value::Null);
    let ids = crate::client::each(&page["events"], "/memberId");
    assert_eq!(ids, std::slice::from_ref(&ann.id));
    assert_eq!(
        site.done("GET", &format!("{read}&limit=1"), Value::Null),
        page,
        "reading moves nothing"
    );
    let next = page["next"].clone();
    site.done("POST", &ack, json!({"seq": next}));
    let rest = site.done("GET", read, Value::Null);
    assert_eq!(rest["events"].as_array().map(Vec::len), Some(1));
    let older = site.done("POST", &ack, json!({"seq": 1}))["consumer"].clone();
    assert_eq!(older["after"], next, "an older place changes nothing");
    site.refused("POST", &ack, json!({"seq": 1_000_000}), (400, "INVALID_ARGUMENT"));
    site.refused("GET", &format!("{read}&after=1"), Value::Null, (400, "INVALID_ARGUMENT"));
    site.done("PUT", consumer, json!({"after": 0}));
    let all = site.done("GET", read, Value::Null);
    assert_eq!(all["events"].as_array().map(Vec::len), Some(3));
    for n in 1..100 {
        site.done("PUT", &format!("/v1/events/consumers/c{n}"), json!({}));
    }
    site.refused("PUT", "/v1/events/consumers/more", json!({}), (429, "CONSUMER_LIMIT"));
    let listed = site.done("GET", "/v1/events/consumers", Value::Null);
    assert_eq!(listed["consumers"].as_array().map(Vec::len), Some(100));
    site.refused("PUT", "/v1/events/consumers/a%20b", json!({}), (404, "CONSUMER_NOT_FOUND"));
    site.done("DELETE", consumer, Value::Null);
    site.refused("DELETE", consumer, Value::Null, (404, "CONSUMER_NOT_FOUND"));
}

#[test]
fn a_receiver_is_asked_for_its_consent_where_an_origin_is_named() {
    let site = Site::start();
    let (silent, asked) = receiver();
    let wished = |url: &str| json!({"url": url, "requestOrigin": "Events.example.com"});
    let problem = site.refused("POST", ENDPOINTS, wished(&silent), (400, "INVALID_ARGUMENT"));
    assert_eq!(problem["errors"][0]["code"], "NO_CONSENT");
    let question = next(&asked).to_ascii_lowercase();
    assert!(question.starts_with("options /hook http/1.1\r\n"), "{question}");
    assert!(question.contains("webhook-request-origin: events.example.com\r\n"), "{question}");
    let consent = "webhook-allowed-origin: *\r\nwebhook-allowed-rate: 120\r\n";
    let (willing, asked) = receiver_that_says(consent);
    let (path, endpoint) = created(&site, &wished(&willing));
    next(&asked);
    assert_eq!(endpoint["requestOrigin"], "events.example.com");
    assert_eq!(endpoint["ratePerMinute"], 120, "the rate that it allows");
    site.done("POST", &format!("{path}/test"), json!({}));
    let delivery = next(&asked).to_ascii_lowercase();
    assert!(delivery.contains("webhook-request-origin: events.example.com\r\n"), "{delivery}");
    site.refused("PATCH", &path, json!({"url": silent}), (400, "INVALID_ARGUMENT"));
    site.done("PATCH", &path, json!({"url": silent, "requestOrigin": null}));
}

#[test]
fn counters_are_reported_to_who_reads_by_name() {
    let site = Site::start();
    let ann = site.public("ann");
    let increment = |delta: i64| {
        let path = format!("/members/v1/activity-counters/{}/increment", ann.id);
        site.done("POST", &path, json!({"counter": {"key": "posts", "delta": delta}}));
    };
    increment(1);
    site.done("PUT", "/v1/events/consumers/crm", json!({}));
    let reported = eventually(|| {
        increment(1);
        let read = "/v1/events?consumer=crm&types=counter.updated";
        let events = site.done("GET", read, Value::Null)["events"].clone();
        events.as_array().filter(|events| !events.is_empty()).map(|events| events[0].clone())
    });
    assert_eq!(reported["memberId"], json!(ann.id));
    assert!(reported["data"]["new"].as_i64() > reported["data"]["old"].as_i64(), "{reported}");
}

#[test]
fn everything_about_an_endpoint_outlives_the_process() {
    let site = Site::start();
    let (url, requests) = receiver();
    let wished = json!({
        "url": url, "eventTypes": ["member.created"], "description": "ours", "ratePerMinute": 600,
        "headers": {"x-key": "abc"}, "mode": "fifo", "format": "jwt", "appId": "blog",
        "conditions": {"member.profile.nickname": {"$startsWith": "a"}},
    });
    let (path, _) = created(&site, &wished);
    site.done("POST", &format!("{path}/rotate"), json!({"gracePeriodSeconds": 3_600}));
    site.public("ann");
    let token = next(&requests);
    let attempts = eventually(|| {
        let listed = site.done("GET", &format!("{path}/attempts"), Value::Null)["attempts"].clone();
        (listed.as_array().map(Vec::len) == Some(1)).then_some(listed)
    });
    let keys = site.done("GET", "/v1/apps/blog/webhook-keys", Value::Null);
    site.done("PUT", "/v1/events/consumers/crm", json!({"after": 2}));
    site.done("POST", &format!("{path}/disable"), json!({}));
    site.public("adam");
    site.public("bob");
    let shown = site.done("GET", ENDPOINTS, Value::Null)["endpoints"].clone();

    let site = site.restarted();
    assert_eq!(site.done("GET", ENDPOINTS, Value::Null)["endpoints"], shown);
    assert_eq!(site.done("GET", &format!("{path}/attempts"), Value::Null)["attempts"], attempts);
    assert_eq!(site.done("GET", "/v1/apps/blog/webhook-keys", Value::Null), keys);
    let consumers = site.done("GET", "/v1/events/consumers", Value::Null);
    assert_eq!(consumers["consumers"][0]["after"], 2);
    let lag = site.done("GET", &path, Value::Null)["endpoint"]["delivery"].clone();
    assert_eq!(lag["lagEvents"], 1, "what it takes of what came meanwhile: {lag}");
    site.done("POST", &format!("{path}/enable"), json!({}));
    let later = next(&requests);
    assert!(later.contains("x-key: abc\r\n") && token.contains("x-key: abc\r\n"), "{later}");
    assert_eq!(later.to_ascii_lowercase().matches(" v1,").count(), 2, "two secrets sign: {later}");
    site.done("POST", &format!("{path}/replay"), json!({"range": {"memberId": null}}));
    next(&requests);
}

//! Members: creation, fieldsets, queries, paging, edits, tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::{Site, code, each, text};

const MEMBERS: &str = "/members/v1/members";

#[test]
fn a_member_is_shown_as_far_as_the_fieldset_says() {
    let site = Site::start();
    let member = json!({
        "loginEmail": "ann@example.org", "privacyStatus": "PUBLIC",
        "profile": {"nickname": "Ann"}, "contact": {"firstName": "Ann"},
    });
    let created = site.done("POST", MEMBERS, json!({"member": member}))["member"].clone();
    assert_eq!(created["status"], "APPROVED");
    assert_eq!(created["contact"]["firstName"], "Ann");
    let path = format!("{MEMBERS}/{}", text(&created["id"]));
    let public = site.done("GET", &path, Value::Null)["member"].clone();
    assert_eq!(public["profile"]["nickname"], "Ann");
    for status in ["status", "privacyStatus", "activityStatus"] {
        assert_eq!(public[status], "UNKNOWN", "{status}");
    }
    assert!(public["loginEmail"].is_null() && public["contact"].is_null(), "{public}");
    let both = format!("{path}?fieldsets=PUBLIC&fieldsets=EXTENDED");
    let extended = site.done("GET", &both, Value::Null)["member"].clone();
    assert_eq!(extended["loginEmail"], "ann@example.org");
    assert!(extended["contact"].is_null(), "{extended}");
    let same = site.done("GET", &format!("/_api{path}?fieldsets=FULL&id=x"), Value::Null);
    assert_eq!(same["member"]["contact"]["firstName"], "Ann");
    site.refused("GET", &format!("{path}?fieldsets=ALL"), Value::Null, (400, "INVALID_ARGUMENT"));
}

#[test]
fn unknown_malformed_and_hidden_ids_look_alike() {
    let site = Site::start();
    let (ann, hidden) = (site.public("Ann"), site.create("Hidden", "PRIVATE"));
    let answer = |id: &str| {
        let path = format!("{MEMBERS}/{id}");
        let (status, mut problem) = site.ask_as(&ann.token, "GET", &path, Value::Null);
        problem["requestId"] = json!("");
        (status, problem.to_string().replace(id, "ID"))
    };
    let unknown = answer("00000000-0000-4000-8000-000000000000");
    assert_eq!(unknown.0, 404);
    assert_eq!(answer(&hidden.id), unknown);
    assert_eq!(answer("nonsense").0, 404);
}

#[test]
fn only_what_is_sent_of_a_member_changes() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let path = format!("{MEMBERS}/{}", ann.id);
    let patch =
        |member: Value| site.done("PATCH", &path, json!({"member": member}))["member"].clone();
    patch(json!({"id": ann.id, "profile": {"title": "Boss"}, "contact": {"phones": ["1"]}}));
    let edited = patch(json!({"profile": {"title": ""}, "contact": {"phones": []}}));
    assert_eq!(edited["profile"]["nickname"], "Ann");
    assert!(edited["profile"]["title"].is_null(), "{edited}");
    assert_eq!(edited["contact"]["phones"], json!(["1"]));
    let by_ann = json!({"member": {"profile": {"title": "Me"}}});
    assert_eq!(
        site.done_as(&ann, "PATCH", &path, by_ann.clone())["member"]["profile"]["title"],
        "Me"
    );
    let (status, problem) = site.ask_as(&ben.token, "PATCH", &path, by_ann);
    assert_eq!((status, code(&problem).as_str()), (403, "PERMISSION_DENIED"));
}

#[test]
fn every_page_of_a_query_is_reached_once_by_offset_and_by_cursor() {
    let site = Site::start();
    for nickname in ["Ann", "Ben", "Cleo", "Dev", "Elif"] {
        site.public(nickname);
    }
    site.create("Zoe", "PRIVATE");
    let filter = json!({"privacyStatus": {"$eq": "PUBLIC"}});
    let sort = json!([{"fieldName": "profile.nickname", "order": "DESC"}]);
    let path = format!("{MEMBERS}/query");
    let query = |query: Value| site.done("POST", &path, json!({ "query": query }));

    let offset = json!({"offset": 1, "limit": 2});
    let page = query(json!({"filter": filter, "sorting": sort, "paging": offset}));
    assert_eq!(each(&page["members"], "/profile/nickname"), ["Dev", "Cleo"]);
    assert_eq!((&page["metadata"]["total"], &page["metadata"]["offset"]), (&json!(5), &json!(1)));

    let cursor = json!({"limit": 2});
    let mut page = query(json!({"filter": filter, "sort": sort, "cursorPaging": cursor}));
    let mut found = each(&page["members"], "/profile/nickname");
    let first = page["metadata"]["cursors"]["next"].clone();
    while let Some(next) = page["metadata"]["cursors"]["next"].as_str() {
        // As real clients ask: the cursor alone.
        page = query(json!({"cursorPaging": {"cursor": next, "limit": 2}}));
        found.extend(each(&page["members"], "/profile/nickname"));
    }
    assert_eq!(found, ["Elif", "Dev", "Cleo", "Ben", "Ann"]);
    let other = json!({"filter": {"status": "APPROVED"}, "cursorPaging": {"cursor": first}});
    site.refused("POST", &path, json!({ "query": other }), (400, "INVALID_CURSOR"));
}

#[test]
fn a_list_takes_its_request_in_one_parameter() {
    let site = Site::start();
    for nickname in ["Ann", "Ben", "Cleo"] {
        site.public(nickname);
    }
    let request = json!({
        "paging": {"limit": 2, "offset": 0},
        "sorting": [{"fieldName": "_createdDate", "order": "DESC"}],
    });
    let request = URL_SAFE_NO_PAD.encode(request.to_string());
    let page = site.done("GET", &format!("{MEMBERS}?.r={request}"), Value::Null);
    assert_eq!(each(&page["members"], "/profile/nickname"), ["Cleo", "Ben"]);
    let dotted = format!("{MEMBERS}?paging.limit=1&paging.offset=2");
    let page = site.done("GET", &dotted, Value::Null);
    assert_eq!(each(&page["members"], "/profile/nickname"), ["Cleo"]);
}

#[test]
fn all_faults_of_a_query_are_told_at_once() {
    let site = Site::start();
    let query = json!({
        "filter": {"contactId": "x", "loginEmail": {"$gt": "a"}},
        "paging": {"limit": 101},
        "sort": [{"fieldName": "lastLoginDate"}],
    });
    let expected = (400, "INVALID_ARGUMENT");
    let path = format!("{MEMBERS}/query");
    let problem = site.refused("POST", &path, json!({ "query": query }), expected);
    let violations = &problem["details"]["validationError"]["fieldViolations"];
    let mut rules = each(violations, "/violatedRule");
    rules.sort_unstable();
    let expected = ["MAX_VALUE", "UNSUPPORTED_FIELD", "UNSUPPORTED_OPERATOR", "UNSUPPORTED_SORT"];
    assert_eq!(rules, expected);
    assert_eq!(each(&problem["errors"], "/pointer").len(), 4);
}

#[test]
fn a_token_lets_its_member_act_and_nothing_else() {
    let site = Site::start();
    let ann = site.public("Ann");
    let me = site.done_as(&ann, "GET", &format!("{MEMBERS}/my?fieldsets=FULL"), Value::Null);
    assert_eq!(
        (text(&me["member"]["id"]), text(&me["member"]["status"])),
        (ann.id.clone(), "APPROVED".to_owned())
    );
    for (method, path) in [("POST", MEMBERS), ("GET", "/v1/events"), ("POST", "/v1/member-tokens")]
    {
        let (status, problem) = site.ask_as(&ann.token, method, path, json!({}));
        assert_eq!((status, code(&problem).as_str()), (403, "PERMISSION_DENIED"), "{path}");
    }
    site.refused("GET", &format!("{MEMBERS}/my"), Value::Null, (403, "PERMISSION_DENIED"));
    let (status, _) = site.ask_as("nobody", "GET", MEMBERS, Value::Null);
    assert_eq!(status, 401);
}

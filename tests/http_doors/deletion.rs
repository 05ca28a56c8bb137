//! Members that go: what is left of them, what others see, who takes over what they wrote.

use serde_json::{Value, json};

use crate::client::{Member, Site, code, each, text};

const MEMBERS: &str = "/members/v1/members";
const POST: &str = "/v1/items/shop/post-1";

/// What a deleted member leaves ends in slices; each ask is a turn later.
fn until(site: &Site, done: impl Fn(&[String]) -> bool) -> Vec<String> {
    loop {
        let events = site.done("GET", "/v1/events?limit=1000", Value::Null)["events"].clone();
        let types = each(&events, "/type");
        if done(&types) {
            return types;
        }
    }
}

fn total(site: &Site, path: &str) -> Value {
    let page = site.done("GET", path, Value::Null);
    let members = each(&page["memberIds"], "");
    let told = page.get("total").cloned().unwrap_or(page["pagingMetadata"]["total"].clone());
    if let Some(told) = told.as_u64() {
        assert_eq!(told as usize, members.len(), "{path}: a total is the length of its list");
    }
    json!(members)
}

#[test]
fn a_deleted_member_is_nowhere_and_its_name_is_free_again() {
    let site = Site::start();
    let named = json!({"member": {
        "loginEmail": "ann@example.org", "privacyStatus": "PUBLIC", "profile": {"nickname": "Ann"},
    }});
    let created = site.done("POST", MEMBERS, named.clone())["member"].clone();
    let ann = text(&created["id"]);
    let token = site.done("POST", "/v1/member-tokens", json!({"memberId": ann}));
    let ann = Member { id: ann, token: text(&token["accessToken"]) };
    let ben = site.public("Ben");
    let follow = |by: &Member, whom: &Member| {
        site.done_as(by, "POST", &format!("/members/v3/followers/{}", whom.id), json!({}))
    };
    follow(&ann, &ben);
    follow(&ben, &ann);
    site.done("PUT", POST, json!({"author": ben.id}));
    site.done_as(&ann, "POST", &format!("{POST}/likes"), Value::Null);
    let path = format!("{MEMBERS}/{}", ann.id);
    assert_eq!(site.done("DELETE", &path, Value::Null), json!({}));
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("GET", format!("/members/v3/followers/{}", ann.id)),
        ("GET", format!("/members/v1/activity-counters/{}", ann.id)),
    ] {
        site.refused(method, &path, Value::Null, (404, "MEMBER_NOT_FOUND"));
    }
    // Its token may live on; nothing is read with it any more, however public.
    for path in [format!("{MEMBERS}/my"), MEMBERS.to_owned(), POST.to_owned()] {
        let (status, problem) = site.ask_as(&ann.token, "GET", &path, Value::Null);
        assert_eq!((status, code(&problem).as_str()), (403, "MEMBER_DELETED"), "{path}");
    }
    assert_eq!(total(&site, &format!("/members/v3/followers/{}", ben.id)), json!([]));
    assert_eq!(total(&site, &format!("/members/v3/followers/{}/following", ben.id)), json!([]));
    assert_eq!(total(&site, &format!("{POST}/likes")), json!([]));
    let listed = site.done("GET", MEMBERS, Value::Null);
    assert_eq!(each(&listed["members"], "/id"), std::slice::from_ref(&ben.id));
    assert_eq!(listed["metadata"]["total"], 1);
    let types = until(&site, |types| types.iter().any(|one| one == "item.unliked"));
    let after: Vec<&str> =
        types.iter().skip_while(|one| *one != "member.deleted").map(String::as_str).collect();
    assert_eq!(after, ["member.deleted", "follow.deleted", "follow.deleted", "item.unliked"]);
    let counters = format!("/members/v1/activity-counters/{}", ben.id);
    let counters = site.done("GET", &counters, Value::Null)["activityCounters"].clone();
    assert_eq!(counters[0]["counters"][0]["count"], 0, "{counters}");
    let again = site.done("POST", MEMBERS, named)["member"].clone();
    assert_eq!(again["profile"]["slug"], created["profile"]["slug"]);
    assert_ne!(again["id"], created["id"]);
    let site = site.restarted();
    site.refused("GET", &path, Value::Null, (404, "MEMBER_NOT_FOUND"));
    assert_eq!(site.done("GET", MEMBERS, Value::Null)["metadata"]["total"], 2);
}

#[test]
fn whoever_takes_over_what_a_member_wrote_gets_its_likes() {
    let site = Site::start();
    let (ann, ben, cleo) = (site.public("Ann"), site.public("Ben"), site.public("Cleo"));
    site.done("PUT", POST, json!({"author": ann.id, "title": "Hello"}));
    for liker in [&ben, &cleo] {
        site.done_as(liker, "POST", &format!("{POST}/likes"), Value::Null);
    }
    let path = |assignee: &str| format!("{MEMBERS}/my?contentAssigneeId={assignee}");
    let refused = |assignee: &str, expected: (u16, &str)| {
        let (status, problem) = site.ask_as(&ann.token, "DELETE", &path(assignee), Value::Null);
        assert_eq!((status, code(&problem).as_str()), expected, "{problem}");
    };
    refused(&ann.id, (409, "CONTENT_ASSIGNEE_INVALID"));
    refused("00000000-0000-4000-8000-000000000000", (404, "MEMBER_NOT_FOUND"));
    refused("nonsense", (400, "INVALID_ARGUMENT"));
    assert_eq!(site.done_as(&ann, "DELETE", &path(&ben.id), Value::Null), json!({}));
    let events = site.done("GET", "/v1/events?types=member.deleted", Value::Null);
    assert_eq!(each(&events["events"], "/data/contentAssigneeId"), std::slice::from_ref(&ben.id));
    let item = site.done("GET", POST, Value::Null)["item"].clone();
    assert_eq!((&item["author"], &item["likes"]), (&Value::Null, &json!(2)));
    site.done("PUT", POST, json!({"author": ben.id, "title": "Hello"}));
    let counters = format!("/members/v1/activity-counters/{}", ben.id);
    let counters = site.done("GET", &counters, Value::Null)["activityCounters"].clone();
    let received = json!({"key": "likes.received", "public": true, "count": 2});
    let all = counters[0]["counters"].as_array().cloned().unwrap_or_default();
    assert!(all.contains(&received), "{counters}");
    let other = json!({"author": cleo.id, "title": "Hello"});
    site.refused("PUT", POST, other, (409, "ITEM_AUTHOR_IMMUTABLE"));
    site.done_as(&cleo, "DELETE", &format!("{POST}/likes"), Value::Null);
}

#[test]
fn whom_the_leaving_member_may_not_see_takes_over_nothing() {
    let site = Site::start();
    let (ann, hidden) = (site.public("Ann"), site.create("Hugh", "PRIVATE"));
    let unknown = "00000000-0000-4000-8000-00000000dead";
    for heir in [hidden.id.as_str(), unknown] {
        let path = format!("{MEMBERS}/my?contentAssigneeId={heir}");
        let (status, problem) = site.ask_as(&ann.token, "DELETE", &path, Value::Null);
        assert_eq!((status, code(&problem).as_str()), (404, "MEMBER_NOT_FOUND"));
    }
    site.done("GET", &format!("{MEMBERS}/{}", ann.id), Value::Null);
}

#[test]
fn many_are_deleted_each_for_itself() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let bulk = "/members/v1/members/bulk/delete";
    let unknown = "00000000-0000-4000-8000-000000000000";
    let asked = json!({"memberIds": [ann.id, unknown, ben.id]});
    let answer = site.done("POST", bulk, asked);
    let counts = json!({"totalSuccesses": 2, "totalFailures": 1, "undetailedFailures": 0});
    assert_eq!(answer["bulkActionMetadata"], counts);
    let failed = &answer["results"][1]["itemMetadata"];
    assert_eq!((&failed["id"], &failed["originalIndex"]), (&json!(unknown), &json!(1)));
    assert_eq!(failed["error"]["code"], "MEMBER_NOT_FOUND");
    assert_eq!(answer["results"][2]["itemMetadata"]["success"], true);
    assert_eq!(site.done("GET", MEMBERS, Value::Null)["metadata"]["total"], 0);
    for wrong in [json!([]), json!(vec![unknown; 101]), json!(["x"]), json!("x"), Value::Null] {
        let wrong = json!({"memberIds": wrong});
        site.refused("POST", bulk, wrong, (400, "INVALID_ARGUMENT"));
    }
}

#[test]
fn parts_of_a_contact_go_one_kind_at_a_time() {
    let site = Site::start();
    let contact = json!({
        "phones": ["1"], "emails": ["a@example.org"], "addresses": [{"city": "Rome"}],
        "firstName": "Ann",
    });
    let member = json!({"member": {"contact": contact, "privacyStatus": "PUBLIC"}});
    let ann = text(&site.done("POST", MEMBERS, member)["member"]["id"]);
    let ben = site.public("Ben");
    for part in ["phones", "emails", "addresses"] {
        let path = format!("{MEMBERS}/{ann}/{part}");
        assert_eq!(site.ask_as(&ben.token, "DELETE", &path, Value::Null).0, 403, "{part}");
        let left = site.done("DELETE", &path, Value::Null)["member"]["contact"].clone();
        assert!(left[part].as_array().is_none_or(Vec::is_empty), "{left}");
        assert_eq!(left["firstName"], "Ann");
    }
}

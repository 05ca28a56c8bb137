//! What members tell about themselves: one document, its revision, who may read and change it.

use serde_json::{Value, json};

use crate::client::{Site, code, each, text};

const ABOUTS: &str = "/members/v2/abouts";

fn document(words: &str) -> Value {
    let paragraph = json!({"type": "PARAGRAPH", "id": "p1", "nodes": [{
        "type": "TEXT", "id": "", "nodes": [], "textData": {"text": words, "decorations": []},
    }]});
    json!({"nodes": [paragraph], "metadata": {"version": 1}})
}

#[test]
fn a_member_tells_about_itself_and_changes_what_it_saw() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let wish = json!({"memberAbout": {"content": document("Hello")}});
    let about = site.done_as(&ann, "POST", ABOUTS, wish.clone())["memberAbout"].clone();
    assert_eq!((&about["memberId"], &about["revision"]), (&json!(ann.id), &json!("1")));
    assert_eq!(about["content"], document("Hello"));
    let (status, problem) = site.ask_as(&ann.token, "POST", ABOUTS, wish);
    assert_eq!((status, code(&problem).as_str()), (409, "MEMBER_ABOUT_ALREADY_EXISTS"));
    let path = format!("{ABOUTS}/{}", text(&about["id"]));
    let change = |revision: &str, words: &str| {
        let content = document(words);
        json!({"memberAbout": {"revision": revision, "content": content}})
    };
    let changed = site.done_as(&ann, "PATCH", &path, change("1", "Hi"))["memberAbout"].clone();
    assert_eq!((&changed["revision"], &changed["content"]), (&json!("2"), &document("Hi")));
    let late = site.refused("PATCH", &path, change("1", "Oh"), (409, "INVALID_REVISION"));
    assert_eq!(late["details"]["applicationError"]["code"], "INVALID_REVISION");
    for (method, body) in [("PATCH", change("2", "No")), ("DELETE", Value::Null)] {
        let (status, problem) = site.ask_as(&ben.token, method, &path, body);
        assert_eq!((status, code(&problem).as_str()), (404, "MEMBER_ABOUT_NOT_FOUND"));
    }
    assert_eq!(site.done_as(&ben, "GET", &path, Value::Null)["memberAbout"], changed);
    let mine = site.done_as(&ann, "GET", &format!("{ABOUTS}/my"), Value::Null);
    assert_eq!(mine["memberAbout"], changed);
    let site = site.restarted();
    assert_eq!(site.done("GET", &path, Value::Null)["memberAbout"], changed);
    assert_eq!(site.done("DELETE", &path, Value::Null), json!({}));
    site.refused("GET", &path, Value::Null, (404, "MEMBER_ABOUT_NOT_FOUND"));
    let events = site.done("GET", "/v1/events?types=about.*", Value::Null)["events"].clone();
    assert_eq!(each(&events, "/type"), ["about.created", "about.updated", "about.deleted"]);
    assert_eq!(events[1]["data"]["memberAbout"], changed);
}

#[test]
fn an_about_is_seen_by_whom_its_member_is() {
    let site = Site::start();
    let (ann, hidden) = (site.public("Ann"), site.create("Hidden", "PRIVATE"));
    let of = |id: &str| json!({"memberAbout": {"memberId": id, "content": document("x")}});
    let secret = site.done("POST", ABOUTS, of(&hidden.id))["memberAbout"].clone();
    site.done("POST", ABOUTS, of(&ann.id));
    let path = format!("{ABOUTS}/{}", text(&secret["id"]));
    let (status, problem) = site.ask_as(&ann.token, "GET", &path, Value::Null);
    assert_eq!((status, code(&problem).as_str()), (404, "MEMBER_ABOUT_NOT_FOUND"));
    assert_eq!(site.done_as(&hidden, "GET", &path, Value::Null)["memberAbout"], secret);
    let query = format!("{ABOUTS}/query");
    let seen = site.done_as(&ann, "POST", &query, json!({}));
    assert_eq!(each(&seen["memberAbouts"], "/memberId"), std::slice::from_ref(&ann.id));
    let page = json!({"query": {"cursorPaging": {"limit": 1}}});
    let first = site.done("POST", &query, page);
    assert_eq!(
        (&first["metadata"]["count"], &first["metadata"]["hasNext"]),
        (&json!(1), &json!(true))
    );
    let next = text(&first["metadata"]["cursors"]["next"]);
    let rest = json!({"query": {"cursorPaging": {"limit": 1, "cursor": next}}});
    let rest = site.done("POST", &query, rest);
    assert_eq!(each(&rest["memberAbouts"], "/memberId"), std::slice::from_ref(&hidden.id));
    let one = json!({"query": {"filter": {"memberId": {"$in": [hidden.id]}}}});
    let one = site.done("POST", &query, one);
    assert_eq!(each(&one["memberAbouts"], "/id"), [text(&secret["id"])]);
    site.done("DELETE", &format!("/members/v1/members/{}", hidden.id), Value::Null);
    site.refused("GET", &path, Value::Null, (404, "MEMBER_ABOUT_NOT_FOUND"));
}

#[test]
fn what_is_no_about_is_refused() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let huge = document(&"x".repeat(65_536));
    for (body, expected) in [
        (json!({}), (400, "INVALID_ARGUMENT")),
        (json!({"memberAbout": {"content": "text"}}), (400, "INVALID_ARGUMENT")),
        (json!({"memberAbout": {"content": huge}}), (400, "INVALID_ARGUMENT")),
        (
            json!({"memberAbout": {"memberId": ben.id, "content": document("x")}}),
            (403, "PERMISSION_DENIED"),
        ),
    ] {
        let (status, problem) = site.ask_as(&ann.token, "POST", ABOUTS, body);
        assert_eq!((status, code(&problem).as_str()), expected, "{problem}");
    }
    let whose = json!({"memberAbout": {"content": document("x")}});
    site.refused("POST", ABOUTS, whose, (400, "INVALID_ARGUMENT"));
    let mine = site.ask_as(&ann.token, "GET", &format!("{ABOUTS}/my"), Value::Null);
    assert_eq!((mine.0, code(&mine.1).as_str()), (404, "MEMBER_ABOUT_NOT_FOUND"));
    let nobody = format!("{ABOUTS}/nonsense");
    site.refused("GET", &nobody, Value::Null, (404, "MEMBER_ABOUT_NOT_FOUND"));
}

//! Who is let in, blocked, muted and put out: what it means for the member and for everybody else.

use serde_json::{Value, json};

use crate::client::{Member, Site, code, each, text};

const MEMBERS: &str = "/members/v1/members";
const POST: &str = "/v1/items/shop/post-1";

fn act(site: &Site, member: &Member, act: &str, body: Value) -> Value {
    site.done("POST", &format!("{MEMBERS}/{}/{act}", member.id), body)["member"].clone()
}

fn follow(site: &Site, by: &Member, whom: &Member) -> (u16, Value) {
    site.ask_as(&by.token, "POST", &format!("/members/v3/followers/{}", whom.id), json!({}))
}

/// Members on a list of ids, whose total has to be its length.
fn listed(site: &Site, path: &str) -> Vec<String> {
    let page = site.done("GET", path, Value::Null);
    let told = page.get("total").cloned().unwrap_or(page["pagingMetadata"]["total"].clone());
    let members = each(&page["memberIds"], "");
    if let Some(told) = told.as_u64() {
        assert_eq!(told as usize, members.len(), "{path}");
    }
    members
}

fn refused(answer: (u16, Value), expected: (u16, &str)) {
    assert_eq!((answer.0, code(&answer.1).as_str()), expected, "{}", answer.1);
}

/// A member that is imported in a state of its own, without a token.
fn imported(site: &Site, nickname: &str, status: &str) -> Member {
    let line = json!({
        "profile": {"nickname": nickname}, "privacyStatus": "PUBLIC", "status": status,
    });
    let ids = site.done("POST", "/v1/members/import", line)["ids"].clone();
    Member { id: text(&ids[0]), token: String::new() }
}

#[test]
fn a_blocked_member_is_nowhere_until_it_is_let_in_again() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    assert_eq!(follow(&site, &ann, &ben).0, 200);
    assert_eq!(follow(&site, &ben, &ann).0, 200);
    site.done("PUT", POST, json!({"author": ben.id}));
    site.done_as(&ann, "POST", &format!("{POST}/likes"), Value::Null);
    let lists = [
        format!("/members/v3/followers/{}", ben.id),
        format!("/members/v3/followers/{}/following", ben.id),
        format!("{POST}/likes"),
    ];
    let blocked = act(&site, &ann, "block", json!({"id": ann.id, "reason": "spam", "by": "Eve"}));
    assert_eq!(blocked["status"], "BLOCKED");
    for list in &lists {
        assert_eq!(listed(&site, list), Vec::<String>::new(), "{list}");
    }
    assert_eq!(site.done("GET", POST, Value::Null)["item"]["likes"], 0);
    refused(
        site.ask_as(&ben.token, "GET", &format!("{MEMBERS}/{}", ann.id), Value::Null),
        (404, "MEMBER_NOT_FOUND"),
    );
    refused(follow(&site, &ben, &ann), (404, "MEMBER_NOT_FOUND"));
    let connected = format!("/members/v3/followers/{}/connections", ben.id);
    let connected = site.done("POST", &connected, json!({"connectedMemberIds": [ann.id]}));
    assert_eq!(connected["connectedMembers"][0]["followingMember"], false, "{connected}");
    // Its token reads nothing and changes nothing, not even about itself.
    let own = format!("{MEMBERS}/{}", ann.id);
    let profile = json!({"member": {"profile": {"title": "Dr"}}});
    for (method, path, body) in [
        ("GET", format!("{MEMBERS}/my"), Value::Null),
        ("GET", POST.to_owned(), Value::Null),
        ("PATCH", own.clone(), profile),
        ("DELETE", format!("{MEMBERS}/my"), Value::Null),
        ("POST", format!("/members/v3/followers/{}", ben.id), json!({})),
    ] {
        refused(site.ask_as(&ann.token, method, &path, body), (403, "MEMBER_BLOCKED"));
    }
    let token = json!({"memberId": ann.id});
    site.refused("POST", "/v1/member-tokens", token, (403, "MEMBER_BLOCKED"));
    let site = site.restarted();
    let stands = format!("/v1/members/{}/moderation", ann.id);
    let block = site.done("GET", &stands, Value::Null)["block"].clone();
    assert_eq!((&block["reason"], &block["by"]), (&json!("spam"), &json!("Eve")));
    assert_eq!(act(&site, &ann, "approve", json!({}))["status"], "APPROVED");
    for list in &lists {
        assert_eq!(listed(&site, list), std::slice::from_ref(&ann.id), "{list}");
    }
    assert_eq!(site.done_as(&ann, "GET", &own, Value::Null)["member"]["id"], json!(ann.id));
    assert_eq!(site.done("GET", &stands, Value::Null).get("block"), None);
    let events = site.done("GET", "/v1/events?types=member.*", Value::Null)["events"].clone();
    let types = each(&events, "/type");
    assert_eq!(types[2..], ["member.blocked", "member.unblocked"]);
    assert_eq!(events[2]["data"]["moderation"], json!({"reason": "spam", "by": "Eve"}));
    assert_eq!(events[2]["data"]["member"]["status"], "BLOCKED");
}

#[test]
fn a_muted_member_reads_and_edits_and_says_nothing() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    site.done("PUT", POST, json!({"author": ben.id}));
    assert_eq!(follow(&site, &ann, &ben).0, 200);
    let muted = act(&site, &ann, "mute", json!({}));
    assert_eq!((&muted["activityStatus"], &muted["status"]), (&json!("MUTED"), &json!("APPROVED")));
    refused(follow(&site, &ann, &ben), (403, "MEMBER_MUTED"));
    let likes = format!("{POST}/likes");
    refused(site.ask_as(&ann.token, "POST", &likes, Value::Null), (403, "MEMBER_MUTED"));
    let own = format!("{MEMBERS}/{}", ann.id);
    site.done_as(&ann, "PATCH", &own, json!({"member": {"profile": {"title": "Dr"}}}));
    site.done_as(&ann, "DELETE", &format!("/members/v3/followers/{}", ben.id), Value::Null);
    // Apps count what it bought.
    let counter = format!("/members/v1/activity-counters/{}/increment", ann.id);
    site.done("POST", &counter, json!({"counter": {"key": "orders", "delta": 1}}));
    for fieldset in ["PUBLIC", "EXTENDED", "FULL"] {
        let seen = |member: &Member| {
            let path = format!("{own}?fieldsets={fieldset}");
            site.done_as(member, "GET", &path, Value::Null)["member"]["activityStatus"].clone()
        };
        assert_eq!(seen(&ben), "UNKNOWN");
        assert_eq!(seen(&ann), if fieldset == "PUBLIC" { "UNKNOWN" } else { "MUTED" });
    }
    // Muted once more under the same terms changes nothing.
    act(&site, &ann, "mute", json!({}));
    assert_eq!(act(&site, &ann, "unmute", json!({}))["activityStatus"], "ACTIVE");
    assert_eq!(follow(&site, &ann, &ben).0, 200);
    let types = "/v1/events?types=member.muted,member.unmuted";
    let events = site.done("GET", types, Value::Null)["events"].clone();
    assert_eq!(each(&events, "/type"), ["member.muted", "member.unmuted"]);
}

#[test]
fn who_asked_to_join_waits_and_is_let_in_or_turned_away() {
    let site = Site::start();
    let ben = site.public("Ben");
    let (ann, cleo) = (imported(&site, "Ann", "PENDING"), imported(&site, "Cleo", "PENDING"));
    let token = json!({"memberId": ann.id});
    site.refused("POST", "/v1/member-tokens", token.clone(), (403, "MEMBER_PENDING"));
    refused(follow(&site, &ben, &ann), (404, "MEMBER_NOT_FOUND"));
    let seen = site.done_as(&ben, "GET", MEMBERS, Value::Null);
    assert_eq!(each(&seen["members"], "/id"), std::slice::from_ref(&ben.id));
    assert_eq!(act(&site, &ann, "approve", json!({}))["status"], "APPROVED");
    site.done("POST", "/v1/member-tokens", token);
    assert_eq!(follow(&site, &ben, &ann).0, 200);
    let reject = |member: &Member| format!("/v1/members/{}/reject", member.id);
    let rejected = site.done("POST", &reject(&cleo), json!({"reason": "no"}))["member"].clone();
    assert_eq!(rejected["status"], "BLOCKED");
    site.refused("POST", &reject(&ben), json!({}), (409, "MEMBER_NOT_PENDING"));
    let events = site.done("GET", "/v1/events?types=member.*", Value::Null)["events"].clone();
    assert_eq!(each(&events, "/type")[3..], ["member.approved", "member.rejected"]);
}

#[test]
fn who_is_disconnected_does_not_come_back() {
    let site = Site::start();
    let ann = site.public("Ann");
    assert_eq!(act(&site, &ann, "disconnect", json!({}))["status"], "OFFLINE");
    let my = format!("{MEMBERS}/my");
    refused(site.ask_as(&ann.token, "GET", &my, Value::Null), (403, "MEMBER_OFFLINE"));
    assert_eq!(act(&site, &ann, "disconnect", json!({}))["status"], "OFFLINE");
    for act in ["approve", "block"] {
        let path = format!("{MEMBERS}/{}/{act}", ann.id);
        site.refused("POST", &path, json!({}), (409, "MEMBER_OFFLINE"));
    }
}

#[test]
fn a_block_and_a_mute_end_by_themselves_also_after_a_restart() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let now = site.done("GET", "/v1/events?types=member.*", Value::Null)["events"][0].clone();
    let day = text(&now["timestamp"]);
    let far = format!("2{}", &day[1..].replacen("0", "9", 1));
    for (act, wrong) in [("block", "2001-01-01T00:00:00.000Z"), ("mute", "tomorrow")] {
        let path = format!("{MEMBERS}/{}/{act}", ann.id);
        let refused =
            site.refused("POST", &path, json!({"until": wrong}), (400, "INVALID_ARGUMENT"));
        assert_eq!(refused["errors"][0]["pointer"], "/until", "{refused}");
    }
    act(&site, &ben, "mute", json!({"until": far}));
    // An end that is as near as can be: it comes while the server is down, or soon after.
    let near = soon();
    act(&site, &ann, "block", json!({"until": near}));
    act(&site, &ann, "mute", json!({"until": near}));
    let site = site.restarted();
    let ended = |site: &Site| {
        let types = "/v1/events?types=member.unblocked,member.unmuted";
        site.done("GET", types, Value::Null)["events"].clone()
    };
    let events = loop {
        let events = ended(&site);
        if events.as_array().is_some_and(|events| events.len() == 2) {
            break events;
        }
    };
    assert_eq!(each(&events, "/memberId"), [ann.id.clone(), ann.id.clone()]);
    assert_eq!(events[0]["data"]["moderation"], json!({}), "nobody decided it");
    let path = format!("{MEMBERS}/{}?fieldsets=FULL", ann.id);
    let member = site.done("GET", &path, Value::Null)["member"].clone();
    assert_eq!(member["status"], "APPROVED");
    assert_eq!(member["activityStatus"], "ACTIVE");
    let stands = format!("/v1/members/{}/moderation", ben.id);
    assert_eq!(site.done("GET", &stands, Value::Null)["mute"]["until"], far);
}

/// A second from now, as a time on the wire.
fn soon() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = guildhall::domain::Timestamp::from_unix_ms(now.as_millis() as i64 + 1_000);
    guildhall::wire::time::time_text(at)
}

#[test]
fn only_keys_moderate_and_long_words_are_refused() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    for act in ["approve", "block", "disconnect", "mute", "unmute"] {
        let path = format!("{MEMBERS}/{}/{act}", ben.id);
        refused(site.ask_as(&ann.token, "POST", &path, json!({})), (403, "PERMISSION_DENIED"));
        let long = json!({"reason": "x".repeat(1_001), "by": "y".repeat(201)});
        let faults = site.refused("POST", &path, long, (400, "INVALID_ARGUMENT"));
        assert_eq!(each(&faults["errors"], "/pointer"), ["/reason", "/by"]);
        let nobody = format!("{MEMBERS}/00000000-0000-4000-8000-000000000000/{act}");
        site.refused("POST", &nobody, json!({}), (404, "MEMBER_NOT_FOUND"));
    }
    let stands = format!("/v1/members/{}/moderation", ben.id);
    refused(site.ask_as(&ben.token, "GET", &stands, Value::Null), (403, "PERMISSION_DENIED"));
}

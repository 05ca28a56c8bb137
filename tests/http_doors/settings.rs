//! Privacy of the site and of its members, roles, community and slugs, through the doors.

use serde_json::{Value, json};

use crate::client::{Member, Site, code, each, text};

const MEMBERS: &str = "/members/v1/members";
const PRIVACY: &str = "/members/v1/privacy-settings";
const DEFAULT: &str = "/members/v1/default-privacy-status";
const DEFINITIONS: &str = "/members/v1/roles/definitions";
const HOLDERS: &str = "/members/v1/roles/members";

fn refused(answer: (u16, Value), expected: (u16, &str)) {
    assert_eq!((answer.0, code(&answer.1).as_str()), expected, "{}", answer.1);
}

fn as_member(member: &Member, site: &Site, method: &str, path: &str) -> (u16, Value) {
    site.ask_as(&member.token, method, path, Value::Null)
}

/// The token of somebody who has not logged in.
fn visitor(site: &Site) -> String {
    let client = site.done("POST", "/v1/oauth-clients", json!({"name": "shop"}));
    let wish = json!({"grantType": "anonymous", "clientId": client["client"]["id"]});
    text(&site.send("", "POST", "/oauth2/token", Some(&wish.to_string())).1["access_token"])
}

fn set_privacy(site: &Site, visibility: &str, candidates: &str) -> Value {
    let revision =
        site.done("GET", PRIVACY, Value::Null)["memberPrivacySettings"]["revision"].clone();
    let settings = json!({
        "publicMemberVisibility": visibility, "publicMemberCandidates": candidates,
        "revision": revision,
    });
    site.done("POST", PRIVACY, json!({"memberPrivacySettings": settings}))
}

#[test]
fn new_members_begin_as_the_site_wishes() {
    let site = Site::start();
    let begun = site.done("GET", DEFAULT, Value::Null);
    assert_eq!(begun["defaultPrivacy"]["defaultPrivacy"], "PRIVATE");
    let wish = json!({"defaultPrivacy": {"defaultPrivacy": "PUBLIC", "revision": "1"}});
    let set = site.done("PATCH", "/v1/default-privacy-status", wish.clone());
    assert_eq!(
        (&set["defaultPrivacy"]["defaultPrivacy"], &set["defaultPrivacy"]["revision"]),
        (&json!("PUBLIC"), &json!("2"))
    );
    site.refused("PATCH", DEFAULT, wish, (409, "INVALID_REVISION"));
    let body = json!({"defaultPrivacy": {"defaultPrivacy": "SHY"}});
    let problem = site.refused("PATCH", DEFAULT, body, (400, "INVALID_ARGUMENT"));
    assert_eq!(each(&problem["errors"], "/code"), ["ENUM", "REQUIRED"]);
    let made = |wish: Value| {
        let made = site.done("POST", MEMBERS, json!({ "member": wish }));
        text(&made["member"]["privacyStatus"])
    };
    assert_eq!(made(json!({"profile": {"nickname": "Ann"}})), "PUBLIC");
    assert_eq!(made(json!({"privacyStatus": "PRIVATE"})), "PRIVATE");
    let site = site.restarted();
    let kept = site.done("GET", DEFAULT, Value::Null);
    assert_eq!(kept["defaultPrivacy"]["defaultPrivacy"], "PUBLIC", "over a restart");
    let events = site.done("GET", "/v1/events?types=default_privacy.*", Value::Null);
    assert_eq!(events["events"][0]["data"]["defaultPrivacy"]["revision"], "2");
}

#[test]
fn a_site_decides_who_sees_public_members() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let nobody = visitor(&site);
    let path = format!("{MEMBERS}/{}", ann.id);
    let by_visitor = || site.ask_as(&nobody, "GET", &path, Value::Null);
    assert_eq!(by_visitor().0, 200);
    set_privacy(&site, "VISIBLE_TO_MEMBERS_ONLY", "ANYONE");
    refused(by_visitor(), (404, "MEMBER_NOT_FOUND"));
    let query = |token: &str| {
        site.ask_as(token, "POST", &format!("{MEMBERS}/query"), json!({"query": {}})).1
    };
    assert_eq!(query(&nobody)["metadata"]["total"], 0);
    assert_eq!(query(&ben.token)["metadata"]["total"], 2);
    assert_eq!(as_member(&ben, &site, "GET", &path).0, 200);
    set_privacy(&site, "VISIBLE_TO_ALL", "NO_ONE");
    refused(as_member(&ben, &site, "GET", &path), (404, "MEMBER_NOT_FOUND"));
    assert_eq!(as_member(&ann, &site, "GET", &path).0, 200, "oneself is always there");
    let carla = site.create("Carla", "PRIVATE");
    refused(
        as_member(&carla, &site, "POST", &format!("{MEMBERS}/join-community")),
        (403, "PUBLIC_MEMBERS_NOT_ALLOWED"),
    );
    let follow = format!("/members/v3/followers/{}", ann.id);
    refused(as_member(&ben, &site, "POST", &follow), (404, "MEMBER_NOT_FOUND"));
    set_privacy(&site, "VISIBLE_TO_ALL", "ANYONE");
    assert_eq!(as_member(&ben, &site, "GET", &path).0, 200);
    assert_eq!(by_visitor().0, 200);
    let stale = json!({"memberPrivacySettings": {"revision": "1"}});
    site.refused("POST", PRIVACY, stale.clone(), (409, "INVALID_REVISION"));
    refused(site.ask_as(&ben.token, "POST", PRIVACY, stale), (403, "PERMISSION_DENIED"));
}

#[test]
fn who_hides_is_counted_in_lists_and_named_to_nobody_else() {
    let site = Site::start();
    let (ann, ben, carla) = (site.public("Ann"), site.public("Ben"), site.public("Carla"));
    let follow = format!("/members/v3/followers/{}", ann.id);
    for fan in [&ben, &carla] {
        site.done_as(fan, "POST", &follow, json!({}));
    }
    site.done("PUT", "/v1/items/shop/post", json!({"author": ann.id}));
    site.done_as(&ben, "POST", "/v1/items/shop/post/likes", Value::Null);
    let left = site.done_as(&ben, "POST", &format!("{MEMBERS}/leave-community"), json!({}));
    assert_eq!(left["member"]["privacyStatus"], "PRIVATE");
    let list = |token: &str, path: &str| {
        let (status, page) = site.ask_as(token, "GET", path, Value::Null);
        assert_eq!(status, 200, "{page}");
        let told = &page["pagingMetadata"];
        let counts = [&told["total"], &told["visible"], &told["hidden"]].map(|one| one.as_u64());
        (each(&page["memberIds"], ""), counts.map(Option::unwrap))
    };
    let likes = "/v1/items/shop/post/likes";
    assert_eq!(list(&ann.token, &follow), (vec![carla.id.clone()], [2, 1, 1]));
    assert_eq!(list(&carla.token, likes), (vec![], [1, 0, 1]));
    // Who hides sees itself, and the owner sees all.
    assert_eq!(list(&ben.token, &follow).1, [2, 2, 0]);
    assert_eq!(list(&ben.token, likes), (vec![ben.id.clone()], [1, 1, 0]));
    let all = site.done("GET", &follow, Value::Null);
    assert_eq!(
        (each(&all["memberIds"], "").len(), &all["pagingMetadata"]["hidden"]),
        (2, &json!(0))
    );
    let asked = json!({"connectedMemberIds": [ben.id, carla.id]});
    let path = "/members/v3/followers/my/connections";
    let connected = site.done_as(&ann, "POST", path, asked)["connectedMembers"].clone();
    let follows = |index: usize| connected[index]["followingMember"].as_bool();
    assert_eq!((follows(0), follows(1)), (Some(false), Some(true)));
    // Whom nobody sees cannot be followed, and looks like nobody.
    let hidden = format!("/members/v3/followers/{}", ben.id);
    refused(as_member(&carla, &site, "POST", &hidden), (404, "MEMBER_NOT_FOUND"));
    refused(as_member(&carla, &site, "DELETE", &hidden), (404, "MEMBER_NOT_FOUND"));
    site.done_as(&ben, "POST", &format!("{MEMBERS}/join-community"), json!({}));
    assert_eq!(list(&ann.token, &follow).1, [2, 2, 0], "everything is as it was");
    let events = site.done(
        "GET",
        "/v1/events?types=member.privacy_changed,member.community_joined,member.community_left",
        Value::Null,
    );
    let expected = [
        "member.privacy_changed",
        "member.community_left",
        "member.privacy_changed",
        "member.community_joined",
    ];
    assert_eq!(each(&events["events"], "/type"), expected);
}

#[test]
fn a_slug_is_one_members_and_is_held_back_for_who_gave_it_up() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let set = |member: &Member, slug: &str| {
        let path = format!("{MEMBERS}/my/slug");
        site.ask_as(&member.token, "POST", &path, json!({ "slug": slug }))
    };
    let (status, changed) = set(&ann, "Annie-1");
    assert_eq!((status, &changed["member"]["profile"]["slug"]), (200, &json!("Annie-1")));
    refused(set(&ben, "Annie-1"), (409, "SLUG_ALREADY_EXISTS"));
    refused(set(&ben, "ann"), (409, "SLUG_ALREADY_EXISTS"));
    let other = site.done("POST", MEMBERS, json!({"member": {"profile": {"nickname": "Ann"}}}));
    assert_ne!(other["member"]["profile"]["slug"], "ann", "a new member does not get it either");
    let found = |slug: &str| {
        let query = json!({"query": {"filter": {"profile.slug": slug}}});
        each(&site.done("POST", &format!("{MEMBERS}/query"), query)["members"], "/id")
    };
    assert_eq!(found("Annie-1"), [&*ann.id]);
    assert!(found("annie-1").is_empty() && found("ann").is_empty(), "case counts");
    // An e-mail is nobody's to look others up by.
    let email = json!({"member": {"loginEmail": "eve@example.com", "privacyStatus": "PUBLIC"}});
    let eve = text(&site.done("POST", MEMBERS, email)["member"]["id"]);
    let query = json!({"query": {"filter": {"loginEmail": "eve@example.com"}}});
    let path = format!("{MEMBERS}/query");
    assert_eq!(each(&site.done("POST", &path, query.clone())["members"], "/id"), [eve]);
    assert_eq!(site.done_as(&ben, "POST", &path, query)["metadata"]["total"], 0);
    let site = site.restarted();
    let again = |member: &Member, slug: &str| {
        let path = format!("{MEMBERS}/{}/slug", member.id);
        site.ask("POST", &path, json!({ "slug": slug }))
    };
    refused(again(&ben, "ann"), (409, "SLUG_ALREADY_EXISTS"));
    assert_eq!(again(&ann, "ann").0, 200, "who gave it up may have it back");
    for number in 0..6 {
        assert_eq!(again(&ann, &format!("a{number}")).0, 200);
    }
    assert_eq!(again(&ben, "ann").0, 200, "of many the newest are held back");
    refused(again(&ben, "a0"), (409, "SLUG_ALREADY_EXISTS"));
    for slug in ["", "a b", "a/b", &"x".repeat(256)] {
        refused(again(&ann, slug), (400, "INVALID_ARGUMENT"));
    }
}

#[test]
fn roles_are_defined_held_and_kept() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let wish = json!({"roleKey": "editor", "roleTitle": "Editor", "blockable": false});
    let role = site.done("POST", DEFINITIONS, wish.clone())["role"].clone();
    assert_eq!(
        (&role["title"], &role["blockable"], &role["revision"]),
        (&json!("Editor"), &json!(false), &json!("1"))
    );
    site.refused("POST", DEFINITIONS, wish, (409, "ROLE_ALREADY_EXISTS"));
    let bad = json!({"roleKey": "a/b"});
    let problem = site.refused("POST", DEFINITIONS, bad, (400, "INVALID_ARGUMENT"));
    assert_eq!(each(&problem["errors"], "/code"), ["FORMAT", "REQUIRED"]);
    let of = |member: &Member| format!("{HOLDERS}/{}", member.id);
    let key = json!({"roleKey": "editor"});
    assert_eq!(site.done("POST", &of(&ann), key.clone()), key);
    assert_eq!(site.done("POST", &of(&ann), key.clone()), key, "so already");
    site.refused("POST", &of(&ben), json!({"roleKey": "none"}), (404, "ROLE_DOES_NOT_EXIST"));
    let held = site.done("GET", &of(&ann), Value::Null);
    assert_eq!(held["roles"], json!([{"roleKey": "editor", "title": "Editor"}]));
    let block = format!("{MEMBERS}/{}/block", ann.id);
    site.refused("POST", &block, json!({}), (409, "OWNER_MEMBER_BLOCK_FORBIDDEN"));
    let site = site.restarted();
    let all = site.done("POST", &format!("{HOLDERS}/query"), json!({}));
    let held_by = |found: &Value| found["rolesByMemberId"].as_object().unwrap().len();
    assert_eq!(all["rolesByMemberId"][&ann.id]["roles"][0]["roleKey"], "editor");
    assert_eq!(held_by(&all), 1);
    let some = json!({"query": {"filter": {"memberId": {"$in": [ben.id]}}}});
    let some = site.done("POST", &format!("{HOLDERS}/query"), some);
    assert_eq!(some["rolesByMemberId"][&ben.id]["roles"], json!([]));
    let edit = json!({"blockable": true, "revision": "1"});
    let edited = site.done("PATCH", &format!("{DEFINITIONS}/editor"), edit.clone());
    assert_eq!(
        (&edited["role"]["blockable"], &edited["role"]["revision"]),
        (&json!(true), &json!("2"))
    );
    site.refused("PATCH", &format!("{DEFINITIONS}/editor"), edit, (409, "INVALID_REVISION"));
    let path = format!("{}?roleKey=editor&memberId={}", of(&ann), ann.id);
    assert_eq!(site.done("DELETE", &path, Value::Null), key);
    site.done("POST", &of(&ann), key.clone());
    site.done("DELETE", &format!("{DEFINITIONS}/editor"), Value::Null);
    assert_eq!(site.done("GET", &of(&ann), Value::Null)["roles"], json!([]));
    site.done("POST", DEFINITIONS, json!({"roleKey": "editor", "roleTitle": "Another"}));
    assert_eq!(site.done("GET", &of(&ann), Value::Null)["roles"], json!([]), "another role");
    assert_eq!(each(&site.done("GET", DEFINITIONS, Value::Null)["roles"], "/title"), ["Another"]);
    site.refused("GET", &format!("{DEFINITIONS}/none"), Value::Null, (404, "ROLE_DOES_NOT_EXIST"));
    refused(site.ask_as(&ben.token, "POST", &of(&ben), key), (403, "PERMISSION_DENIED"));
    site.done("POST", &block, json!({}));
    site.refused("POST", &of(&ann), json!({"roleKey": "editor"}), (403, "MEMBER_BLOCKED"));
    let events = site.done(
        "GET",
        "/v1/events?types=role.*,member.role_assigned,member.role_unassigned",
        Value::Null,
    );
    let expected = [
        "role.created",
        "member.role_assigned",
        "role.updated",
        "member.role_unassigned",
        "member.role_assigned",
        "role.deleted",
        "role.created",
    ];
    assert_eq!(each(&events["events"], "/type"), expected);
}

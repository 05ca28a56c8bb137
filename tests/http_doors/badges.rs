//! Badges through both of their doors: edits, display order, assignments by the dozen, queries.

use serde_json::{Value, json};

use crate::client::{Member, OWNER_KEY, Site, code, each, text};

const V4: &str = "/badges/v4/badges";
const V3: &str = "/members/v3/badges";
const ASSIGNMENTS: &str = "/badges/v4/assignments";
const BULK: &str = "/badges/v4/bulk/assignments";
const INVALID: (u16, &str) = (400, "INVALID_ARGUMENT");
const UNKNOWN: &str = "00000000-0000-4000-8000-00000000ffff";

fn badge(site: &Site, title: &str) -> String {
    let badge = json!({"title": title, "backgroundColor": "#000000", "textColor": "#ffffff"});
    text(&site.done("POST", V4, json!({ "badge": badge }))["badge"]["id"])
}

fn titles(site: &Site, query: Value) -> Vec<String> {
    let found = site.done("POST", &format!("{V4}/query"), json!({ "query": query }));
    each(&found["badges"], "/title")
}

fn rules(problem: &Value) -> Vec<String> {
    each(&problem["details"]["validationError"]["fieldViolations"], "/ruleName")
}

fn give(site: &Site, badge: &str, members: &[&Member]) -> Value {
    let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    site.done("POST", &format!("{V3}/{badge}/members"), json!({ "memberIds": ids }))
}

#[test]
fn an_edit_changes_what_is_sent_at_the_revision_that_was_seen() {
    let site = Site::start();
    let id = badge(&site, "Fan");
    let path = format!("{V4}/{id}");
    let before = site.done("GET", &path, Value::Null)["badge"].clone();
    let edit = json!({"badge": {"id": id, "revision": "1", "title": "Friend", "description": "x"}});
    let changed = site.done("PATCH", &path, edit.clone())["badge"].clone();
    assert_eq!((&changed["title"], &changed["revision"]), (&json!("Friend"), &json!("2")));
    assert_eq!(changed["slug"], before["slug"], "a slug stays what links were made of");
    assert_eq!(changed["backgroundColor"], before["backgroundColor"]);
    site.refused("PATCH", &path, edit, (409, "INVALID_REVISION"));
    let same = site.done("PATCH", &path, json!({"badge": {"title": "Friend"}}));
    assert_eq!(same["badge"], changed, "what changes nothing is no edit");
    let masked = json!({
        "badge": {"title": "Pal", "textColor": "#123456"}, "fieldMask": "title,description",
    });
    let masked = site.done("PATCH", &path, masked)["badge"].clone();
    assert_eq!((&masked["title"], masked.get("description")), (&json!("Pal"), None));
    assert_eq!(masked["textColor"], "#ffffff", "what the mask does not name stays");
    let icon = json!({"badge": {"icon": {"id": "img", "url": "https://x/i.png", "width": 8}}});
    site.done("PATCH", &path, icon);
    let site = site.restarted();
    let read = site.done("GET", &path, Value::Null)["badge"].clone();
    assert_eq!((&read["revision"], &read["icon"]["width"]), (&json!("4"), &json!(8)));
    let events = site.done("GET", "/v1/events?types=badge.updated", Value::Null)["events"].clone();
    assert_eq!(each(&events, "/data/badge/title"), ["Friend", "Pal", "Pal"]);
    for (body, rule) in [
        (json!({}), "BADGE_NOT_PROVIDED"),
        (json!({"badge": {"title": ""}}), "REQUIRED"),
        (json!({"badge": {"title": "x".repeat(51)}}), "MAX_LENGTH"),
        (json!({"badge": {"description": "x".repeat(1_501)}}), "MAX_LENGTH"),
        (json!({"badge": {"textColor": "red"}}), "FORMAT"),
        (json!({"badge": {"title": "x"}, "fieldMask": {"paths": ["slug"]}}), "FIELD_MASK"),
        (json!({"badge": {}, "fieldMask": ["title"]}), "REQUIRED"),
    ] {
        assert_eq!(rules(&site.refused("PATCH", &path, body, INVALID)), [rule]);
    }
    let nobody = json!({"badge": {"title": "x"}});
    site.refused("PATCH", &format!("{V4}/{UNKNOWN}"), nobody, (404, "BADGE_NOT_FOUND"));
}

#[test]
fn badges_are_shown_in_the_order_they_were_put() {
    let site = Site::start();
    let ids: Vec<String> = ["A", "B", "C", "D"].iter().map(|title| badge(&site, title)).collect();
    let (a, b, c, d) = (&ids[0], &ids[1], &ids[2], &ids[3]);
    assert_eq!(titles(&site, json!({})), ["A", "B", "C", "D"]);
    let to = |id: &str, body: Value| site.done("POST", &format!("{V4}/{id}/move"), body);
    assert_eq!(to(d, json!({"position": "FIRST"})), json!({}));
    to(a, json!({"position": "AFTER", "moveAfterBadgeId": b}));
    assert_eq!(titles(&site, json!({})), ["D", "B", "A", "C"]);
    to(d, json!({"position": "LAST"}));
    assert_eq!(titles(&site, json!({})), ["B", "A", "C", "D"]);
    badge(&site, "E");
    let ordered = site.done("POST", &format!("{V4}/order"), json!({"ids": [c, b]}));
    assert_eq!(each(&ordered["badges"], "/title"), ["C", "B", "A", "D", "E"]);
    let revisions = each(&ordered["badges"], "/revision");
    assert_eq!(revisions, ["1", "1", "1", "1", "1"], "moving is no edit");
    let site = site.restarted();
    assert_eq!(titles(&site, json!({})), ["C", "B", "A", "D", "E"]);
    let ordered = site.done("PATCH", &format!("{V3}/order"), json!({"badgeIds": [a]}));
    assert_eq!(each(&ordered["badges"], "/title"), ["A", "C", "B", "D", "E"]);
    let listed = site.done("GET", &format!("{V3}?paging.limit=2&paging.offset=1"), Value::Null);
    assert_eq!(each(&listed["badges"], "/title"), ["C", "B"]);
    assert_eq!(
        (&listed["metadata"]["total"], &listed["metadata"]["offset"]),
        (&json!(5), &json!(1))
    );
    let place = |id: &str| format!("{V4}/{id}/move");
    let after = |id: Value| json!({"position": "AFTER", "moveAfterBadgeId": id});
    site.refused("POST", &place(a), after(json!(UNKNOWN)), (404, "BADGE_NOT_FOUND"));
    site.refused("POST", &place(UNKNOWN), json!({}), (404, "BADGE_NOT_FOUND"));
    assert_eq!(rules(&site.refused("POST", &place(a), after(Value::Null), INVALID)), ["REQUIRED"]);
    let many = json!({"ids": vec![a; 101]});
    assert_eq!(rules(&site.refused("POST", &format!("{V4}/order"), many, INVALID)), ["MAX_SIZE"]);
    let order = format!("{V4}/order");
    assert_eq!(rules(&site.refused("POST", &order, json!({"ids": []}), INVALID)), ["REQUIRED"]);
    site.refused("POST", &order, json!({"ids": [a, UNKNOWN]}), (404, "BADGE_NOT_FOUND"));
}

#[test]
fn badges_are_found_sorted_and_paged() {
    let site = Site::start();
    let ids: Vec<String> =
        ["Gold", "Silver", "Golden"].iter().map(|title| badge(&site, title)).collect();
    let described = json!({"badge": {"description": "rare", "permissionsEnabled": true}});
    site.done("PATCH", &format!("{V4}/{}", ids[0]), described);
    let filter = |filter: Value| titles(&site, json!({ "filter": filter }));
    assert_eq!(filter(json!({"title": {"$startsWith": "gold"}})), ["Gold", "Golden"]);
    assert_eq!(filter(json!({"title": {"$in": ["Silver", "Gold"]}})), ["Gold", "Silver"]);
    assert_eq!(filter(json!({"$not": {"id": ids[1]}})), ["Gold", "Golden"]);
    assert_eq!(filter(json!({"$or": [{"slug": "silver"}, {"description": "rare"}]})).len(), 2);
    assert_eq!(filter(json!({"description": null})), ["Silver", "Golden"]);
    assert_eq!(filter(json!({"permissionsEnabled": true})), ["Gold"]);
    assert_eq!(filter(json!({"title": {"$gt": "Gold", "$lt": "Silver"}})), ["Golden"]);
    let sort = json!([{"fieldName": "title", "order": "DESC"}]);
    assert_eq!(titles(&site, json!({ "sort": sort })), ["Silver", "Golden", "Gold"]);
    let query = json!({
        "filter": {"title": {"$contains": "ol"}}, "sort": sort, "cursorPaging": {"limit": 1},
    });
    let path = format!("{V4}/query");
    let first = site.done("POST", &path, json!({ "query": query }));
    assert_eq!(each(&first["badges"], "/title"), ["Golden"]);
    // The badge where the page ended goes; the cursor still stands behind it.
    site.done("DELETE", &format!("{V4}/{}", ids[2]), Value::Null);
    let next = first["pagingMetadata"]["cursors"]["next"].clone();
    let rest = json!({"query": {"cursorPaging": {"limit": 5, "cursor": next}}});
    let rest = site.done("POST", &path, rest);
    assert_eq!(each(&rest["badges"], "/title"), ["Gold"]);
    assert_eq!(rest["pagingMetadata"]["hasNext"], false);
    for (query, rule) in [
        (json!({"filter": {"color": "red"}}), "UNSUPPORTED_FIELD"),
        (json!({"filter": {"title": {"$matches": "x"}}}), "UNSUPPORTED_OPERATOR"),
        (json!({"sort": [{"fieldName": "color"}]}), "UNSUPPORTED_SORT"),
        (json!({"sort": vec![json!({"fieldName": "title"}); 6]}), "MAX_SIZE"),
    ] {
        let problem = site.refused("POST", &path, json!({ "query": query }), INVALID);
        assert_eq!(rules(&problem), [rule]);
    }
}

#[test]
fn badges_are_assigned_and_taken_by_the_dozen_each_for_itself() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let (gold, silver) = (badge(&site, "Gold"), badge(&site, "Silver"));
    let of = |badge: &str, member: &str| json!({"badgeId": badge, "memberId": member});
    let wished = json!({"returnEntity": true, "badgeAssignments": [
        of(&gold, &ann.id), of(&gold, UNKNOWN), of(&gold, &ann.id), of(&silver, &ben.id),
    ]});
    let done = site.done("POST", &format!("{BULK}/create"), wished);
    let counts = &done["bulkActionMetadata"];
    assert_eq!((&counts["totalSuccesses"], &counts["totalFailures"]), (&json!(3), &json!(1)));
    let made = each(&done["results"], "/itemMetadata/id");
    assert_eq!(made[0], made[2], "twice in one request is one assignment");
    assert_eq!(each(&done["results"], "/itemMetadata/error/code")[1], "MEMBER_NOT_FOUND");
    assert_eq!(done["results"][3]["item"]["memberId"], json!(ben.id));
    let read = site.done("GET", &format!("{ASSIGNMENTS}/{}", made[3]), Value::Null);
    assert_eq!(read["badgeAssignment"], done["results"][3]["item"]);
    let query = |query: Value| {
        let found = site.done("POST", &format!("{ASSIGNMENTS}/query"), json!({ "query": query }));
        each(&found["badgeAssignments"], "/memberId")
    };
    assert_eq!(query(json!({"filter": {"badgeId": {"$ne": gold}}})), std::slice::from_ref(&ben.id));
    let either = json!({"$or": [{"memberId": ann.id}, {"badgeId": silver}]});
    let sort = json!([{"fieldName": "memberId", "order": "ASC"}]);
    let mut both = [ann.id.clone(), ben.id.clone()];
    both.sort_unstable();
    assert_eq!(query(json!({"filter": either, "sort": sort})), both);
    let taken = json!({"badgeAssignmentIds": [made[0], UNKNOWN, made[0]]});
    let taken = site.done("POST", &format!("{BULK}/delete"), taken);
    let codes = each(&taken["results"], "/itemMetadata/error/code");
    assert_eq!(codes, ["", "BADGE_ASSIGNMENT_NOT_FOUND", "BADGE_ASSIGNMENT_NOT_FOUND"]);
    assert_eq!(query(json!({})), std::slice::from_ref(&ben.id));
    let gone = format!("{ASSIGNMENTS}/{}", made[0]);
    site.refused("GET", &gone, Value::Null, (404, "BADGE_ASSIGNMENT_NOT_FOUND"));
    let events = site.done("GET", "/v1/events?types=badge.assigned,badge.unassigned", Value::Null);
    let types = each(&events["events"], "/type");
    assert_eq!(types, ["badge.assigned", "badge.assigned", "badge.unassigned"]);
    let many = json!({"badgeAssignments": vec![of(&gold, &ann.id); 101]});
    let problem = site.refused("POST", &format!("{BULK}/create"), many, INVALID);
    assert_eq!(rules(&problem), ["MAX_SIZE"]);
    let bad = json!({"badgeAssignments": [{"badgeId": "x"}]});
    let problem = site.refused("POST", &format!("{BULK}/create"), bad, INVALID);
    assert_eq!(rules(&problem), ["FORMAT", "REQUIRED"]);
    let many = json!({"badgeAssignmentIds": vec![UNKNOWN; 101]});
    let problem = site.refused("POST", &format!("{BULK}/delete"), many, INVALID);
    assert_eq!(rules(&problem), ["MAX_SIZE"]);
}

#[test]
fn the_version_before_shows_the_same_badges() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let new = json!({
        "title": "Old", "backgroundColor": "#000000", "textColor": "#ffffff",
        "icon": "https://x/old.png",
    });
    let made = site.done("POST", V3, json!({ "badge": new }))["badge"].clone();
    let id = text(&made["id"]);
    assert_eq!((&made["icon"], made.get("revision")), (&json!("https://x/old.png"), None));
    let newer = site.done("GET", &format!("{V4}/{id}"), Value::Null)["badge"].clone();
    assert_eq!((&newer["icon"]["url"], &newer["revision"]), (&made["icon"], &json!("1")));
    let path = format!("{V3}/{id}");
    let edit = json!({"badge": {"id": id, "title": "Older"}});
    let edited = site.done("PATCH", &path, edit)["badge"].clone();
    assert_eq!((&edited["title"], &edited["icon"]), (&json!("Older"), &made["icon"]));
    assert_eq!(site.done_as(&ann, "GET", &path, Value::Null)["badge"], edited);
    assert_eq!(give(&site, &id, &[&ann, &ben])["memberIds"], json!([ann.id, ben.id]));
    let some = json!({"memberIds": [ann.id, UNKNOWN]});
    let again = site.done("POST", &format!("{path}/members"), some);
    assert_eq!(again["memberIds"], json!([ann.id]), "ids of nobody are left out");
    let counts = site.done("GET", &format!("{V3}/members/count"), Value::Null);
    assert_eq!(counts["badgeMemberCounts"], json!([{"badgeId": id, "memberCount": 2}]));
    let page = format!("{path}/members?paging.limit=1&paging.offset=1");
    let page = site.done("GET", &page, Value::Null);
    assert_eq!((&page["memberIds"], &page["metadata"]["total"]), (&json!([ben.id]), &json!(2)));
    let of = json!({"memberIds": [ben.id, UNKNOWN, ann.id]});
    let of = site.done("POST", &format!("{V3}/members"), of);
    let expected = [&ben.id, &ann.id].map(|member| json!({"memberId": member, "badgeIds": [id]}));
    assert_eq!(of["memberBadgeIds"], json!(expected));
    let taken = format!("{path}/members?id={id}&memberIds={}&memberIds={UNKNOWN}", ann.id);
    assert_eq!(site.done("DELETE", &taken, Value::Null), json!({}));
    let left = site.done("GET", &format!("{path}/members"), Value::Null);
    assert_eq!(left["memberIds"], json!([ben.id]));
    assert_eq!(site.done("DELETE", &path, Value::Null), json!({}));
    for (method, path) in [("GET", path.clone()), ("GET", format!("{path}/members"))] {
        site.refused(method, &path, Value::Null, (404, "BADGE_NOT_FOUND"));
    }
    let wish = json!({"memberIds": [ann.id]});
    site.refused("POST", &format!("{path}/members"), wish, (404, "BADGE_NOT_FOUND"));
    site.refused("DELETE", &taken, Value::Null, (404, "BADGE_NOT_FOUND"));
}

#[test]
fn lists_of_members_are_bounded_and_for_keys() {
    let site = Site::start();
    let ann = site.public("Ann");
    let id = badge(&site, "Gold");
    let members = format!("{V3}/{id}/members");
    for (path, count) in [(members.clone(), 501), (format!("{V3}/members"), 101)] {
        let many = json!({"memberIds": vec![&ann.id; count]});
        assert_eq!(rules(&site.refused("POST", &path, many, INVALID)), ["MAX_SIZE"]);
        let none = json!({"memberIds": []});
        assert_eq!(rules(&site.refused("POST", &path, none, INVALID)), ["REQUIRED"]);
    }
    site.refused("DELETE", &members, Value::Null, INVALID);
    for (method, path) in [
        ("GET", members.clone()),
        ("DELETE", format!("{members}?memberIds={}", ann.id)),
        ("GET", format!("{V3}/members/count")),
        ("DELETE", format!("{V3}/{id}")),
        ("GET", format!("{ASSIGNMENTS}/{UNKNOWN}")),
    ] {
        let (status, problem) = site.ask_as(&ann.token, method, &path, Value::Null);
        assert_eq!((status, code(&problem).as_str()), (403, "PERMISSION_DENIED"), "{path}");
    }
}

#[test]
fn assignments_are_found_by_their_ids_and_by_all_that_is_asked() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let fan = badge(&site, "Fan");
    give(&site, &fan, &[&ann, &ben]);
    let query = |filter: Value| {
        let wish = json!({"query": {"filter": filter}});
        site.done("POST", &format!("{ASSIGNMENTS}/query"), wish)
    };
    let all = query(json!({"badgeId": fan}));
    let ids = each(&all["badgeAssignments"], "/id");
    let members = |filter: Value| each(&query(filter)["badgeAssignments"], "/memberId");
    assert_eq!(members(json!({"id": ids[1]})), [&*ben.id]);
    assert_eq!(members(json!({"id": {"$in": ids}})), [&*ann.id, &*ben.id]);
    assert!(members(json!({"id": ids[1], "memberId": ann.id})).is_empty());
    assert!(members(json!({"id": UNKNOWN})).is_empty());
    assert_eq!(members(json!({"id": {"$ne": ids[0]}})), [&*ben.id]);
}

#[test]
fn too_many_assignments_are_not_looked_through_one_by_one() {
    let site = Site::start();
    let fan = badge(&site, "Fan");
    let count = guildhall::domain::limits::ASSIGNMENTS_LOOKED_THROUGH_MAX + 1;
    let lines: Vec<String> = (0..count).map(|_| json!({"profile": {}}).to_string()).collect();
    let body = lines.join("\n");
    let (_, made) = site.send(OWNER_KEY, "POST", "/v1/members/import", Some(&body));
    let ids = made["ids"].as_array().cloned().unwrap_or_default();
    assert_eq!(ids.len(), count);
    for some in ids.chunks(500) {
        let wish = json!({ "memberIds": some });
        site.done("POST", &format!("{V3}/{fan}/members"), wish);
    }
    let path = format!("{ASSIGNMENTS}/query");
    let plain = site.done("POST", &path, json!({"query": {"filter": {"badgeId": fan}}}));
    assert_eq!(plain["pagingMetadata"]["total"], json!(count), "values are looked up");
    let sorted = json!({"query": {"sort": [{"fieldName": "memberId"}]}});
    let problem = site.refused("POST", &path, sorted, INVALID);
    assert_eq!(rules(&problem), ["FILTER_TOO_WIDE"]);
    let filter = json!({"memberId": {"$in": [ids[7]]}});
    let narrow = json!({"query": {"filter": filter, "sort": [{"fieldName": "memberId"}]}});
    let found = site.done("POST", &path, narrow);
    assert_eq!(each(&found["badgeAssignments"], "/memberId"), [ids[7].as_str().unwrap()]);
}

//! Follows, likes, counters and badges through the doors.

use serde_json::{Value, json};

use crate::client::{Member, Site, code, each, text};

const POST: &str = "/v1/items/shop/post%2F1";

#[test]
fn a_follow_shows_on_both_sides_and_repeating_it_changes_nothing() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let follow = format!("/members/v3/followers/{}", ben.id);
    assert_eq!(site.done_as(&ann, "POST", &follow, json!({"memberId": ben.id})), json!({}));
    assert_eq!(site.done_as(&ann, "POST", &follow, json!({"memberId": ben.id})), json!({}));
    let followers = site.done("GET", &format!("{follow}?paging.limit=5"), Value::Null);
    assert_eq!(followers["memberIds"], json!([ann.id]));
    assert_eq!(followers["pagingMetadata"]["count"], 1);
    let mine = site.done_as(&ann, "GET", "/_api/members/v3/followers/my/following", Value::Null);
    assert_eq!(mine["memberIds"], json!([ben.id]));
    let asked = json!({"connectedMemberIds": [ben.id]});
    let path = "/members/v3/followers/my/connections";
    let connection = site.done_as(&ann, "POST", path, asked)["connectedMembers"][0].clone();
    assert_eq!(connection["followedByMember"], true);
    assert_eq!(connection["followingMember"], false);
    assert_eq!(site.done_as(&ann, "DELETE", &follow, Value::Null), json!({}));
    assert_eq!(site.done("GET", &follow, Value::Null)["memberIds"], json!([]));
    let events = site.done("GET", "/v1/events?types=follow.*", Value::Null);
    assert_eq!(each(&events["events"], "/type"), ["follow.created", "follow.deleted"]);
}

#[test]
fn a_private_member_keeps_its_lists_to_itself() {
    let site = Site::start();
    let (ann, hidden) = (site.public("Ann"), site.create("Hidden", "PRIVATE"));
    for path in [
        format!("/members/v3/followers/{}", hidden.id),
        format!("/members/v3/followers/{}/following", hidden.id),
        format!("/members/v1/activity-counters/{}", hidden.id),
    ] {
        let (status, _) = site.ask_as(&ann.token, "GET", &path, Value::Null);
        assert_eq!(status, 404, "{path}");
        assert_eq!(site.ask_as(&hidden.token, "GET", &path, Value::Null).0, 200, "{path}");
        assert_eq!(site.ask("GET", &path, Value::Null).0, 200, "{path}");
    }
}

#[test]
fn likes_count_members_not_clicks() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let item = json!({"author": ben.id, "type": "post", "title": "Hello"});
    let put = site.done("PUT", POST, item);
    assert_eq!((&put["item"]["itemId"], &put["item"]["likes"]), (&json!("post/1"), &json!(0)));
    let likes = format!("{POST}/likes");
    for _ in 0..2 {
        assert_eq!(site.done_as(&ann, "POST", &likes, Value::Null)["total"], 1);
    }
    site.done_as(&ben, "POST", &likes, Value::Null);
    let page = site.done("GET", &format!("{likes}?limit=1"), Value::Null);
    assert_eq!((&page["total"], page["memberIds"].as_array().map(Vec::len)), (&json!(2), Some(1)));
    let next = text(&page["pagingMetadata"]["cursors"]["next"]);
    let rest = site.done("GET", &format!("{likes}?limit=1&cursor={next}"), Value::Null);
    let both = [page["memberIds"][0].clone(), rest["memberIds"][0].clone()];
    assert!(both.contains(&json!(ann.id)) && both.contains(&json!(ben.id)), "{both:?}");
    let other = format!("/v1/items/shop/other/likes?cursor={next}");
    assert_eq!(code(&site.ask("GET", &other, Value::Null).1), "INVALID_CURSOR");
    assert_eq!(site.done_as(&ann, "DELETE", &likes, Value::Null)["total"], 1);
    site.refused("GET", "/v1/items/shop/none", Value::Null, (404, "ITEM_NOT_FOUND"));
}

#[test]
fn who_holds_as_many_counters_as_it_may_is_told_so_when_it_likes() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    site.done("PUT", "/v1/items/shop/post-1", json!({"author": ben.id}));
    let likes = "/v1/items/shop/post-1/likes";
    let like = |by: &Member| site.ask_as(&by.token, "POST", likes, Value::Null);
    let increment = |n: u32| json!({"memberId": ann.id, "key": format!("k{n}"), "delta": 1});
    let increments: Vec<Value> = (0..1_000).map(increment).collect();
    let ingest = "/v1/activity-counters/ingest";
    let counted = site.done("POST", ingest, json!({"increments": increments}));
    assert_eq!(counted["accepted"], 1_000);
    let (status, problem) = like(&ann);
    assert_eq!((status, code(&problem).as_str()), (429, "COUNTER_LIMIT"), "{problem}");
    assert_eq!(like(&ben).0, 200, "the site goes on");
    let by_ann = |item: &str| format!("/v1/items/shop/{item}");
    site.done("PUT", &by_ann("post-2"), json!({"author": ann.id}));
    let (status, problem) = site.ask_as(&ben.token, "POST", &by_ann("post-2/likes"), Value::Null);
    assert_eq!((status, code(&problem).as_str()), (429, "COUNTER_LIMIT"), "{problem}");
    assert!(!problem.to_string().contains(&ann.id), "{problem}");
}

#[test]
fn who_likes_its_own_item_needs_room_for_two_counters() {
    let site = Site::start();
    let ann = site.public("Ann");
    let increment = |n: u32| json!({"memberId": ann.id, "key": format!("k{n}"), "delta": 1});
    let increments: Vec<Value> = (0..999).map(increment).collect();
    site.done("POST", "/v1/activity-counters/ingest", json!({"increments": increments}));
    site.done("PUT", "/v1/items/shop/post-1", json!({"author": ann.id}));
    let likes = "/v1/items/shop/post-1/likes";
    for _ in 0..5 {
        let (status, problem) = site.ask_as(&ann.token, "POST", likes, Value::Null);
        assert_eq!((status, code(&problem).as_str()), (429, "COUNTER_LIMIT"), "{problem}");
    }
}

#[test]
fn an_increment_with_an_operation_id_counts_once() {
    let site = Site::start();
    let ann = site.public("Ann");
    let path = format!("/members/v1/activity-counters/{}", ann.id);
    let setting = json!({"counter": {"key": "cheers", "public": true, "count": 2}});
    site.done("PUT", &path, setting);
    let step = json!({"counter": {"key": "cheers", "delta": 5}, "opId": "order-1"});
    let increment = format!("{path}/increment");
    let first = site.done("POST", &increment, step.clone());
    assert_eq!(first["activityCounter"]["counters"][0]["count"], 7);
    let again = site.done("POST", &increment, step);
    assert_eq!(again["duplicate"], true);
    let read = site.done("GET", &path, Value::Null);
    let counters = json!([{"key": "cheers", "public": true, "count": 7}]);
    assert_eq!(read["activityCounters"][0]["counters"], counters);
    assert!(read["activityCounters"][0]["revision"].is_string());
    let query = json!({"query": {"filter": {"memberId": {"$in": [ann.id]}}}});
    let found = site.done("POST", "/members/v1/activity-counters/query", query);
    assert_eq!(found["activityCounters"][0]["memberId"], json!(ann.id));
    let ben = site.create("Ben", "PRIVATE");
    let path = format!("/members/v1/activity-counters/{}", ben.id);
    site.done("PUT", &path, json!({"counter": {"key": "cheers", "public": true, "count": 3}}));
    let all = "/members/v1/activity-counters/query";
    let seen = |found: Value| each(&found["activityCounters"], "/memberId");
    assert_eq!(seen(site.done("POST", all, json!({}))), [&*ann.id, &*ben.id]);
    let strangers = seen(site.done_as(&ann, "POST", all, json!({})));
    assert_eq!(strangers, [&*ann.id], "who is private is on no list of others");
    assert_eq!(seen(site.done_as(&ben, "POST", all, json!({}))), [&*ann.id, &*ben.id]);
    let nobody = "/members/v1/activity-counters/00000000-0000-4000-8000-000000000000/increment";
    let step = json!({"counter": {"key": "cheers"}});
    site.refused("POST", nobody, step, (404, "MEMBER_NOT_FOUND"));
}

#[test]
fn a_badge_is_earned_by_its_rule_and_assigned_by_hand() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let rule = json!({"counter": {"key": "cheers"}, "reaches": 10});
    let badge = json!({
        "title": "Fan", "backgroundColor": "#000000", "textColor": "#ffffff", "rule": rule,
    });
    let created = site.done("POST", "/badges/v4/badges", json!({ "badge": badge }));
    let badge = text(&created["badge"]["id"]);
    let increment = format!("/members/v1/activity-counters/{}/increment", ann.id);
    site.done("POST", &increment, json!({"counter": {"key": "cheers", "delta": 10}}));
    let wished = json!({"badgeAssignment": {"badgeId": badge, "memberId": ben.id}});
    let assigned = site.done("POST", "/badges/v4/badge-assignments", wished);
    let query = json!({"query": {"filter": {"badgeId": badge}, "cursorPaging": {"limit": 50}}});
    let path = "/badges/v4/assignments/query";
    let found = site.done("POST", path, query.clone());
    let mut holders = each(&found["badgeAssignments"], "/memberId");
    holders.sort_unstable();
    let mut expected = [ann.id.clone(), ben.id.clone()];
    expected.sort_unstable();
    assert_eq!(holders, expected);
    let assignment = text(&assigned["badgeAssignment"]["id"]);
    site.done("DELETE", &format!("/badges/v4/assignments/{assignment}"), Value::Null);
    let left = site.done("POST", path, query.clone());
    assert_eq!(each(&left["badgeAssignments"], "/memberId"), [ann.id]);
    let all = json!({"query": {"paging": {"offset": 0, "limit": 50}}});
    let badges = site.done("POST", "/badges/v4/badges/query", all);
    assert_eq!(badges["pagingMetadata"]["total"], 1);
    site.done("DELETE", &format!("/badges/v4/badges/{badge}"), Value::Null);
    site.refused(
        "GET",
        &format!("/badges/v4/badges/{badge}"),
        Value::Null,
        (404, "BADGE_NOT_FOUND"),
    );
}

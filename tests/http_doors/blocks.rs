//! Blocks between members, through the doors.

use serde_json::{Value, json};

use crate::client::{Member, Site, code, each};

const MEMBERS: &str = "/members/v1/members";
const MY: &str = "/members/v1/member-to-member-blocks/members/my";

fn refused(answer: (u16, Value), expected: (u16, &str)) {
    assert_eq!((answer.0, code(&answer.1).as_str()), expected, "{}", answer.1);
}

fn get(site: &Site, by: &Member, path: &str) -> (u16, Value) {
    site.ask_as(&by.token, "GET", path, Value::Null)
}

fn block(site: &Site, by: &Member, whom: &str) -> (u16, Value) {
    site.ask_as(&by.token, "POST", MY, json!({ "memberId": whom }))
}

fn unblock(site: &Site, by: &Member, whom: &str) -> (u16, Value) {
    site.ask_as(&by.token, "DELETE", &format!("{MY}/{whom}?memberId={whom}"), Value::Null)
}

#[test]
fn two_who_are_apart_do_not_see_each_other_and_one_does_not_know_why() {
    let site = Site::start();
    let (ann, ben, carla) = (site.public("Ann"), site.public("Ben"), site.public("Carla"));
    let path = |member: &Member| format!("/members/v3/followers/{}", member.id);
    for (follower, followed) in [(&ann, &ben), (&ben, &ann), (&ann, &carla), (&ben, &carla)] {
        site.done_as(follower, "POST", &path(followed), json!({}));
    }
    site.done("PUT", "/v1/items/shop/post", json!({"author": ann.id}));
    assert_eq!(block(&site, &ann, &ben.id).0, 200);
    refused(block(&site, &ann, &ben.id), (409, "MEMBER_ALREADY_BLOCKED"));
    let member = |whom: &Member| format!("{MEMBERS}/{}", whom.id);
    refused(get(&site, &ann, &member(&ben)), (404, "MEMBER_TO_MEMBER_BLOCKED"));
    let (_, hidden) = get(&site, &ben, &member(&ann));
    let unknown = format!("{MEMBERS}/ffffffff-0000-4000-8000-00000000ffff");
    let (_, nobody) = get(&site, &ben, &unknown);
    assert_eq!((code(&hidden), hidden["title"].clone()), (code(&nobody), nobody["title"].clone()));
    // Both follows are over, in one commit with the block.
    for list in [path(&ann), path(&ben)] {
        assert_eq!(site.done("GET", &list, Value::Null)["memberIds"], json!([]), "{list}");
    }
    // In lists of others each is hidden from the other, and counted.
    let list = |by: &Member| {
        let page = get(&site, by, &path(&carla)).1;
        (each(&page["memberIds"], ""), page["pagingMetadata"]["hidden"].clone())
    };
    assert_eq!(list(&ann), (vec![ann.id.clone()], json!(1)));
    assert_eq!(list(&ben), (vec![ben.id.clone()], json!(1)));
    assert_eq!(list(&carla).1, 0);
    let query = |by: &Member| {
        let body = json!({"query": {}});
        each(&site.done_as(by, "POST", &format!("{MEMBERS}/query"), body)["members"], "/id")
    };
    assert_eq!(query(&ann), [&*ann.id, &*carla.id]);
    assert_eq!(query(&ben), [&*ben.id, &*carla.id]);
    // Nothing goes from one to the other.
    refused(site.ask_as(&ben.token, "POST", &path(&ann), json!({})), (404, "MEMBER_NOT_FOUND"));
    refused(
        site.ask_as(&ben.token, "POST", "/v1/items/shop/post/likes", Value::Null),
        (404, "ITEM_NOT_FOUND"),
    );
    let report = |by: &Member, whom: &Member| {
        let reason = json!({"category": "SPAM"});
        let report = json!({"reportedMemberId": whom.id, "reason": reason});
        let body = json!({ "memberReport": report });
        site.ask_as(&by.token, "POST", "/members/v1/member-reports", body)
    };
    refused(report(&ben, &ann), (404, "MEMBER_NOT_FOUND"));
    assert_eq!(report(&ann, &ben).0, 200, "who blocks may tell why");
    let site = site.restarted();
    refused(get(&site, &ben, &member(&ann)), (404, "MEMBER_NOT_FOUND"));
    assert_eq!(unblock(&site, &ann, &ben.id).0, 200);
    refused(unblock(&site, &ann, &ben.id), (404, "BLOCK_DOES_NOT_EXIST"));
    assert_eq!(get(&site, &ben, &member(&ann)).0, 200);
    let followers = site.done("GET", &path(&ann), Value::Null);
    assert_eq!(followers["memberIds"], json!([]), "nothing comes back by itself");
    let events = site.done("GET", "/v1/events?types=member_to_member_block.*", Value::Null);
    let expected = ["member_to_member_block.created", "member_to_member_block.deleted"];
    assert_eq!(each(&events["events"], "/type"), expected);
    assert_eq!(events["events"][0]["data"]["blockedMemberId"], json!(ben.id));
}

#[test]
fn blocks_are_listed_for_who_made_them_and_for_the_site() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let others: Vec<Member> = (0..3).map(|n| site.public(&format!("Other {n}"))).collect();
    for other in &others {
        assert_eq!(block(&site, &ann, &other.id).0, 200);
    }
    assert_eq!(block(&site, &ben, &ann.id).0, 200);
    let page = get(&site, &ann, &format!("{MY}?cursorPaging.limit=2")).1;
    let first = each(&page["blockedMemberIds"], "");
    assert_eq!((first.len(), &page["pagingMetadata"]["total"]), (2, &json!(3)));
    let next = page["pagingMetadata"]["cursors"]["next"].as_str().expect("more").to_owned();
    let rest = get(&site, &ann, &format!("{MY}?cursorPaging.cursor={next}")).1;
    assert_eq!(each(&rest["blockedMemberIds"], ""), [&*others[2].id]);
    let of = format!("/members/v1/member-to-member-blocks/members/{}", ann.id);
    let all = site.done("GET", &of, Value::Null);
    let directions = each(&all["memberBlocks"], "/blockDirection");
    assert_eq!(directions.iter().filter(|one| *one == "BLOCKING").count(), 3);
    assert_eq!(directions.iter().filter(|one| *one == "BLOCKED").count(), 1);
    refused(get(&site, &ann, &of), (403, "PERMISSION_DENIED"));
    refused(block(&site, &ann, &ann.id), (409, "SELF_BLOCKING_FORBIDDEN"));
    refused(unblock(&site, &ann, &ann.id), (409, "SELF_UNBLOCKING_FORBIDDEN"));
    refused(block(&site, &ann, "x"), (400, "INVALID_ARGUMENT"));
    let role = json!({"roleKey": "admin", "roleTitle": "Admin", "blockable": false});
    site.done("POST", "/members/v1/roles/definitions", role);
    let carla = site.public("Carla");
    let held = format!("/members/v1/roles/members/{}", carla.id);
    site.done("POST", &held, json!({"roleKey": "admin"}));
    refused(block(&site, &ann, &carla.id), (409, "ADMIN_BLOCKING_FORBIDDEN"));
    site.done("DELETE", &format!("{MEMBERS}/{}", others[0].id), Value::Null);
    let left = get(&site, &ann, MY).1;
    assert_eq!(left["pagingMetadata"]["total"], 2, "who is gone is blocked no more");
}

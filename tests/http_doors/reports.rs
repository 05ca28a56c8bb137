//! Reports about members: who may report, what the owner sees, what nobody else does.

use serde_json::{Value, json};

use crate::client::{Member, OWNER_KEY, Site, code, each, text};

const REPORTS: &str = "/members/v1/member-reports";

fn wish(reported: &Member) -> Value {
    json!({"memberReport": {
        "reportedMemberId": reported.id, "reason": {"category": "SPAM", "description": "watches"},
    }})
}

#[test]
fn a_member_reports_another_once_and_the_owner_works_it_off() {
    let site = Site::start();
    let (ann, ben, cleo) = (site.public("Ann"), site.public("Ben"), site.public("Cleo"));
    let first = site.done_as(&ann, "POST", REPORTS, wish(&ben))["memberReport"].clone();
    assert_eq!(first["reportingMemberId"], json!(ann.id));
    assert_eq!(first["reason"], json!({"category": "SPAM", "description": "watches"}));
    let again = site.done_as(&ann, "POST", REPORTS, wish(&ben))["memberReport"].clone();
    assert_eq!(again, first, "the same report is answered");
    site.done_as(&cleo, "POST", REPORTS, wish(&ben));
    site.done("POST", REPORTS, wish(&cleo));
    let filter = json!({"query": {"filter": {"reportedMemberId": {"$eq": ben.id}}}});
    let found = site.done("POST", &format!("{REPORTS}/query"), filter);
    assert_eq!(each(&found["memberReports"], "/reportingMemberId"), [&*ann.id, &*cleo.id]);
    let page = json!({"query": {"paging": {"limit": 2}}});
    let page = site.done("POST", &format!("{REPORTS}/query"), page);
    let next = text(&page["pagingMetadata"]["cursors"]["next"]);
    let rest = json!({"query": {"paging": {"limit": 2, "cursor": next}}});
    let rest = site.done("POST", &format!("{REPORTS}/query"), rest);
    assert_eq!(each(&rest["memberReports"], "/reportedMemberId"), [&*cleo.id]);
    let members = format!("{REPORTS}/members");
    let listed = site.done("GET", &members, Value::Null)["reportedMembers"].clone();
    assert_eq!(each(&listed, "/reportedMemberId"), [&*ben.id, &*cleo.id]);
    assert_eq!((&listed[0]["reportCount"], &listed[0]["reviewed"]), (&json!("2"), &json!(false)));
    let path = format!("{members}/{}", ben.id);
    assert_eq!(site.done("POST", &format!("{path}/reviewed"), json!({})), json!({}));
    let only = json!({"query": {"filter": {"reportedMemberId": ben.id}}});
    let case = site.done("POST", &format!("{members}/query"), only.clone());
    assert_eq!(case["reportedMembers"][0]["reviewed"], true);
    assert_eq!(site.done("DELETE", &path, Value::Null), json!({}));
    let case = site.done("POST", &format!("{members}/query"), only);
    assert_eq!(case["pagingMetadata"]["total"], 0);
    let nobody = format!("{path}/reviewed");
    site.refused("POST", &nobody, json!({}), (404, "REPORTED_MEMBER_NOT_FOUND"));
    let types = "/v1/events?types=report.*&types=reported_member.*";
    let events = site.done("GET", types, Value::Null)["events"].clone();
    assert_eq!(
        each(&events, "/type"),
        [
            "report.created",
            "reported_member.created",
            "report.created",
            "report.created",
            "reported_member.created",
            "reported_member.reviewed",
            "report.deleted",
            "report.deleted",
            "reported_member.deleted",
        ]
    );
    assert!(events.as_array().into_iter().flatten().all(|event| event["memberId"].is_null()));
}

#[test]
fn what_makes_no_report_says_why() {
    let site = Site::start();
    let (ann, hidden) = (site.public("Ann"), site.create("Hidden", "PRIVATE"));
    let blocked = r#"{"status":"BLOCKED","privacyStatus":"PUBLIC"}"#;
    let blocked = site.send(OWNER_KEY, "POST", "/v1/members/import", Some(blocked)).1;
    let blocked = text(&blocked["ids"][0]);
    let refused = |body: Value, expected: (u16, &str)| {
        let (status, problem) = site.ask_as(&ann.token, "POST", REPORTS, body);
        assert_eq!((status, code(&problem).as_str()), expected, "{problem}");
    };
    refused(wish(&ann), (409, "SELF_REPORTING_FORBIDDEN"));
    refused(wish(&hidden), (404, "MEMBER_NOT_FOUND"));
    let blocked = Member { id: blocked, token: String::new() };
    refused(wish(&blocked), (409, "CANNOT_REPORT_BLOCKED_MEMBER"));
    let long = "x".repeat(1_001);
    for wrong in [
        json!({}),
        json!({"memberReport": {"reportedMemberId": hidden.id}}),
        json!({"memberReport": {"reportedMemberId": "x", "reason": {"category": "SPAM"}}}),
        json!({"memberReport": {"reportedMemberId": hidden.id, "reason": {"category": "ODD"}}}),
        json!({"memberReport": {
            "reportedMemberId": hidden.id, "reason": {"category": "OTHER", "description": long},
        }}),
    ] {
        refused(wrong, (400, "INVALID_ARGUMENT"));
    }
    let query = format!("{REPORTS}/query");
    let (status, _) = site.ask_as(&ann.token, "POST", &query, json!({}));
    assert_eq!(status, 403, "members do not see who reported whom");
    let odd = json!({"query": {"filter": {"reason": "SPAM"}}});
    site.refused("POST", &query, odd, (400, "INVALID_ARGUMENT"));
}

#[test]
fn nobody_fills_the_queue_alone() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let others: Vec<Member> = (0..100).map(|n| site.public(&format!("Other {n}"))).collect();
    for other in &others {
        site.done_as(&ann, "POST", REPORTS, wish(other));
    }
    let (status, problem) = site.ask_as(&ann.token, "POST", REPORTS, wish(&ben));
    assert_eq!((status, code(&problem).as_str()), (429, "REPORT_LIMIT"), "{problem}");
    site.done_as(&ben, "POST", REPORTS, wish(&ann));
    site.done("DELETE", &format!("{REPORTS}/members/{}", others[0].id), Value::Null);
    site.done_as(&ann, "POST", REPORTS, wish(&ben));
}

#[test]
fn reports_survive_a_restart_and_end_with_their_member() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let report = site.done_as(&ann, "POST", REPORTS, wish(&ben))["memberReport"].clone();
    let site = site.restarted();
    let query = format!("{REPORTS}/query");
    assert_eq!(site.done("POST", &query, json!({}))["memberReports"][0], report);
    site.done("DELETE", &format!("/members/v1/members/{}", ben.id), Value::Null);
    assert_eq!(site.done("POST", &query, json!({}))["pagingMetadata"]["total"], 0);
    let listed = site.done("GET", &format!("{REPORTS}/members"), Value::Null);
    assert_eq!(listed["reportedMembers"], json!([]));
}

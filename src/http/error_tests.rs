//! What every refusal looks like on the wire.

use super::*;

fn check(problem: Problem, status: u16, code: &str) -> Value {
    let body = problem.body("request-1");
    assert_eq!(problem.status().as_u16(), status, "{code}");
    assert_eq!(body["status"], status, "{code}");
    assert_eq!(body["type"], format!("urn:guildhall:problem:{code}"));
    assert_eq!(body["requestId"], "request-1");
    assert_eq!(body["message"], body["detail"]);
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()));
    assert!(body["errors"].is_array());
    if body["details"]["validationError"].is_null() {
        assert_eq!(body["details"]["applicationError"]["code"], code);
        assert_eq!(body["details"]["applicationError"]["description"], body["detail"]);
    }
    body
}

fn detail() -> String {
    "because".to_owned()
}

#[test]
fn every_refusal_has_its_status_and_code() {
    let refused = |refusal| Problem::from(CallError::Refused(refusal));
    let not_found = Refusal::NotFound { code: "MEMBER_NOT_FOUND", detail: detail() };
    check(refused(not_found), 404, "MEMBER_NOT_FOUND");
    let conflict = Refusal::Conflict { code: "SLUG_ALREADY_EXISTS", detail: detail() };
    check(refused(conflict), 409, "SLUG_ALREADY_EXISTS");
    let forbidden = Refusal::Forbidden { code: "MEMBER_MUTED", detail: detail() };
    check(refused(forbidden), 403, "MEMBER_MUTED");
    let limit = Refusal::LimitReached { code: "TOO_MANY_BADGES", detail: detail(), limit: 7 };
    let body = check(refused(limit), 429, "TOO_MANY_BADGES");
    assert_eq!(body["details"]["applicationError"]["data"]["limit"], 7);
    let gap = Refusal::ProducerGap { producer: "shop".to_owned(), last: 4, given: 9 };
    let body = check(refused(gap), 409, "PRODUCER_GAP");
    let data = &body["details"]["applicationError"]["data"];
    assert_eq!(*data, json!({"producer": "shop", "last": 4, "given": 9}));
}

#[test]
fn every_failure_of_the_site_has_its_status_and_code() {
    check(CallError::Busy.into(), 503, "BUSY");
    check(CallError::Undone.into(), 503, "UNDONE");
    check(CallError::DiskFull.into(), 507, "DISK_FULL");
    check(CallError::Stopped.into(), 503, "STOPPED");
    check(CallError::Internal.into(), 500, "INTERNAL");
}

#[test]
fn what_the_edge_refuses_has_its_status_and_code() {
    check(Problem::unauthenticated("who?"), 401, "UNAUTHENTICATED");
    check(Problem::forbidden("not you"), 403, "PERMISSION_DENIED");
    check(Problem::unknown_route(), 404, "ROUTE_NOT_FOUND");
    check(Problem::method_not_allowed("GET".to_owned()), 405, "METHOD_NOT_ALLOWED");
    check(Problem::body_too_large(10), 413, "BODY_TOO_LARGE");
    check(Problem::bad_request("MALFORMED_JSON", "no"), 400, "MALFORMED_JSON");
}

#[test]
fn all_violations_stand_in_both_spellings() {
    let body = check(
        Problem::invalid(vec![
            Violation {
                field: "member.profile.nickname".to_owned(),
                rule: "MAX_LENGTH",
                detail: "too long".to_owned(),
                threshold: Some(256),
            },
            Violation {
                field: "member.contact.emails.0".to_owned(),
                rule: "FORMAT",
                detail: "no address".to_owned(),
                threshold: None,
            },
        ]),
        400,
        "INVALID_ARGUMENT",
    );
    let pointers: Vec<&str> =
        body["errors"].as_array().into_iter().flatten().filter_map(|e| e["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/member/profile/nickname", "/member/contact/emails/0"]);
    let violations = &body["details"]["validationError"]["fieldViolations"];
    assert_eq!(violations[0]["field"], "member.profile.nickname");
    assert_eq!(violations[0]["violatedRule"], "MAX_LENGTH");
    assert_eq!(violations[0]["data"]["threshold"], 256);
    assert_eq!(violations[1]["description"], "no address");
    assert!(body["details"]["applicationError"].is_null());
}

#[test]
fn headers_tell_what_to_do_next() {
    let header = |problem: Problem, name: &str| {
        let response = problem.response("request-1");
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    assert_eq!(
        header(Problem::method_not_allowed("GET, PUT".to_owned()), "allow").as_deref(),
        Some("GET, PUT")
    );
    assert_eq!(header(CallError::Busy.into(), "retry-after").as_deref(), Some("1"));
    assert_eq!(
        header(Problem::unauthenticated("who?"), "www-authenticate").as_deref(),
        Some("Bearer")
    );
    assert_eq!(
        header(Problem::unknown_route(), "content-type").as_deref(),
        Some("application/problem+json")
    );
}

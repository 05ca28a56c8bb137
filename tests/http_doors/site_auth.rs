//! The platform's older module for registering and logging in, and members as its users.

use serde_json::{Value, json};

use crate::client::{Site, code, each, text};

const AUTH: &str = "/wix-sm/api/v1/auth/api/v1/auth";
const PASSWORD: &str = "correct horse battery";

fn refused(answer: (u16, Value), expected: (u16, &str)) {
    assert_eq!((answer.0, code(&answer.1).as_str()), expected, "{}", answer.1);
}

fn policy(site: &Site, policy: Value) {
    site.done("PATCH", "/iam/signon/v1/sign-on-policies", json!({ "signOnPolicy": policy }));
}

fn register(site: &Site, email: &str, more: Value) -> (u16, Value) {
    let mut body =
        json!({"email": email, "password": PASSWORD, "contactInfo": {"firstName": "Ann"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    site.ask("POST", &format!("{AUTH}/register"), body)
}

fn login(site: &Site, email: &str, password: &str) -> (u16, Value) {
    let body = json!({"email": email, "password": password});
    site.ask("POST", "/identity/members/api/v1/auth/login", body)
}

#[test]
fn a_member_registers_logs_in_and_moves_to_another_address() {
    let site = Site::start();
    let (status, made) =
        register(&site, "ann@example.com", json!({"profilePrivacyStatus": "PUBLIC"}));
    assert_eq!((status, &made["member"]["status"]), (200, &json!("ACTIVE")), "{made}");
    assert!(made["session"]["token"].is_string() && made["approvalToken"].is_null());
    assert_eq!(made["member"]["firstName"], "Ann");
    let id = text(&made["member"]["id"]);
    refused(register(&site, "Ann@example.com", json!({})), (409, "-19995"));
    let (status, inside) = login(&site, "ann@example.com", PASSWORD);
    assert_eq!((status, &inside["member"]["id"]), (200, &json!(id)), "{inside}");
    refused(login(&site, "ann@example.com", "wrong password"), (401, "-19976"));
    let path = format!("/api/v1/members/{id}/change-login-email");
    let wish = json!({"id": id, "newEmail": "new@example.com", "revokeCurrentSessions": true});
    let moved = site.done("PATCH", &path, wish);
    assert_eq!(moved["member"]["loginEmail"], "new@example.com");
    assert_eq!(login(&site, "new@example.com", PASSWORD).0, 200);
    refused(login(&site, "ann@example.com", PASSWORD), (401, "-19976"));
    register(&site, "ben@example.com", json!({}));
    let taken = json!({"newEmail": "BEN@example.com"});
    site.refused("PATCH", &path, taken, (409, "LOGIN_EMAIL_ALREADY_EXISTS"));
    let block = site.done("POST", "/api/v1/members/block", json!({"email": "new@example.com"}));
    assert_eq!(block, json!({}));
    refused(login(&site, "new@example.com", PASSWORD), (403, "MEMBER_BLOCKED"));
    let site = site.restarted();
    let approve = |body: Value| site.ask("POST", "/api/v1/members/approve", body);
    assert!(approve(json!({ "id": id })).1["session"]["token"].is_string());
    assert_eq!(login(&site, "new@example.com", PASSWORD).0, 200);
    refused(approve(json!({"email": "nobody@example.com"})), (404, "MEMBER_NOT_FOUND"));
    refused(approve(json!({"token": "x.y.z"})), (404, "MEMBER_NOT_FOUND"));
    refused(approve(json!({})), (400, "INVALID_ARGUMENT"));
}

#[test]
fn who_waits_is_let_in_by_its_approval_token_and_by_no_other() {
    let site = Site::start();
    policy(&site, json!({"requireOwnerApproval": true}));
    let (status, made) = register(&site, "ann@example.com", json!({}));
    assert_eq!((status, &made["member"]["status"]), (200, &json!("APPLICANT")), "{made}");
    assert!(made["session"].is_null());
    refused(login(&site, "ann@example.com", PASSWORD), (403, "MEMBER_PENDING"));
    let ben = site.public("Ben");
    let approve = |token: &str| {
        site.ask("POST", "/_api/wix-sm-webapp/v1/members/approve", json!({ "token": token }))
    };
    refused(approve(&ben.token), (404, "MEMBER_NOT_FOUND"));
    let token = text(&made["approvalToken"]);
    refused(
        site.ask_as(&token, "GET", "/members/v1/members/my", Value::Null),
        (401, "UNAUTHENTICATED"),
    );
    refused(
        site.ask_as(&ben.token, "POST", "/api/v1/members/approve", json!({ "token": token })),
        (403, "PERMISSION_DENIED"),
    );
    let (status, inside) = approve(&token);
    assert!(status == 200 && inside["session"]["token"].is_string(), "{inside}");
    assert_eq!(login(&site, "ann@example.com", PASSWORD).0, 200);
}

#[test]
fn an_address_is_verified_in_a_second_call() {
    let site = Site::start();
    policy(&site, json!({"requireEmailVerification": true}));
    let (status, asked) = register(&site, "ann@example.com", json!({}));
    assert_eq!((status, code(&asked).as_str()), (403, "EMAIL_VERIFICATION_REQUIRED"), "{asked}");
    let id = text(&asked["details"]["applicationError"]["data"]["verificationId"]);
    let mails = site.done("GET", "/v1/outbox", Value::Null);
    let words = text(&mails["mails"][0]["text"]);
    let is_code = |word: &&str| word.len() == 6 && word.chars().all(|c| c.is_ascii_digit());
    let found =
        words.split(|c: char| !c.is_ascii_digit()).find(is_code).expect("a code").to_owned();
    let proof = |otp: &str| json!({"emailVerification": {"verificationId": id, "otp": otp}});
    let wrong = if found == "000000" { "000001" } else { "000000" };
    refused(register(&site, "ann@example.com", proof(wrong)), (400, "VERIFICATION_FAILED"));
    let (status, made) = register(&site, "ann@example.com", proof(&found));
    assert_eq!((status, &made["member"]["emailVerified"]), (200, &json!(true)), "{made}");
    refused(register(&site, "ann@example.com", proof(&found)), (400, "VERIFICATION_FAILED"));
    let mail = "/wix-sm/api/v1/auth/v1/auth/members/send-set-password-email";
    for email in ["ann@example.com", "nobody@example.com"] {
        let sent = site.done("POST", mail, json!({ "email": email }));
        assert_eq!(sent, json!({"accepted": true}), "{email}");
    }
}

#[test]
fn members_are_found_as_users_of_the_platform() {
    let site = Site::start();
    let (ann, ben) = (site.public("Ann"), site.public("Ben"));
    let query = |filter: Value| {
        let body = json!({"query": {"filter": filter, "cursorPaging": {"limit": 1}}});
        site.done("POST", "/members/v1/user-members/query", body)
    };
    let first = query(json!({}));
    let one = first["userMembers"][0].clone();
    assert_eq!((&one["memberId"], &one["userId"]), (&json!(ann.id), &json!(ann.id)));
    assert_eq!((&one["nickname"], &one["status"]), (&json!("Ann"), &json!("APPROVED")));
    let next = first["metadata"]["cursors"]["next"].clone();
    let body = json!({"query": {"cursorPaging": {"cursor": next}}});
    let rest = site.done("POST", "/members/v1/user-members/query", body);
    assert_eq!(each(&rest["userMembers"], "/memberId"), [&*ben.id]);
    let found = |filter: Value| each(&query(filter)["userMembers"], "/memberId");
    assert_eq!(found(json!({"userId": {"$in": [ben.id]}})), [&*ben.id]);
    assert_eq!(found(json!({"metaSiteId": one["metaSiteId"], "memberId": ben.id})), [&*ben.id]);
    assert!(found(json!({"metaSiteId": ben.id})).is_empty());
    let body = json!({"query": {"filter": {"nickname": "Ann"}}});
    let wanted = (400, "INVALID_ARGUMENT");
    site.refused("POST", "/members/v1/user-members/query", body, wanted);
}

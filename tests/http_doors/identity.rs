//! Visitors, registering, logging in and out, as an application does it with a browser beside it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{OWNER_KEY, Site, code, text};
use crate::live_socket::LiveSocket;

const BACK: &str = "https://app.example/back";
const REGISTER: &str = "/_api/iam/authentication/v2/register";
const LOGIN: &str = "/_api/iam/authentication/v2/login";
const POLICY: &str = "/iam/signon/v1/sign-on-policies";
const REDIRECT: &str = "/_api/redirects-api/v1/redirect-session";
const PASSWORD: &str = "correct horse";
const VERIFIER: &str = "a-verifier-that-only-the-application-knows-0123456789";

/// An application of a site, and a visitor in it.
struct App {
    site: Site,
    client: String,
    visitor: String,
}

struct Tokens {
    access: String,
    refresh: String,
}

impl App {
    fn start() -> App {
        let site = Site::start();
        let wish = json!({"name": "shop", "redirectUris": [BACK]});
        let client = text(&site.done("POST", "/v1/oauth-clients", wish)["client"]["id"]);
        let wish = json!({"clientId": client, "grantType": "anonymous"});
        let visitor = text(&site.done("POST", "/oauth2/token", wish)["access_token"]);
        App { site, client, visitor }
    }

    fn ask(&self, path: &str, body: Value) -> (u16, Value) {
        self.site.ask_as(&self.visitor, "POST", path, body)
    }

    fn register(&self, email: &str) -> Value {
        let (status, answer) = self.ask(REGISTER, credentials(email, PASSWORD));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn session(&self, email: &str) -> String {
        let (status, answer) = self.ask(LOGIN, credentials(email, PASSWORD));
        assert_eq!((status, &answer["state"]), (200, &json!("SUCCESS")), "{answer}");
        text(&answer["sessionToken"])
    }

    /// The path that the browser is sent to.
    fn authorize_path(&self, session: &str, mode: &str) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
        let request = json!({
            "clientId": self.client, "redirectUri": BACK, "state": "s1", "responseType": "code",
            "codeChallenge": challenge, "codeChallengeMethod": "S256", "responseMode": mode,
            "sessionToken": session,
        });
        let wish = json!({"auth": {"authRequest": request, "prompt": "none"}});
        let (status, answer) = self.ask(REDIRECT, wish);
        assert_eq!(status, 200, "{answer}");
        let url = text(&answer["redirectSession"]["fullUrl"]);
        let path = url.find("/oauth2/authorize").expect("the authorize page");
        url[path..].to_owned()
    }

    fn code(&self, session: &str) -> String {
        let back = self.site.follow(&self.authorize_path(session, "query"));
        let answer = back.strip_prefix("https://app.example/back?code=").expect("a code");
        answer.strip_suffix("&state=s1").expect("its state").to_owned()
    }

    fn exchange(&self, code: &str, verifier: &str) -> (u16, Value) {
        let wish = json!({
            "clientId": self.client, "grantType": "authorization_code", "redirectUri": BACK,
            "code": code, "codeVerifier": verifier,
        });
        self.site.ask_as("", "POST", "/oauth2/token", wish)
    }

    fn log_in(&self, email: &str) -> Tokens {
        let (status, answer) = self.exchange(&self.code(&self.session(email)), VERIFIER);
        assert_eq!(status, 200, "{answer}");
        Tokens { access: text(&answer["access_token"]), refresh: text(&answer["refresh_token"]) }
    }

    /// The newest mail to an address, once it is there: some go out behind the answer.
    fn mail(&self, to: &str) -> String {
        for _ in 0..10_000 {
            let mails = self.site.done("GET", "/v1/outbox", Value::Null);
            let mails = mails["mails"].as_array().cloned().unwrap_or_default();
            if let Some(mail) = mails.iter().find(|mail| mail["to"] == json!(to)) {
                return text(&mail["text"]);
            }
        }
        panic!("no mail to {to}");
    }

    fn renew(&self, refresh: &str) -> (u16, Value) {
        let grant = json!({"clientId": self.client, "grantType": "refresh_token"});
        let mut wish = grant;
        wish["refreshToken"] = json!(refresh);
        self.site.ask_as("", "POST", "/oauth2/token", wish)
    }
}

fn credentials(email: &str, password: &str) -> Value {
    json!({"loginId": {"email": email}, "password": password, "profile": {"nickname": "Ann"}})
}

#[test]
fn a_visitor_reads_what_everybody_may_and_changes_nothing() {
    let app = App::start();
    let (ann, ben) = (app.site.public("Ann"), app.site.create("Ben", "PRIVATE"));
    let path = |id: &str| format!("/members/v1/members/{id}?fieldsets=FULL");
    let (status, shown) = app.site.ask_as(&app.visitor, "GET", &path(&ann.id), Value::Null);
    assert_eq!((status, &shown["member"]["status"]), (200, &json!("UNKNOWN")));
    let (status, hidden) = app.site.ask_as(&app.visitor, "GET", &path(&ben.id), Value::Null);
    let unknown = path("00000000-0000-4000-8000-00000000000f");
    let (_, unknown) = app.site.ask_as(&app.visitor, "GET", &unknown, Value::Null);
    assert_eq!((status, code(&hidden)), (404, code(&unknown)));
    let list = app.site.ask_as(&app.visitor, "GET", "/members/v1/members", Value::Null).1;
    assert_eq!(list["metadata"]["total"], json!(1));
    for (method, path) in [
        ("POST", format!("/members/v3/followers/{}", ann.id)),
        ("PATCH", format!("/members/v1/members/{}", ann.id)),
        ("POST", "/members/v1/member-reports".to_owned()),
        ("GET", "/members/v1/members/my".to_owned()),
        ("GET", "/v1/events".to_owned()),
    ] {
        let (status, problem) = app.site.ask_as(&app.visitor, method, &path, json!({}));
        assert_eq!((status, code(&problem).as_str()), (403, "PERMISSION_DENIED"), "{path}");
    }
}

#[test]
fn from_visitor_to_member_and_back() {
    let app = App::start();
    let registered = app.register("ann@example.com");
    assert_eq!(registered["state"], json!("SUCCESS"));
    let id = text(&registered["identity"]["id"]);
    let tokens = app.log_in("Ann@Example.com");
    let my = "/members/v1/members/my?fieldsets=FULL";
    let (status, me) = app.site.ask_as(&tokens.access, "GET", my, Value::Null);
    assert_eq!((status, &me["member"]["id"]), (200, &json!(id)), "{me}");
    let (_, user) = app.site.ask_as(&tokens.access, "GET", "/oauth2/user-info", Value::Null);
    assert_eq!((&user["sub"], &user["email"]), (&json!(id), &json!("ann@example.com")));
    let (status, renewed) = app.renew(&tokens.refresh);
    assert_eq!((status, &renewed["refresh_token"]), (200, &json!(tokens.refresh)));
    let wish = json!({"logout": {"clientId": app.client}, "callbacks": {"postFlowUrl": BACK}});
    let (_, out) = app.site.ask_as(&tokens.access, "POST", REDIRECT, wish);
    let url = text(&out["redirectSession"]["fullUrl"]);
    let path = &url[url.find("/_api").expect("the logout page")..];
    assert_eq!(app.site.follow(path), BACK);
    let (status, ended) = app.renew(&tokens.refresh);
    assert_eq!((status, code(&ended).as_str()), (400, "invalid_grant"));
    let events = app.site.done("GET", "/v1/events", Value::Null);
    let created = &events["events"][0];
    assert_eq!(created["type"], json!("member.created"));
    assert_eq!(created["data"]["origin"], json!("SIGN_UP"), "{created}");
}

#[test]
fn an_owner_may_want_to_see_new_members_first() {
    let app = App::start();
    let before = app.site.done("GET", POLICY, Value::Null)["signOnPolicy"].clone();
    assert_eq!(before["requireOwnerApproval"], json!(false));
    let wish = json!({"signOnPolicy": {"requireOwnerApproval": true}});
    let policy = app.site.done("PATCH", POLICY, wish)["signOnPolicy"].clone();
    assert_eq!((&policy["requireOwnerApproval"], &policy["revision"]), (&json!(true), &json!("1")));
    let registered = app.register("ann@example.com");
    assert_eq!(registered["state"], json!("REQUIRE_OWNER_APPROVAL"));
    assert_eq!(registered["sessionToken"], Value::Null);
    let (status, again) = app.ask(LOGIN, credentials("ann@example.com", PASSWORD));
    assert_eq!((status, &again["state"]), (200, &json!("REQUIRE_OWNER_APPROVAL")));
}

#[test]
fn wrong_passwords_and_unknown_accounts_look_alike_and_are_slowed_down() {
    let app = App::start();
    app.register("ann@example.com");
    let wrong = app.ask(LOGIN, credentials("ann@example.com", "a wrong guess"));
    let unknown = app.ask(LOGIN, credentials("nobody@example.com", PASSWORD));
    let told =
        |(status, answer): &(u16, Value)| (*status, answer["details"]["applicationError"].clone());
    assert_eq!(told(&wrong), told(&unknown));
    assert_eq!((wrong.0, code(&wrong.1).as_str()), (401, "-19976"));
    for _ in 1..10 {
        assert_eq!(app.ask(LOGIN, credentials("ann@example.com", "a wrong guess")).0, 401);
    }
    let (status, slowed) = app.ask(LOGIN, credentials("ann@example.com", PASSWORD));
    assert_eq!((status, code(&slowed).as_str()), (429, "THROTTLED"));
}

#[test]
fn an_email_is_registered_once_and_every_fault_is_told() {
    let app = App::start();
    app.register("ann@example.com");
    let (status, taken) = app.ask(REGISTER, credentials("Ann@example.com", "another one"));
    assert_eq!((status, code(&taken).as_str()), (409, "-19995"));
    app.session("ann@example.com");
    let (status, faults) = app.ask(REGISTER, credentials("no address", "short"));
    assert_eq!(status, 400);
    let fields: Vec<&Value> = faults["errors"].as_array().expect("errors").iter().collect();
    let pointers: Vec<&str> = fields.iter().filter_map(|fault| fault["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/loginId/email", "/password"]);
}

#[test]
fn a_code_is_good_once_for_its_application_and_its_verifier() {
    let app = App::start();
    app.register("ann@example.com");
    let session = app.session("ann@example.com");
    let used = app.code(&session);
    assert_eq!(app.exchange(&used, VERIFIER).0, 200);
    let (status, again) = app.exchange(&used, VERIFIER);
    assert_eq!((status, code(&again).as_str()), (400, "invalid_grant"));
    let stolen = app.code(&session);
    assert_eq!(app.exchange(&stolen, "another verifier").0, 400);
    assert_eq!(app.exchange(&stolen, VERIFIER).0, 400, "a code that was tried is used");
    let fragment = app.site.follow(&app.authorize_path(&session, "fragment"));
    assert!(fragment.starts_with("https://app.example/back#code="), "{fragment}");
    let path = app.authorize_path("", "query");
    assert_eq!(app.site.follow(&path), format!("{BACK}?error=login_required&state=s1"));
    let path = app.authorize_path(&app.visitor, "query");
    assert_eq!(app.site.follow(&path), format!("{BACK}?error=login_required&state=s1"));
    let elsewhere = app.authorize_path(&session, "query").replace("app.example", "evil.example");
    let (status, problem) = app.site.ask_as("", "GET", &elsewhere, Value::Null);
    assert_eq!((status, code(&problem).as_str()), (400, "INVALID_ARGUMENT"), "{problem}");
}

#[test]
fn each_token_is_good_for_what_it_is_for() {
    let app = App::start();
    app.register("ann@example.com");
    let session = app.session("ann@example.com");
    let tokens = app.log_in("ann@example.com");
    for token in [&session, &tokens.refresh] {
        let my = app.site.ask_as(token, "GET", "/members/v1/members/my", Value::Null);
        assert_eq!((my.0, code(&my.1).as_str()), (401, "UNAUTHENTICATED"));
    }
    for token in [&session, &tokens.access, &app.visitor] {
        assert_eq!(app.renew(token).0, 400);
    }
    let info = |token: &str| {
        app.site.ask_as("", "POST", "/oauth2/token-info", json!({ "token": token })).1
    };
    assert_eq!(info(&tokens.access)["subjectType"], json!("MEMBER"));
    assert_eq!(info(&app.visitor)["subjectType"], json!("VISITOR"));
    assert_eq!(info(&app.visitor)["clientId"], json!(app.client));
    assert_eq!(info("nonsense"), json!({"active": false, "subjectType": "UNKNOWN"}));
    assert_eq!(info(OWNER_KEY)["active"], json!(false), "keys are told nobody");
}

#[test]
fn a_new_password_ends_every_login_across_a_restart() {
    let App { site, client, visitor } = App::start();
    let app = App { site, client, visitor };
    app.register("ann@example.com");
    let (one, other) = (app.log_in("ann@example.com"), app.log_in("ann@example.com"));
    let App { site, client, visitor } = app;
    let app = App { site: site.restarted(), client, visitor };
    assert_eq!(app.renew(&one.refresh).0, 200, "a login outlives a restart");
    let path = "/_api/iam/authentication/v2/change-password";
    let wish = json!({"newPassword": "battery staple"});
    let (status, _) = app.site.ask_as(&one.access, "POST", path, wish);
    assert_eq!(status, 200);
    assert_eq!((app.renew(&one.refresh).0, app.renew(&other.refresh).0), (400, 400));
    assert_eq!(app.ask(LOGIN, credentials("ann@example.com", PASSWORD)).0, 401);
    assert_eq!(app.ask(LOGIN, credentials("ann@example.com", "battery staple")).0, 200);
}

#[test]
fn a_token_of_an_ended_login_is_refused_at_once_across_a_restart() {
    let App { site, client, visitor } = App::start();
    let app = App { site, client, visitor };
    app.register("ann@example.com");
    let wish = json!({"name": "other", "redirectUris": [BACK]});
    let other = text(&app.site.done("POST", "/v1/oauth-clients", wish)["client"]["id"]);
    let here = app.log_in("ann@example.com");
    let renewed = text(&app.renew(&here.refresh).1["access_token"]);
    let App { site, client, visitor } = app;
    let app = App { site, client: other, visitor };
    let there = app.log_in("ann@example.com");
    let mut socket = LiveSocket::connect(&app.site, &here.access);
    let mut stays = LiveSocket::connect(&app.site, &there.access);
    let my = |site: &Site, token: &str| {
        let (status, answer) = site.ask_as(token, "GET", "/members/v1/members/my", Value::Null);
        (status, code(&answer))
    };
    assert_eq!(my(&app.site, &renewed).0, 200);
    let path = format!("/_api/iam/authentication/v1/logout?clientId={client}");
    assert_eq!(app.site.ask_as(&renewed, "GET", &path, Value::Null).0, 200);
    let refused = (401, "UNAUTHENTICATED".to_owned());
    for token in [&here.access, &renewed] {
        assert_eq!(my(&app.site, token), refused);
        let (_, info) = app.site.ask_as("", "POST", "/oauth2/token-info", json!({"token": token}));
        assert_eq!(info["active"], json!(false));
    }
    assert_eq!(my(&app.site, &there.access).0, 200);
    assert_eq!(socket.close_code(), 4503);
    stays.ping();
    let site = app.site.restarted();
    assert_eq!(my(&site, &here.access), refused);
    assert_eq!(my(&site, &there.access).0, 200);
}

#[test]
fn who_is_deleted_is_not_let_in_again() {
    let app = App::start();
    let id = text(&app.register("ann@example.com")["identity"]["id"]);
    let (session, tokens) = (app.session("ann@example.com"), app.log_in("ann@example.com"));
    let code_before = app.code(&session);
    app.site.done("DELETE", &format!("/members/v1/members/{id}"), Value::Null);
    assert_eq!(app.exchange(&code_before, VERIFIER).0, 400);
    assert_eq!(app.renew(&tokens.refresh).0, 400);
    assert_eq!(app.ask(LOGIN, credentials("ann@example.com", PASSWORD)).0, 401);
    assert_eq!(app.register("ann@example.com")["state"], json!("SUCCESS"), "as somebody new");
}

#[test]
fn clients_are_the_owners_and_end_with_their_tokens() {
    let app = App::start();
    let bad = json!({"name": "", "redirectUris": ["http://app.example/", BACK, BACK]});
    let problem = app.site.refused("POST", "/v1/oauth-clients", bad, (400, "INVALID_ARGUMENT"));
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(3), "{problem}");
    let listed = app.site.done("GET", "/v1/oauth-clients", Value::Null);
    assert_eq!(listed["clients"][0]["redirectUris"], json!([BACK]));
    app.register("ann@example.com");
    let tokens = app.log_in("ann@example.com");
    let path = format!("/v1/oauth-clients/{}", app.client);
    app.site.done("DELETE", &path, Value::Null);
    app.site.refused("DELETE", &path, Value::Null, (404, "OAUTH_CLIENT_NOT_FOUND"));
    assert_eq!(app.renew(&tokens.refresh).0, 400);
    let wish = json!({"clientId": app.client, "grantType": "anonymous"});
    let (status, problem) = app.site.ask_as("", "POST", "/oauth2/token", wish);
    assert_eq!((status, code(&problem).as_str()), (400, "invalid_client"));
}

#[test]
fn the_owner_vouches_for_a_member() {
    let app = App::start();
    let path = "/_api/iam/authentication/v2/sign-on";
    let wish = json!({"loginId": {"email": "ann@example.com"}, "profile": {"nickname": "Ann"}});
    let first = app.site.done("POST", path, wish.clone());
    let again = app.site.done("POST", path, wish.clone());
    assert_eq!(first["identity"]["id"], again["identity"]["id"]);
    let (status, answer) = app.exchange(&app.code(&text(&first["sessionToken"])), VERIFIER);
    assert_eq!(status, 200, "{answer}");
    let (status, _) = app.ask(path, wish.clone());
    assert_eq!(status, 403, "a visitor vouches for nobody");
    let joined = format!("{},{OWNER_KEY}", app.visitor);
    assert_eq!(app.site.ask_as(&joined, "POST", path, wish).0, 200, "the key counts");
    let (status, guess) = app.ask(LOGIN, credentials("ann@example.com", PASSWORD));
    assert_eq!((status, code(&guess).as_str()), (401, "-19976"), "there is no password yet");
}

#[test]
fn nobody_is_a_member_before_the_address_is_verified() {
    let app = App::start();
    let wish = json!({"signOnPolicy": {"requireEmailVerification": true}});
    app.site.done("PATCH", POLICY, wish);
    let registered = app.register("ann@example.com");
    assert_eq!(registered["state"], json!("REQUIRE_EMAIL_VERIFICATION"));
    let list = app.site.done("GET", "/members/v1/members", Value::Null);
    assert_eq!(list["metadata"]["total"], json!(0));
    assert_eq!(app.ask(LOGIN, credentials("ann@example.com", PASSWORD)).0, 401);
    let mail = app.mail("ann@example.com");
    let digits = mail.chars().filter(char::is_ascii_digit).take(6).collect::<String>();
    let path = "/_api/iam/verification/v1/auth/verify";
    let show =
        |code: &str| app.ask(path, json!({"code": code, "stateToken": registered["stateToken"]}));
    let wrong = if digits == "000000" { "000001" } else { "000000" };
    let (status, problem) = show(wrong);
    assert_eq!((status, code(&problem).as_str()), (400, "VERIFICATION_FAILED"));
    let (status, verified) = show(&digits);
    assert_eq!((status, &verified["state"]), (200, &json!("SUCCESS")), "{verified}");
    assert_eq!(verified["identity"]["email"]["isVerified"], json!(true));
    assert_eq!(verified["identity"]["id"], registered["identity"]["id"]);
    assert_eq!(show(&digits).0, 400, "a code is good once");
    let tokens = app.log_in("ann@example.com");
    let (_, user) = app.site.ask_as(&tokens.access, "GET", "/oauth2/user-info", Value::Null);
    assert_eq!(user["emailVerified"], json!(true));
    let (status, taken) = app.ask(REGISTER, credentials("ann@example.com", PASSWORD));
    assert_eq!((status, code(&taken).as_str()), (409, "-19995"));
}

#[test]
fn a_forgotten_password_is_set_anew_once_by_whoever_reads_the_mail() {
    let app = App::start();
    app.register("ann@example.com");
    let tokens = app.log_in("ann@example.com");
    let redirect = json!({"url": "https://app.example/reset", "clientId": app.client});
    let ask = |email: &str| {
        let wish = json!({"email": email, "redirect": redirect});
        app.ask("/_api/iam/recovery/v1/send-email", wish)
    };
    assert_eq!(ask("nobody@example.com"), (200, json!({})));
    assert_eq!(ask("ann@example.com"), (200, json!({})));
    let mail = app.mail("ann@example.com");
    let mark = "https://app.example/reset?recoveryToken=";
    let token = &mail[mail.find(mark).expect("a link") + mark.len()..];
    let recover = |password: &str| {
        let wish = json!({"recoveryToken": token, "password": password});
        app.ask("/_api/iam/recovery/v1/recover", wish)
    };
    assert_eq!(recover("short").0, 400);
    let (status, recovered) = recover("battery staple");
    assert_eq!((status, &recovered["state"]), (200, &json!("SUCCESS")), "{recovered}");
    let (status, again) = recover("yet another one");
    assert_eq!((status, code(&again).as_str()), (400, "RECOVERY_FAILED"));
    assert_eq!(app.renew(&tokens.refresh).0, 400, "who was in is out");
    assert_eq!(app.ask(LOGIN, credentials("ann@example.com", "battery staple")).0, 200);
    let elsewhere = json!({"url": "https://evil.example/", "clientId": app.client});
    let wish = json!({"email": "ann@example.com", "redirect": elsewhere});
    let (status, _) = app.ask("/_api/iam/recovery/v1/send-email", wish);
    assert_eq!(status, 400, "tokens go to the client's own addresses only");
    for _ in 0..4 {
        assert_eq!(ask("nobody@example.com").0, 200);
    }
    let (status, slowed) = ask("nobody@example.com");
    assert_eq!((status, code(&slowed).as_str()), (429, "THROTTLED"));
    let (status, _) = app.site.ask_as(&app.visitor, "GET", "/v1/outbox", Value::Null);
    assert_eq!(status, 403);
    assert_eq!(app.site.done("DELETE", "/v1/outbox", Value::Null)["deleted"], json!(1));
}

#[test]
fn a_member_verifies_its_address_later() {
    let app = App::start();
    app.register("ann@example.com");
    let tokens = app.log_in("ann@example.com");
    let path = "/_api/iam/verification/v1/start";
    let (status, started) = app.site.ask_as(&tokens.access, "POST", path, json!({}));
    assert_eq!(status, 200, "{started}");
    let mail = app.mail("ann@example.com");
    let digits = mail.chars().filter(char::is_ascii_digit).take(6).collect::<String>();
    let wish = json!({"code": digits, "stateToken": started["verificationId"]});
    let (status, verified) = app.ask("/_api/iam/verification/v1/auth/verify", wish);
    assert_eq!((status, &verified["identity"]["email"]["isVerified"]), (200, &json!(true)));
}

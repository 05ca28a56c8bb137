//! What happens before any handler: who may enter, which bodies are read, what every reply carries.
//! The site behind these doors is stopped, so a caller who is let in gets 503.

use std::sync::Arc;

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::{App, test};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use uuid::Uuid;

use super::access::Access;
use super::configure;
use super::front::{EndpointSecret, Front, IssuedToken, RecordsFault, RecordsPage, Unready};
use super::hook_front::{
    Consumer, ConsumerStep, Consumers, Counted, DeliveryState, HookFront, HookFuture, KeyNeed,
    ListedAttempt, PublishedKey, Tried,
};
use super::route::Row;
use super::routes::table;
use crate::actors::handle::{CallError, Caller, Role, SiteHandle};
use crate::actors::identity::IdentityDesk;
use crate::core::delivery::DeadLetter;
use crate::domain::endpoint::Replayed;
use crate::domain::event::Endpoint;
use crate::domain::{AppId, EndpointId, KeyId, MemberId, SiteId, Timestamp, WrittenRecord};

const MEMBER: &str = "00000000-0000-0000-0000-000000000007";
const OTHER: &str = "00000000-0000-0000-0000-000000000008";

/// A process with one site that is stopped, and one credential of each kind.
struct StoppedFront;

impl Front for StoppedFront {
    fn authenticate(&self, credential: &str) -> Option<Caller> {
        let key = KeyId::from_u128(1);
        let role = match credential {
            "owner" => Role::Owner { key },
            "app" => Role::App { key, app: AppId::site_code() },
            "member" => Role::Member { member: MemberId::from_u128(7) },
            "visitor" => Role::Visitor,
            _ => return None,
        };
        Some(Caller { site: SiteId::from_u128(1), role })
    }
    fn site(&self, _site: SiteId) -> Option<SiteHandle> {
        None
    }
    fn issue_member_token(&self, _site: SiteId, _member: MemberId) -> Option<IssuedToken> {
        None
    }
    fn identity(&self) -> Option<&IdentityDesk> {
        None
    }
    fn records_after(
        &self,
        _site: SiteId,
        _after: u64,
        _limit: usize,
    ) -> LocalBoxFuture<'static, Result<RecordsPage, RecordsFault>> {
        let records: Vec<WrittenRecord> = Vec::new();
        let page = RecordsPage { incarnation: 0, records, durable_seq: 0 };
        async move { Ok(page) }.boxed_local()
    }
    fn new_endpoint_secret(&self, _endpoint: EndpointId) -> EndpointSecret {
        EndpointSecret { text: String::new(), sealed: Vec::new() }
    }
    fn check_receiver(&self, _url: String) -> LocalBoxFuture<'static, Result<(), String>> {
        async { Ok(()) }.boxed_local()
    }
    fn hooks(&self) -> &dyn HookFront {
        self
    }
    fn metrics_text(&self) -> String {
        "up 1\n".to_owned()
    }
    fn unready(&self) -> Vec<Unready> {
        let detail = |text: &str| text.to_owned();
        vec![
            Unready { code: "DISK_FULL", detail: detail("no room") },
            Unready { code: "REBUILDING", detail: detail("1 of 2 sites is being rebuilt") },
        ]
    }
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(0)
    }
    fn new_uuid(&self) -> Uuid {
        Uuid::from_u128(5)
    }
}

impl HookFront for StoppedFront {
    fn seal_header(&self, _endpoint: EndpointId, _value: &str) -> Vec<u8> {
        Vec::new()
    }
    fn app_key(&self, _: SiteId, _: AppId, _: KeyNeed) -> HookFuture<Option<PublishedKey>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn ask_consent(&self, _: String, _: String) -> HookFuture<Result<Option<u32>, String>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn deliver_once(&self, _: SiteId, _: Arc<Endpoint>, _: u64) -> HookFuture<Option<Tried>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn delivery_state(&self, _: SiteId, _: Arc<Endpoint>) -> HookFuture<DeliveryState> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn count_replay(&self, _: SiteId, _: Arc<Endpoint>, _: Replayed) -> HookFuture<Counted> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn consumers(&self, _: SiteId) -> HookFuture<Consumers> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn step_consumer(
        &self,
        _: SiteId,
        _: String,
        _: ConsumerStep,
    ) -> HookFuture<Option<(Consumer, u64)>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn remove_consumer(&self, _: SiteId, _: String) -> HookFuture<Option<()>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn attempts(&self, _: SiteId, _: EndpointId) -> HookFuture<Vec<ListedAttempt>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn dead_letters(&self, _: SiteId, _: EndpointId) -> HookFuture<Vec<DeadLetter>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn forget_dead_letters(&self, _: SiteId, _: EndpointId, _: Vec<u64>) -> HookFuture<()> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
    fn try_endpoint(&self, _: SiteId, _: Arc<Endpoint>, _: String) -> HookFuture<Option<Tried>> {
        async { Err(CallError::Stopped) }.boxed_local()
    }
}

async fn send(request: test::TestRequest) -> ServiceResponse {
    let app = test::init_service(App::new().configure(configure(Arc::new(StoppedFront)))).await;
    test::call_service(&app, request.to_request()).await
}

async fn status_and_code(request: test::TestRequest) -> (u16, String) {
    let response = send(request).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body()).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let code = body["details"]["applicationError"]["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}

fn request(method: &Method, path: &str, credential: &str) -> test::TestRequest {
    let request = test::TestRequest::default().method(method.clone()).uri(path);
    match credential {
        "" => request,
        credential => request.insert_header(("authorization", credential)),
    }
}

/// Puts ids where the path has parameters.
fn concrete(path: &str, id: &str) -> String {
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| if segment.starts_with('{') { id } else { segment })
        .collect();
    segments.join("/")
}

#[actix_web::test]
async fn where_a_credential_is_optional_a_wrong_one_is_refused() {
    let optional: Vec<Row> =
        table().into_iter().filter(|row| row.access == Access::Optional).collect();
    assert_eq!(optional.len(), 3);
    for row in optional {
        let wrong = status_and_code(request(&row.method, &row.path, "nobody")).await;
        assert_eq!(wrong, (401, "UNAUTHENTICATED".to_owned()), "{}", row.path);
        let (status, _) = status_and_code(request(&row.method, &row.path, "")).await;
        assert_ne!(status, 401, "{}", row.path);
    }
}

#[actix_web::test]
async fn every_route_lets_in_whom_its_row_names_and_nobody_else() {
    let asks = |row: &&Row| !matches!(row.access, Access::Public | Access::Optional);
    for row in table().iter().filter(asks) {
        for path in row.paths() {
            for (credential, id) in [
                ("owner", OTHER),
                ("app", OTHER),
                ("member", OTHER),
                ("member", MEMBER),
                ("visitor", MEMBER),
            ] {
                let is_self = credential == "member" && id == MEMBER;
                let may_enter = match row.access {
                    Access::MembersOrKeys => credential != "visitor",
                    Access::Public | Access::Optional | Access::Anyone => true,
                    Access::Keys => matches!(credential, "owner" | "app"),
                    Access::KeysOrSelf => matches!(credential, "owner" | "app") || is_self,
                    Access::Owner => credential == "owner",
                    Access::Member => credential == "member",
                };
                let expected =
                    if may_enter { (503, "STOPPED") } else { (403, "PERMISSION_DENIED") };
                let asked = request(&row.method, &concrete(path, id), credential);
                let (status, code) = status_and_code(asked).await;
                let case = format!("{credential} {} {path}", row.method);
                assert_eq!((status, code.as_str()), expected, "{case}");
            }
            for stranger in ["", "nobody", "Bearer nobody"] {
                let asked = request(&row.method, &concrete(path, MEMBER), stranger);
                let found = status_and_code(asked).await;
                assert_eq!(found, (401, "UNAUTHENTICATED".to_owned()), "{} {path}", row.method);
            }
        }
    }
}

#[actix_web::test]
async fn a_site_named_in_a_header_is_not_looked_at() {
    let named = request(&Method::GET, "/members/v1/members", "visitor, Bearer member")
        .insert_header(("wix-site-id", OTHER));
    assert_eq!(status_and_code(named).await, (503, "STOPPED".to_owned()));
}

#[actix_web::test]
async fn unknown_routes_and_methods_answer_alike() {
    let unknown = status_and_code(request(&Method::GET, "/nothing", "")).await;
    assert_eq!(unknown, (404, "ROUTE_NOT_FOUND".to_owned()));
    let response = send(request(&Method::DELETE, "/members/v1/members", "owner")).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(
        response.headers().get("allow").map(|value| value.as_bytes()),
        Some(&b"GET, POST"[..])
    );
}

#[actix_web::test]
async fn every_reply_carries_its_safety_headers_and_a_request_id() {
    for path in [
        "/",
        "/ui/app.js",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/asyncapi.json",
        "/no",
        "/v1/events",
    ] {
        let response = send(request(&Method::GET, path, "")).await;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("x-wix-request-id"), Uuid::from_u128(5).to_string(), "{path}");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("access-control-allow-origin"), "", "{path}");
    }
}

#[actix_web::test]
async fn the_public_routes_answer_without_a_credential() {
    let documents = ["/openapi.json", "/asyncapi.json"];
    let others = ["/", "/ui/app.js", "/ui/style.css", "/livez", "/metrics"];
    for path in others.into_iter().chain(documents) {
        assert_eq!(send(request(&Method::GET, path, "")).await.status(), 200, "{path}");
    }
    assert_eq!(send(request(&Method::GET, "/ui/secret", "")).await.status(), 404);
}

#[actix_web::test]
async fn a_process_that_is_not_ready_names_every_reason() {
    let response = send(request(&Method::GET, "/readyz", "")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        response.headers().get("content-type").map(|value| value.as_bytes()),
        Some(&b"application/problem+json"[..])
    );
    let body = to_bytes(response.into_body()).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("a problem");
    let error = &body["details"]["applicationError"];
    assert_eq!(error["code"], "NOT_READY");
    assert_eq!(body["detail"], "no room; 1 of 2 sites is being rebuilt");
    let reasons = &error["data"]["reasons"];
    assert_eq!(reasons[0], serde_json::json!({"code": "DISK_FULL", "detail": "no room"}));
    assert_eq!(reasons[1]["code"], "REBUILDING");
}

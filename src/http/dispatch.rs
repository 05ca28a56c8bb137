//! One way through for every request: find the row, prove the caller, read the body, call the
//! handler, close the reply with the headers that all replies have.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::access::Access;
use super::auth;
use super::call::{Call, Kind, Proof, Reply};
use super::error::Problem;
use super::front::Front;
use super::route::Row;
use super::router::{Found, Params, Router};
use crate::domain::limits::BODY_READ_SECONDS_MAX;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-wix-request-id");
const CONSISTENT: HeaderName = HeaderName::from_static("x-wix-consistent");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Answers are data: a browser that opens one as a page may do nothing with it.
const DATA_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
);

/// All the doors of one process.
#[derive(Clone)]
pub struct Doors {
    front: Arc<dyn Front>,
    router: Arc<Router>,
}

impl Doors {
    pub fn new(front: Arc<dyn Front>, router: Router) -> Doors {
        Doors { front, router: Arc::new(router) }
    }

    pub async fn serve(self, request: HttpRequest, payload: web::Payload) -> HttpResponse {
        let request_id = self.front.new_uuid();
        let mut text = uuid::Uuid::encode_buffer();
        let request_id: &str = request_id.as_hyphenated().encode_lower(&mut text);
        let mut response = match self.answer(&request, payload).await {
            Ok(reply) => response_of(reply),
            Err(problem) => refusal(&problem, request_id, &request),
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(REFERRER_POLICY, NO_REFERRER);
        if let Ok(value) = HeaderValue::from_str(request_id) {
            headers.insert(REQUEST_ID, value);
        }
        response
    }

    async fn answer(&self, request: &HttpRequest, payload: web::Payload) -> Result<Reply, Problem> {
        let (row, params) = match self.router.find(request.method(), request.uri().path()) {
            Found::Row(row, params) => (row, params),
            Found::WrongMethod(allow) => return Err(Problem::method_not_allowed(allow)),
            Found::Nothing => return Err(Problem::unknown_route()),
        };
        let proof = self.prove(row, request, &params)?;
        let body = match row.body_bytes_max {
            0 => Bytes::new(),
            limit_bytes => body_of(request, payload, limit_bytes).await?,
        };
        let call = Call {
            front: self.front.clone(),
            proof,
            params,
            query: request.query_string().to_owned(),
            body,
            host: host_of(request),
        };
        (row.handler)(call).await
    }

    fn prove(
        &self,
        row: &Row,
        request: &HttpRequest,
        params: &Params,
    ) -> Result<Option<Proof>, Problem> {
        let header = request.headers().get(AUTHORIZATION);
        let is_anonymous = header.is_none_or(|header| header.is_empty());
        if row.access == Access::Public || row.access == Access::Optional && is_anonymous {
            return Ok(None);
        }
        let caller = auth::prove(request.headers(), &*self.front)?;
        let named = params.first().and_then(|param| param.parse().ok());
        row.access.check(&caller, named)?;
        let site = self.front.site(caller.site);
        let site = site.ok_or_else(|| Problem::from(crate::actors::handle::CallError::Stopped))?;
        Ok(Some(Proof { caller, site }))
    }
}

fn host_of(request: &HttpRequest) -> String {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = header.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    host.unwrap_or("localhost").to_owned()
}

/// Reads a body within its limit and its time.
async fn body_of(
    request: &HttpRequest,
    payload: web::Payload,
    limit_bytes: usize,
) -> Result<Bytes, Problem> {
    check_media(request)?;
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|text| text.to_str().ok());
    let announced = announced.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    if announced > limit_bytes {
        return Err(Problem::body_too_large(limit_bytes));
    }
    let deadline = Duration::from_secs(BODY_READ_SECONDS_MAX);
    let reading = collect(payload, announced, limit_bytes);
    tokio::time::timeout(deadline, reading).await.unwrap_or_else(|_| {
        let detail = "the body did not arrive in time";
        Err(Problem::body_unread(StatusCode::REQUEST_TIMEOUT, "BODY_TOO_SLOW", detail))
    })
}

async fn collect(
    mut payload: web::Payload,
    announced: usize,
    limit_bytes: usize,
) -> Result<Bytes, Problem> {
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|_| cut_off())?;
    // Most bodies come in one piece: no copy for them.
    if first.len() == announced {
        return Ok(first);
    }
    let mut body = BytesMut::with_capacity(announced.max(first.len()));
    body.extend_from_slice(&first);
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| cut_off())?;
        if body.len() + piece.len() > limit_bytes {
            return Err(Problem::body_too_large(limit_bytes));
        }
        body.extend_from_slice(&piece);
    }
    if body.len() > limit_bytes {
        return Err(Problem::body_too_large(limit_bytes));
    }
    Ok(body.freeze())
}

fn cut_off() -> Problem {
    let detail = "the body could not be read to its end";
    Problem::body_unread(StatusCode::BAD_REQUEST, "BODY_CUT_OFF", detail)
}

/// JSON in one of its names, or no name at all; never compressed.
fn check_media(request: &HttpRequest) -> Result<(), Problem> {
    let headers = request.headers();
    let refuse = |detail: String| {
        Err(Problem::body_unread(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            &detail,
        ))
    };
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return refuse("bodies are taken uncompressed".to_owned());
    }
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    if is_json(content_type.to_str().unwrap_or_default()) {
        return Ok(());
    }
    refuse("send the header content-type: application/json (or application/x-ndjson)".to_owned())
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let known =
        ["application/json", "application/x-ndjson", "application/ndjson", "application/jsonl"];
    let has_suffix = essence.len() > 5
        && essence.is_char_boundary(essence.len() - 5)
        && essence[essence.len() - 5..].eq_ignore_ascii_case("+json");
    known.iter().any(|known| essence.eq_ignore_ascii_case(known)) || has_suffix
}

fn refusal(problem: &Problem, request_id: &str, request: &HttpRequest) -> HttpResponse {
    if problem.status() == StatusCode::INTERNAL_SERVER_ERROR {
        let (method, path) = (request.method(), request.uri().path());
        tracing::error!(request_id, %method, path, "answered 500 to {method} {path}");
    }
    let mut response = problem.response(request_id);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, DATA_POLICY);
    response
}

fn response_of(reply: Reply) -> HttpResponse {
    let Reply { body, seq, kind } = reply;
    if kind == Kind::Redirect {
        return redirect(&body);
    }
    let mut response = HttpResponse::new(StatusCode::OK).set_body(BoxBody::new(body));
    let headers = response.headers_mut();
    match kind {
        Kind::Redirect => unreachable!("has no body"),
        Kind::Json | Kind::Metrics => {
            headers.insert(CONTENT_TYPE, if kind == Kind::Json { JSON } else { METRICS });
            headers.insert(CACHE_CONTROL, NO_STORE);
            headers.insert(CONTENT_SECURITY_POLICY, DATA_POLICY);
        }
        Kind::Page(content_type) => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
        }
    }
    if let Some(seq) = seq {
        headers.insert(CONSISTENT, HeaderValue::from(seq));
    }
    response
}

fn redirect(address: &[u8]) -> HttpResponse {
    let Ok(address) = HeaderValue::from_bytes(address) else {
        return HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = HttpResponse::new(StatusCode::FOUND);
    response.headers_mut().insert(LOCATION, address);
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, DATA_POLICY);
    response
}

#[cfg(test)]
mod tests {
    use actix_web::FromRequest;
    use actix_web::test::TestRequest;

    use super::*;

    async fn read(request: TestRequest, limit_bytes: usize) -> Result<Bytes, Problem> {
        let (request, mut payload) = request.to_http_parts();
        let payload = web::Payload::from_request(&request, &mut payload).await;
        body_of(&request, payload.expect("a payload"), limit_bytes).await
    }

    fn refused(result: Result<Bytes, Problem>) -> (u16, &'static str) {
        let problem = result.expect_err("should be refused");
        (problem.status().as_u16(), problem.code())
    }

    #[actix_web::test]
    async fn one_byte_over_the_limit_is_refused_announced_or_not() {
        let body = || TestRequest::post().set_payload("12345");
        assert_eq!(read(body(), 5).await.ok().as_deref(), Some(&b"12345"[..]));
        assert_eq!(refused(read(body(), 4).await), (413, "BODY_TOO_LARGE"));
        let announced = body().insert_header((CONTENT_LENGTH, "5"));
        assert_eq!(refused(read(announced, 4).await), (413, "BODY_TOO_LARGE"));
        let understated = body().insert_header((CONTENT_LENGTH, "2"));
        assert_eq!(refused(read(understated, 4).await), (413, "BODY_TOO_LARGE"));
    }

    #[actix_web::test]
    async fn only_uncompressed_json_is_taken() {
        let typed = |media: &'static str| {
            TestRequest::post().insert_header((CONTENT_TYPE, media)).set_payload("{}")
        };
        assert!(read(typed("application/json"), 9).await.is_ok());
        let form = refused(read(typed("application/x-www-form-urlencoded"), 9).await);
        assert_eq!(form, (415, "UNSUPPORTED_MEDIA_TYPE"));
        let squeezed = typed("application/json").insert_header((CONTENT_ENCODING, "gzip"));
        assert_eq!(refused(read(squeezed, 9).await), (415, "UNSUPPORTED_MEDIA_TYPE"));
    }

    #[test]
    fn json_is_taken_under_its_names() {
        for name in ["application/json", "application/json; charset=utf-8", "application/x-ndjson"]
        {
            assert!(is_json(name), "{name}");
        }
        assert!(is_json("application/merge-patch+json"));
        for name in ["application/x-www-form-urlencoded", "text/html", "", "+json", "é+jso"] {
            assert!(!is_json(name), "{name}");
        }
    }
}

//! The one error body of every route: RFC 9457 with the members wire's `message` and `details`.
//! Which status a refusal becomes is decided here and nowhere else.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Map, Value, json};

use crate::actors::handle::CallError;
use crate::actors::identity::IdentityError;
use crate::domain::limits::RETRY_AFTER_SECONDS;
use crate::domain::{Refusal, Violation};

/// An answer that is not the wished one. Boxed, so that a `Result` with it stays small.
#[derive(Debug)]
pub struct Problem {
    parts: Box<Parts>,
}

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    detail: String,
    violations: Vec<Violation>,
    data: Map<String, Value>,
    hint: Hint,
}

/// The one header that some answers owe their reader.
#[derive(Debug)]
enum Hint {
    None,
    Allow(String),
    RetryAfterSeconds(u32),
    Challenge,
    Close,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Problem {
        let (violations, data, hint) = (Vec::new(), Map::new(), Hint::None);
        let detail = detail.into();
        Problem { parts: Box::new(Parts { status, code, detail, violations, data, hint }) }
    }

    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// One fault of one field.
    pub fn field(field: &str, rule: &'static str, detail: impl Into<String>) -> Problem {
        let (field, detail) = (field.to_owned(), detail.into());
        Problem::invalid(vec![Violation { field, rule, detail, threshold: None }])
    }

    /// Every fault of a body at once; `violations` is not empty.
    pub fn invalid(violations: Vec<Violation>) -> Problem {
        Problem::from(Refusal::Invalid(violations))
    }

    pub fn unauthenticated(detail: &str) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", detail).hint(Hint::Challenge)
    }

    pub fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", detail)
    }

    pub fn unknown_route() -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "ROUTE_NOT_FOUND", "there is no such route")
    }

    /// An id that cannot exist looks like one that does not.
    pub fn not_found(code: &'static str, what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, code, format!("no such {what}"))
    }

    pub fn method_not_allowed(allow: String) -> Problem {
        let detail = format!("this route takes {allow}");
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", detail)
            .hint(Hint::Allow(allow))
    }

    pub fn body_too_large(limit_bytes: usize) -> Problem {
        let detail = format!("the body is larger than {limit_bytes} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", detail)
            .with("limitBytes", json!(limit_bytes))
            .hint(Hint::Close)
    }

    /// The body did not arrive whole; the rest of the connection means nothing.
    pub fn body_unread(status: StatusCode, code: &'static str, detail: &str) -> Problem {
        Problem::new(status, code, detail).hint(Hint::Close)
    }

    pub fn unavailable(code: &'static str, detail: &str) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .hint(Hint::RetryAfterSeconds(RETRY_AFTER_SECONDS))
    }

    /// Too often: the same is welcome again after a while.
    pub fn throttled(detail: impl Into<String>, retry_after_ms: i64) -> Problem {
        let seconds = u32::try_from(retry_after_ms.max(0) / 1_000 + 1).unwrap_or(u32::MAX);
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "THROTTLED", detail)
            .hint(Hint::RetryAfterSeconds(seconds))
    }

    pub fn internal() -> Problem {
        let detail = "something went wrong on our side";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", detail)
    }

    /// Adds a machine-readable fact to `details.applicationError.data`.
    pub fn with(mut self, key: &str, value: Value) -> Problem {
        self.parts.data.insert(key.to_owned(), value);
        self
    }

    fn hint(mut self, hint: Hint) -> Problem {
        self.parts.hint = hint;
        self
    }

    pub fn status(&self) -> StatusCode {
        self.parts.status
    }

    pub fn code(&self) -> &'static str {
        self.parts.code
    }

    pub fn detail(&self) -> &str {
        &self.parts.detail
    }

    pub fn violations(&self) -> &[Violation] {
        &self.parts.violations
    }

    pub fn body(&self, request_id: &str) -> Value {
        let parts = &*self.parts;
        json!({
            "type": format!("urn:guildhall:problem:{}", parts.code),
            "title": parts.status.canonical_reason().unwrap_or("Error"),
            "status": parts.status.as_u16(),
            "detail": parts.detail,
            "requestId": request_id,
            "errors": parts.violations.iter().map(pointed).collect::<Vec<Value>>(),
            "message": parts.detail,
            "details": self.details(),
        })
    }

    fn details(&self) -> Value {
        let parts = &*self.parts;
        if parts.violations.is_empty() {
            let (code, data) = (parts.code, &parts.data);
            let error = json!({"code": code, "description": parts.detail, "data": data});
            return json!({ "applicationError": error });
        }
        let violations: Vec<Value> = parts.violations.iter().map(field_violation).collect();
        json!({"validationError": {"fieldViolations": violations}})
    }

    pub fn response(&self, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.parts.status);
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        match &self.parts.hint {
            Hint::None => {}
            Hint::Allow(methods) => {
                response.insert_header((ALLOW, methods.as_str()));
            }
            Hint::RetryAfterSeconds(seconds) => {
                response.insert_header((RETRY_AFTER, seconds.to_string()));
            }
            Hint::Challenge => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer"));
            }
            Hint::Close => {
                response.force_close().insert_header((CONNECTION, "close"));
            }
        }
        response.body(self.body(request_id).to_string())
    }
}

fn pointed(violation: &Violation) -> Value {
    let pointer = match violation.field.as_str() {
        "" => String::new(),
        field => format!("/{}", field.replace('~', "~0").replace('/', "~1").replace('.', "/")),
    };
    json!({"pointer": pointer, "code": violation.rule, "detail": violation.detail})
}

fn field_violation(violation: &Violation) -> Value {
    let mut shape = json!({
        "field": violation.field,
        "description": violation.detail,
        "violatedRule": violation.rule,
        "ruleName": violation.rule,
    });
    if let Some(threshold) = violation.threshold {
        shape["data"] = json!({"threshold": threshold});
    }
    shape
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let (code, detail) = (refusal.code(), refusal.detail());
        match refusal {
            Refusal::Invalid(violations) => {
                let mut problem = Problem::bad_request(code, detail);
                problem.parts.violations = violations;
                problem
            }
            Refusal::NotFound { .. } => Problem::new(StatusCode::NOT_FOUND, code, detail),
            Refusal::Conflict { .. } => Problem::new(StatusCode::CONFLICT, code, detail),
            Refusal::Forbidden { .. } => Problem::new(StatusCode::FORBIDDEN, code, detail),
            Refusal::LimitReached { limit, .. } => {
                Problem::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
                    .with("limit", json!(limit))
            }
            Refusal::ProducerGap { producer, last, given } => {
                Problem::new(StatusCode::CONFLICT, code, detail)
                    .with("producer", json!(producer))
                    .with("last", json!(last))
                    .with("given", json!(given))
            }
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Problem {
        match error {
            CallError::Refused(refusal) => Problem::from(refusal),
            CallError::Busy => Problem::unavailable("BUSY", "the site is busy: try again"),
            CallError::Undone => Problem::unavailable(
                "UNDONE",
                "the change could not be stored and was undone: try again",
            ),
            CallError::DiskFull => Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "DISK_FULL",
                "there is no room on the disk: changes are refused, reads go on",
            ),
            CallError::Stopped => Problem::unavailable("STOPPED", "the site is not being served"),
            CallError::Internal => Problem::internal(),
        }
    }
}

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Problem {
        let detail = error.to_string();
        match error {
            // The code by which the platform's clients know a wrong password.
            IdentityError::Wrong => Problem::new(StatusCode::UNAUTHORIZED, "-19976", detail),
            IdentityError::Throttled { retry_after_ms } => {
                Problem::throttled(detail, retry_after_ms)
            }
            IdentityError::Overloaded => Problem::unavailable("OVERLOADED", &detail),
            IdentityError::Store(_) => {
                tracing::error!("{error}");
                Problem::unavailable("UNDONE", "the account could not be read or stored: try again")
            }
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;

//! Asking a receiver for its consent before anything is delivered to it, as CloudEvents webhooks
//! do: an `OPTIONS` request whose answer names who may deliver.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request};
use tokio::time::Instant;

use super::{CallFault, Client, USER_AGENT, before};
use crate::webhook::guard::Target;

pub const REQUEST_ORIGIN: &str = "webhook-request-origin";
const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
const ALLOWED_RATE: &str = "webhook-allowed-rate";

/// What a receiver answered. Its status says nothing about consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consent {
    Given { rate_per_minute: Option<u32> },
    NotGiven,
}

impl Client {
    pub async fn ask_consent(&self, target: &Target, origin: &str) -> Result<Consent, CallFault> {
        let deadline = Instant::now() + Duration::from_millis(self.total_ms);
        let mut connection = before(deadline, self.connector.connect(target)).await?;
        let response = before(deadline, connection.send(|| question(target, origin))).await?;
        Ok(read(response.headers(), origin))
    }
}

fn question(target: &Target, origin: &str) -> Result<Request<Full<Bytes>>, CallFault> {
    Request::builder()
        .method(Method::OPTIONS)
        .uri(target.path_and_query.as_str())
        .header(header::HOST, target.authority.as_str())
        .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
        .header(REQUEST_ORIGIN, origin)
        .body(Full::default())
        .map_err(|_| CallFault::Broken)
}

fn read(headers: &HeaderMap, origin: &str) -> Consent {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let is_allowed =
        text(ALLOWED_ORIGIN).is_some_and(|host| host == "*" || host.eq_ignore_ascii_case(origin));
    match is_allowed {
        true => {
            let rate = text(ALLOWED_RATE).and_then(|rate| rate.parse().ok());
            Consent::Given { rate_per_minute: rate.filter(|rate| *rate > 0) }
        }
        false => Consent::NotGiven,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &[(&'static str, &'static str)], expected: Consent) {
        let mut headers = HeaderMap::new();
        for (name, value) in answer {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        assert_eq!(read(&headers, "events.example.com"), expected, "{answer:?}");
    }

    #[test]
    fn consent_names_the_origin_or_anybody() {
        let given = |rate_per_minute| Consent::Given { rate_per_minute };
        check(&[], Consent::NotGiven);
        check(&[(ALLOWED_ORIGIN, "other.example.com")], Consent::NotGiven);
        check(&[(ALLOWED_RATE, "100")], Consent::NotGiven);
        check(&[(ALLOWED_ORIGIN, "Events.Example.com")], given(None));
        check(&[(ALLOWED_ORIGIN, "*"), (ALLOWED_RATE, "*")], given(None));
        check(&[(ALLOWED_ORIGIN, "*"), (ALLOWED_RATE, "120")], given(Some(120)));
        check(&[(ALLOWED_ORIGIN, "*"), (ALLOWED_RATE, "0")], given(None));
    }
}

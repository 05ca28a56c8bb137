//! One HTTP call of one delivery: connect to a judged address, post, judge the status, take a
//! little of the body. No redirect, no proxy, no cookie, no decompression. What a call leaves
//! open goes back to its endpoint, which may hand it in again.

mod connection;
mod dial;
mod handshake;
mod retry_after;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Request, Response};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::guard::{Guard, GuardError, Target};
use crate::core::delivery::AttemptResult;
use crate::domain::{Timestamp, limits};

pub use connection::Connection;
use connection::Connector;
pub use dial::{DialFuture, Dialer, TcpDialer, Wire};
pub use handshake::{Consent, REQUEST_ORIGIN};

const USER_AGENT: &str = concat!("guildhall/", env!("CARGO_PKG_VERSION"));

/// Why there was no answer. One word for all that can go wrong while connecting, so that nobody
/// can tell a closed port from a silent one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallFault {
    #[error("{0}")]
    Refused(#[from] GuardError),
    #[error("could not connect")]
    Unreachable,
    #[error("no answer in time")]
    Timeout,
    #[error("the answer broke off or was not http")]
    Broken,
}

/// What an operator or a test may set.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub connect_ms: u64,
    pub total_ms: u64,
    /// Trusted beside the public roots, for receivers inside the operator's network.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            connect_ms: limits::WEBHOOK_CONNECT_MS_MAX,
            total_ms: limits::WEBHOOK_TOTAL_MS_MAX,
            extra_roots: Vec::new(),
        }
    }
}

/// One try of one delivery.
#[derive(Clone, Debug)]
pub struct Post {
    pub target: Arc<Target>,
    pub id: String,
    /// Of this try; also what a date in `Retry-After` is measured against.
    pub time: Timestamp,
    pub signature: String,
    pub media_type: &'static str,
    /// What the endpoint's owner wants sent along.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A whole answer, or as much of it as counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub retry_after_ms: Option<u64>,
    /// The first bytes of the body, as far as they came in time.
    pub body: Bytes,
}

impl Answer {
    pub fn result(&self) -> AttemptResult {
        AttemptResult::from_status(self.status, self.retry_after_ms)
    }
}

/// How a call ended, and the connection if it can be used again.
#[derive(Debug)]
pub struct Called {
    pub answer: Result<Answer, CallFault>,
    pub connection: Option<Connection>,
}

#[derive(Clone)]
pub struct Client {
    connector: Connector,
    total_ms: u64,
}

impl Client {
    pub fn new(guard: Guard, options: ClientOptions) -> Client {
        Client::over(Arc::new(TcpDialer), guard, options)
    }

    /// The same over connections of the caller's own making.
    pub fn over(dialer: Arc<dyn Dialer>, guard: Guard, options: ClientOptions) -> Client {
        let connector = Connector::new(guard, dialer, options.connect_ms, options.extra_roots);
        Client { connector, total_ms: options.total_ms }
    }

    /// Posts once, over a kept connection where one is handed in and still good.
    pub async fn post(&self, post: Post, kept: Option<Connection>) -> Called {
        let deadline = Instant::now() + Duration::from_millis(self.total_ms);
        match self.head(&post, kept, deadline).await {
            Ok((response, connection)) => finish(response, connection, &post, deadline).await,
            Err(fault) => Called { answer: Err(fault), connection: None },
        }
    }

    /// Gets as far as the status. A kept connection that turns out to be dead is replaced once:
    /// the receiver closed it between two deliveries, and that is nobody's fault.
    async fn head(
        &self,
        post: &Post,
        kept: Option<Connection>,
        deadline: Instant,
    ) -> Result<(Response<Incoming>, Connection), CallFault> {
        if let Some(mut connection) = kept.filter(Connection::is_fresh) {
            match before(deadline, connection.send(|| request(post))).await {
                Ok(response) => return Ok((response, connection)),
                Err(CallFault::Broken) => {}
                Err(fault) => return Err(fault),
            }
        }
        // Boxed: most calls never connect, and their future should not be as large as a handshake.
        let connecting = Box::pin(self.connector.connect(&post.target));
        let mut connection = before(deadline, connecting).await?;
        let response = before(deadline, connection.send(|| request(post))).await?;
        Ok((response, connection))
    }
}

/// No `async fn`, which would hold the step twice.
fn before<T>(
    deadline: Instant,
    step: impl Future<Output = Result<T, CallFault>>,
) -> impl Future<Output = Result<T, CallFault>> {
    timeout_at(deadline, step).map(|ended| ended.unwrap_or(Err(CallFault::Timeout)))
}

fn request(post: &Post) -> Result<Request<Full<Bytes>>, CallFault> {
    let mut request = Request::post(post.target.path_and_query.as_str())
        .header(header::HOST, post.target.authority.as_str())
        .header(header::USER_AGENT, HeaderValue::from_static(USER_AGENT))
        .header(header::CONTENT_TYPE, HeaderValue::from_static(post.media_type))
        .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .header("webhook-id", post.id.as_str())
        .header("webhook-timestamp", post.time.unix_ms.div_euclid(1_000))
        .header("webhook-signature", post.signature.as_str())
        .body(Full::new(post.body.clone()))
        .map_err(|_| CallFault::Broken)?;
    // Their own names were refused where they are ours, so nothing is replaced.
    request.headers_mut().extend(post.headers.clone());
    Ok(request)
}

/// The status decides; the body is only taken as far as it comes in time and fits.
async fn finish(
    response: Response<Incoming>,
    connection: Connection,
    post: &Post,
    deadline: Instant,
) -> Called {
    let status = response.status().as_u16();
    let asked = response.headers().get(header::RETRY_AFTER);
    let retry_after_ms = asked.and_then(|value| retry_after::parse(value, post.time));
    let (body, end) = read_body(response.into_body(), deadline).await;
    // After a 101 the other side speaks something else.
    let connection = (end == BodyEnd::Whole && status >= 200).then_some(connection);
    Called { answer: Ok(Answer { status, retry_after_ms, body }), connection }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyEnd {
    Whole,
    /// Too long, too late or broken off: the connection is of no more use.
    Cut,
}

async fn read_body(mut body: Incoming, deadline: Instant) -> (Bytes, BodyEnd) {
    let mut taken = Vec::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return (taken.into(), BodyEnd::Whole),
            Ok(Some(Err(_))) | Err(_) => return (taken.into(), BodyEnd::Cut),
        };
        let Some(bytes) = frame.data_ref() else { continue };
        let room = limits::WEBHOOK_RESPONSE_BODY_BYTES_MAX - taken.len();
        taken.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            return (taken.into(), BodyEnd::Cut);
        }
    }
}

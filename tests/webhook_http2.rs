//! Deliveries over HTTP/2, which a receiver behind TLS may choose.

mod webhook_support;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use guildhall::core::delivery::AttemptResult;
use guildhall::domain::limits;
use guildhall::webhook::client::{CallFault, Client};
use guildhall::webhook::dispatchers::Dispatchers;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use webhook_support::site::Site;
use webhook_support::tls::Authority;
use webhook_support::{DEADLINE, open_guard, post_to};

const NAME: &str = "receiver.test";

/// One request, as it came.
#[derive(Clone, Debug)]
struct Seen {
    version: Version,
    authority: String,
    path: String,
    has_host: bool,
    headers: hyper::HeaderMap,
    body: Bytes,
}

/// Answers over HTTP/2 alone, each request by its number.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    seen: watch::Sender<Vec<Seen>>,
    connections: Arc<AtomicUsize>,
    answer: fn(usize) -> Response<Full<Bytes>>,
}

impl Receiver {
    async fn start(authority: &Authority, answer: fn(usize) -> Response<Full<Bytes>>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Receiver {
            address: listener.local_addr().expect("an address"),
            seen: watch::Sender::new(Vec::new()),
            connections: Arc::default(),
            answer,
        };
        let mut config = authority.serves(&[NAME]);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let receiver = serving.clone();
                let service = service_fn(move |request| receiver.clone().take(request));
                let served = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service);
                // It ends with the client's end.
                tokio::spawn(async move { drop(served.await) });
            }
        });
        receiver
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let seen = Seen {
            version: head.version,
            authority: head.uri.authority().map_or("", |authority| authority.as_str()).to_owned(),
            path: head.uri.path_and_query().map_or("", |path| path.as_str()).to_owned(),
            has_host: head.headers.contains_key("host"),
            headers: head.headers,
            body,
        };
        let mut number = 0;
        self.seen.send_modify(|all| {
            number = all.len();
            all.push(seen);
        });
        Ok((self.answer)(number))
    }

    fn url(&self) -> String {
        format!("https://{NAME}:{}/hook?a=1", self.address.port())
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    async fn saw(&self, count: usize) -> Vec<Seen> {
        let mut seen = self.seen.subscribe();
        let waiting = seen.wait_for(|seen| seen.len() >= count);
        let seen = tokio::time::timeout(DEADLINE, waiting).await.expect("in time");
        seen.expect("a receiver").clone()
    }
}

fn answer_with(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).body(Full::from(body));
    response.expect("a response")
}

#[actix_rt::test]
async fn a_receiver_that_chooses_http_2_gets_it() {
    let authority = Authority::new();
    let receiver = Receiver::start(&authority, |_| answer_with(202, "taken")).await;
    let client = Client::new(open_guard(), authority.trusted());
    let called = client.post(post_to(&receiver.url()), None).await;
    let answer = called.answer.expect("an answer");
    assert_eq!((answer.status, answer.body.as_ref()), (202, b"taken".as_slice()));
    let seen = receiver.seen().remove(0);
    assert_eq!(seen.version, Version::HTTP_2);
    assert_eq!(seen.authority, format!("{NAME}:{}", receiver.address.port()));
    assert_eq!((seen.path.as_str(), seen.has_host), ("/hook?a=1", false));
    assert_eq!(seen.headers["webhook-id"], "evt_1");
    assert_eq!(seen.headers["webhook-signature"], "v1,c2lnbmF0dXJl");
    assert_eq!(seen.body.as_ref(), br#"{"type":"follow.created"}"#);
    let kept = called.connection.expect("kept");
    assert!(kept.share().is_some(), "it carries several at a time");
}

#[actix_rt::test]
async fn many_deliveries_share_one_connection() {
    let authority = Authority::new();
    let receiver = Receiver::start(&authority, |_| answer_with(200, "")).await;
    let client = Client::new(open_guard(), authority.trusted());
    let first = client.post(post_to(&receiver.url()), None).await;
    let kept = first.connection.expect("kept");
    let calls = (0..20).map(|_| client.post(post_to(&receiver.url()), kept.share()));
    for called in futures_util::future::join_all(calls).await {
        let result = called.answer.map(|answer| answer.result());
        assert_eq!(result, Ok(AttemptResult::Delivered));
    }
    assert_eq!(receiver.seen().len(), 21);
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 1);
}

#[actix_rt::test]
async fn a_dispatcher_delivers_over_it_signed_and_retried() {
    let authority = Authority::new();
    let answer = |number| answer_with(if number == 3 { 500 } else { 200 }, "");
    let receiver = Receiver::start(&authority, answer).await;
    let site = Site::new();
    let (endpoint, secret) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let mut ports = site.ports();
    ports.client = Client::new(open_guard(), authority.trusted());
    let dispatchers = Dispatchers::start(ports);
    site.follows(100);
    let seen = receiver.saw(101).await;
    site.stored(endpoint, |p| p.is_some_and(|p| p.cursor == 101 && p.parked.is_empty())).await;
    dispatchers.stop().await;
    let webhook = Webhook::new(&secret.reveal()).expect("a usable secret");
    assert!(seen.iter().all(|one| webhook.verify(&one.body, &one.headers).is_ok()));
    let ids: BTreeSet<&[u8]> =
        seen.iter().map(|one| one.headers["webhook-id"].as_bytes()).collect();
    assert_eq!((seen.len(), ids.len()), (101, 100));
    let connections = receiver.connections.load(Ordering::SeqCst);
    assert!(connections <= limits::DELIVERY_WINDOW_DEFAULT, "{connections} connections");
}

#[actix_rt::test]
async fn statuses_and_long_bodies_mean_the_same() {
    const LONG: &[u8] = &[b'x'; 100_000];
    let authority = Authority::new();
    let receiver = Receiver::start(&authority, |number| match number {
        0 => Response::new(Full::from(LONG)),
        1 => answer_with(410, ""),
        2 => answer_with(307, ""),
        _ => answer_with(404, ""),
    })
    .await;
    let client = Client::new(open_guard(), authority.trusted());
    let mut results = Vec::new();
    for _ in 0..4 {
        let called = client.post(post_to(&receiver.url()), None).await;
        let answer = called.answer.expect("an answer");
        assert!(answer.body.len() <= limits::WEBHOOK_RESPONSE_BODY_BYTES_MAX);
        results.push(answer.result());
    }
    use AttemptResult::{Delivered, EndpointFault, EventFault, Gone};
    assert_eq!(results, [Delivered, Gone, EndpointFault, EventFault]);
}

#[actix_rt::test]
async fn a_server_that_claims_http_2_and_speaks_something_else_is_a_fault() {
    let authority = Authority::new();
    let mut config = authority.serves(&[NAME]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let script = [webhook_support::Behaviour::Answer(200)];
    let receiver = webhook_support::Receiver::start_tls(config, &script).await;
    let options = guildhall::webhook::client::ClientOptions {
        connect_ms: 300,
        total_ms: 300,
        ..authority.trusted()
    };
    let client = Client::new(open_guard(), options);
    let url = format!("https://{NAME}:{}/", receiver.address.port());
    let called = client.post(post_to(&url), None).await;
    let fault = called.answer.expect_err("no answer");
    assert!(matches!(fault, CallFault::Broken | CallFault::Timeout | CallFault::Unreachable));
}

//! The fault suite over real sockets: whatever a receiver may do to one request, and what it counts
//! as. The same against a pretended clock, with its retries, is in `webhook_schedule`.

mod webhook_support;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use guildhall::core::delivery::AttemptResult::{
    self, Delivered, EndpointFault, EventFault, Gone, Throttled,
};
use guildhall::domain::limits;
use guildhall::webhook::client::{CallFault, Called, Client, ClientOptions};
use guildhall::webhook::guard::{Guard, GuardError, Resolver, ResolverFuture};
use tokio::time::timeout;
use webhook_support::site::{RETRY_MS, Site};
use webhook_support::{Behaviour, DEADLINE, Names, Receiver, client, post_to};

/// Long enough for whatever answers at all on this machine.
const PATIENT_MS: u64 = 15_000;
/// For those that never do.
const IMPATIENT_MS: u64 = 150;

async fn call(behaviour: Behaviour, total_ms: u64) -> (Called, Receiver) {
    let receiver = Receiver::start(&[behaviour]).await;
    let client = client(total_ms);
    let posted = client.post(post_to(&receiver.url()), None);
    let called = timeout(DEADLINE, posted).await.expect("a call ends");
    (called, receiver)
}

/// An answer, or the lack of one, as dispatchers see it.
fn judged(called: &Called) -> AttemptResult {
    called.answer.as_ref().map_or(EndpointFault, |answer| answer.result())
}

async fn check(behaviour: Behaviour, total_ms: u64, expected: AttemptResult) -> Called {
    let story = format!("{behaviour:?}").chars().take(200).collect::<String>();
    let (called, receiver) = call(behaviour, total_ms).await;
    assert_eq!(judged(&called), expected, "{story}: {:?}", called.answer);
    assert_eq!(receiver.seen().len(), 1, "{story}: asked once");
    called
}

#[actix_rt::test]
async fn every_status_has_one_meaning() {
    for status in 200..=599 {
        let expected = match status {
            200..=299 => Delivered,
            410 => Gone,
            429 => Throttled { retry_after_ms: None },
            408 => EndpointFault,
            400..=499 => EventFault,
            _ => EndpointFault,
        };
        check(Behaviour::Answer(status), PATIENT_MS, expected).await;
    }
    for status in [600, 700, 999] {
        check(Behaviour::Answer(status), PATIENT_MS, EndpointFault).await;
    }
}

#[actix_rt::test]
async fn what_comes_before_the_status_is_not_the_status() {
    let whole = [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 Done\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 202 Yes\r\n\r\n",
    ];
    for text in whole {
        let kind = if text.contains("202") { Behaviour::RawThenClose } else { Behaviour::Raw };
        check(kind(text), PATIENT_MS, Delivered).await;
    }
    let called =
        check(Behaviour::Raw("HTTP/1.1 199 Odd\r\n\r\n"), IMPATIENT_MS, EndpointFault).await;
    assert_eq!(called.answer, Err(CallFault::Timeout));
    let switching = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let called = check(Behaviour::Raw(switching), PATIENT_MS, EndpointFault).await;
    assert!(called.connection.is_none(), "it speaks something else from here on");
}

#[actix_rt::test]
async fn a_success_is_one_whatever_becomes_of_its_body() {
    let cut = [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nno size\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello, and more\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
    ];
    for text in cut {
        let called = check(Behaviour::RawThenClose(text), PATIENT_MS, Delivered).await;
        assert!(called.connection.is_none(), "{text:?} leaves nothing to use again");
    }
    for text in ["HTTP/1.0 200 OK\r\n\r\nuntil the end", "HTTP/1.1 200\r\n\r\nno reason, no length"]
    {
        check(Behaviour::RawThenClose(text), PATIENT_MS, Delivered).await;
    }
    let called = check(Behaviour::ResetAfterHead, PATIENT_MS, Delivered).await;
    assert!(called.connection.is_none());
    let called = check(Behaviour::HalfBody, IMPATIENT_MS, Delivered).await;
    assert!(called.connection.is_none());
    let called = check(Behaviour::EndlessBody, PATIENT_MS, Delivered).await;
    assert!(called.connection.is_none());
    let taken = called.answer.expect("an answer").body.len();
    assert_eq!(taken, limits::WEBHOOK_RESPONSE_BODY_BYTES_MAX);
}

#[actix_rt::test]
async fn a_compressed_body_is_taken_as_it_is() {
    // A kilobyte that would become a megabyte.
    let mut bomb = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0".to_vec();
    bomb.extend(std::iter::repeat_n(0, 1_024));
    let called = check(Behaviour::Bytes(bomb), PATIENT_MS, Delivered).await;
    assert_eq!(called.answer.expect("an answer").body.len(), 1_028);
}

#[actix_rt::test]
async fn what_is_no_answer_is_a_fault_of_the_endpoint() {
    let garbage = [
        "hello",
        "\r\n",
        "\0\0\0\0\r\n\r\n",
        "220 mail.example ESMTP\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 000 OK\r\n\r\n",
        "HTTP/1.1 -200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nx-cut: ",
        "HTTP/1.1 2",
    ];
    for text in garbage {
        let called = check(Behaviour::RawThenClose(text), PATIENT_MS, EndpointFault).await;
        assert_eq!(called.answer, Err(CallFault::Broken), "{text:?}");
        assert!(called.connection.is_none());
    }
    let preface = b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec();
    for behaviour in [Behaviour::Bytes(preface), Behaviour::Close, Behaviour::ResetAtOnce] {
        let called = check(behaviour, PATIENT_MS, EndpointFault).await;
        assert_eq!(called.answer, Err(CallFault::Broken));
    }
    let called = check(Behaviour::Silence, IMPATIENT_MS, EndpointFault).await;
    assert_eq!(called.answer, Err(CallFault::Timeout));
}

#[actix_rt::test]
async fn heads_without_an_end_are_cut() {
    let long = format!("x: {}\r\n", "x".repeat(limits::WEBHOOK_RESPONSE_HEADER_BYTES_MAX));
    let many = "x: 1\r\n".repeat(limits::WEBHOOK_RESPONSE_HEADERS_MAX + 1);
    for headers in [long, many] {
        let called = check(Behaviour::AnswerWith(200, headers), PATIENT_MS, EndpointFault).await;
        assert_eq!(called.answer, Err(CallFault::Broken));
    }
    let few = "x: 1\r\n".repeat(limits::WEBHOOK_RESPONSE_HEADERS_MAX - 1);
    check(Behaviour::AnswerWith(200, few), PATIENT_MS, Delivered).await;
}

#[actix_rt::test]
async fn redirects_lead_nowhere() {
    let elsewhere = Receiver::start(&[]).await;
    let locations = [
        elsewhere.url(),
        format!("//{}/", elsewhere.address),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "/elsewhere".to_owned(),
    ];
    for status in [300, 301, 302, 303, 305, 307, 308] {
        for location in &locations {
            let headers = format!("location: {location}\r\n");
            check(Behaviour::AnswerWith(status, headers), PATIENT_MS, EndpointFault).await;
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// Through a whole dispatcher: a fault, then a success, and nothing else.
async fn check_retry(behaviour: Behaviour) {
    let story = format!("{behaviour:?}");
    let site = Site::new();
    let receiver = Receiver::start(&[behaviour, Behaviour::Answer(200)]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let mut ports = site.ports();
    ports.client = client(IMPATIENT_MS);
    let dispatchers = guildhall::webhook::dispatchers::Dispatchers::start(ports);
    site.follow();
    let seen = receiver.saw(2).await;
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"), "{story}");
    assert_eq!(seen[0].body, seen[1].body, "{story}");
    site.stored(endpoint, |p| p.is_some_and(|p| p.cursor == 2 && p.parked.is_empty())).await;
    dispatchers.stop().await;
    assert_eq!(receiver.seen().len(), 2, "{story}");
}

#[actix_rt::test]
async fn over_real_sockets_too_a_retry_is_the_same_event() {
    const { assert!(RETRY_MS < IMPATIENT_MS) };
    for behaviour in [
        Behaviour::Answer(302),
        Behaviour::Answer(404),
        Behaviour::Answer(408),
        Behaviour::Answer(503),
        Behaviour::AnswerWith(429, "retry-after: 0\r\n".to_owned()),
        Behaviour::Close,
        Behaviour::ResetAtOnce,
        Behaviour::Silence,
        Behaviour::Raw("HTTP/1.1 200 OK\r\nx-half: "),
        Behaviour::RawThenClose("HTTP/1.1 abc\r\n\r\n"),
    ] {
        check_retry(behaviour).await;
    }
}

#[actix_rt::test]
async fn a_receiver_that_closes_after_each_answer_costs_neither_a_retry_nor_a_repeat() {
    let site = Site::new();
    let receiver = Receiver::start(&[Behaviour::AnswerThenClose(200)]).await;
    let (endpoint, _) = site.endpoint(1, &receiver.url(), &["follow.*"]);
    let dispatchers = site.start();
    site.follows(200);
    site.stored(endpoint, |progress| {
        progress.is_some_and(|p| {
            assert!(p.parked.is_empty() && p.failing_since.is_none(), "{p:?}");
            p.cursor == 201
        })
    })
    .await;
    dispatchers.stop().await;
    assert_eq!(receiver.seen().len(), 200);
}

/// What looking a name up may come to.
#[derive(Clone)]
enum Lookup {
    Fails(&'static str),
    Never,
    Finds(Vec<IpAddr>),
}

impl Resolver for Lookup {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolverFuture<'a> {
        match self.clone() {
            Lookup::Fails(reason) => Box::pin(async move { Err(io::Error::other(reason)) }),
            Lookup::Never => Box::pin(std::future::pending()),
            Lookup::Finds(addresses) => Box::pin(async move { Ok(addresses) }),
        }
    }
}

#[actix_rt::test]
async fn names_that_do_not_resolve_are_faults_of_the_endpoint_and_dial_nothing() {
    let receiver = Receiver::start(&[]).await;
    let port = receiver.address.port().max(8_000);
    let (public, inside) = ([93, 184, 215, 14].into(), Ipv4Addr::new(10, 0, 0, 8).into());
    let refused = |error| Err(CallFault::Refused(error));
    let cases = [
        (Lookup::Fails("NXDOMAIN"), refused(GuardError::Unresolved)),
        (Lookup::Fails("SERVFAIL"), refused(GuardError::Unresolved)),
        (Lookup::Finds(vec![]), refused(GuardError::Unresolved)),
        (Lookup::Finds(vec![public; 65]), refused(GuardError::Unresolved)),
        (Lookup::Never, Err(CallFault::Unreachable)),
        (Lookup::Finds(vec![public, inside]), refused(GuardError::Address)),
        (Lookup::Finds(vec![inside, public]), refused(GuardError::Address)),
        (Lookup::Finds(vec![Ipv4Addr::LOCALHOST.into()]), refused(GuardError::Address)),
    ];
    for (lookup, expected) in cases {
        let options =
            ClientOptions { connect_ms: IMPATIENT_MS, total_ms: PATIENT_MS, ..Default::default() };
        let guard = Guard::new(vec![], Arc::new(lookup));
        let client = Client::over(Arc::new(receiver.clone()), guard, options);
        let called = client.post(post_to(&format!("https://name.test:{port}/")), None).await;
        assert_eq!(judged(&called), EndpointFault);
        assert_eq!(called.answer, expected);
    }
    assert_eq!(receiver.connections(), 0);
}

#[actix_rt::test]
async fn an_address_that_is_dead_is_passed_over_for_the_next_one() {
    let receiver = Receiver::start(&[Behaviour::Answer(200)]).await;
    let alive = Ipv4Addr::LOCALHOST.into();
    // Nothing listens on the other loopback addresses.
    let names = Names::saying(&[&[[127, 0, 0, 2].into(), [127, 0, 0, 3].into(), alive]]);
    let guard = Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], names);
    let client = Client::new(guard, ClientOptions::default());
    let url = format!("http://name.test:{}/", receiver.address.port());
    let called = client.post(post_to(&url), None).await;
    assert_eq!(judged(&called), Delivered);
}

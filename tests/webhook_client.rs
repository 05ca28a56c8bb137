//! One call to receivers of every kind: those that answer, those that do not, those that lie.

mod webhook_support;

use std::net::{IpAddr, Ipv4Addr};

use guildhall::core::delivery::AttemptResult;
use guildhall::domain::limits;
use guildhall::webhook::client::{CallFault, Called, Client, ClientOptions};
use guildhall::webhook::guard::{Guard, GuardError};
use tokio::net::TcpListener;
use tokio::time::timeout;
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

async fn result_of(behaviour: Behaviour) -> AttemptResult {
    call(behaviour, PATIENT_MS).await.0.answer.expect("an answer").result()
}

#[actix_rt::test]
async fn the_status_decides() {
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(result_of(Behaviour::Answer(status)).await, AttemptResult::Delivered);
    }
    for status in [300, 304, 408, 500, 502, 503, 504, 599] {
        let result = result_of(Behaviour::Answer(status)).await;
        assert_eq!(result, AttemptResult::EndpointFault, "{status}");
    }
    for status in [400, 401, 403, 404, 413, 422, 499] {
        let result = result_of(Behaviour::Answer(status)).await;
        assert_eq!(result, AttemptResult::EventFault, "{status}");
    }
    assert_eq!(result_of(Behaviour::Answer(410)).await, AttemptResult::Gone);
}

#[actix_rt::test]
async fn a_request_says_what_it_must_and_no_more() {
    let (_, receiver) = call(Behaviour::Answer(200), PATIENT_MS).await;
    let seen = receiver.seen().remove(0);
    assert_eq!(seen.path, "/hook");
    assert_eq!(seen.header("host"), receiver.address.to_string());
    assert_eq!(seen.header("webhook-id"), "evt_1");
    assert_eq!(seen.header("webhook-timestamp"), "1700000000");
    assert_eq!(seen.header("webhook-signature"), "v1,c2lnbmF0dXJl");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("accept-encoding"), "identity");
    assert_eq!(seen.body, b"{\"type\":\"follow.created\"}");
    assert_eq!(seen.headers.len(), 8);
}

#[actix_rt::test]
async fn redirects_are_faults_and_never_followed() {
    let other = Receiver::start(&[]).await;
    for status in [301, 302, 303, 307, 308] {
        for location in [other.url(), "http://169.254.169.254/latest".to_owned()] {
            let behaviour = Behaviour::AnswerWith(status, format!("location: {location}\r\n"));
            assert_eq!(result_of(behaviour).await, AttemptResult::EndpointFault);
        }
    }
    assert_eq!(other.connections(), 0);
}

#[actix_rt::test]
async fn a_pause_is_asked_for_in_seconds_or_as_a_date() {
    let asks = [
        (429, "retry-after: 120\r\n", Some(120_000)),
        (503, "Retry-After: 0\r\n", Some(0)),
        // The call was made at 22:13:20.900 of that day.
        (429, "retry-after: Tue, 14 Nov 2023 22:13:30 GMT\r\n", Some(9_100)),
        (429, "retry-after: 999999999\r\n", Some(86_400_000)),
        (429, "retry-after: -5\r\n", None),
        (429, "retry-after: soon\r\n", None),
        (429, "", None),
    ];
    for (status, headers, retry_after_ms) in asks {
        let behaviour = Behaviour::AnswerWith(status, headers.to_owned());
        let expected = AttemptResult::Throttled { retry_after_ms };
        assert_eq!(result_of(behaviour).await, expected, "{headers:?}");
    }
}

#[actix_rt::test]
async fn silence_ends_with_the_deadline() {
    let (called, receiver) = call(Behaviour::Silence, IMPATIENT_MS).await;
    assert_eq!(called.answer, Err(CallFault::Timeout));
    assert_eq!(receiver.seen().len(), 1);
    let dripping = Behaviour::Raw("HTTP/1.1 200 OK\r\nx-half: ");
    let (called, _) = call(dripping, IMPATIENT_MS).await;
    assert_eq!(called.answer, Err(CallFault::Timeout));
}

#[actix_rt::test]
async fn an_endless_body_is_a_success_cut_short() {
    let (called, _) = call(Behaviour::EndlessBody, PATIENT_MS).await;
    let answer = called.answer.expect("an answer");
    assert_eq!(answer.result(), AttemptResult::Delivered);
    assert_eq!(answer.body.len(), limits::WEBHOOK_RESPONSE_BODY_BYTES_MAX);
    assert!(called.connection.is_none(), "the connection is of no more use");
}

#[actix_rt::test]
async fn a_body_that_never_ends_in_time_does_not_undo_the_success() {
    let (called, _) = call(Behaviour::HalfBody, IMPATIENT_MS).await;
    let answer = called.answer.expect("an answer");
    assert_eq!((answer.status, answer.body.as_ref()), (200, b"half".as_slice()));
    assert!(called.connection.is_none());
}

#[actix_rt::test]
async fn a_reset_after_the_status_is_one_success() {
    let (called, receiver) = call(Behaviour::ResetAfterHead, PATIENT_MS).await;
    assert_eq!(called.answer.expect("an answer").result(), AttemptResult::Delivered);
    assert!(called.connection.is_none());
    assert_eq!(receiver.seen().len(), 1);
}

#[actix_rt::test]
async fn what_is_not_http_is_a_fault() {
    let garbage = [
        "\0\0\0\0\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ];
    for text in garbage {
        let (called, _) = call(Behaviour::Raw(text), PATIENT_MS).await;
        assert_eq!(called.answer, Err(CallFault::Broken), "{text:?}");
    }
    let (called, _) = call(Behaviour::Close, PATIENT_MS).await;
    assert_eq!(called.answer, Err(CallFault::Broken));
}

#[actix_rt::test]
async fn heads_beyond_the_limit_are_faults() {
    let long = format!("x-long: {}\r\n", "x".repeat(limits::WEBHOOK_RESPONSE_HEADER_BYTES_MAX));
    let many = "x-many: 1\r\n".repeat(limits::WEBHOOK_RESPONSE_HEADERS_MAX + 1);
    for headers in [long, many] {
        let (called, _) = call(Behaviour::AnswerWith(200, headers), PATIENT_MS).await;
        assert_eq!(called.answer, Err(CallFault::Broken));
    }
}

#[actix_rt::test]
async fn a_kept_connection_is_used_again() {
    let receiver = Receiver::start(&[Behaviour::Answer(200)]).await;
    let client = client(PATIENT_MS);
    let mut kept = None;
    for _ in 0..5 {
        let called = client.post(post_to(&receiver.url()), kept).await;
        assert!(called.answer.is_ok());
        kept = called.connection;
        assert!(kept.is_some());
    }
    assert_eq!(receiver.connections(), 1);
}

#[actix_rt::test]
async fn a_kept_connection_that_was_closed_loses_nothing() {
    let closing = Behaviour::AnswerThenClose(200);
    let receiver = Receiver::start(&[closing.clone(), closing, Behaviour::Answer(200)]).await;
    let client = client(PATIENT_MS);
    let mut kept = None;
    for _ in 0..3 {
        let called = client.post(post_to(&receiver.url()), kept).await;
        assert!(called.answer.is_ok(), "{:?}", called.answer);
        kept = called.connection;
    }
    assert_eq!(receiver.seen().len(), 3);
    assert_eq!(receiver.connections(), 3);
}

#[actix_rt::test]
async fn a_kept_connection_closed_in_the_middle_of_a_request_is_replaced_once() {
    let script = [Behaviour::Answer(200), Behaviour::Close, Behaviour::Answer(200)];
    let receiver = Receiver::start(&script).await;
    let client = client(PATIENT_MS);
    let first = client.post(post_to(&receiver.url()), None).await;
    let second = client.post(post_to(&receiver.url()), first.connection).await;
    assert!(second.answer.is_ok(), "{:?}", second.answer);
    assert_eq!(receiver.seen().len(), 3);
    receiver.now_does(Behaviour::Close);
    let third = client.post(post_to(&receiver.url()), second.connection).await;
    assert_eq!(third.answer, Err(CallFault::Broken));
    assert_eq!(receiver.seen().len(), 5, "once, not for ever");
}

#[actix_rt::test]
async fn a_forbidden_address_is_never_connected_to() {
    let receiver = Receiver::start(&[]).await;
    let strict = Client::new(Guard::new(vec![], Names::loopback()), ClientOptions::default());
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("https://{host}:{}/", receiver.address.port());
        let called = strict.post(post_to(&url), None).await;
        assert_eq!(called.answer, Err(CallFault::Refused(GuardError::Address)), "{url}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[actix_rt::test]
async fn a_name_that_moves_after_it_was_saved_is_judged_again() {
    let receiver = Receiver::start(&[]).await;
    let public: IpAddr = Ipv4Addr::new(93, 184, 215, 14).into();
    let names = Names::saying(&[&[public], &[Ipv4Addr::LOCALHOST.into()]]);
    let guard = Guard::new(vec![], names);
    let url = format!("https://rebinding.test:{}/", receiver.address.port().max(8_000));
    assert!(guard.check_url(&url).await.is_ok(), "good when it was saved");
    let called = Client::new(guard, ClientOptions::default()).post(post_to(&url), None).await;
    assert_eq!(called.answer, Err(CallFault::Refused(GuardError::Address)));
    assert_eq!(receiver.connections(), 0);
}

#[actix_rt::test]
async fn a_closed_port_and_a_broken_handshake_sound_the_same() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let refused = client(PATIENT_MS).post(post_to(&format!("http://{address}/")), None).await;
    let plain = Receiver::start(&[]).await;
    let url = format!("https://{}/", plain.address);
    let no_tls = client(IMPATIENT_MS).post(post_to(&url), None).await;
    assert_eq!(refused.answer, Err(CallFault::Unreachable));
    assert!(matches!(no_tls.answer, Err(CallFault::Unreachable | CallFault::Timeout)));
}

//! Deliveries over TLS: which certificates count, and what servers of other kinds come to.

mod webhook_support;

use std::io;
use std::sync::Arc;

use guildhall::core::delivery::AttemptResult;
use guildhall::domain::limits;
use guildhall::webhook::client::{
    CallFault, Called, Client, ClientOptions, DialFuture, Dialer, Wire,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::ServerConfig;
use webhook_support::tls::{Authority, serves_self_signed};
use webhook_support::{Behaviour, DEADLINE, Receiver, open_guard, post_to};

const NAME: &str = "receiver.test";

async fn call(options: ClientOptions, server: ServerConfig, host: &str) -> (Called, Receiver) {
    let receiver = Receiver::start_tls(server, &[Behaviour::Answer(200)]).await;
    let client = Client::new(open_guard(), options);
    let url = format!("https://{host}:{}/", receiver.address.port());
    let called = timeout(DEADLINE, client.post(post_to(&url), None)).await.expect("a call ends");
    (called, receiver)
}

#[actix_rt::test]
async fn a_certificate_counts_only_with_its_name_its_time_and_a_trusted_authority() {
    let (trusted, stranger) = (Authority::new(), Authority::new());
    let names = [NAME, "127.0.0.1", "*.wild.test"];
    let cases = [
        (trusted.serves(&names), NAME, true),
        (trusted.serves(&names), "receiver.test.", true),
        (trusted.serves(&names), "127.0.0.1", true),
        (trusted.serves(&names), "any.wild.test", true),
        (trusted.serves(&names), "other.test", false),
        (trusted.serves(&names), "wild.test", false),
        (trusted.serves(&names), "two.levels.wild.test", false),
        (trusted.serves(&names), "[::1]", false),
        (trusted.served_once(&names), NAME, false),
        (trusted.will_serve(&names), NAME, false),
        (stranger.serves(&names), NAME, false),
        (serves_self_signed(&names), NAME, false),
    ];
    for (server, host, good) in cases {
        let (called, receiver) = call(trusted.trusted(), server, host).await;
        let expected = if good { Ok(200) } else { Err(CallFault::Unreachable) };
        let status = match host {
            // The names of this test do not lead there at all.
            "[::1]" => Err(CallFault::Unreachable),
            _ => called.answer.map(|answer| answer.status),
        };
        assert_eq!(status, expected, "{host}");
        assert_eq!(receiver.seen().len(), usize::from(good), "{host}: nothing is sent before");
    }
}

#[actix_rt::test]
async fn without_the_operators_word_only_public_authorities_count() {
    let authority = Authority::new();
    let (called, receiver) = call(ClientOptions::default(), authority.serves(&[NAME]), NAME).await;
    assert_eq!(called.answer, Err(CallFault::Unreachable));
    assert_eq!(receiver.seen().len(), 0);
}

#[actix_rt::test]
async fn a_server_that_wants_a_certificate_of_ours_is_a_fault() {
    let authority = Authority::new();
    let server = authority.serves_known_clients(&[NAME]);
    let (called, receiver) = call(authority.trusted(), server, NAME).await;
    // In TLS 1.3 the refusal comes after the handshake, as a broken connection.
    assert!(matches!(called.answer, Err(CallFault::Unreachable | CallFault::Broken)));
    assert_eq!(receiver.seen().len(), 0);
}

#[actix_rt::test]
async fn a_connection_over_tls_is_kept_and_used_again() {
    let authority = Authority::new();
    let receiver = Receiver::start_tls(authority.serves(&[NAME]), &[Behaviour::Answer(200)]).await;
    let client = Client::new(open_guard(), authority.trusted());
    let url = format!("https://{NAME}:{}/", receiver.address.port());
    let mut kept = None;
    for _ in 0..5 {
        let called = client.post(post_to(&url), kept).await;
        assert_eq!(called.answer.map(|answer| answer.result()), Ok(AttemptResult::Delivered));
        kept = called.connection;
    }
    assert_eq!((receiver.seen().len(), receiver.connections()), (5, 1));
}

/// A server that answers whatever begins a handshake with some bytes, or with none, and waits.
struct Odd(&'static [u8]);

impl Dialer for Odd {
    fn dial(&self, _: std::net::SocketAddr) -> DialFuture<'_> {
        let (near, far) = tokio::io::duplex(64 * 1_024);
        let bytes = self.0;
        tokio::spawn(async move { drop(odd(far, bytes).await) });
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Wire>) })
    }
}

async fn odd(mut stream: DuplexStream, bytes: &[u8]) -> io::Result<()> {
    let mut hello = [0; 16];
    stream.read_exact(&mut hello).await?;
    stream.write_all(bytes).await?;
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

#[actix_rt::test]
async fn old_strange_and_stalled_handshakes_are_unreachable() {
    tokio::time::pause();
    let odd: [(&str, &[u8]); 6] = [
        ("stalls", b""),
        ("stalls in a record", b"\x16\x03\x03\x40\x00"),
        ("tls 1.0 only: protocol_version", b"\x15\x03\x01\x00\x02\x02\x46"),
        ("ssl 3: handshake_failure", b"\x15\x03\x00\x00\x02\x02\x28"),
        ("plain http", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("unrecognized_name", b"\x15\x03\x03\x00\x02\x02\x70"),
    ];
    for (story, bytes) in odd {
        let client = Client::over(Arc::new(Odd(bytes)), open_guard(), ClientOptions::default());
        let began = Instant::now();
        let called = client.post(post_to("https://127.0.0.1:8443/"), None).await;
        assert_eq!(called.answer, Err(CallFault::Unreachable), "{story}");
        let limit_ms = u128::from(limits::WEBHOOK_CONNECT_MS_MAX);
        let took_ms = began.elapsed().as_millis();
        let stalled = story.starts_with("stalls");
        assert_eq!(took_ms >= limit_ms, stalled, "{story}: took {took_ms} ms");
        assert!(took_ms <= limit_ms + 10, "{story}: took {took_ms} ms");
    }
}

#[actix_rt::test]
async fn a_handshake_with_tls_1_0_itself_is_refused() {
    // A ServerHello that chooses TLS 1.0 with TLS_RSA_WITH_AES_128_CBC_SHA.
    let mut hello = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01".to_vec();
    hello.extend([7; 32]);
    hello.extend(b"\x00\x00\x2f\x00");
    let client = Client::over(
        Arc::new(Odd(Box::leak(hello.into_boxed_slice()))),
        open_guard(),
        ClientOptions::default(),
    );
    let called = client.post(post_to("https://127.0.0.1:8443/"), None).await;
    assert_eq!(called.answer, Err(CallFault::Unreachable));
}

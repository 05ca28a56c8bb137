//! Clients that do not keep to the protocol: each is closed with the right code, and harms nobody.

use futures_util::SinkExt;
use guildhall::realtime::LiveSettings;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::Client;
use crate::server::TestServer;
use crate::site::{counted, member, token};

const PATH: &str = "/connection/websocket";

/// Sends raw messages on a new connection and checks the code that ends it.
async fn check(server: &TestServer, messages: Vec<Message>, code: u16) {
    let mut client = Client::open(server, PATH).await;
    for message in messages {
        client.socket.feed(message).await.unwrap();
    }
    client.socket.flush().await.unwrap();
    assert_eq!(client.close_code().await, code);
}

fn connect() -> Message {
    Message::text(json!({"id": 1, "connect": {"token": "owner"}}).to_string())
}

fn fragment(text: &str, code: Data, is_last: bool) -> Message {
    Message::Frame(Frame::message(text.to_owned(), OpCode::Data(code), is_last))
}

#[actix_rt::test]
async fn frames_that_are_not_the_protocol_close_with_their_code() {
    let server = TestServer::start();
    let deep = format!("{{\"id\":1,\"connect\":{}{}}}", "[".repeat(32), "]".repeat(32));
    let long = "x".repeat(64 * 1_024 + 1);
    let half = "x".repeat(40 * 1_024);
    check(&server, vec![Message::text("no json")], 3501).await;
    check(&server, vec![Message::text("[]")], 3501).await;
    check(&server, vec![Message::text("")], 3501).await;
    check(&server, vec![Message::text(deep)], 3501).await;
    check(&server, vec![Message::text(r#"{"connect":{}}"#)], 3501).await;
    check(&server, vec![Message::text(r#"{"id":1,"subscribe":{"channel":"site"}}"#)], 3501).await;
    check(&server, vec![Message::text(r#"{"id":1,"connect":{"token":"who"}}"#)], 3500).await;
    check(&server, vec![connect(), connect()], 3501).await;
    check(&server, vec![connect(), Message::text(r#"{"send":{}}"#)], 3508).await;
    check(&server, vec![Message::binary(vec![1, 2, 3])], 3506).await;
    check(&server, vec![Message::text(long)], 1009).await;
    let parts = vec![fragment(&half, Data::Text, false), fragment(&half, Data::Continue, true)];
    check(&server, parts, 1009).await;
    check(&server, vec![fragment("x", Data::Continue, true)], 1002).await;
    server.stop().await;
}

/// Sends bytes that no library would, after the handshake, and checks the code that ends it.
async fn check_raw(server: &TestServer, bytes: &[u8], code: u16) {
    let mut client = Client::open(server, PATH).await;
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = client.socket.get_mut() else {
        panic!("a plain connection");
    };
    stream.write_all(bytes).await.unwrap();
    assert_eq!(client.close_code().await, code, "{bytes:02x?}");
}

/// A frame with a mask of zeros, which leaves its payload as it is.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let head = [first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    [&head, payload].concat()
}

#[actix_rt::test]
async fn frames_that_are_not_websockets_close_with_their_code() {
    let server = TestServer::start();
    let parts = |first: Vec<u8>, second: Vec<u8>| [first, second].concat();
    // Unmasked, reserved bits, reserved kinds.
    check_raw(&server, &[0x81, 0x02, b'{', b'}'], 1002).await;
    for reserved in [0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f] {
        check_raw(&server, &masked(reserved, b"{}"), 1002).await;
    }
    // Control frames in parts, and longer than they may be.
    check_raw(&server, &masked(0x09, b""), 1002).await;
    check_raw(&server, &masked(0x08, b""), 1002).await;
    let long_ping = [&[0x89, 0xfe, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat();
    check_raw(&server, &long_ping, 1002).await;
    // A message that begins before the one before it has ended, and one that never began.
    check_raw(&server, &parts(masked(0x01, b"{"), masked(0x81, b"{}")), 1002).await;
    check_raw(&server, &parts(masked(0x01, b"{"), masked(0x01, b"{}")), 1002).await;
    check_raw(&server, &masked(0x00, b"}"), 1002).await;
    // Text that is none: alone, in parts, and where nobody would look at it.
    check_raw(&server, &masked(0x81, &[b'"', 0xc3, 0x28, b'"']), 1007).await;
    check_raw(&server, &parts(masked(0x01, &[b'"', 0xc3]), masked(0x80, &[0x28])), 1007).await;
    let ignored = [b"{\"id\":1,\"rpc\":\"".as_slice(), &[0xff], b"\"}"].concat();
    check_raw(&server, &masked(0x81, &ignored), 1007).await;
    // A length of 2^63, which no frame may have.
    check_raw(&server, &[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 1009).await;
    server.stop().await;
}

#[actix_rt::test]
async fn a_closing_frame_is_answered_with_a_code_that_may_be_sent() {
    let server = TestServer::start();
    let close = |code: u16| masked(0x88, &code.to_be_bytes());
    check_raw(&server, &close(1000), 1000).await;
    check_raw(&server, &close(4001), 4001).await;
    for never_sent in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
        check_raw(&server, &close(never_sent), 1002).await;
    }
    check_raw(&server, &masked(0x88, &[3]), 1002).await;
    check_raw(&server, &masked(0x88, &[0x03, 0xe8, 0xff]), 1002).await;
    server.stop().await;
}

#[actix_rt::test]
async fn the_answers_to_one_message_leave_as_one() {
    let server = TestServer::start();
    let mut client = Client::connect(&server, "owner").await;
    let pings: Vec<String> =
        (2..1_002).map(|id| json!({"id": id, "ping": {}}).to_string()).collect();
    client.send_text(pings.join("\n")).await;
    let answer = futures_util::StreamExt::next(&mut client.socket).await;
    let Some(Ok(Message::Text(answer))) = answer else { panic!("expected text: {answer:?}") };
    assert_eq!(answer.lines().count(), 1_000);
    server.stop().await;
}

#[actix_rt::test]
async fn an_oversized_frame_is_refused_by_its_head_alone() {
    let server = TestServer::start();
    let mut client = Client::open(&server, PATH).await;
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = client.socket.get_mut() else {
        panic!("a plain connection");
    };
    // A masked text frame of 2^40 bytes, of which nothing follows.
    let head = [0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    stream.write_all(&head).await.unwrap();
    assert_eq!(client.close_code().await, 1009);
    server.stop().await;
}

#[actix_rt::test]
async fn a_message_in_parts_is_joined() {
    let server = TestServer::start();
    let mut client = Client::open(&server, PATH).await;
    let text = json!({"id": 1, "connect": {"token": "owner"}}).to_string();
    let (first, rest) = text.split_at(10);
    let (middle, last) = rest.split_at(5);
    for part in [
        fragment(first, Data::Text, false),
        fragment(middle, Data::Continue, false),
        Message::Ping("between".into()),
        fragment(last, Data::Continue, true),
    ] {
        client.socket.send(part).await.unwrap();
    }
    assert!(client.line().await["connect"].is_object());
    server.stop().await;
}

#[actix_rt::test]
async fn a_client_that_breaks_the_rules_harms_nobody() {
    let server = TestServer::start();
    let ann = member(0xa);
    let mut good = Client::connect(&server, &token(ann)).await;
    for _ in 0..20 {
        check(&server, vec![connect(), Message::text("{\"id\":")], 3501).await;
    }
    let seq = server.site.write(counted(ann, 1));
    assert_eq!(good.publication().await.0, seq);
    server.stop().await;
}

#[actix_rt::test]
async fn a_closing_client_gets_its_closing_frame_back() {
    let server = TestServer::start();
    let mut client = Client::connect(&server, "owner").await;
    client.socket.close(None).await.unwrap();
    let mut ended = false;
    while let Some(message) = futures_util::StreamExt::next(&mut client.socket).await {
        ended |= matches!(message, Ok(Message::Close(_)));
    }
    assert!(ended);
    server.stop().await;
}

/// Opens a socket that must be refused, and gives the answer's status.
async fn refused(server: &TestServer, path: &str, headers: &[(&'static str, &'static str)]) -> u16 {
    match Client::try_open(server, path, headers).await {
        Err(Error::Http(response)) => {
            let kind = response.headers().get("content-type").cloned();
            assert_eq!(kind.unwrap(), "application/problem+json");
            response.status().as_u16()
        }
        other => panic!("expected a refusal, got {}", other.is_ok()),
    }
}

#[actix_rt::test]
async fn upgrades_elsewhere_and_foreign_pages_are_refused() {
    let server = TestServer::start();
    assert_eq!(refused(&server, "/members/v1/members", &[]).await, 404);
    assert_eq!(refused(&server, PATH, &[("origin", "https://evil.example")]).await, 403);
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = "GET /connection/websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    server.stop().await;
}

#[actix_rt::test]
async fn one_session_more_than_the_limit_is_refused_until_one_leaves() {
    let settings = LiveSettings { sessions_max: 2, ..LiveSettings::default() };
    let server = TestServer::start_with(settings);
    let first = Client::connect(&server, "owner").await;
    let _second = Client::connect(&server, "owner").await;
    assert_eq!(refused(&server, PATH, &[]).await, 503);
    drop(first);
    let deadline = tokio::time::Instant::now() + crate::server::PATIENCE;
    while server.live.sessions() > 1 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    Client::connect(&server, "owner").await;
    server.stop().await;
}

#[actix_rt::test]
async fn shutdown_closes_every_session_and_waits_for_them() {
    let server = TestServer::start();
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Client::connect(&server, "owner").await);
    }
    let closing = actix_rt::spawn({
        let live = server.live.clone();
        async move { live.shutdown(crate::server::PATIENCE).await }
    });
    for client in &mut clients {
        assert_eq!(client.close_code().await, 3001);
    }
    drop(clients);
    closing.await.unwrap();
    assert_eq!(server.live.sessions(), 0);
    assert_eq!(refused(&server, PATH, &[]).await, 503);
    server.stop().await;
}

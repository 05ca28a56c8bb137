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

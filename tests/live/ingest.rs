//! The ingest stream: who may enter, what is acknowledged, and what is not taken.

use futures_util::SinkExt;
use guildhall::domain::AppId;
use guildhall::domain::limits::INGEST_FRAMES_IN_FLIGHT_MAX;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client::Client;
use crate::server::TestServer;
use crate::site::{member, token};

const PATH: &str = "/v1/activity-counters/stream";

async fn open(server: &TestServer, hello: Value) -> Client {
    let mut client = Client::open(server, PATH).await;
    client.send(hello).await;
    assert_eq!(client.line().await, json!({"ready": true}));
    client
}

fn line(delta: i64) -> Value {
    json!({"memberId": member(7).to_string(), "key": "views", "delta": delta})
}

/// Takes answers until the ack of `n`, and gives how many increments they accepted.
async fn accepted_up_to(client: &mut Client, n: u64) -> u64 {
    let mut accepted = 0;
    loop {
        let answer = client.line().await;
        assert!(answer["ack"].is_u64(), "{answer}");
        accepted += answer["accepted"].as_u64().unwrap();
        if answer["ack"] == n {
            return accepted;
        }
    }
}

#[actix_rt::test]
async fn numbered_batches_are_acknowledged_in_order_and_once() {
    let server = TestServer::start();
    let hello = json!({"token": "app", "producer": "p1"});
    let mut client = open(&server, hello.clone()).await;
    for n in 1..=200 {
        let batch = json!({"n": n, "increments": [line(1), line(2)]});
        client.socket.feed(Message::text(batch.to_string())).await.unwrap();
    }
    client.socket.flush().await.unwrap();
    assert_eq!(accepted_up_to(&mut client, 200).await, 400);
    let batches = server.site.batches();
    assert_eq!(batches.len(), 200);
    assert_eq!(batches[0].app, AppId::parse("shop"));
    let numbers = batches.iter().map(|it| it.producer.as_ref().unwrap().n);
    assert!(numbers.eq(1..=200));

    let mut again = open(&server, hello).await;
    again.send(json!({"n": 200, "increments": [line(1)]})).await;
    assert_eq!(
        again.line().await,
        json!({"ack": 200, "accepted": 0, "duplicates": 1, "errors": []})
    );
    again.send(json!({"n": 202, "increments": [line(1)]})).await;
    let gap = again.line().await;
    assert_eq!(gap["error"]["code"], "PRODUCER_GAP");
    assert_eq!((&gap["error"]["n"], &gap["error"]["last"]), (&json!(202), &json!(200)));
    again.send(json!({"n": 201, "increments": [line(1)]})).await;
    assert_eq!(again.line().await["ack"], 201);
    server.stop().await;
}

#[actix_rt::test]
async fn plain_and_binary_frames_are_numbered_by_the_connection() {
    let server = TestServer::start();
    let mut client = open(&server, json!({"token": "owner"})).await;
    client.send(json!([line(1), line(0), {"key": "views"}])).await;
    let ack = client.line().await;
    assert_eq!(ack["ack"], 1);
    assert_eq!(ack["errors"][0]["n"], 1);
    let mut binary = 2_u64.to_le_bytes().to_vec();
    binary.extend_from_slice(&[1, 1, b'v']);
    binary.extend_from_slice(member(9).as_bytes());
    binary.extend_from_slice(&[0, 9]);
    client.socket.send(Message::binary(binary.clone())).await.unwrap();
    let ack = client.line().await;
    assert_eq!((&ack["ack"], &ack["accepted"]), (&json!(2), &json!(1)));
    client.socket.send(Message::binary(binary)).await.unwrap();
    assert_eq!(client.line().await["error"]["code"], "FRAME_GAP");
    client.send_text("[1".into()).await;
    assert!(client.line().await["error"]["code"].is_string());
    client.send(json!([line(1)])).await;
    assert_eq!(client.line().await["ack"], 3);
    let batches = server.site.batches();
    assert_eq!(batches[1].lines[0].delta, -5);
    assert_eq!(batches[1].app, Some(AppId::site_code()));
    server.stop().await;
}

#[actix_rt::test]
async fn only_keys_enter_and_only_with_a_greeting() {
    let server = TestServer::start();
    for (first, code) in [
        (Message::text(json!({"token": token(member(1))}).to_string()), 3507),
        (Message::text(json!({"token": "nobody"}).to_string()), 3500),
        (Message::text(json!([line(1)]).to_string()), 3501),
        (Message::binary(vec![1, 2, 3]), 3501),
        (Message::text("x".repeat(2 * 1_024 * 1_024 + 1)), 1009),
    ] {
        let mut client = Client::open(&server, PATH).await;
        client.socket.send(first).await.unwrap();
        assert_eq!(client.close_code().await, code);
    }
    assert_eq!(server.site.batches().len(), 0);
    server.stop().await;
}

#[actix_rt::test]
async fn a_revoked_key_counts_nothing_more() {
    let server = TestServer::start();
    let mut client = open(&server, json!({"token": "owner"})).await;
    client.send(json!([line(1)])).await;
    assert_eq!(client.line().await["ack"], 1);
    server.source.revoke_owner();
    client.send(json!([line(1)])).await;
    assert_eq!(client.close_code().await, 4503);
    assert_eq!(server.site.batches().len(), 1);
    server.stop().await;
}

#[actix_rt::test]
async fn shutdown_ends_a_stream_after_its_last_answer() {
    let server = TestServer::start();
    let mut client = open(&server, json!({"token": "owner"})).await;
    client.send(json!([line(1)])).await;
    assert_eq!(client.line().await["ack"], 1);
    let closing = actix_rt::spawn({
        let live = server.live.clone();
        async move { live.shutdown(crate::server::PATIENCE).await }
    });
    assert_eq!(client.close_code().await, 3001);
    drop(client);
    closing.await.unwrap();
    server.stop().await;
}

#[actix_rt::test]
async fn what_is_not_answered_is_bounded_and_the_rest_waits_with_the_sender() {
    let server = TestServer::start();
    server.site.hold_answers(true);
    let mut client = open(&server, json!({"token": "owner", "producer": "p1"})).await;
    for n in 1..=200 {
        let batch = json!({"n": n, "increments": [line(1)]});
        client.socket.feed(Message::text(batch.to_string())).await.unwrap();
    }
    client.socket.flush().await.unwrap();
    let deadline = tokio::time::Instant::now() + crate::server::PATIENCE;
    while server.site.batches().len() < INGEST_FRAMES_IN_FLIGHT_MAX {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    // The worker goes on with others meanwhile, and takes nothing more of this one.
    for _ in 0..10 {
        Client::connect(&server, "owner").await;
    }
    assert_eq!(server.site.batches().len(), INGEST_FRAMES_IN_FLIGHT_MAX);
    server.site.hold_answers(false);
    assert_eq!(accepted_up_to(&mut client, 200).await, 200);
    server.stop().await;
}

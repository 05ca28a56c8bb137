//! What a live session shows: channels, audiences, recovery, and cuts.

use guildhall::domain::event::Event;
use guildhall::domain::profile::PrivacyStatus;
use guildhall::wire::event::epoch_text;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;
use crate::server::TestServer;
use crate::site::{INCARNATION, counted, login_token, member, token, turned};

fn subscribe(id: u32, channel: &str) -> Value {
    json!({"id": id, "subscribe": {"channel": channel}})
}

fn recover(id: u32, channel: &str, offset: u64) -> Value {
    let epoch = epoch_text(INCARNATION);
    json!({"id": id, "subscribe":
        {"channel": channel, "recover": true, "offset": offset, "epoch": epoch}})
}

#[actix_rt::test]
async fn connect_and_subscribe_in_one_frame_flow_in_order() {
    let server = TestServer::start();
    let (ann, bob) = (member(0xa), member(0xb));
    server.site.write(turned(bob, PrivacyStatus::Public));
    let mut client = Client::open(&server, "/connection/websocket").await;
    let channel = format!("member:{bob}");
    let connect = json!({"id": 1, "connect": {"token": token(ann)}});
    client.send_text(format!("{connect}\n{}", subscribe(2, &channel))).await;
    let connected = client.line().await;
    assert_eq!(connected["connect"]["ping"], 25);
    assert_eq!(connected["connect"]["pong"], true);
    let own = &connected["connect"]["subs"][format!("#{ann}")];
    assert_eq!(own["offset"], 1);
    assert_eq!(own["epoch"], epoch_text(INCARNATION));
    let subscribed = client.line().await;
    assert_eq!(subscribed["id"], 2);
    assert_eq!(subscribed["subscribe"]["offset"], 1);
    let seq = server.site.write(counted(bob, 7));
    let (offset, data) = client.publication().await;
    assert_eq!(offset, seq);
    assert_eq!(data["type"], "counter.updated");
    assert_eq!(data["data"]["new"], 7);
    server.stop().await;
}

#[actix_rt::test]
async fn a_revoked_key_is_shown_nothing_more_and_others_stay() {
    let server = TestServer::start();
    let mut owner = Client::connect(&server, "owner").await;
    owner.ask(subscribe(2, "site")).await;
    let mut ann = Client::connect(&server, &token(member(0xa))).await;
    let mut app = Client::connect(&server, "app").await;
    app.ask(subscribe(2, "site")).await;
    server.source.revoke_owner();
    assert_eq!(owner.close_code().await, 4503);
    let seq = server.site.write(counted(member(0xa), 1));
    assert_eq!(ann.publication().await.0, seq);
    assert_eq!(app.publication().await.0, seq);
    let mut again = Client::open(&server, "/connection/websocket").await;
    again.send(json!({"id": 1, "connect": {"token": "owner"}})).await;
    assert_eq!(again.close_code().await, 3500);
    server.stop().await;
}

#[actix_rt::test]
async fn a_socket_ends_with_the_login_of_its_token_and_others_stay() {
    let server = TestServer::start();
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let ann = member(0xa);
    let mut ended = Client::connect(&server, &login_token(ann, one)).await;
    let mut stays = Client::connect(&server, &login_token(ann, other)).await;
    server.source.end_login(one);
    assert_eq!(ended.close_code().await, 4503);
    let seq = server.site.write(counted(ann, 1));
    assert_eq!(stays.publication().await.0, seq);
    let mut again = Client::open(&server, "/connection/websocket").await;
    again.send(json!({"id": 1, "connect": {"token": login_token(ann, one)}})).await;
    assert_eq!(again.close_code().await, 3500);
    server.stop().await;
}

#[actix_rt::test]
async fn a_follow_reaches_both_sides_and_the_site() {
    let server = TestServer::start();
    let (ann, bob) = (member(0xa), member(0xb));
    let mut ann_client = Client::connect(&server, &token(ann)).await;
    let mut bob_client = Client::connect(&server, &token(bob)).await;
    let mut owner = Client::connect(&server, "owner").await;
    assert!(owner.ask(subscribe(2, "site")).await["subscribe"].is_object());
    let seq = server.site.write(Event::FollowCreated { follower: ann, followed: bob });
    for client in [&mut ann_client, &mut bob_client, &mut owner] {
        let (offset, data) = client.publication().await;
        assert_eq!(offset, seq);
        assert_eq!(data["data"]["memberId"], ann.to_string());
        assert_eq!(data["data"]["affectedMemberId"], bob.to_string());
    }
    server.stop().await;
}

#[actix_rt::test]
async fn what_was_missed_is_recovered_once_and_in_order() {
    let server = TestServer::start();
    let (ann, bob) = (member(0xa), member(0xb));
    for new in 1..=20 {
        server.site.write(counted(ann, new));
        server.site.write(counted(bob, new));
    }
    let mut client = Client::connect(&server, "owner").await;
    let reply = client.ask(recover(2, &format!("member:{ann}"), 10)).await;
    let result = &reply["subscribe"];
    assert_eq!(result["recovered"], true);
    assert_eq!(result["was_recovering"], true);
    assert_eq!(result["offset"], 10);
    let publications = result["publications"].as_array().unwrap();
    let offsets: Vec<u64> = publications.iter().map(|it| it["offset"].as_u64().unwrap()).collect();
    let missed: Vec<u64> = (11..=40).filter(|seq| seq % 2 == 1).collect();
    assert_eq!(offsets, missed);
    let seq = server.site.write(counted(ann, 21));
    assert_eq!(client.publication().await.0, seq);
    server.stop().await;
}

#[actix_rt::test]
async fn a_position_that_cannot_be_recovered_is_told() {
    let server = TestServer::start();
    let ann = member(0xa);
    for new in 1..=400 {
        server.site.write(counted(ann, new));
    }
    let channel = format!("member:{ann}");
    let mut client = Client::connect(&server, "owner").await;
    for (id, offset, recovered) in [(2, 99, false), (4, 100, true), (6, 401, false)] {
        let reply = client.ask(recover(id, &channel, offset)).await;
        assert_eq!(reply["subscribe"]["recovered"] == true, recovered, "from {offset}");
        assert_eq!(reply["subscribe"]["was_recovering"], true);
        if !recovered {
            assert_eq!(reply["subscribe"]["offset"], 400);
            assert_eq!(reply["subscribe"]["publications"], Value::Null);
        }
        client.ask(json!({"id": id + 1, "unsubscribe": {"channel": channel}})).await;
    }
    server.site.trim_before(390);
    let reply = client.ask(recover(8, &channel, 380)).await;
    assert_eq!(reply["subscribe"]["recovered"], Value::Null);
    client.ask(json!({"id": 9, "unsubscribe": {"channel": channel}})).await;
    let reply = client.ask(recover(10, &channel, 389)).await;
    assert_eq!(reply["subscribe"]["recovered"], true);
    server.stop().await;
}

#[actix_rt::test]
async fn a_personal_channel_recovers_with_connect() {
    let server = TestServer::start();
    let ann = member(0xa);
    server.site.write(counted(ann, 1));
    let seq = server.site.write(counted(ann, 2));
    let mut client = Client::open(&server, "/connection/websocket").await;
    let own = format!("#{ann}");
    let position = json!({"recover": true, "offset": 1, "epoch": epoch_text(INCARNATION)});
    let subs = json!({ own.clone(): position });
    client.send(json!({"id": 1, "connect": {"token": token(ann), "subs": subs}})).await;
    let reply = client.line().await;
    let result = &reply["connect"]["subs"][&own];
    assert_eq!(result["recovered"], true, "{reply}");
    assert_eq!(result["publications"][0]["offset"], seq);
    server.stop().await;
}

#[actix_rt::test]
async fn a_member_that_turns_private_goes_out_of_sight_at_once() {
    let server = TestServer::start();
    let (ann, bob) = (member(0xa), member(0xb));
    server.site.write(turned(bob, PrivacyStatus::Public));
    let channel = format!("member:{bob}");
    let mut stranger = Client::connect(&server, &token(ann)).await;
    let mut owner = Client::connect(&server, "owner").await;
    assert!(stranger.ask(subscribe(2, &channel)).await["subscribe"].is_object());
    assert!(owner.ask(subscribe(2, &channel)).await["subscribe"].is_object());
    let shown = counted(bob, 1);
    server.site.write_all(vec![shown, turned(bob, PrivacyStatus::Private), counted(bob, 2)]);
    assert_eq!(stranger.publication().await.1["data"]["new"], 1);
    let cut = stranger.line().await;
    assert_eq!(cut["push"]["channel"], channel);
    assert_eq!(cut["push"]["unsubscribe"]["code"], 2000);
    let again = stranger.ask(subscribe(3, &channel)).await;
    assert_eq!(again["error"]["code"], 102);
    let offsets = [owner.publication().await.0, owner.publication().await.0];
    assert_eq!(offsets, [2, 3]);
    assert_eq!(owner.publication().await.1["data"]["new"], 2);
    server.stop().await;
}

#[actix_rt::test]
async fn strangers_never_see_personal_data_or_other_ids() {
    let server = TestServer::start();
    let (ann, bob, eve) = (member(0xa), member(0xb), member(0xe));
    server.site.write(turned(bob, PrivacyStatus::Public));
    let mut stranger = Client::connect(&server, &token(ann)).await;
    stranger.ask(subscribe(2, &format!("member:{bob}"))).await;
    server.site.write(turned(bob, PrivacyStatus::Public));
    server.site.write(Event::FollowCreated { follower: eve, followed: bob });
    let (_, updated) = stranger.publication().await;
    assert_eq!(updated["data"]["member"]["status"], "UNKNOWN");
    assert!(!updated.to_string().contains("secret@example.com"), "{updated}");
    let (_, followed) = stranger.publication().await;
    assert_eq!(followed["data"]["affectedMemberId"], bob.to_string());
    assert!(!followed.to_string().contains(&eve.to_string()), "{followed}");
    server.stop().await;
}

#[actix_rt::test]
async fn an_expired_token_is_told_and_another_may_follow() {
    let server = TestServer::start();
    let mut client = Client::open(&server, "/connection/websocket").await;
    let reply = client.ask(json!({"id": 1, "connect": {"token": "expired"}})).await;
    assert_eq!(reply["error"]["code"], 109);
    let reply = client.ask(json!({"id": 2, "connect": {"token": "owner"}})).await;
    assert!(reply["connect"].is_object());
    server.stop().await;
}

//! A reader that stops reading is cut, holds little meanwhile, and delays nobody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use guildhall::domain::command::ItemDetails;
use guildhall::domain::{AppId, Event, ItemKey};
use guildhall::wire::event::epoch_text;
use serde_json::json;

use crate::client::Client;
use crate::server::{PATIENCE, TestServer};
use crate::site::{INCARNATION, counted, member};

#[actix_rt::test]
async fn a_reader_that_stops_reading_is_cut_while_others_go_on() {
    let server = TestServer::start();
    let ann = member(0xa);
    let channel = format!("member:{ann}");
    let subscribe = json!({"id": 2, "subscribe": {"channel": channel}});
    let mut dead = Client::connect(&server, "owner").await;
    dead.ask(subscribe.clone()).await;
    let mut alive = Client::connect(&server, "owner").await;
    alive.ask(subscribe).await;
    assert_eq!(server.live.sessions(), 2);

    let started = Instant::now();
    let (mut new, mut slowest) = (0, Duration::ZERO);
    while server.live.sessions() > 1 {
        assert!(started.elapsed() < PATIENCE, "the dead reader is still there");
        let published = Instant::now();
        let batch = (0..64).map(|place| counted(ann, new + place)).collect();
        new += 64;
        let last = server.site.write_all(batch);
        while alive.publication().await.0 < last {}
        slowest = slowest.max(published.elapsed());
    }
    // The first write blocks within the first second; ten are allowed from there.
    assert!(started.elapsed() < Duration::from_secs(11), "cut after {:?}", started.elapsed());
    assert!(slowest < Duration::from_secs(2), "the other reader waited {slowest:?}");
    drop(dead);
    server.stop().await;
}

#[actix_rt::test]
async fn a_reader_that_asks_for_much_gets_it_at_its_own_pace() {
    let server = TestServer::start();
    let members: Vec<_> = (1..=12).map(member).collect();
    // Of each channel nearly as much as one answer may hold, together far more than may wait.
    let details = ItemDetails {
        title: Some("t".repeat(1_000)),
        url: Some(format!("https://example.com/{}", "u".repeat(1_500))),
        ..ItemDetails::default()
    };
    for author in &members {
        let put = |number: u32| Event::ItemUpdated {
            item: Arc::new(ItemKey { app: AppId::site_code(), item: number.to_string() }),
            details: ItemDetails { author: Some(*author), ..details.clone() },
        };
        server.site.write_all((0..150).map(put).collect());
    }
    let epoch = epoch_text(INCARNATION);
    let wishes = members.iter().zip(2..).map(|(author, id)| {
        let channel = format!("member:{author}");
        let position = json!({"channel": channel, "recover": true, "offset": 0, "epoch": epoch});
        json!({"id": id, "subscribe": position}).to_string()
    });
    let mut client = Client::connect(&server, "owner").await;
    client.send_text(wishes.collect::<Vec<_>>().join("\n")).await;
    // The server does all that it will do before this one is answered for the hundredth time.
    let mut other = Client::connect(&server, "owner").await;
    for id in 2..102 {
        other.ask(json!({"id": id, "ping": {}})).await;
    }
    for _ in &members {
        let reply = client.line().await;
        let recovered = reply["subscribe"]["publications"].as_array();
        assert_eq!(recovered.map(Vec::len), Some(150), "{}", reply["id"]);
    }
    server.stop().await;
}

#[actix_rt::test]
async fn a_reader_that_falls_too_far_behind_is_told_so_and_recovers() {
    let server = TestServer::start();
    let ann = member(0xa);
    let channel = format!("member:{ann}");
    let subscribe = json!({"id": 2, "subscribe": {"channel": channel}});
    let mut slow = Client::connect(&server, "owner").await;
    slow.ask(subscribe.clone()).await;
    let mut alive = Client::connect(&server, "owner").await;
    alive.ask(subscribe).await;
    let mut last = 0;
    // More than any kernel holds for two sockets, and a full outbox.
    for round in 0..500 {
        last = server.site.write_all((0..64).map(|it| counted(ann, round * 64 + it)).collect());
        while alive.publication().await.0 < last {}
    }
    assert_eq!(slow.close_code().await, 3008);
    server.site.write_all((0..10).map(|it| counted(ann, it)).collect());
    let mut again = Client::connect(&server, "owner").await;
    let epoch = epoch_text(INCARNATION);
    let position = json!({"channel": channel, "recover": true, "offset": last, "epoch": epoch});
    let reply = again.ask(json!({"id": 2, "subscribe": position})).await;
    assert_eq!(reply["subscribe"]["publications"].as_array().map(Vec::len), Some(10));
    server.stop().await;
}

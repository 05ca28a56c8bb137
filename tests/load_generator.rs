//! The load generator against a small server of its own: what it seeds, counts and adds up is what
//! arrived, also when answers get lost on the way.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, HttpServer, web};
use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use guildhall::cli::load::{self, LoadArgs};
use guildhall::wire::ingest::{parse_increments, parse_stream_frame};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    load: LoadArgs,
}

/// What the small server knows.
#[derive(Default)]
struct Site {
    counters: Mutex<HashMap<(String, String), i64>>,
    producers: Mutex<HashMap<String, u64>>,
    follows: AtomicU64,
    members: AtomicU64,
    requests: AtomicU64,
    /// Every so many batches one is refused, and another counted without an answer.
    trouble_every: u64,
    /// Counts every so many increments twice: a server that is wrong.
    doubles_every: u64,
}

impl Site {
    fn add(&self, member: &str, key: &str, delta: i64) {
        let mut counters = self.counters.lock().unwrap();
        *counters.entry((member.to_owned(), key.to_owned())).or_default() += delta;
    }

    fn counters_of(&self, member: &str) -> Value {
        let counters = self.counters.lock().unwrap();
        let mine = counters.iter().filter(|((owner, _), _)| owner == member);
        let mine: Vec<Value> =
            mine.map(|((_, key), count)| json!({"key": key, "count": count})).collect();
        json!({"memberId": member, "appId": "x", "counters": mine})
    }
}

async fn ingest(site: web::Data<Site>, body: web::Bytes) -> HttpResponse {
    let number = site.requests.fetch_add(1, Ordering::Relaxed) + 1;
    if site.trouble_every > 0 && number.is_multiple_of(site.trouble_every) {
        return HttpResponse::ServiceUnavailable().body("busy");
    }
    let batch = parse_increments(&body).unwrap();
    let lines = batch.lines.len();
    if let Some(position) = &batch.producer {
        let mut producers = site.producers.lock().unwrap();
        let last = producers.entry(position.producer.clone()).or_default();
        if position.n <= *last {
            return HttpResponse::Ok().json(json!({"accepted": 0, "duplicates": lines}));
        }
        assert_eq!(position.n, *last + 1, "a gap of {}", position.producer);
        *last = position.n;
    }
    for line in &batch.lines {
        site.add(&line.member.to_string(), &batch.keys[line.key as usize], line.delta);
    }
    if site.doubles_every > 0 && number.is_multiple_of(site.doubles_every) {
        let line = batch.lines[0];
        site.add(&line.member.to_string(), &batch.keys[line.key as usize], line.delta);
    }
    if site.trouble_every > 0 && number.is_multiple_of(site.trouble_every + 3) {
        return HttpResponse::InternalServerError().body("counted, but that is not told");
    }
    HttpResponse::Ok().json(json!({"accepted": lines, "duplicates": 0, "errors": []}))
}

async fn increment(
    site: web::Data<Site>,
    member: web::Path<String>,
    body: web::Json<Value>,
) -> HttpResponse {
    let counter = &body["counter"];
    site.add(&member, counter["key"].as_str().unwrap(), counter["delta"].as_i64().unwrap());
    HttpResponse::Ok().json(json!({}))
}

async fn query(site: web::Data<Site>, body: web::Json<Value>) -> HttpResponse {
    let ids = body["query"]["filter"]["memberId"]["$in"].as_array().unwrap().clone();
    let page: Vec<Value> = ids.iter().map(|id| site.counters_of(id.as_str().unwrap())).collect();
    HttpResponse::Ok().json(json!({"metadata": {"total": page.len()}, "activityCounters": page}))
}

async fn get_counters(site: web::Data<Site>, member: web::Path<String>) -> HttpResponse {
    HttpResponse::Ok().json(json!({"activityCounters": [site.counters_of(&member)]}))
}

async fn import_members(site: web::Data<Site>, body: String) -> HttpResponse {
    let mut ids = Vec::new();
    for line in body.lines() {
        let member: Value = serde_json::from_str(line).unwrap();
        assert!(member["profile"]["nickname"].is_string());
        let number = site.members.fetch_add(1, Ordering::Relaxed) + 1;
        ids.push(uuid::Uuid::from_u128(u128::from(number)).to_string());
    }
    HttpResponse::Ok().json(json!({"ids": ids, "errors": [], "seq": 1}))
}

async fn import_follows(site: web::Data<Site>, body: String) -> HttpResponse {
    let followers: Vec<Value> =
        body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    assert!(followers.is_sorted_by_key(|follow| follow["memberId"].as_str().map(str::to_owned)));
    site.follows.fetch_add(followers.len() as u64, Ordering::Relaxed);
    HttpResponse::Ok().json(json!({"ids": [], "errors": [], "seq": 1}))
}

/// Serves `site` and gives its address; the server ends with the test's process.
fn serve(site: Site) -> (Arc<Site>, String) {
    let site = Arc::new(site);
    let data = web::Data::from(site.clone());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let counters = "/members/v1/activity-counters";
                App::new()
                    .app_data(data.clone())
                    .app_data(web::PayloadConfig::new(16 * 1_024 * 1_024))
                    .route("/livez", web::get().to(async || HttpResponse::Ok().body("ok")))
                    .route("/v1/activity-counters/ingest", web::post().to(ingest))
                    .route("/v1/members/import", web::post().to(import_members))
                    .route("/v1/follows/import", web::post().to(import_follows))
                    .route(&format!("{counters}/query"), web::post().to(query))
                    .route(&format!("{counters}/{{member}}/increment"), web::post().to(increment))
                    .route(&format!("{counters}/{{member}}"), web::get().to(get_counters))
            });
            let server = server.workers(1).bind("127.0.0.1:0").unwrap();
            sender.send(format!("http://{}", server.addrs()[0])).unwrap();
            server.run().await.unwrap();
        });
    });
    (site, receiver.recv().unwrap())
}

fn run(url: &str, line: &str) -> ExitCode {
    let words = format!("load --url {url} --key k {line}");
    load::run(Line::parse_from(words.split_whitespace()).load)
}

/// A file with so many member ids.
fn ids_file(directory: &tempfile::TempDir, members: u128) -> String {
    let ids: Vec<String> = (1..=members).map(|id| uuid::Uuid::from_u128(id).to_string()).collect();
    let path = directory.path().join("ids");
    std::fs::write(&path, ids.join("\n")).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn a_site_is_filled_through_the_bulk_routes() {
    let (site, url) = serve(Site::default());
    let directory = tempfile::tempdir().unwrap();
    let ids = directory.path().join("ids");
    let line = format!(
        "--seed-members 250 --follows 4 --counters 2 --batch 100 --connections 3 --ids-file {}",
        ids.display()
    );
    assert_eq!(run(&url, &line), ExitCode::SUCCESS);
    assert_eq!(std::fs::read_to_string(ids).unwrap().lines().count(), 250);
    assert_eq!(site.follows.load(Ordering::Relaxed), 1_000);
    assert_eq!(site.counters.lock().unwrap().len(), 500);
}

fn check(options: &str, trouble_every: u64, doubles_every: u64, expected: ExitCode) {
    let (_site, url) = serve(Site { trouble_every, doubles_every, ..Site::default() });
    let directory = tempfile::tempdir().unwrap();
    let ids = ids_file(&directory, 130);
    let line =
        format!("{options} --ids-file {ids} --connections 4 --duration 0.2 --warm-up 0.05 --check");
    assert_eq!(run(&url, &line), expected, "{options}");
}

#[test]
fn what_is_acknowledged_is_counted() {
    check("--http-single --http-noop --http-batch 10 --rounds 2", 0, 0, ExitCode::SUCCESS);
    check("--http-batch 10 --exactly-once op-ids --zipf 1.1", 0, 0, ExitCode::SUCCESS);
    check("--http-batch 10 --exactly-once none --rate 2000 --threads 2", 0, 0, ExitCode::SUCCESS);
}

#[test]
fn a_numbered_batch_is_counted_once_whatever_becomes_of_its_answer() {
    check("--http-batch 10", 7, 0, ExitCode::SUCCESS);
}

#[test]
fn a_server_that_counts_twice_is_found_out() {
    check("--http-batch 10", 0, 5, ExitCode::FAILURE);
}

/// Takes frames as the stream does; breaks and refuses where [`Streams`] says so.
async fn stream_server(listener: tokio::net::TcpListener, streams: Arc<Mutex<Streams>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let streams = streams.clone();
        tokio::spawn(async move {
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let hello = socket.next().await.unwrap().unwrap().into_text().unwrap();
            let hello: Value = serde_json::from_str(&hello).unwrap();
            assert_eq!(hello["token"], "k");
            let producer = hello["producer"].as_str().unwrap().to_owned();
            socket.send(Message::text(r#"{"ready":true}"#)).await.unwrap();
            while let Some(Ok(Message::Text(frame))) = socket.next().await {
                let batch = parse_stream_frame(frame.as_bytes(), &producer).unwrap();
                let n = batch.producer.unwrap().n;
                let answer = streams.lock().unwrap().take(&producer, n, batch.lines.len());
                let Some(answer) = answer else { return };
                if socket.send(Message::text(answer.to_string())).await.is_err() {
                    return;
                }
            }
        });
    }
}

#[derive(Default)]
struct Streams {
    last: HashMap<String, u64>,
    troubled: Vec<(String, u64)>,
    increments: usize,
}

impl Streams {
    /// The answer, or none where the connection breaks: every producer's frame 5 is counted and
    /// not answered, its frame 9 is refused, each when it comes first.
    fn take(&mut self, producer: &str, n: u64, lines: usize) -> Option<Value> {
        let refused = |code| Some(json!({"error": {"code": code, "detail": "why", "n": n}}));
        let is_first = !self.troubled.contains(&(producer.to_owned(), n));
        if is_first {
            self.troubled.push((producer.to_owned(), n));
        }
        let last = self.last.entry(producer.to_owned()).or_default();
        if n <= *last {
            return Some(json!({"ack": n, "accepted": 0, "duplicates": lines, "errors": []}));
        }
        if n == 9 && is_first {
            return refused("BUSY");
        }
        if n > *last + 1 {
            return refused("PRODUCER_GAP");
        }
        *last = n;
        self.increments += lines;
        let ack = json!({"ack": n, "accepted": lines, "duplicates": 0, "errors": []});
        (n != 5).then_some(ack)
    }
}

#[test]
fn a_broken_stream_is_resumed_without_a_gap() {
    let streams = Arc::new(Mutex::new(Streams::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = streams.clone();
    std::thread::spawn(move || runtime.block_on(stream_server(listener, server)));
    let directory = tempfile::tempdir().unwrap();
    let ids = ids_file(&directory, 100);
    let line =
        format!("--ws 2 --batch 10 --in-flight 3 --duration 0.3 --warm-up 0 --ids-file {ids}");
    assert_eq!(run(&url, &line), ExitCode::SUCCESS);
    let streams = streams.lock().unwrap();
    let sent: u64 = streams.last.values().sum();
    assert_eq!(streams.increments as u64, sent * 10);
    assert_eq!(streams.last.len(), 2);
    assert!(streams.last.values().all(|&n| n > 9), "{:?}", streams.last);
}

//! What a socket costs that does nothing. A test of its own process; its clients are bare sockets,
//! so that nearly all that the process grows by is the server's.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]
// The stand-ins are shared with tests that use more of them.
#![allow(dead_code)]

#[path = "live/server.rs"]
mod server;
#[path = "live/site.rs"]
mod site;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::server::{PATIENCE, TestServer};
use crate::site::{member, token};

const IDLE_BYTES_MAX: u64 = 6 * 1_024;

/// Opens a live session as a member, without keeping any buffer for it.
fn idle_session(address: SocketAddr, number: u128) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = "GET /connection/websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
                   upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let text = format!(r#"{{"id":1,"connect":{{"token":"{}"}}}}"#, token(member(number)));
    // A masked text frame; a mask of zeros leaves the text as it is.
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    assert!(text.len() < 126);
    stream.write_all(&frame).unwrap();
    let mut received = Vec::new();
    let mut chunk = [0; 512];
    while !received.windows(9).any(|window| window == b"\"connect\"") {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "closed: {}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&chunk[..count]);
    }
    stream
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1_024
}

#[actix_rt::test]
async fn an_idle_socket_takes_little() {
    let server = TestServer::start();
    let count: usize = std::env::var("IDLE_SOCKETS").map_or(300, |it| it.parse().unwrap());
    let address = server.address;
    let opened = actix_rt::task::spawn_blocking(move || measure(address, count));
    let (each, sessions) = opened.await.unwrap();
    println!("{each} bytes for each of {count} idle sockets");
    assert!(each <= IDLE_BYTES_MAX, "{each} bytes for each idle socket");
    assert_eq!(server.live.sessions(), sessions.len());
    drop(sessions);
    server.stop().await;
}

/// Opens some sockets to warm up, then `count` more, and gives what each of those took.
fn measure(address: SocketAddr, count: usize) -> (u64, Vec<TcpStream>) {
    let mut sessions: Vec<TcpStream> = (0..50).map(|it| idle_session(address, it)).collect();
    let before = resident_bytes();
    sessions.extend((0..count).map(|it| idle_session(address, 100 + it as u128)));
    let each = resident_bytes().saturating_sub(before) / count as u64;
    (each, sessions)
}

//! A receiver of deliveries for the tests of the doors.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// A receiver that answers 200 to everything and hands out what it was sent.
pub fn receiver() -> (String, mpsc::Receiver<String>) {
    receiver_that_says("")
}

/// The same, with lines of its own in the head of each answer.
pub fn receiver_that_says(lines: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (seen, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let seen = seen.clone();
            std::thread::spawn(move || {
                while let Some(request) = read_request(&mut stream) {
                    let answer =
                        format!("HTTP/1.1 200 OK\r\n{lines}content-length: 5\r\n\r\nheard");
                    let answered = stream.write_all(answer.as_bytes());
                    if seen.send(request).is_err() || answered.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, requests)
}

/// One request, head and body, as text.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let head = String::from_utf8(request.clone()).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    request.extend(body);
    String::from_utf8(request).ok()
}

pub fn next(requests: &mpsc::Receiver<String>) -> String {
    requests.recv_timeout(Duration::from_secs(20)).expect("a delivery")
}

pub fn body_of(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Asks again and again, until there is an answer or too much time has passed.
pub fn eventually<T>(ask: impl Fn() -> Option<T>) -> T {
    for _ in 0..2_000 {
        if let Some(answer) = ask() {
            return answer;
        }
    }
    panic!("asked in vain");
}

//! A receiver over bare TCP, so that half-written answers are possible, and names of the tests.
#![allow(dead_code)]

pub mod site;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildhall::webhook::client::{Client, ClientOptions};
use guildhall::webhook::guard::{Guard, Resolver, ResolverFuture};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// No test waits longer than this for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What a receiver does with one request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    Answer(u16),
    /// Header lines, each ended by a line break.
    AnswerWith(u16, String),
    /// Answers, keeps quiet about it and closes the connection.
    AnswerThenClose(u16),
    /// Takes the request and says nothing.
    Silence,
    /// Closes without an answer.
    Close,
    EndlessBody,
    /// Promises a body and never sends all of it.
    HalfBody,
    /// A whole head, a part of the body, then a reset.
    ResetAfterHead,
    Raw(&'static str),
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Which connection it came over, from 0.
    pub connection: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    seen: watch::Sender<Vec<Seen>>,
    connections: watch::Sender<usize>,
    script: Arc<Mutex<VecDeque<Behaviour>>>,
}

impl Receiver {
    /// Does one thing after the other; the last one is repeated.
    pub async fn start(script: &[Behaviour]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let receiver = Receiver {
            address: listener.local_addr().expect("an address"),
            seen: watch::Sender::new(Vec::new()),
            connections: watch::Sender::new(0),
            script: Arc::new(Mutex::new(script.iter().cloned().collect())),
        };
        tokio::spawn(accept(listener, receiver.clone()));
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    pub fn now_does(&self, behaviour: Behaviour) {
        *self.script.lock().expect("a lock") = VecDeque::from([behaviour]);
    }

    /// Waits until so many requests were seen.
    pub async fn saw(&self, count: usize) -> Vec<Seen> {
        let mut seen = self.seen.subscribe();
        let waiting = seen.wait_for(|seen| seen.len() >= count);
        let message = || format!("saw {} of {count}", self.seen.borrow().len());
        let seen = tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| {
            panic!("{}", message());
        });
        seen.expect("a receiver").clone()
    }

    fn next(&self) -> Behaviour {
        let mut script = self.script.lock().expect("a lock");
        let next = script.front().cloned().unwrap_or(Behaviour::Answer(200));
        if script.len() > 1 {
            script.pop_front();
        }
        next
    }
}

async fn accept(listener: TcpListener, receiver: Receiver) {
    while let Ok((stream, _)) = listener.accept().await {
        let number = *receiver.connections.borrow();
        receiver.connections.send_modify(|count| *count += 1);
        let receiver = receiver.clone();
        tokio::spawn(async move { drop(serve(stream, receiver, number).await) });
    }
}

async fn serve(mut stream: TcpStream, receiver: Receiver, number: usize) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let seen = read_request(&mut stream, &mut buffer, number).await?;
        receiver.seen.send_modify(|all| all.push(seen));
        match receiver.next() {
            Behaviour::Answer(status) => answer(&mut stream, status, "").await?,
            Behaviour::AnswerWith(status, headers) => answer(&mut stream, status, &headers).await?,
            Behaviour::AnswerThenClose(status) => return answer(&mut stream, status, "").await,
            Behaviour::Silence => return silence(stream).await,
            Behaviour::Close => return Ok(()),
            Behaviour::EndlessBody => return endless(stream).await,
            Behaviour::HalfBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
                return silence(stream).await;
            }
            Behaviour::ResetAfterHead => return reset(stream).await,
            Behaviour::Raw(text) => {
                stream.write_all(text.as_bytes()).await?;
                return silence(stream).await;
            }
        }
    }
}

/// Keeps the connection until the other side lets go of it.
async fn silence(mut stream: TcpStream) -> io::Result<()> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(drop)
}

async fn endless(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await?;
    loop {
        stream.write_all(&[b'x'; 4_096]).await?;
    }
}

async fn reset(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
    // A reset takes along what was not read yet: let the other side, on this thread, read first.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

async fn answer(stream: &mut TcpStream, status: u16, headers: &str) -> io::Result<()> {
    let length = if status == 204 || status == 304 { "" } else { "content-length: 2\r\n" };
    let body = if length.is_empty() { "" } else { "ok" };
    let text = format!("HTTP/1.1 {status} Status\r\n{length}{headers}\r\n{body}");
    stream.write_all(text.as_bytes()).await
}

async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> io::Result<Seen> {
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("").to_owned();
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: HeaderName = name.parse().map_err(io::Error::other)?;
        headers.append(name, HeaderValue::from_str(value).map_err(io::Error::other)?);
    }
    let length = headers.get("content-length").and_then(|value| value.to_str().ok());
    let end = head_end + length.and_then(|text| text.parse().ok()).unwrap_or(0);
    while buffer.len() < end {
        more(stream, buffer).await?;
    }
    let body = buffer[head_end..end].to_vec();
    buffer.drain(..end);
    Ok(Seen { path, headers, body, connection })
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Every name is this machine, or what the test says one look-up after the other.
pub struct Names {
    pub answers: Mutex<VecDeque<Vec<IpAddr>>>,
}

impl Names {
    pub fn loopback() -> Arc<Names> {
        Names::saying(&[])
    }

    pub fn saying(answers: &[&[IpAddr]]) -> Arc<Names> {
        let answers = answers.iter().map(|addresses| addresses.to_vec()).collect();
        Arc::new(Names { answers: Mutex::new(answers) })
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> ResolverFuture<'a> {
        let next = self.answers.lock().expect("a lock").pop_front();
        let addresses = next.unwrap_or_else(|| vec![Ipv4Addr::LOCALHOST.into()]);
        Box::pin(async move { Ok(addresses) })
    }
}

/// Loopback allowed, as an operator would for receivers beside the engine.
pub fn open_guard() -> Guard {
    Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], Names::loopback())
}

pub fn client(total_ms: u64) -> Client {
    let options = ClientOptions { connect_ms: total_ms, total_ms, ..ClientOptions::default() };
    Client::new(open_guard(), options)
}

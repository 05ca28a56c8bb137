//! A receiver over bare TCP, so that half-written answers are possible, and names of the tests.
#![allow(dead_code)]

pub mod recorder;
pub mod site;
pub mod tls;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use guildhall::domain::Timestamp;
use guildhall::webhook::client::{Client, ClientOptions, DialFuture, Dialer, Post, Wire};
use guildhall::webhook::guard::{Guard, Resolver, ResolverFuture, Target};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

/// No test waits longer than this for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// One delivery to a good URL.
pub fn post_to(url: &str) -> Post {
    post(Target::parse(url).expect("a good url"))
}

pub fn post(target: Target) -> Post {
    Post {
        target: Arc::new(target),
        id: "evt_1".to_owned(),
        time: Timestamp::from_unix_ms(1_700_000_000_900),
        signature: "v1,c2lnbmF0dXJl".to_owned(),
        media_type: "application/json",
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{\"type\":\"follow.created\"}"),
    }
}

/// What a receiver does with one request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    Answer(u16),
    /// Answers after a while; for a clock that the test moves.
    AnswerAfter(u16, Duration),
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
    /// A reset before anything was said.
    ResetAtOnce,
    Raw(&'static str),
    /// So much at once, then what follows a byte a second.
    Drip(&'static str, &'static str),
    RawThenClose(&'static str),
    /// Bytes that are no text, then a close.
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub at: Instant,
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
        let receiver = Receiver::at(listener.local_addr().expect("an address"), script);
        tokio::spawn(accept(listener, receiver.clone()));
        receiver
    }

    fn at(address: SocketAddr, script: &[Behaviour]) -> Receiver {
        Receiver {
            address,
            seen: watch::Sender::new(Vec::new()),
            connections: watch::Sender::new(0),
            script: Arc::new(Mutex::new(script.iter().cloned().collect())),
        }
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
        self.saw_within(count, DEADLINE).await
    }

    pub async fn saw_within(&self, count: usize, time: Duration) -> Vec<Seen> {
        let mut seen = self.seen.subscribe();
        let waiting = seen.wait_for(|seen| seen.len() >= count);
        let message = || format!("saw {} of {count}", self.seen.borrow().len());
        let seen = tokio::time::timeout(time, waiting).await.unwrap_or_else(|_| {
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

/// In the same process, without sockets: the clock may then be a pretended one.
impl Dialer for Receiver {
    fn dial(&self, _: SocketAddr) -> DialFuture<'_> {
        let (near, far) = tokio::io::duplex(64 * 1_024);
        self.connected(far);
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Wire>) })
    }
}

impl Receiver {
    fn connected(&self, line: impl Line) {
        let number = *self.connections.borrow();
        self.connections.send_modify(|count| *count += 1);
        let receiver = self.clone();
        tokio::spawn(async move { drop(serve(line, receiver, number).await) });
    }
}

/// What a request comes over.
pub trait Line: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// Letting go of it breaks it off instead of ending it.
    fn will_reset(&self) -> io::Result<()>;
}

impl Line for TcpStream {
    fn will_reset(&self) -> io::Result<()> {
        SockRef::from(self).set_linger(Some(Duration::ZERO))
    }
}

impl Line for DuplexStream {
    fn will_reset(&self) -> io::Result<()> {
        Ok(())
    }
}

async fn accept(listener: TcpListener, receiver: Receiver) {
    while let Ok((stream, _)) = listener.accept().await {
        receiver.connected(stream);
    }
}

async fn serve(mut line: impl Line, receiver: Receiver, number: usize) -> io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let seen = read_request(&mut line, &mut buffer, number).await?;
        receiver.seen.send_modify(|all| all.push(seen));
        match receiver.next() {
            Behaviour::Answer(status) => answer(&mut line, status, "").await?,
            Behaviour::AnswerAfter(status, wait) => {
                pass(wait).await;
                answer(&mut line, status, "").await?;
            }
            Behaviour::AnswerWith(status, headers) => answer(&mut line, status, &headers).await?,
            other => return misbehave(line, other).await,
        }
    }
}

/// What ends the connection, sooner or later.
async fn misbehave(mut line: impl Line, behaviour: Behaviour) -> io::Result<()> {
    match behaviour {
        Behaviour::Answer(status)
        | Behaviour::AnswerAfter(status, _)
        | Behaviour::AnswerWith(status, _)
        | Behaviour::AnswerThenClose(status) => return answer(&mut line, status, "").await,
        Behaviour::Close => return Ok(()),
        Behaviour::EndlessBody => return endless(line).await,
        Behaviour::ResetAfterHead => return reset(line).await,
        Behaviour::ResetAtOnce => return line.will_reset(),
        Behaviour::RawThenClose(text) => return line.write_all(text.as_bytes()).await,
        Behaviour::Bytes(bytes) => return line.write_all(&bytes).await,
        Behaviour::Silence => {}
        Behaviour::HalfBody => {
            line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
        }
        Behaviour::Raw(text) => line.write_all(text.as_bytes()).await?,
        Behaviour::Drip(first, then) => {
            line.write_all(first.as_bytes()).await?;
            for byte in then.bytes() {
                pass(Duration::from_secs(1)).await;
                line.write_all(&[byte]).await?;
            }
        }
    }
    silence(line).await
}

/// Lets the test's own clock pass.
async fn pass(wait: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + wait, wait);
    ticks.tick().await;
}

/// Keeps the connection until the other side lets go of it.
async fn silence(mut line: impl Line) -> io::Result<()> {
    let mut rest = Vec::new();
    line.read_to_end(&mut rest).await.map(drop)
}

async fn endless(mut line: impl Line) -> io::Result<()> {
    line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await?;
    loop {
        line.write_all(&[b'x'; 4_096]).await?;
    }
}

async fn reset(mut line: impl Line) -> io::Result<()> {
    line.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
    // A reset takes along what was not read yet: let the other side, on this thread, read first.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    line.will_reset()
}

async fn answer(line: &mut impl Line, status: u16, headers: &str) -> io::Result<()> {
    let length = if status == 204 || status == 304 { "" } else { "content-length: 2\r\n" };
    let body = if length.is_empty() { "" } else { "ok" };
    let text = format!("HTTP/1.1 {status} Status\r\n{length}{headers}\r\n{body}");
    line.write_all(text.as_bytes()).await
}

/// Reads one request; what came after it stays in the buffer.
pub async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
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
    Ok(Seen { path, headers, body, at: Instant::now(), connection })
}

async fn more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<()> {
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

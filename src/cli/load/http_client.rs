//! An HTTP/1.1 client that costs next to nothing: whole requests are bytes made beforehand, answers
//! are read just far enough. It shares the machine with the server that it measures.

use std::net::{SocketAddr, ToSocketAddrs};

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::error::LoadError;

const READ_BYTES: usize = 16 * 1_024;
const HEAD_BYTES_MAX: usize = 64 * 1_024;
const ANSWER_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// The server under load, and the key that opens it.
#[derive(Clone, Debug)]
pub struct Target {
    pub address: SocketAddr,
    pub host: String,
    pub key: String,
}

/// What a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Json,
    NdJson,
}

impl Target {
    /// Takes `http://host:port`, with nothing behind it.
    pub fn parse(url: &str, key: &str) -> Result<Target, LoadError> {
        let usage = || LoadError::Usage(format!("{url} is no address like http://127.0.0.1:8080"));
        let host = url.strip_prefix("http://").ok_or_else(usage)?.trim_end_matches('/');
        let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let address = with_port
            .to_socket_addrs()
            .map_err(LoadError::io(format!("cannot find {host}")))?
            .next()
            .ok_or_else(usage)?;
        Ok(Target { address, host: host.to_owned(), key: key.to_owned() })
    }

    /// The same server for whoever holds another key or token.
    pub fn with_key(&self, key: &str) -> Target {
        Target { address: self.address, host: self.host.clone(), key: key.to_owned() }
    }

    /// A whole request of the key's holder.
    pub fn request(&self, method: &str, path: &str, content: Content, body: &[u8]) -> Vec<u8> {
        self.request_of(&self.key, method, path, content, body)
    }

    /// A whole request of whoever holds `token`.
    pub fn request_of(
        &self,
        token: &str,
        method: &str,
        path: &str,
        content: Content,
        body: &[u8],
    ) -> Vec<u8> {
        let content_type = match content {
            Content::Json => "application/json",
            Content::NdJson => "application/x-ndjson",
        };
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {token}\r\n\
             content-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        request
    }

    /// A request without a body.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let Target { host, key, .. } = self;
        format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {key}\r\n\r\n").into_bytes()
    }
}

/// One kept-alive connection; one request at a time.
#[derive(Debug)]
pub struct HttpConnection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer, until the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The answer if it says 200.
    pub fn good(self, what: &str) -> Result<Self, LoadError> {
        match self.status {
            200 => Ok(self),
            status => Err(LoadError::refused(what, status, self.body)),
        }
    }
}

impl HttpConnection {
    pub async fn open(address: SocketAddr) -> Result<HttpConnection, LoadError> {
        let stream = connect(address).await?;
        Ok(HttpConnection { stream, received: Vec::with_capacity(READ_BYTES) })
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, LoadError> {
        self.stream.write_all(request).await.map_err(LoadError::io("cannot send a request"))?;
        self.received.clear();
        loop {
            read_more(&mut self.stream, &mut self.received).await?;
            let Some(head) = Head::read(&self.received)? else { continue };
            let whole = head.bytes + head.body_bytes;
            while self.received.len() < whole {
                read_more(&mut self.stream, &mut self.received).await?;
            }
            let body = &self.received[head.bytes..whole];
            return Ok(Answer { status: head.status, body });
        }
    }
}

pub async fn connect(address: SocketAddr) -> Result<TcpStream, LoadError> {
    let connected = TcpStream::connect(address).await;
    let stream = connected.map_err(LoadError::io(format!("cannot connect to {address}")))?;
    stream.set_nodelay(true).map_err(LoadError::io("cannot set TCP_NODELAY"))?;
    Ok(stream)
}

/// Appends what has arrived, at least one byte. Nothing is lost when the caller stops waiting.
pub async fn read_more(stream: &mut TcpStream, received: &mut Vec<u8>) -> Result<(), LoadError> {
    received.reserve(READ_BYTES);
    let count = stream.read_buf(received).await.map_err(LoadError::io("cannot read an answer"))?;
    match count {
        0 => Err(LoadError::protocol("the server", "closed the connection")),
        _ => Ok(()),
    }
}

/// The part of an answer before its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub bytes: usize,
    pub body_bytes: usize,
}

impl Head {
    /// `None` while the head is not complete.
    pub fn read(received: &[u8]) -> Result<Option<Head>, LoadError> {
        let wrong = |detail: &str| LoadError::protocol("an answer", detail);
        let Some(end) = memmem::find(received, b"\r\n\r\n") else {
            let too_long = received.len() > HEAD_BYTES_MAX;
            return if too_long { Err(wrong("has no end of head")) } else { Ok(None) };
        };
        let status = received
            .strip_prefix(b"HTTP/1.1 ")
            .and_then(|rest| number(rest.get(..3)?))
            .ok_or_else(|| wrong("has no status"))?;
        let mut body_bytes = 0;
        for line in received[..end].split(|&byte| byte == b'\n').skip(1) {
            let Some(colon) = memchr::memchr(b':', line) else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") {
                body_bytes = number(value).ok_or_else(|| wrong("has no whole length"))?;
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                return Err(wrong("is chunked, which this client does not read"));
            }
        }
        if body_bytes > ANSWER_BYTES_MAX {
            return Err(wrong("is longer than this client reads"));
        }
        Ok(Some(Head { status: status as u16, bytes: end + 4, body_bytes }))
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The number behind `"name":` in a flat JSON answer.
pub fn number_field(body: &[u8], name: &str) -> Option<u64> {
    let at = memmem::find(body, format!("\"{name}\":").as_bytes())? + name.len() + 3;
    let rest = body.get(at..)?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_complete() {
        assert_eq!(Head::read(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap(), None);
        let head = Head::read(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nx: y\r\n\r\n{}").unwrap();
        assert_eq!(head, Some(Head { status: 503, bytes: 46, body_bytes: 2 }));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(Head::read(b"SSH-2.0-x\r\n\r\n").is_err());
    }

    #[test]
    fn a_number_is_found_in_an_answer() {
        let body = br#"{"accepted": 17,"duplicates":3,"errors":[]}"#;
        assert_eq!(number_field(body, "accepted"), Some(17));
        assert_eq!(number_field(body, "duplicates"), Some(3));
        assert_eq!(number_field(body, "seq"), None);
    }

    #[test]
    fn requests_are_answered_one_after_the_other_on_one_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 1_024];
            let first = socket.read(&mut request).unwrap();
            let text = String::from_utf8_lossy(&request[..first]).into_owned();
            // In two pieces, cut inside the body.
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 40000\r\n\r\n{").unwrap();
            socket.flush().unwrap();
            socket.write_all(&[b'x'; 39_999]).unwrap();
            assert!(socket.read(&mut request).unwrap() > 0);
            socket.write_all(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").unwrap();
            text
        });
        let target = Target::parse(&url, "secret").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = HttpConnection::open(target.address).await.unwrap();
            let request = target.request("POST", "/a", Content::Json, b"{}");
            let first = connection.exchange(&request).await.unwrap();
            assert_eq!((first.status, first.body.len()), (200, 40_000));
            let second = connection.exchange(&target.get("/b")).await.unwrap();
            assert_eq!(second, Answer { status: 404, body: b"" });
            assert!(second.good("b").is_err());
        });
        let seen = server.join().unwrap();
        assert!(seen.starts_with("POST /a HTTP/1.1\r\n"), "{seen}");
        assert!(seen.contains("authorization: secret\r\n"), "{seen}");
        assert!(seen.ends_with("content-length: 2\r\n\r\n{}"), "{seen}");
    }
}

//! A WebSocket client of few lines: text frames out, whole messages in. Nothing is compressed.

use std::ops::Range;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::error::LoadError;
use super::http_client::{Head, Target, connect, read_more};

const OPCODE_CONTINUATION: u8 = 0x0;
const OPCODE_TEXT: u8 = 0x1;
const OPCODE_BINARY: u8 = 0x2;
const OPCODE_CLOSE: u8 = 0x8;
const OPCODE_PING: u8 = 0x9;
const OPCODE_PONG: u8 = 0xa;
const LAST_FRAME: u8 = 0x80;
const MASKED: u8 = 0x80;
const MESSAGE_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// A whole text frame with a length of 8 bytes. The mask is zero, which leaves the text as it is:
/// it protects proxies from scripts, and here is neither.
pub fn text_frame(text: &[u8]) -> Vec<u8> {
    frame(OPCODE_TEXT, text)
}

fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    bytes.push(LAST_FRAME | opcode);
    if opcode & 0x8 == 0 {
        bytes.push(MASKED | 127);
        bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    } else {
        // Control frames are at most 125 bytes long and say so in one byte.
        bytes.push(MASKED | payload.len().min(125) as u8);
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
    received: Vec<u8>,
    /// Before this everything was handed out.
    taken: usize,
    /// The message so far, or the last one whole.
    message: Vec<u8>,
    is_handed_out: bool,
}

/// One frame as it stands in the received bytes.
struct Frame {
    opcode: u8,
    is_last: bool,
    payload: Range<usize>,
}

impl WebSocket {
    pub async fn open(target: &Target, path: &str) -> Result<WebSocket, LoadError> {
        let mut stream = connect(target.address).await?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: Z3VpbGRoYWxsIGxvYWQgMQ==\r\n\r\n",
            target.host
        );
        let sent = stream.write_all(request.as_bytes()).await;
        sent.map_err(LoadError::io("cannot send a handshake"))?;
        let mut received = Vec::new();
        let head = loop {
            read_more(&mut stream, &mut received).await?;
            if let Some(head) = Head::read(&received)? {
                break head;
            }
        };
        if head.status != 101 {
            return Err(LoadError::refused(path, head.status, &received[head.bytes..]));
        }
        Ok(WebSocket {
            stream,
            received,
            taken: head.bytes,
            message: Vec::new(),
            is_handed_out: false,
        })
    }

    /// Sends a frame made by [`text_frame`].
    pub async fn send(&mut self, frame: &[u8]) -> Result<(), LoadError> {
        self.stream.write_all(frame).await.map_err(LoadError::io("cannot send a frame"))
    }

    pub async fn send_text(&mut self, text: &str) -> Result<(), LoadError> {
        self.send(&text_frame(text.as_bytes())).await
    }

    /// The next whole message. Answers pings; a close by the server is an error with its code.
    /// Nothing is lost when the caller stops waiting.
    pub async fn next(&mut self) -> Result<&[u8], LoadError> {
        if std::mem::take(&mut self.is_handed_out) {
            self.message.clear();
        }
        loop {
            let Some(frame) = self.next_frame()? else {
                read_more(&mut self.stream, &mut self.received).await?;
                continue;
            };
            match frame.opcode {
                OPCODE_TEXT | OPCODE_BINARY | OPCODE_CONTINUATION => {
                    self.message.extend_from_slice(&self.received[frame.payload]);
                    if frame.is_last {
                        self.is_handed_out = true;
                        return Ok(&self.message);
                    }
                }
                OPCODE_PING => {
                    let pong = self::frame(OPCODE_PONG, &self.received[frame.payload]);
                    self.send(&pong).await?;
                }
                OPCODE_PONG => {}
                OPCODE_CLOSE => return Err(closed(&self.received[frame.payload])),
                opcode => {
                    let detail = format!("sent a frame of unknown kind {opcode}");
                    return Err(LoadError::protocol("the server", detail));
                }
            }
        }
    }

    /// Takes the next frame out of the received bytes, if it is whole.
    fn next_frame(&mut self) -> Result<Option<Frame>, LoadError> {
        let bytes = &self.received[self.taken..];
        let Some(&[first, second]) = bytes.first_chunk() else { return self.wait() };
        let (header, length) = match second & 0x7f {
            126 => match bytes.get(2..).and_then(|rest| rest.first_chunk::<2>()) {
                Some(length) => (4, usize::from(u16::from_be_bytes(*length))),
                None => return self.wait(),
            },
            127 => match bytes.get(2..).and_then(|rest| rest.first_chunk::<8>()) {
                Some(length) => (10, u64::from_be_bytes(*length) as usize),
                None => return self.wait(),
            },
            length => (2, usize::from(length)),
        };
        if second & MASKED != 0 || length + self.message.len() > MESSAGE_BYTES_MAX {
            return Err(LoadError::protocol("the server", "sent a masked or oversized frame"));
        }
        if bytes.len() < header + length {
            return self.wait();
        }
        let start = self.taken + header;
        self.taken = start + length;
        let (opcode, is_last) = (first & 0x0f, first & LAST_FRAME != 0);
        Ok(Some(Frame { opcode, is_last, payload: start..start + length }))
    }

    /// Makes room for more: what was handed out is dropped.
    fn wait(&mut self) -> Result<Option<Frame>, LoadError> {
        self.received.drain(..self.taken);
        self.taken = 0;
        Ok(None)
    }
}

fn closed(payload: &[u8]) -> LoadError {
    let (code, reason) = match payload.split_first_chunk::<2>() {
        Some((code, reason)) => (u16::from_be_bytes(*code), reason),
        None => (0, &[] as &[u8]),
    };
    let reason = String::from_utf8_lossy(reason);
    LoadError::protocol("the server", format!("closed the socket with {code} {reason}"))
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;

    use super::*;

    #[test]
    fn messages_pass_between_this_client_and_a_foreign_server() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let server = async {
                let (stream, _) = listener.accept().await.unwrap();
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let first = socket.next().await.unwrap().unwrap();
                socket.send(Message::Ping("still there".into())).await.unwrap();
                socket.send(Message::text("x".repeat(70_000))).await.unwrap();
                let pong = socket.next().await.unwrap().unwrap();
                socket.send(first).await.unwrap();
                socket.close(None).await.unwrap();
                assert_eq!(pong, Message::Pong("still there".into()));
            };
            let client = async {
                let target = Target::parse(&url, "key").unwrap();
                let mut socket = WebSocket::open(&target, "/any").await.unwrap();
                socket.send_text("hello").await.unwrap();
                assert_eq!(socket.next().await.unwrap().len(), 70_000);
                assert_eq!(socket.next().await.unwrap(), b"hello");
                let end = socket.next().await.unwrap_err().to_string();
                assert!(end.contains("closed the socket"), "{end}");
            };
            tokio::join!(server, client);
        });
    }
}

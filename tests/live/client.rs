//! A WebSocket client that knows the live protocol only as text.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::server::{PATIENCE, TestServer};

pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Lines of frames that were received and not yet taken.
    lines: std::collections::VecDeque<Value>,
}

impl Client {
    pub async fn open(server: &TestServer, path: &str) -> Client {
        Client::try_open(server, path, &[]).await.unwrap()
    }

    /// Opens a socket with headers of the caller's choice.
    pub async fn try_open(
        server: &TestServer,
        path: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Client, Error> {
        let url = format!("ws://{}{path}", server.address);
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = connect_async(request).await?;
        Ok(Client { socket, lines: Default::default() })
    }

    /// Opens a live session and takes the reply to its connect.
    pub async fn connect(server: &TestServer, token: &str) -> Client {
        let mut client = Client::open(server, "/connection/websocket").await;
        client.send(json!({"id": 1, "connect": {"token": token}})).await;
        let reply = client.line().await;
        assert_eq!(reply["id"], 1, "{reply}");
        assert!(reply["connect"].is_object(), "{reply}");
        client
    }

    pub async fn send(&mut self, command: Value) {
        self.send_text(command.to_string()).await;
    }

    pub async fn send_text(&mut self, text: String) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a command and takes its reply.
    pub async fn ask(&mut self, command: Value) -> Value {
        let id = command["id"].clone();
        self.send(command).await;
        let reply = self.line().await;
        assert_eq!(reply["id"], id, "{reply}");
        reply
    }

    /// The next line that is no ping.
    pub async fn line(&mut self) -> Value {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return line;
            }
            match self.next().await {
                Some(Message::Text(text)) => {
                    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
                    self.lines.extend(lines);
                }
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("waited for a line, got {other:?}"),
            }
        }
    }

    /// The next publication, as its offset and its data.
    pub async fn publication(&mut self) -> (u64, Value) {
        let line = self.line().await;
        let publication = &line["push"]["pub"];
        let offset = publication["offset"].as_u64();
        (offset.unwrap_or_else(|| panic!("no publication: {line}")), publication["data"].clone())
    }

    /// The code that the server closes with; everything before it is dropped.
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.next().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Close(None)) | None => panic!("closed without a code"),
                Some(_) => {}
            }
        }
    }

    async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        next.expect("an answer in time").transpose().expect("a whole connection")
    }
}

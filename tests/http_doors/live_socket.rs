//! A live connection to the running server, one message at a time.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::client::Site;

/// Longer than anything may take: what hits it hangs.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

pub struct LiveSocket {
    stream: WebSocket<TcpStream>,
}

impl LiveSocket {
    pub fn connect(site: &Site, token: &str) -> LiveSocket {
        let address = site.address();
        let stream = TcpStream::connect(address).expect("the server accepts");
        stream.set_read_timeout(Some(ANSWER_DEADLINE)).expect("a deadline");
        let url = format!("ws://{address}/connection/websocket");
        let (stream, _) = client(url, stream).expect("a handshake");
        let mut socket = LiveSocket { stream };
        socket.send(json!({"id": 1, "connect": {"token": token}}));
        let connected = socket.line().expect("an answer");
        assert!(connected["connect"].is_object(), "{connected}");
        socket
    }

    /// Fails unless the connection is open and answers.
    pub fn ping(&mut self) {
        self.send(json!({"id": 2, "ping": {}}));
        let answer = self.line().expect("an answer");
        assert_eq!(answer["id"], json!(2), "{answer}");
    }

    /// With what the server ends the connection.
    pub fn close_code(&mut self) -> u16 {
        loop {
            match self.stream.read().expect("a message") {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Close(None) => panic!("closed without a code"),
                _other => {}
            }
        }
    }

    fn send(&mut self, command: Value) {
        self.stream.send(Message::text(command.to_string())).expect("sent");
    }

    fn line(&mut self) -> Option<Value> {
        match self.stream.read().expect("a message") {
            Message::Text(text) => {
                let first = text.lines().next()?;
                Some(serde_json::from_str(first).expect("JSON"))
            }
            other => panic!("no text: {other:?}"),
        }
    }
}

//! A blocking HTTP/1.1 client of one kept-alive connection. An answer counts only when its last
//! byte was read, which is what an acknowledgement means to a caller.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// Longer than anything may take: what hits it hangs.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
const ANSWER_BYTES_MAX: usize = 64 * 1_024 * 1_024;

pub struct Connection {
    address: SocketAddr,
    reader: BufReader<TcpStream>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub text: String,
    /// Where a browser would go on.
    #[allow(dead_code, reason = "not all who share this client are browsers")]
    pub location: Option<String>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub token: &'a str,
    pub body: Option<&'a str>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        Connection::over(TcpStream::connect_timeout(&address, ANSWER_DEADLINE)?, address)
    }

    /// The same from one of this machine's addresses.
    #[allow(dead_code, reason = "not all who share this client come from several")]
    pub fn open_from(source: Ipv4Addr, address: SocketAddr) -> io::Result<Connection> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        socket.connect_timeout(&address.into(), ANSWER_DEADLINE)?;
        Connection::over(socket.into(), address)
    }

    fn over(stream: TcpStream, address: SocketAddr) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
        stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
        Ok(Connection { address, reader: BufReader::new(stream) })
    }

    pub fn send(&mut self, request: &Request<'_>) -> io::Result<Reply> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\n",
            request.method, request.path, self.address, request.token
        );
        if let Some(body) = request.body {
            let length = body.len();
            head.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {length}\r\n"
            ));
        }
        head.push_str("\r\n");
        head.push_str(request.body.unwrap_or(""));
        self.reader.get_mut().write_all(head.as_bytes())?;
        self.read_reply()
    }

    fn read_reply(&mut self) -> io::Result<Reply> {
        let status_line = self.read_line()?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {status_line}")))?;
        let (mut length, mut chunked, mut location) = (0usize, false, None);
        loop {
            let line = self.read_line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap_or(0),
                "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
                "location" => location = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        let body = if chunked { self.read_chunks()? } else { self.read_exactly(length)? };
        let text = String::from_utf8(body).map_err(io::Error::other)?;
        Ok(Reply { status, text, location })
    }

    fn read_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        assert!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok(body)
    }

    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = usize::from_str_radix(&self.read_line()?, 16).map_err(io::Error::other)?;
            body.extend(self.read_exactly(size)?);
            self.read_line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

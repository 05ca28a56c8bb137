//! The live protocol's text (Centrifuge client protocol v2, JSON): frames of clients become
//! commands, replies and publications become lines, lines become WebSocket frames. No decision is
//! made here.

use std::io::Write;

use actix_http::ws::{CloseReason as WsCloseReason, OpCode, Parser};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use uuid::Uuid;

use crate::core::channel::Channel;
use crate::core::recovery::{Recovered, StreamPosition};
use crate::core::session::{
    ClientCommand, ClientFrame, CloseReason, Connect, ErrorCode, Method, OpenChannel, Reply,
    Subscribe,
};
use crate::core::visibility::Audience;
use crate::domain::WrittenRecord;
use crate::domain::limits::{JSON_DEPTH_MAX, LIVE_FRAME_BYTES_MAX, PING_INTERVAL_MS};
use crate::wire::event::{EventSource, channel_event_json, epoch_text};

/// A text frame that is not the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

#[derive(Deserialize)]
struct RawCommand {
    #[serde(default)]
    id: u32,
    connect: Option<RawConnect>,
    subscribe: Option<RawSubscribe>,
    unsubscribe: Option<RawUnsubscribe>,
    ping: Option<IgnoredAny>,
    send: Option<IgnoredAny>,
    publish: Option<IgnoredAny>,
    presence: Option<IgnoredAny>,
    presence_stats: Option<IgnoredAny>,
    history: Option<IgnoredAny>,
    rpc: Option<IgnoredAny>,
    refresh: Option<IgnoredAny>,
    sub_refresh: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawConnect {
    token: String,
    subs: BTreeMap<String, RawPosition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPosition {
    recover: bool,
    offset: u64,
    epoch: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSubscribe {
    channel: String,
    recover: bool,
    offset: u64,
    epoch: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawUnsubscribe {
    channel: String,
}

/// Reads one text frame: one JSON object a line, in order.
pub fn parse_frame(text: &[u8]) -> Result<Vec<ClientFrame>, Malformed> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n').map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Result<ClientFrame, Malformed> {
    if is_too_deep(line) {
        return Err(Malformed);
    }
    if line.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"{}") {
        return Ok(ClientFrame::Pong);
    }
    let raw: RawCommand = serde_json::from_slice(line).map_err(|_| Malformed)?;
    let id = raw.id;
    let method = method(raw)?;
    Ok(ClientFrame::Command(ClientCommand { id, method }))
}

/// Whether JSON text nests deeper than the limit; text that is no JSON is left to the parser.
fn is_too_deep(line: &[u8]) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in line {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return true;
        }
    }
    false
}

/// The one method of a command; two at once cannot be answered under one id.
fn method(raw: RawCommand) -> Result<Method, Malformed> {
    let not_offered = [
        raw.publish,
        raw.presence,
        raw.presence_stats,
        raw.history,
        raw.rpc,
        raw.refresh,
        raw.sub_refresh,
    ];
    let mut methods = Vec::new();
    methods.extend(raw.connect.map(connect));
    methods.extend(raw.subscribe.map(subscribe));
    methods.extend(raw.unsubscribe.map(|it| Method::Unsubscribe { channel: it.channel }));
    methods.extend(raw.ping.map(|_| Method::Ping));
    methods.extend(raw.send.map(|_| Method::Send));
    methods.extend(not_offered.into_iter().flatten().map(|_| Method::NotOffered));
    if methods.len() > 1 {
        return Err(Malformed);
    }
    Ok(methods.pop().unwrap_or(Method::Unknown))
}

fn connect(raw: RawConnect) -> Method {
    let recovering = raw.subs.into_iter().filter(|(_, position)| position.recover);
    let position = |raw: RawPosition| StreamPosition { offset: raw.offset, epoch: raw.epoch };
    let positions = recovering.map(|(channel, raw)| (channel, position(raw))).collect();
    Method::Connect(Box::new(Connect { token: raw.token, positions }))
}

fn subscribe(raw: RawSubscribe) -> Method {
    let position = StreamPosition { offset: raw.offset, epoch: raw.epoch };
    let recover = raw.recover.then_some(position);
    Method::Subscribe(Box::new(Subscribe { channel: raw.channel, recover }))
}

/// Writes lines for one connection of one site.
#[derive(Clone, Debug)]
pub struct LineWriter {
    pub source: EventSource,
    epoch: String,
}

impl LineWriter {
    pub fn new(source: EventSource) -> LineWriter {
        LineWriter { source, epoch: epoch_text(source.incarnation) }
    }

    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// One reply; `client` names the connection.
    pub fn reply(&self, line: &mut Lines, id: u32, body: &Reply, client: Uuid) {
        line.begin();
        let text = &mut line.text;
        match body {
            Reply::Connected { personal } => self.connected(text, id, personal.as_deref(), client),
            Reply::Subscribed(open) => {
                put(text, format_args!("{{\"id\":{id},\"subscribe\":"));
                self.open_channel(text, open);
                text.push(b'}');
            }
            Reply::Unsubscribed => put(text, format_args!("{{\"id\":{id},\"unsubscribe\":{{}}}}")),
            Reply::Pong => put(text, format_args!("{{\"id\":{id},\"ping\":{{}}}}")),
            Reply::Error(code) => error_text(text, id, *code),
        }
    }

    fn connected(&self, text: &mut Vec<u8>, id: u32, own: Option<&OpenChannel>, client: Uuid) {
        let version = env!("CARGO_PKG_VERSION");
        let ping = PING_INTERVAL_MS / 1_000;
        put(text, format_args!("{{\"id\":{id},\"connect\":{{\"client\":\"{client}\","));
        put(
            text,
            format_args!("\"version\":\"guildhall {version}\",\"ping\":{ping},\"pong\":true"),
        );
        if let Some(open) = own {
            put(text, format_args!(",\"subs\":{{\"{}\":", open.channel));
            self.open_channel(text, open);
            text.push(b'}');
        }
        text.extend_from_slice(b"}}");
    }

    /// Where the reader stands; a recovered one goes on from where it asked.
    fn open_channel(&self, text: &mut Vec<u8>, open: &OpenChannel) {
        let epoch = &self.epoch;
        put(text, format_args!("{{\"recoverable\":true,\"positioned\":true,\"epoch\":\"{epoch}\""));
        let offset = match (&open.reader.recovered, open.asked) {
            (Some(Recovered::Whole(_)), Some(asked)) => asked,
            _ => open.reader.seq,
        };
        put(text, format_args!(",\"offset\":{offset}"));
        match &open.reader.recovered {
            None => {}
            Some(Recovered::Lost) => text.extend_from_slice(b",\"was_recovering\":true"),
            Some(Recovered::Whole(records)) => {
                text.extend_from_slice(b",\"was_recovering\":true,\"recovered\":true");
                self.recovered(text, open, records);
            }
        }
        text.push(b'}');
    }

    fn recovered(&self, text: &mut Vec<u8>, open: &OpenChannel, records: &[WrittenRecord]) {
        text.extend_from_slice(b",\"publications\":[");
        let mut is_first = true;
        for record in records {
            let before = text.len();
            if !is_first {
                text.push(b',');
            }
            if self.publication(text, open.channel, open.audience, record) {
                is_first = false;
            } else {
                text.truncate(before);
            }
        }
        text.push(b']');
    }

    /// One publication line; nothing where the audience sees nothing of the record.
    pub fn push_publication(
        &self,
        lines: &mut Lines,
        channel: Channel,
        audience: Audience,
        record: &WrittenRecord,
    ) {
        let before = lines.text.len();
        lines.begin();
        put(&mut lines.text, format_args!("{{\"push\":{{\"channel\":\"{channel}\",\"pub\":"));
        if self.publication(&mut lines.text, channel, audience, record) {
            lines.text.extend_from_slice(b"}}");
        } else {
            lines.text.truncate(before);
        }
    }

    fn publication(
        &self,
        text: &mut Vec<u8>,
        channel: Channel,
        audience: Audience,
        record: &WrittenRecord,
    ) -> bool {
        let event = channel_event_json(record, self.source, audience, channel.member());
        let Some(event) = event else { return false };
        text.extend_from_slice(b"{\"data\":");
        text.extend_from_slice(&event);
        put(text, format_args!(",\"offset\":{}}}", record.seq));
        true
    }

    /// The same records as frames, each of about the frame limit, for every reader of the channel.
    pub fn frames(
        &self,
        channel: Channel,
        audience: Audience,
        records: &[WrittenRecord],
    ) -> Vec<Bytes> {
        let mut frames = Vec::new();
        let mut lines = Lines::default();
        for record in records {
            self.push_publication(&mut lines, channel, audience, record);
            if lines.text.len() >= LIVE_FRAME_BYTES_MAX {
                frames.extend(lines.take_frame());
            }
        }
        frames.extend(lines.take_frame());
        frames
    }
}

/// Lines that will leave as one text frame.
#[derive(Debug, Default)]
pub struct Lines {
    pub text: Vec<u8>,
}

impl Lines {
    fn begin(&mut self) {
        if !self.text.is_empty() {
            self.text.push(b'\n');
        }
    }

    pub fn error(&mut self, id: u32, code: ErrorCode) {
        self.begin();
        error_text(&mut self.text, id, code);
    }

    /// The empty object, which asks the client for one of its own.
    pub fn ping(&mut self) {
        self.begin();
        self.text.extend_from_slice(b"{}");
    }

    /// Tells the client that it is out of a channel and need not ask again.
    pub fn unsubscribed(&mut self, channel: Channel) {
        self.begin();
        put(
            &mut self.text,
            format_args!("{{\"push\":{{\"channel\":\"{channel}\",\"unsubscribe\":"),
        );
        put(&mut self.text, format_args!("{{\"code\":2000,\"reason\":\"unsubscribed\"}}}}}}"));
    }

    /// The lines so far as one WebSocket text frame; `None` where there are none.
    pub fn take_frame(&mut self) -> Option<Bytes> {
        let text = std::mem::take(&mut self.text);
        (!text.is_empty()).then(|| text_frame(&text))
    }
}

fn error_text(text: &mut Vec<u8>, id: u32, code: ErrorCode) {
    let (number, message) = error_code(code);
    put(text, format_args!("{{\"id\":{id},\"error\":{{\"code\":{number},"));
    put(text, format_args!("\"message\":\"{message}\""));
    if code == ErrorCode::Internal {
        text.extend_from_slice(b",\"temporary\":true");
    }
    text.extend_from_slice(b"}}");
}

fn put(text: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok());
}

/// A whole WebSocket text frame, ready for any socket.
pub fn text_frame(text: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(text.len() + 10);
    Parser::write_message(&mut frame, text, OpCode::Text, true, false);
    frame.freeze()
}

pub fn pong_frame(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    Parser::write_message(&mut frame, payload, OpCode::Pong, true, false);
    frame.freeze()
}

/// A closing frame with code and reason.
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    let mut frame = BytesMut::with_capacity(reason.len() + 10);
    let reason = WsCloseReason { code: code.into(), description: Some(reason.to_owned()) };
    Parser::write_close(&mut frame, Some(reason), false);
    frame.freeze()
}

fn error_code(code: ErrorCode) -> (u16, &'static str) {
    match code {
        ErrorCode::Internal => (100, "internal server error"),
        ErrorCode::UnknownChannel => (102, "unknown channel"),
        ErrorCode::PermissionDenied => (103, "permission denied"),
        ErrorCode::MethodNotFound => (104, "method not found"),
        ErrorCode::AlreadySubscribed => (105, "already subscribed"),
        ErrorCode::LimitExceeded => (106, "limit exceeded"),
        ErrorCode::BadRequest => (107, "bad request"),
        ErrorCode::NotAvailable => (108, "not available"),
        ErrorCode::TokenExpired => (109, "token expired"),
    }
}

/// The protocol's code and words for the end of a connection.
pub fn close_code(reason: CloseReason) -> (u16, &'static str) {
    match reason {
        CloseReason::NotText => (1007, "text is not UTF-8"),
        CloseReason::MessageTooBig => (1009, "message too big"),
        CloseReason::Shutdown => (3001, "shutdown"),
        CloseReason::ServerError => (3004, "internal server error"),
        CloseReason::ConnectionExpired => (3005, "connection expired"),
        CloseReason::Slow => (3008, "slow"),
        CloseReason::InsufficientState => (3010, "insufficient state"),
        CloseReason::NoPong => (3012, "no pong"),
        CloseReason::TooManyRequests => (3013, "too many requests"),
        CloseReason::InvalidToken => (3500, "invalid token"),
        CloseReason::BadRequest => (3501, "bad request"),
        CloseReason::Stale => (3502, "stale"),
        CloseReason::InappropriateProtocol => (3506, "inappropriate protocol"),
        CloseReason::PermissionDenied => (3507, "permission denied"),
        CloseReason::NotAvailable => (3508, "not available"),
        CloseReason::Revoked => (4503, "revoked"),
    }
}

//! One live connection's side of the protocol: commands in, replies and effects out, strictly in
//! order. Pure and typed: text is read and written in `realtime::frame`, and what it asks for
//! (a proof of the caller, a channel's state) is fetched by the shell and handed back.

mod command;

use std::collections::VecDeque;

use super::channel::Channel;
use super::hub::Reader;
use super::query::Viewer;
use super::recovery::StreamPosition;
use super::visibility::{Audience, audience};
use crate::domain::limits::{
    CHANNEL_NAME_BYTES_MAX, CHANNELS_PER_SESSION_MAX, CONNECT_MS_MAX, PING_INTERVAL_MS,
    PONG_MS_MAX, SESSION_COMMANDS_WAITING_BYTES_MAX, SESSION_COMMANDS_WAITING_MAX, TOKEN_BYTES_MAX,
};

pub use self::command::{ClientCommand, ClientFrame, Connect, Method, Subscribe};

/// What a session wants done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    Reply {
        id: u32,
        body: Reply,
    },
    /// Publications that came while a channel was opened; they follow its reply.
    Publish {
        channel: Channel,
        audience: Audience,
        reader: Box<Reader>,
    },
    /// Tells the client that it is out of a channel for good.
    Unsubscribed {
        channel: Channel,
    },
    Ping,
    /// Answer with [`Session::authenticated`].
    Authenticate {
        token: String,
    },
    /// Answer with [`Session::channel_opened`].
    Open {
        channel: Channel,
        audience: Audience,
        recover: Option<StreamPosition>,
    },
    Leave {
        channel: Channel,
    },
    Close(CloseReason),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With the member's own channel, where a member connected.
    Connected {
        personal: Option<Box<OpenChannel>>,
    },
    Subscribed(Box<OpenChannel>),
    Unsubscribed,
    Pong,
    Error(ErrorCode),
}

/// A channel as a reply shows it: where the client stands, and what it missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChannel {
    pub channel: Channel,
    pub audience: Audience,
    /// The offset that the client asked to recover from.
    pub asked: Option<u64>,
    pub reader: Reader,
}

/// Coded answers to one command; the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    Internal,
    UnknownChannel,
    PermissionDenied,
    MethodNotFound,
    AlreadySubscribed,
    LimitExceeded,
    BadRequest,
    NotAvailable,
    TokenExpired,
}

/// Why a connection ends, with the protocol's code: below 3500, and from 4000 to 4499, clients come
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    MessageTooBig,
    NotText,
    Shutdown,
    ServerError,
    ConnectionExpired,
    Slow,
    InsufficientState,
    NoPong,
    TooManyRequests,
    InvalidToken,
    BadRequest,
    Stale,
    InappropriateProtocol,
    PermissionDenied,
    NotAvailable,
    Revoked,
}

/// Who connected, as the shell proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub viewer: Viewer,
    /// On the clock that the session is driven by; `None` for keys, which do not expire.
    pub expires_at_ms: Option<u64>,
}

/// Why a token was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    Invalid,
    Expired,
    /// It could not be checked now.
    Unavailable,
}

/// What became of a channel that was to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelAnswer {
    Open(Reader),
    /// No such channel, or none that this viewer may know of.
    Unknown,
    Unavailable,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits for connect.
    Fresh,
    Authenticating {
        id: u32,
        positions: Vec<(String, StreamPosition)>,
    },
    /// A command's channel is being opened; `id` is the command's.
    Opening {
        id: u32,
        channel: Channel,
        asked: Option<u64>,
    },
    Ready,
    Closed,
}

/// The protocol state of one connection.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    viewer: Option<Viewer>,
    channels: Vec<Channel>,
    waiting: VecDeque<ClientCommand>,
    /// Before connect: when to give up; after: when to ping.
    due_ms: u64,
    pong_by_ms: Option<u64>,
    expires_at_ms: Option<u64>,
}

impl Session {
    pub fn new(now_ms: u64) -> Session {
        Session {
            stage: Stage::Fresh,
            viewer: None,
            channels: Vec::new(),
            waiting: VecDeque::new(),
            due_ms: now_ms + CONNECT_MS_MAX,
            pong_by_ms: None,
            expires_at_ms: None,
        }
    }

    pub fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    pub fn viewer(&self) -> Option<Viewer> {
        self.viewer
    }

    /// The channels that it is in, open or opening.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Takes one frame of the client.
    pub fn receive(&mut self, frame: ClientFrame) -> Vec<Output> {
        match frame {
            ClientFrame::Pong => {
                self.pong_by_ms = None;
                Vec::new()
            }
            ClientFrame::Command(_) if self.is_closed() => Vec::new(),
            ClientFrame::Command(command) if self.has_room_for(&command) => {
                self.waiting.push_back(command);
                self.advance(Vec::new())
            }
            ClientFrame::Command(_) => self.close(CloseReason::TooManyRequests),
        }
    }

    fn has_room_for(&self, command: &ClientCommand) -> bool {
        let held: usize = self.waiting.iter().map(ClientCommand::held_bytes).sum();
        self.waiting.len() < SESSION_COMMANDS_WAITING_MAX
            && held + command.held_bytes() <= SESSION_COMMANDS_WAITING_BYTES_MAX
    }

    /// Something that is no command came; there is no way to go on.
    pub fn refuse(&mut self, reason: CloseReason) -> Vec<Output> {
        if self.is_closed() { Vec::new() } else { self.close(reason) }
    }

    /// Takes the proof of the token that was given with connect.
    pub fn authenticated(&mut self, proof: Result<Proof, TokenFault>, now_ms: u64) -> Vec<Output> {
        let Stage::Authenticating { id, positions } = &mut self.stage else { return Vec::new() };
        let (id, positions) = (*id, std::mem::take(positions));
        match proof {
            Ok(proof) => self.welcome(id, &positions, proof, now_ms),
            Err(TokenFault::Invalid) => self.close(CloseReason::InvalidToken),
            Err(TokenFault::Expired) => self.reject_connect(id, ErrorCode::TokenExpired),
            Err(TokenFault::Unavailable) => self.reject_connect(id, ErrorCode::Internal),
        }
    }

    fn reject_connect(&mut self, id: u32, code: ErrorCode) -> Vec<Output> {
        self.stage = Stage::Fresh;
        self.advance(vec![error(id, code)])
    }

    fn welcome(
        &mut self,
        id: u32,
        positions: &[(String, StreamPosition)],
        proof: Proof,
        now_ms: u64,
    ) -> Vec<Output> {
        self.viewer = Some(proof.viewer);
        self.expires_at_ms = proof.expires_at_ms;
        self.due_ms = now_ms + PING_INTERVAL_MS;
        match proof.viewer {
            Viewer::Owner | Viewer::Visitor => {
                self.stage = Stage::Ready;
                let body = Reply::Connected { personal: None };
                self.advance(vec![Output::Reply { id, body }])
            }
            Viewer::Member(member) => {
                let channel = Channel::Personal(member);
                let name = channel.to_string();
                let position = positions.iter().find(|(channel, _)| *channel == name);
                let recover = position.map(|(_, position)| position.clone());
                vec![self.begin_opening(id, channel, Audience::SelfMember, recover)]
            }
        }
    }

    fn begin_opening(
        &mut self,
        id: u32,
        channel: Channel,
        audience: Audience,
        recover: Option<StreamPosition>,
    ) -> Output {
        let asked = recover.as_ref().map(|position| position.offset);
        self.stage = Stage::Opening { id, channel, asked };
        self.channels.push(channel);
        Output::Open { channel, audience, recover }
    }

    /// Takes what became of the channel that was to be opened.
    pub fn channel_opened(&mut self, answer: ChannelAnswer) -> Vec<Output> {
        let Stage::Opening { id, channel, asked } = self.stage else { return Vec::new() };
        let Some(viewer) = self.viewer else { return Vec::new() };
        self.stage = Stage::Ready;
        let is_personal = matches!(channel, Channel::Personal(_));
        let code = match answer {
            ChannelAnswer::Open(reader) => {
                let outputs = self.show(viewer, id, OpenedCommand { channel, asked, reader });
                return self.advance(outputs);
            }
            ChannelAnswer::Unknown if is_personal => return self.close(CloseReason::InvalidToken),
            ChannelAnswer::Unavailable if is_personal => {
                return self.close(CloseReason::ServerError);
            }
            ChannelAnswer::Unknown => ErrorCode::UnknownChannel,
            ChannelAnswer::Unavailable => ErrorCode::Internal,
        };
        self.channels.retain(|it| *it != channel);
        self.advance(vec![error(id, code)])
    }

    fn show(&self, viewer: Viewer, id: u32, opened: OpenedCommand) -> Vec<Output> {
        let OpenedCommand { channel, asked, mut reader } = opened;
        let audience = audience(viewer, channel).unwrap_or(Audience::Public);
        let live = std::mem::take(&mut reader.live);
        let later = Reader { seq: reader.seq, recovered: None, live };
        let open = Box::new(OpenChannel { channel, audience, asked, reader });
        let body = match channel {
            Channel::Personal(_) => Reply::Connected { personal: Some(open) },
            Channel::Member(_) | Channel::Site => Reply::Subscribed(open),
        };
        let mut outputs = vec![Output::Reply { id, body }];
        if !later.live.is_empty() {
            outputs.push(Output::Publish { channel, audience, reader: Box::new(later) });
        }
        outputs
    }

    /// The hub took the session out of a channel.
    pub fn cut(&mut self, channel: Channel) -> Vec<Output> {
        let before = self.channels.len();
        self.channels.retain(|it| *it != channel);
        if self.channels.len() == before || self.is_closed() {
            return Vec::new();
        }
        vec![Output::Unsubscribed { channel }]
    }

    /// Lets time pass: to be called at least once a second.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Output> {
        match self.stage {
            Stage::Closed => return Vec::new(),
            Stage::Fresh if now_ms >= self.due_ms => return self.close(CloseReason::Stale),
            Stage::Fresh | Stage::Authenticating { .. } => return Vec::new(),
            Stage::Opening { .. } | Stage::Ready => {}
        }
        if self.pong_by_ms.is_some_and(|by| now_ms >= by) {
            return self.close(CloseReason::NoPong);
        }
        if self.expires_at_ms.is_some_and(|at| now_ms >= at) {
            return self.close(CloseReason::ConnectionExpired);
        }
        if now_ms < self.due_ms {
            return Vec::new();
        }
        self.due_ms = now_ms + PING_INTERVAL_MS;
        self.pong_by_ms = Some(now_ms + PONG_MS_MAX);
        vec![Output::Ping]
    }

    fn close(&mut self, reason: CloseReason) -> Vec<Output> {
        self.stage = Stage::Closed;
        self.waiting = VecDeque::new();
        vec![Output::Close(reason)]
    }

    /// Works off waiting commands until one of them has to wait for an answer.
    fn advance(&mut self, mut outputs: Vec<Output>) -> Vec<Output> {
        while matches!(self.stage, Stage::Fresh | Stage::Ready) {
            let Some(command) = self.waiting.pop_front() else { break };
            outputs.extend(self.perform(command));
        }
        if self.waiting.is_empty() {
            // An idle connection holds no buffer.
            self.waiting = VecDeque::new();
        }
        outputs
    }

    fn perform(&mut self, command: ClientCommand) -> Vec<Output> {
        let ClientCommand { id, method } = command;
        if id == 0 && method != Method::Send {
            return self.close(CloseReason::BadRequest);
        }
        match (method, self.viewer) {
            (Method::Connect(connect), None) => self.connect(id, *connect),
            (Method::Connect(_), Some(_)) => self.close(CloseReason::BadRequest),
            (_, None) => self.close(CloseReason::BadRequest),
            (Method::Subscribe(subscribe), Some(viewer)) => self.subscribe(id, *subscribe, viewer),
            (Method::Unsubscribe { channel }, Some(_)) => self.unsubscribe(id, &channel),
            (Method::Ping, Some(_)) => vec![Output::Reply { id, body: Reply::Pong }],
            (Method::Send, Some(_)) => self.close(CloseReason::NotAvailable),
            (Method::NotOffered, Some(_)) => vec![error(id, ErrorCode::NotAvailable)],
            (Method::Unknown, Some(_)) => vec![error(id, ErrorCode::MethodNotFound)],
        }
    }

    fn connect(&mut self, id: u32, connect: Connect) -> Vec<Output> {
        if connect.token.is_empty() || connect.token.len() > TOKEN_BYTES_MAX {
            return self.close(CloseReason::InvalidToken);
        }
        self.stage = Stage::Authenticating { id, positions: connect.positions };
        vec![Output::Authenticate { token: connect.token }]
    }

    fn subscribe(&mut self, id: u32, subscribe: Subscribe, viewer: Viewer) -> Vec<Output> {
        match self.admit(&subscribe, viewer) {
            Ok((channel, audience)) => {
                vec![self.begin_opening(id, channel, audience, subscribe.recover)]
            }
            Err(code) => vec![error(id, code)],
        }
    }

    fn admit(
        &self,
        subscribe: &Subscribe,
        viewer: Viewer,
    ) -> Result<(Channel, Audience), ErrorCode> {
        let name = subscribe.channel.as_str();
        if name.is_empty() || name.len() > CHANNEL_NAME_BYTES_MAX {
            return Err(ErrorCode::BadRequest);
        }
        let channel = Channel::parse(name).ok_or(ErrorCode::UnknownChannel)?;
        if self.channels.contains(&channel) {
            return Err(ErrorCode::AlreadySubscribed);
        }
        // The personal channel is entered by the server, whoever asks.
        if matches!(channel, Channel::Personal(_)) {
            return Err(ErrorCode::PermissionDenied);
        }
        let audience = audience(viewer, channel).ok_or(ErrorCode::PermissionDenied)?;
        if self.channels.len() >= CHANNELS_PER_SESSION_MAX {
            return Err(ErrorCode::LimitExceeded);
        }
        Ok((channel, audience))
    }

    fn unsubscribe(&mut self, id: u32, name: &str) -> Vec<Output> {
        let done = Output::Reply { id, body: Reply::Unsubscribed };
        let channel = Channel::parse(name).filter(|channel| self.channels.contains(channel));
        let Some(channel) = channel else { return vec![done] };
        // It is left by the server only: through it a session learns that its member is gone.
        if matches!(channel, Channel::Personal(_)) {
            return vec![error(id, ErrorCode::PermissionDenied)];
        }
        self.channels.retain(|it| *it != channel);
        self.channels.shrink_to_fit();
        vec![Output::Leave { channel }, done]
    }
}

struct OpenedCommand {
    channel: Channel,
    asked: Option<u64>,
    reader: Reader,
}

fn error(id: u32, code: ErrorCode) -> Output {
    Output::Reply { id, body: Reply::Error(code) }
}

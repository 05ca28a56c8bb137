//! The counter ingest stream: few sockets, mostly upstream, one `Session` actor each. The only file
//! that names actix-web-actors.
//!
//! The first text frame is `{"token": .., "producer": ..?}` and is answered by `{"ready":true}`.
//! Then every text frame is a batch in a form of the ingest route: an array or NDJSON of
//! `{memberId, key, delta, opId?, at?}`, or `{"n": .., "increments": [..]}` where a producer was
//! named; every binary frame is a batch in the layout of `ingest_frame`. With a producer, n goes on
//! from the producer's last n, across connections, and a repeated n is a duplicate; without one,
//! frames are numbered from 1 by their order on the connection.
//! Answers: `{"ack": n, "accepted", "duplicates", "errors": [{n, index, code, detail}]}` says that
//! every frame up to n that no error names is durable; `{"error": {code, detail, n?, last?}}` names
//! one that was not taken.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, StreamHandler};
use actix_http::ws::{Codec, Item, Message, ProtocolError};
use actix_web_actors::ws::{CloseReason as WsCloseReason, WebsocketContext};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt};
use socket2::SockRef;
use tokio::net::TcpStream;

use super::frame::close_code;
use super::ingest_frame::{Answers, FrameFault, Hello, Numbering};
use super::ingest_gate::{Frames, Gate};
use super::live::{Live, Seat};
use super::socket::closing_code;
use crate::actors::handle::{Answer, CallError};
use crate::actors::live::{Authenticated, LiveSite};
use crate::actors::registry::Holder;
use crate::core::query::Ingested;
use crate::core::session::{CloseReason, TokenFault};
use crate::domain::AppId;
use crate::domain::command::IncrementBatch;
use crate::domain::limits::{
    CLOSE_MS_MAX, CONNECT_MS_MAX, INGEST_FRAME_BYTES_MAX, PING_INTERVAL_MS, WRITE_BLOCKED_MS_MAX,
};

type Context = WebsocketContext<Session>;

/// One producer's connection.
struct Session {
    live: Live,
    gate: Rc<Gate>,
    stage: Stage,
    answers: Answers,
    /// The parts of a message that came in several frames, and whether it is binary.
    fragments: Option<Fragments>,
    /// Something came since the last ping.
    was_heard: bool,
    is_draining: bool,
}

enum Stage {
    /// Waits for the first frame, then for its proof.
    Fresh,
    Open(Stream),
    Over,
}

/// What increments of this connection are counted for.
struct Stream {
    site: Arc<dyn LiveSite>,
    app: AppId,
    numbering: Numbering,
    /// What opened it, good as of this version of the keys.
    holder: Option<Holder>,
    holders_version: u64,
}

struct Fragments {
    is_binary: bool,
    bytes: Vec<u8>,
    /// Size of the frames so far, to be given back with the whole.
    frame_bytes: usize,
    frames: usize,
}

/// Serves one socket until it ends. `early` was read together with the handshake.
pub(crate) async fn serve(live: Live, stream: TcpStream, early: BytesMut, seat: Seat) {
    let stream = Rc::new(stream);
    let gate = Rc::new(Gate::default());
    let frames = Frames { stream: Rc::clone(&stream), gate: Rc::clone(&gate), unread: early };
    let session = Session {
        live,
        gate,
        stage: Stage::Fresh,
        answers: Answers::default(),
        fragments: None,
        was_heard: true,
        is_draining: false,
    };
    let codec = Codec::new().max_size(INGEST_FRAME_BYTES_MAX);
    let mut output = Box::pin(WebsocketContext::with_codec(session, frames, codec));
    while let Some(Ok(bytes)) = output.next().await {
        let deadline = Duration::from_millis(WRITE_BLOCKED_MS_MAX);
        if !matches!(tokio::time::timeout(deadline, write(&stream, &bytes)).await, Ok(Ok(()))) {
            cut(&stream);
            break;
        }
    }
    drop(output);
    say_goodbye(&stream).await;
    drop(seat);
}

async fn write(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn cut(stream: &TcpStream) {
    // Where the peer is gone already there is nothing left to drop.
    let _gone = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Ends our side and waits for the peer's end, so that the closing frame is not lost to a reset.
async fn say_goodbye(stream: &TcpStream) {
    let _gone = SockRef::from(stream).shutdown(std::net::Shutdown::Write);
    let mut ignored = [0; 4_096];
    let drained = async {
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut ignored) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    };
    let _late = tokio::time::timeout(Duration::from_millis(CLOSE_MS_MAX), drained).await;
}

impl Actor for Session {
    type Context = Context;

    fn started(&mut self, context: &mut Context) {
        context.run_later(Duration::from_millis(CONNECT_MS_MAX), |session, context| {
            if matches!(session.stage, Stage::Fresh) {
                session.close(CloseReason::Stale, context);
            }
        });
        context.run_interval(Duration::from_millis(PING_INTERVAL_MS), Session::ping);
        let live = self.live.clone();
        let draining = wrap_future::<_, Session>(async move { live.draining().await });
        context.spawn(draining.map(|(), session, context| {
            session.is_draining = true;
            session.gate.shut();
            session.close_when_drained(context);
        }));
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Session {
    fn handle(&mut self, message: Result<Message, ProtocolError>, context: &mut Context) {
        self.was_heard = true;
        match message {
            Ok(message) => {
                let frame_bytes = self.gate.taken();
                self.receive(message, frame_bytes, context);
            }
            Err(_) if self.gate.saw_oversized() => self.close(CloseReason::MessageTooBig, context),
            Err(_) => self.close_with(1002, "protocol error", context),
        }
    }
}

impl Session {
    fn receive(&mut self, message: Message, frame_bytes: usize, context: &mut Context) {
        match message {
            Message::Text(text) => self.message(text.as_bytes(), Kind::Text(frame_bytes), context),
            Message::Binary(bytes) => self.message(&bytes, Kind::Binary(frame_bytes), context),
            Message::Continuation(item) => self.continuation(item, frame_bytes, context),
            Message::Ping(payload) => {
                self.gate.release(1, frame_bytes);
                context.pong(&payload);
            }
            Message::Pong(_) | Message::Nop => self.gate.release(1, frame_bytes),
            Message::Close(reason) => {
                let code = closing_code(reason.map(|reason| reason.code.into()));
                self.close_with(code, "", context);
            }
        }
    }

    fn continuation(&mut self, item: Item, frame_bytes: usize, context: &mut Context) {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) => (self.first_fragment(bytes, false), false),
            Item::FirstBinary(bytes) => (self.first_fragment(bytes, true), false),
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        // The room of all but one frame is given back, so that many small parts cannot use it up.
        let Some(fragments) = &mut self.fragments else { return };
        fragments.bytes.extend_from_slice(&bytes);
        fragments.frame_bytes += frame_bytes;
        if fragments.bytes.len() > INGEST_FRAME_BYTES_MAX {
            return self.close(CloseReason::MessageTooBig, context);
        }
        if fragments.frames > 0 {
            self.gate.release(1, 0);
        }
        fragments.frames = 1;
        if let (true, Some(whole)) = (is_last, self.fragments.take()) {
            let kind = if whole.is_binary { Kind::Binary } else { Kind::Text };
            self.message(&whole.bytes, kind(whole.frame_bytes), context);
        }
    }

    fn first_fragment(&mut self, bytes: Bytes, is_binary: bool) -> Bytes {
        let empty = Fragments { is_binary, bytes: Vec::new(), frame_bytes: 0, frames: 0 };
        self.fragments = Some(empty);
        bytes
    }

    /// Whether the key behind the stream was revoked; asked anew whenever any key has changed.
    fn is_revoked(&mut self) -> bool {
        let Stage::Open(stream) = &mut self.stage else { return false };
        let version = self.live.source().holders_version();
        if std::mem::replace(&mut stream.holders_version, version) == version {
            return false;
        }
        stream.holder.is_some_and(|holder| !self.live.source().holds(holder))
    }

    fn message(&mut self, bytes: &[u8], kind: Kind, context: &mut Context) {
        if self.is_revoked() {
            return self.close(CloseReason::Revoked, context);
        }
        let (frame_bytes, stream) = (kind.frame_bytes(), &mut self.stage);
        let batch = match (stream, kind) {
            (Stage::Fresh, kind) => {
                self.gate.release(1, frame_bytes);
                return self.greet(bytes, kind, context);
            }
            (Stage::Over, _) => return,
            (Stage::Open(stream), Kind::Text(_)) => stream.numbering.text(bytes),
            (Stage::Open(stream), Kind::Binary(_)) => stream.numbering.binary(bytes),
        };
        match batch {
            Ok((n, batch)) => self.count(n, frame_bytes, batch, context),
            Err(fault) => {
                let ticket = self.answers.expect(None, frame_bytes);
                self.settle(ticket, Err(fault), context);
            }
        }
    }

    /// The first frame: nothing else is looked at before its credential is proven.
    fn greet(&mut self, bytes: &[u8], kind: Kind, context: &mut Context) {
        let hello = match kind {
            Kind::Text(_) => Hello::parse(bytes),
            Kind::Binary(_) => None,
        };
        let Some(hello) = hello else { return self.close(CloseReason::BadRequest, context) };
        let live = self.live.clone();
        let proof = async move {
            let known = live.source().authenticate(hello.token).await?;
            Ok((known, hello.producer))
        };
        context.wait(wrap_future::<_, Session>(proof).map(|proof, session, context| {
            session.authenticated(proof, context);
        }));
    }

    fn authenticated(
        &mut self,
        proof: Result<(Authenticated, Option<String>), TokenFault>,
        context: &mut Context,
    ) {
        let (known, producer) = match proof {
            Ok(proof) => proof,
            Err(TokenFault::Invalid | TokenFault::Expired) => {
                return self.close(CloseReason::InvalidToken, context);
            }
            Err(TokenFault::Unavailable) => return self.close(CloseReason::ServerError, context),
        };
        // Members count nothing: only the owner's and the apps' keys do.
        let Some(app) = known.caller.app() else {
            return self.close(CloseReason::PermissionDenied, context);
        };
        let Some(site) = self.live.source().site(known.caller.site) else {
            return self.close(CloseReason::ServerError, context);
        };
        let (numbering, holder) = (Numbering::new(producer), known.holder);
        // No version is the first one: the first batch asks for the key again.
        self.stage = Stage::Open(Stream { site, app, numbering, holder, holders_version: 0 });
        context.text("{\"ready\":true}");
    }

    fn count(&mut self, n: u64, bytes: usize, mut batch: IncrementBatch, context: &mut Context) {
        let Stage::Open(stream) = &self.stage else { return };
        batch.app = Some(stream.app.clone());
        let site = Arc::clone(&stream.site);
        let ticket = self.answers.expect(Some(n), bytes);
        let mut counted = Box::pin(async move { site.ingest(batch).await });
        // Asked here and now: the order in which the context polls new futures is its own, and
        // batches have to reach the site in the order of their numbers.
        match counted.as_mut().now_or_never() {
            Some(counted) => self.settle(ticket, outcome(counted), context),
            None => {
                let counted = wrap_future::<_, Session>(counted);
                context.spawn(counted.map(move |counted, session, context| {
                    session.settle(ticket, outcome(counted), context);
                }));
            }
        }
    }

    fn settle(
        &mut self,
        ticket: u64,
        outcome: Result<Ingested, FrameFault>,
        context: &mut Context,
    ) {
        self.answers.settle(ticket, outcome);
        let said = self.answers.say();
        for text in said.texts {
            context.text(text);
        }
        self.gate.release(said.frames, said.bytes);
        self.close_when_drained(context);
    }

    fn close_when_drained(&mut self, context: &mut Context) {
        if self.is_draining && self.answers.is_empty() {
            self.close(CloseReason::Shutdown, context);
        }
    }

    fn ping(&mut self, context: &mut Context) {
        if !self.was_heard {
            return self.close(CloseReason::NoPong, context);
        }
        self.was_heard = !self.answers.is_empty();
        context.ping(b"");
    }

    fn close(&mut self, reason: CloseReason, context: &mut Context) {
        let (code, words) = close_code(reason);
        self.close_with(code, words, context);
    }

    fn close_with(&mut self, code: u16, words: &'static str, context: &mut Context) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        self.stage = Stage::Over;
        self.gate.shut();
        let description = (!words.is_empty()).then(|| words.to_owned());
        context.close(Some(WsCloseReason { code: code.into(), description }));
        context.stop();
    }
}

/// A message's form, with the size of the frames that it came in.
#[derive(Clone, Copy)]
enum Kind {
    Text(usize),
    Binary(usize),
}

impl Kind {
    fn frame_bytes(self) -> usize {
        match self {
            Kind::Text(bytes) | Kind::Binary(bytes) => bytes,
        }
    }
}

fn outcome(counted: Result<Answer<Ingested>, CallError>) -> Result<Ingested, FrameFault> {
    counted.map(|answer| answer.value).map_err(FrameFault::from)
}

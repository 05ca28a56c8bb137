//! One live socket: bytes in, frames out, and its end. It decides nothing about the protocol; it
//! hands frames to the session and does what the outbox cannot do at once.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use actix_codec::Decoder;
use actix_http::ws::{Codec, Frame, Item, ProtocolError};
use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use uuid::Uuid;

use super::drive::drive;
use super::feed::SiteLive;
use super::frame::{close_code, close_frame, parse_frame, pong_frame};
use super::live::Seat;
use super::measure;
use super::outbox::{Outbox, Overflow};
use super::worker::Worker;
use crate::actors::registry::Holder;
use crate::core::hub::SessionKey;
use crate::core::session::{CloseReason, Session};
use crate::domain::limits::{
    CLOSE_MS_MAX, LIVE_MESSAGE_BYTES_MAX, LIVE_SEND_BUFFER_BYTES, OUTBOX_BYTES_MAX,
    RECOVERY_BYTES_MAX,
};

/// How long the kernel may wait for a peer to acknowledge; the backstop behind our own deadlines.
const PEER_SILENT_MAX: Duration = Duration::from_secs(30);

/// One connection, held by its worker and by its task.
pub(crate) struct Socket {
    pub(crate) key: SessionKey,
    pub(crate) client: Uuid,
    pub(crate) session: RefCell<Session>,
    pub(crate) site: RefCell<Option<Rc<SiteLive>>>,
    stream: TcpStream,
    outbox: RefCell<Outbox>,
    phase: Cell<Phase>,
    /// Wakes the task when the outbox, or the phase, has changed.
    changed: Notify,
    /// Wakes whoever waits for room in the outbox.
    drained: Notify,
    /// The key that opened it; it may be revoked. Members' tokens end by themselves.
    pub(crate) holder: Cell<Option<Holder>>,
    _seat: Seat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// A closing frame is on its way; what the peer still sends is thrown away.
    Closing {
        by_ms: u64,
    },
    /// Over: the task drops the socket as soon as it runs.
    Cut,
}

/// Sets what a live socket needs of the kernel.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // Without a bound the kernel takes megabytes for a reader that is dead.
    socket.set_send_buffer_size(LIVE_SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(PEER_SILENT_MAX))?;
    Ok(())
}

impl Socket {
    pub(crate) fn new(key: SessionKey, stream: TcpStream, seat: Seat, now_ms: u64) -> Socket {
        Socket {
            key,
            client: Uuid::new_v4(),
            session: RefCell::new(Session::new(now_ms)),
            site: RefCell::new(None),
            stream,
            outbox: RefCell::new(Outbox::default()),
            phase: Cell::new(Phase::Open),
            changed: Notify::new(),
            drained: Notify::new(),
            holder: Cell::new(None),
            _seat: seat,
        }
    }

    /// Sends a frame, or queues what the socket does not take now.
    pub(crate) fn send(&self, frame: &Bytes, now_ms: u64) {
        if self.phase.get() != Phase::Open {
            return;
        }
        if self.write(frame, now_ms) == Err(Overflow) {
            self.overflowed(now_ms);
        }
    }

    fn write(&self, frame: &Bytes, now_ms: u64) -> Result<(), Overflow> {
        let mut outbox = self.outbox.borrow_mut();
        if !outbox.is_empty() {
            return outbox.push(frame, 0, now_ms);
        }
        let sent = match self.stream.try_write(frame) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                self.cut();
                return Ok(());
            }
        };
        if sent < frame.len() {
            outbox.push(frame, sent, now_ms)?;
            self.changed.notify_one();
        }
        Ok(())
    }

    /// The reader is too slow. It gets its last frame's end and the code; if it does not even read
    /// those, the deadline of its first blocked write stands.
    fn overflowed(&self, now_ms: u64) {
        self.outbox.borrow_mut().forget_whole_frames();
        self.close(CloseReason::Slow, now_ms);
    }

    /// Begins the closing handshake.
    pub(crate) fn close(&self, reason: CloseReason, now_ms: u64) {
        let (code, words) = close_code(reason);
        metrics::counter!(measure::CLOSED, "reason" => words).increment(1);
        self.close_with(&close_frame(code, words), now_ms);
    }

    fn close_with(&self, frame: &Bytes, now_ms: u64) {
        if self.phase.get() != Phase::Open {
            return;
        }
        self.phase.set(Phase::Closing { by_ms: now_ms + CLOSE_MS_MAX });
        if self.write(frame, now_ms) == Err(Overflow) {
            self.cut();
        }
        self.changed.notify_one();
    }

    /// Ends the connection without ceremony: what is unsent is dropped, in the kernel too.
    pub(crate) fn cut(&self) {
        self.end();
        // Where the peer is gone already there is nothing left to drop.
        let _gone = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        self.changed.notify_one();
    }

    /// The task is over: nobody waits for the outbox any more.
    fn end(&self) {
        self.phase.set(Phase::Cut);
        self.drained.notify_one();
    }

    /// Cuts the socket if a deadline has passed.
    pub(crate) fn sweep(&self, now_ms: u64) {
        let is_stuck = self.outbox.borrow().is_stuck(now_ms);
        let is_late = match self.phase.get() {
            Phase::Closing { by_ms } => now_ms >= by_ms,
            Phase::Open | Phase::Cut => false,
        };
        if is_stuck || is_late {
            metrics::counter!(measure::CLOSED, "reason" => "cut").increment(1);
            self.cut();
        }
    }

    fn flush(&self, now_ms: u64) {
        let flushed = self.outbox.borrow_mut().flush(&self.stream, now_ms);
        match flushed {
            Ok(()) if self.has_room() => self.drained.notify_one(),
            Ok(()) => {}
            Err(_) => self.cut(),
        }
    }

    /// Whether the largest answer fits into the outbox, and something beside it.
    fn has_room(&self) -> bool {
        self.outbox.borrow().held_bytes() + RECOVERY_BYTES_MAX <= OUTBOX_BYTES_MAX * 3 / 4
    }

    /// Waits until the largest answer fits. A client that asks for much takes it at its own pace,
    /// instead of being cut as slow and coming back to ask for the same.
    pub(crate) async fn wait_for_room(&self) {
        while self.phase.get() != Phase::Cut && !self.has_room() {
            self.drained.notified().await;
        }
    }

    /// Whether the last frame is out; then nothing more is written.
    fn has_said_all(&self) -> bool {
        matches!(self.phase.get(), Phase::Closing { .. }) && self.outbox.borrow().is_empty()
    }
}

/// What one connection has received of a message that is not whole yet.
struct Inbound {
    codec: Codec,
    partial: BytesMut,
    /// The parts of a text message that came in several frames.
    fragments: Option<Vec<u8>>,
}

/// Runs one connection until it is over.
pub(crate) async fn run(socket: Rc<Socket>, worker: Rc<Worker>, early: BytesMut) {
    let codec = Codec::new().max_size(LIVE_MESSAGE_BYTES_MAX);
    let mut inbound = Box::new(Inbound { codec, partial: early, fragments: None });
    inbound.handle(&socket, &worker);
    let mut is_write_closed = false;
    while socket.phase.get() != Phase::Cut {
        if socket.has_said_all() && !is_write_closed {
            is_write_closed = true;
            // Where the peer is gone already it needs no end of stream.
            let _gone = SockRef::from(&socket.stream).shutdown(std::net::Shutdown::Write);
        }
        let wants_write = !socket.outbox.borrow().is_empty();
        let interest =
            if wants_write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let ready = tokio::select! {
            ready = socket.stream.ready(interest) => ready,
            () = socket.changed.notified() => continue,
        };
        let Ok(ready) = ready else { break };
        if ready.is_writable() {
            socket.flush(worker.now_ms());
        }
        if ready.is_readable() && !inbound.read(&socket, &worker) {
            break;
        }
    }
    socket.end();
    worker.remove(&socket);
}

impl Inbound {
    /// Reads what is there once; `false` when the peer has no more to say.
    fn read(&mut self, socket: &Rc<Socket>, worker: &Rc<Worker>) -> bool {
        let is_open = socket.phase.get() == Phase::Open;
        let received = worker.with_scratch(|scratch| {
            let received = socket.stream.try_read(scratch);
            if let (Ok(count), true) = (&received, is_open) {
                self.partial.extend_from_slice(&scratch[..*count]);
            }
            received
        });
        match received {
            Ok(0) => false,
            Ok(_) => {
                self.handle(socket, worker);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// Takes every whole frame out of what was received.
    fn handle(&mut self, socket: &Rc<Socket>, worker: &Rc<Worker>) {
        while socket.phase.get() == Phase::Open && !self.partial.is_empty() {
            // The codec would wait for the whole of an oversized frame before refusing it.
            if announced_bytes(&self.partial) > Some(LIVE_MESSAGE_BYTES_MAX as u64) {
                return worker.refuse(socket, CloseReason::MessageTooBig);
            }
            match self.codec.decode(&mut self.partial) {
                Ok(Some(frame)) => self.frame(frame, socket, worker),
                Ok(None) => return,
                Err(error) => return self.protocol_error(&error, socket, worker),
            }
        }
        // An idle connection holds no buffer.
        self.partial = BytesMut::new();
    }

    fn frame(&mut self, frame: Frame, socket: &Rc<Socket>, worker: &Rc<Worker>) {
        match frame {
            Frame::Text(text) => message(&text, socket, worker),
            Frame::Binary(_) | Frame::Continuation(Item::FirstBinary(_)) => {
                worker.refuse(socket, CloseReason::InappropriateProtocol);
            }
            Frame::Continuation(item) => self.continuation(item, socket, worker),
            Frame::Ping(payload) => socket.send(&pong_frame(&payload), worker.now_ms()),
            Frame::Pong(_) => {}
            Frame::Close(reason) => {
                let code = closing_code(reason.map(|reason| reason.code.into()));
                worker.leave(socket);
                socket.close_with(&close_frame(code, ""), worker.now_ms());
            }
        }
    }

    fn continuation(&mut self, item: Item, socket: &Rc<Socket>, worker: &Rc<Worker>) {
        let (bytes, is_last) = match item {
            Item::FirstText(bytes) | Item::FirstBinary(bytes) => {
                self.fragments = Some(Vec::new());
                (bytes, false)
            }
            Item::Continue(bytes) => (bytes, false),
            Item::Last(bytes) => (bytes, true),
        };
        let fragments = self.fragments.get_or_insert_default();
        if fragments.len() + bytes.len() > LIVE_MESSAGE_BYTES_MAX {
            return worker.refuse(socket, CloseReason::MessageTooBig);
        }
        fragments.extend_from_slice(&bytes);
        if is_last {
            let text = self.fragments.take().unwrap_or_default();
            message(&text, socket, worker);
        }
    }

    fn protocol_error(&self, error: &ProtocolError, socket: &Rc<Socket>, worker: &Rc<Worker>) {
        worker.leave(socket);
        let (code, words) = match error {
            ProtocolError::Overflow => close_code(CloseReason::MessageTooBig),
            _ => (1002, "protocol error"),
        };
        metrics::counter!(measure::CLOSED, "reason" => words).increment(1);
        socket.close_with(&close_frame(code, words), worker.now_ms());
    }
}

/// One text message. What its commands are answered at once leaves as one frame.
fn message(text: &[u8], socket: &Rc<Socket>, worker: &Rc<Worker>) {
    if std::str::from_utf8(text).is_err() {
        return worker.refuse(socket, CloseReason::NotText);
    }
    let Ok(frames) = parse_frame(text) else {
        return worker.refuse(socket, CloseReason::BadRequest);
    };
    let mut outputs = Vec::new();
    for frame in frames {
        outputs.extend(socket.session.borrow_mut().receive(frame));
    }
    drive(worker, socket, outputs);
}

/// What a closing frame is answered with: its own code, unless no peer may send that.
pub(crate) fn closing_code(given: Option<u16>) -> u16 {
    match given {
        None => 1000,
        Some(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => code,
        Some(_) => 1002,
    }
}

/// How long a frame says it is, as soon as its head says so.
pub(crate) fn announced_bytes(head: &[u8]) -> Option<u64> {
    match (head.get(1)? & 0x7f, head) {
        (126, [_, _, a, b, ..]) => Some(u64::from(u16::from_be_bytes([*a, *b]))),
        (126, _) => None,
        (127, [_, _, a, b, c, d, e, f, g, h, ..]) => {
            Some(u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        }
        (127, _) => None,
        (length, _) => Some(u64::from(length)),
    }
}

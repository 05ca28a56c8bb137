//! How an ingest stream's socket is read: whole frames, one at a time, and only while little enough
//! is unanswered. What is not read stays with the sender: that is the back-pressure.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use actix_http::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::net::TcpStream;

use super::socket::announced_bytes;
use crate::domain::limits::{
    INGEST_BYTES_IN_FLIGHT_MAX, INGEST_FRAME_BYTES_MAX, INGEST_FRAMES_IN_FLIGHT_MAX,
};

const READ_BYTES: usize = 64 * 1_024;

/// Room for frames that are not answered; shared by the reader and the session.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    frames: Cell<usize>,
    bytes: Cell<usize>,
    /// Sizes of the frames that the session has not taken yet.
    passed: RefCell<VecDeque<usize>>,
    is_shut: Cell<bool>,
    saw_oversized: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl Gate {
    fn is_full(&self) -> bool {
        self.is_shut.get()
            || self.frames.get() >= INGEST_FRAMES_IN_FLIGHT_MAX
            || self.bytes.get() >= INGEST_BYTES_IN_FLIGHT_MAX
    }

    fn pass(&self, bytes: usize) {
        self.frames.set(self.frames.get() + 1);
        self.bytes.set(self.bytes.get() + bytes);
        self.passed.borrow_mut().push_back(bytes);
    }

    /// The session has the next frame in hand: its size, to be given back when it is answered.
    pub(crate) fn taken(&self) -> usize {
        self.passed.borrow_mut().pop_front().unwrap_or(0)
    }

    /// Gives back the room of frames that are answered.
    pub(crate) fn release(&self, frames: usize, bytes: usize) {
        self.frames.set(self.frames.get().saturating_sub(frames));
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
        if let Some(reader) = self.reader.borrow_mut().take() {
            reader.wake();
        }
    }

    /// Lets nothing more in.
    pub(crate) fn shut(&self) {
        self.is_shut.set(true);
    }

    /// Whether reading ended because a frame was larger than any may be.
    pub(crate) fn saw_oversized(&self) -> bool {
        self.saw_oversized.get()
    }
}

/// The socket's bytes as whole WebSocket frames.
pub(crate) struct Frames {
    pub(crate) stream: Rc<TcpStream>,
    pub(crate) gate: Rc<Gate>,
    /// What was read and is not passed on yet.
    pub(crate) unread: BytesMut,
}

impl Frames {
    /// Reads once; `false` at the end of the stream.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            self.unread.reserve(READ_BYTES);
            match self.stream.try_read_buf(&mut self.unread) {
                Ok(count) => return Poll::Ready(Ok(count > 0)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn take_frame(&mut self) -> Result<Option<Bytes>, PayloadError> {
        let Some(length) = frame_bytes(&self.unread) else { return Ok(None) };
        if length > INGEST_FRAME_BYTES_MAX as u64 {
            self.gate.saw_oversized.set(true);
            return Err(PayloadError::Overflow);
        }
        let length = length as usize;
        if self.unread.len() < length {
            return Ok(None);
        }
        self.gate.pass(length);
        Ok(Some(self.unread.split_to(length).freeze()))
    }
}

impl Stream for Frames {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.gate.is_full() {
                *self.gate.reader.borrow_mut() = Some(context.waker().clone());
                return Poll::Pending;
            }
            if let Some(frame) = self.take_frame().transpose() {
                return Poll::Ready(Some(frame));
            }
            match ready!(self.poll_read(context)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(PayloadError::Io(error)))),
            }
        }
    }
}

/// Size of a client's frame with its head, as soon as the head is there.
fn frame_bytes(head: &[u8]) -> Option<u64> {
    const MASK_BYTES: u64 = 4;
    let payload = announced_bytes(head)?;
    let length_bytes = match head.get(1)? & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask_bytes = if head.get(1)? & 0x80 == 0 { 0 } else { MASK_BYTES };
    Some(payload.saturating_add(2 + length_bytes + mask_bytes))
}

//! What a socket could not take at once. Bounded in bytes; frames are shared, never copied.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;

use crate::domain::limits::OUTBOX_BYTES_MAX;

/// Frames that wait for a socket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// The first frame has left in part: the socket cannot go on without the rest of it.
    is_cut_into: bool,
    /// Since when the socket has not taken everything.
    blocked_since_ms: Option<u64>,
}

/// More waits than may wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn blocked_since_ms(&self) -> Option<u64> {
        self.blocked_since_ms
    }

    /// Queues a frame of which `sent` bytes have left already.
    pub(crate) fn push(&mut self, frame: &Bytes, sent: usize, now_ms: u64) -> Result<(), Overflow> {
        let rest = frame.len() - sent;
        if self.bytes + rest > OUTBOX_BYTES_MAX {
            return Err(Overflow);
        }
        self.is_cut_into |= self.frames.is_empty() && sent > 0;
        self.blocked_since_ms.get_or_insert(now_ms);
        self.bytes += rest;
        self.frames.push_back(frame.slice(sent..));
        Ok(())
    }

    /// Forgets all frames but the one that has left in part.
    pub(crate) fn forget_whole_frames(&mut self) {
        self.frames.truncate(usize::from(self.is_cut_into));
        self.bytes = self.frames.iter().map(Bytes::len).sum();
    }

    /// Writes what the socket takes now. Afterwards it is empty, or the socket is full.
    pub(crate) fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        while let Some(frame) = self.frames.front_mut() {
            match stream.try_write(frame) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => {
                    self.bytes -= sent;
                    frame.advance(sent);
                    self.is_cut_into = !frame.is_empty();
                    if frame.is_empty() {
                        self.frames.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // An idle connection holds no buffer.
        *self = Outbox::default();
        Ok(())
    }
}

//! What a socket could not take at once. Bounded in bytes; frames are shared, never copied.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;

use super::measure;
use crate::domain::limits::{
    OUTBOX_BYTES_MAX, OUTBOX_FRAME_BYTES, WRITE_BLOCKED_BYTES_MIN, WRITE_BLOCKED_MS_MAX,
};

/// Frames that wait for a socket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<Bytes>,
    /// Of what waits, each frame with what it costs to be kept.
    held: Held,
    /// The first frame has left in part: the socket cannot go on without the rest of it.
    is_cut_into: bool,
    /// Since when the socket has not taken everything, and what it took since then.
    blocked: Option<Blocked>,
}

#[derive(Clone, Copy, Debug)]
struct Blocked {
    since_ms: u64,
    taken: usize,
}

/// A number of bytes that is part of the process's sum.
#[derive(Debug, Default)]
struct Held(usize);

impl Held {
    fn set(&mut self, bytes: usize) {
        metrics::gauge!(measure::OUTBOX).increment(bytes as f64 - self.0 as f64);
        self.0 = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.0 > 0 {
            self.set(0);
        }
    }
}

/// More waits than may wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held.0
    }

    /// Whether the reader has stopped. One that goes on reading slowly is given more time.
    pub(crate) fn is_stuck(&mut self, now_ms: u64) -> bool {
        let Some(blocked) = &mut self.blocked else { return false };
        if now_ms < blocked.since_ms + WRITE_BLOCKED_MS_MAX {
            return false;
        }
        let has_stopped = blocked.taken < WRITE_BLOCKED_BYTES_MIN;
        *blocked = Blocked { since_ms: now_ms, taken: 0 };
        has_stopped
    }

    /// Queues a frame of which `sent` bytes have left already.
    pub(crate) fn push(&mut self, frame: &Bytes, sent: usize, now_ms: u64) -> Result<(), Overflow> {
        let held = self.held.0 + cost(frame) - sent;
        if held > OUTBOX_BYTES_MAX {
            return Err(Overflow);
        }
        self.is_cut_into |= self.frames.is_empty() && sent > 0;
        self.blocked.get_or_insert(Blocked { since_ms: now_ms, taken: 0 });
        self.held.set(held);
        self.frames.push_back(frame.slice(sent..));
        Ok(())
    }

    /// Forgets all frames but the one that has left in part.
    pub(crate) fn forget_whole_frames(&mut self) {
        self.frames.truncate(usize::from(self.is_cut_into));
        self.held.set(self.frames.iter().map(cost).sum());
    }

    /// Writes what the socket takes now. Afterwards it is empty, or the socket is full.
    pub(crate) fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        while let Some(frame) = self.frames.front() {
            match stream.try_write(frame) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.took(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // An idle connection holds no buffer.
        *self = Outbox::default();
        Ok(())
    }

    fn took(&mut self, sent: usize) {
        let Some(frame) = self.frames.front_mut() else { return };
        frame.advance(sent);
        let is_done = frame.is_empty();
        self.is_cut_into = !is_done;
        self.held.set(self.held.0 - sent - if is_done { OUTBOX_FRAME_BYTES } else { 0 });
        if is_done {
            self.frames.pop_front();
        }
        if let Some(blocked) = &mut self.blocked {
            blocked.taken += sent;
        }
    }
}

fn cost(frame: &Bytes) -> usize {
    frame.len() + OUTBOX_FRAME_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(frame: &'static [u8]) -> usize {
        let mut outbox = Outbox::default();
        let frame = Bytes::from_static(frame);
        (0..).take_while(|_| outbox.push(&frame, 0, 0).is_ok()).count()
    }

    #[test]
    fn small_frames_fill_it_by_what_they_cost() {
        assert_eq!(filled(&[0; 64 * 1_024]), 15);
        assert_eq!(filled(&[0; 2]), OUTBOX_BYTES_MAX / (2 + OUTBOX_FRAME_BYTES));
    }

    #[test]
    fn what_is_forgotten_and_what_left_makes_room() {
        let mut outbox = Outbox::default();
        let frame = Bytes::from_static(&[0; 1_000]);
        outbox.push(&frame, 400, 0).unwrap();
        outbox.push(&frame, 0, 0).unwrap();
        assert_eq!(outbox.held_bytes(), 1_600 + 2 * OUTBOX_FRAME_BYTES);
        outbox.took(100);
        assert_eq!(outbox.held_bytes(), 1_500 + 2 * OUTBOX_FRAME_BYTES);
        outbox.forget_whole_frames();
        assert_eq!(outbox.held_bytes(), 500 + OUTBOX_FRAME_BYTES);
        outbox.took(500);
        assert_eq!((outbox.held_bytes(), outbox.is_empty()), (0, true));
    }

    #[test]
    fn a_reader_that_stopped_is_stuck_and_one_that_goes_on_is_not() {
        let mut outbox = Outbox::default();
        let frame = Bytes::from_static(&[0; 100_000]);
        outbox.push(&frame, 0, 1_000).unwrap();
        outbox.push(&frame, 0, 4_900).unwrap();
        assert!(!outbox.is_stuck(1_000 + WRITE_BLOCKED_MS_MAX - 1));
        outbox.took(WRITE_BLOCKED_BYTES_MIN);
        assert!(!outbox.is_stuck(1_000 + WRITE_BLOCKED_MS_MAX));
        outbox.took(WRITE_BLOCKED_BYTES_MIN - 1);
        assert!(!outbox.is_stuck(1_000 + 2 * WRITE_BLOCKED_MS_MAX - 1));
        assert!(outbox.is_stuck(1_000 + 2 * WRITE_BLOCKED_MS_MAX));
    }
}

//! What a socket could not take at once. Bounded in bytes; frames are shared, never copied.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::measure;
use crate::domain::limits::{
    OUTBOX_BYTES_MAX, OUTBOX_FRAME_BYTES, WRITE_BLOCKED_BYTES_MIN, WRITE_BLOCKED_MS_MAX,
};

/// Frames that wait for a socket, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    frames: VecDeque<Bytes>,
    /// Of the first frame, what has left: the socket cannot go on without the rest of it.
    sent: usize,
    /// Of what waits, each frame with what it costs to be kept: until its end, all of it.
    held: Held,
    /// Since when the socket takes next to nothing.
    blocked: Option<Blocked>,
}

#[derive(Clone, Copy, Debug)]
struct Blocked {
    /// The first write that did not leave, or the last time that enough had left since.
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

    /// Whether the reader has stopped. One that goes on reading slowly has left enough behind it.
    pub(crate) fn is_stuck(&self, now_ms: u64) -> bool {
        self.blocked.is_some_and(|blocked| now_ms >= blocked.since_ms + WRITE_BLOCKED_MS_MAX)
    }

    /// Queues a frame of which `sent` bytes have left already; only the first one can have any.
    pub(crate) fn push(&mut self, frame: &Bytes, sent: usize, now_ms: u64) -> Result<(), Overflow> {
        let held = self.held.0 + cost(frame);
        if held > OUTBOX_BYTES_MAX {
            return Err(Overflow);
        }
        self.sent += sent;
        self.blocked.get_or_insert(Blocked { since_ms: now_ms, taken: 0 });
        self.held.set(held);
        self.frames.push_back(frame.clone());
        Ok(())
    }

    /// Forgets all frames but the one that has left in part.
    pub(crate) fn forget_whole_frames(&mut self) {
        self.frames.truncate(usize::from(self.sent > 0));
        self.held.set(self.frames.iter().map(cost).sum());
    }

    /// Writes what the socket takes now. Afterwards it is empty, or the socket is full.
    pub(crate) fn flush(&mut self, stream: &TcpStream, now_ms: u64) -> io::Result<()> {
        while let Some(frame) = self.frames.front() {
            match stream.try_write(&frame[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.took(count, now_ms),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // An idle socket holds no buffer.
        *self = Outbox::default();
        Ok(())
    }

    fn took(&mut self, count: usize, now_ms: u64) {
        self.sent += count;
        if let Some(done) = self.frames.pop_front_if(|frame| frame.len() == self.sent) {
            self.held.set(self.held.0 - cost(&done));
            self.sent = 0;
        }
        let Some(blocked) = &mut self.blocked else { return };
        blocked.taken += count;
        if blocked.taken >= WRITE_BLOCKED_BYTES_MIN {
            *blocked = Blocked { since_ms: now_ms, taken: 0 };
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
        outbox.took(100, 0);
        assert_eq!(outbox.held_bytes(), 2 * (1_000 + OUTBOX_FRAME_BYTES));
        outbox.forget_whole_frames();
        assert_eq!(outbox.held_bytes(), 1_000 + OUTBOX_FRAME_BYTES);
        outbox.took(500, 0);
        assert_eq!((outbox.held_bytes(), outbox.is_empty()), (0, true));
    }

    #[test]
    fn a_frame_that_left_in_part_is_held_whole() {
        let mut outbox = Outbox::default();
        let frame = Bytes::from(vec![0; 600 * 1_024]);
        outbox.push(&frame, frame.len() - 1, 0).unwrap();
        assert_eq!(outbox.push(&frame, 0, 0), Err(Overflow));
        outbox.took(1, 0);
        assert_eq!(outbox.push(&frame, 0, 0), Ok(()));
    }

    #[test]
    fn nothing_is_forgotten_of_a_frame_that_left_in_part() {
        let mut outbox = Outbox::default();
        outbox.push(&Bytes::from_static(b"first"), 2, 0).unwrap();
        outbox.push(&Bytes::from_static(b"second"), 0, 0).unwrap();
        outbox.took(3, 0);
        outbox.forget_whole_frames();
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_reader_that_stopped_is_stuck_and_one_that_goes_on_is_not() {
        let mut outbox = Outbox::default();
        let frame = Bytes::from_static(&[0; 100_000]);
        outbox.push(&frame, 0, 1_000).unwrap();
        outbox.push(&frame, 0, 4_900).unwrap();
        assert!(!outbox.is_stuck(1_000 + WRITE_BLOCKED_MS_MAX - 1));
        outbox.took(WRITE_BLOCKED_BYTES_MIN - 1, 3_000);
        assert!(outbox.is_stuck(1_000 + WRITE_BLOCKED_MS_MAX));
        outbox.took(1, 4_000);
        assert!(!outbox.is_stuck(4_000 + WRITE_BLOCKED_MS_MAX - 1));
        assert!(outbox.is_stuck(4_000 + WRITE_BLOCKED_MS_MAX));
    }
}

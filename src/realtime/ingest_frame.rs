//! Frames of an ingest stream, as text and as bytes, and its answers. No socket and no actor here.
//!
//! The binary form of a batch, every number little endian or LEB128 (`varint`):
//!
//! ```text
//! n            u64 LE
//! key count    varint
//! keys         each: length varint, then that many bytes of UTF-8
//! lines        to the end of the frame, each:
//!                member id   16 bytes, as in the UUID's text
//!                key         varint, an index into the keys
//!                delta       varint, zigzag (0, -1, 1, -2, ... as 0, 1, 2, 3, ...)
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::actors::handle::CallError;
use crate::core::query::Ingested;
use crate::domain::command::{IncrementBatch, IncrementLine, ProducerPosition};
use crate::domain::limits::{BATCH_LINES_MAX, COUNTER_KEY_BYTES_MAX, PRODUCER_NAME_BYTES_MAX};
use crate::domain::{MemberId, Refusal};
use crate::wire::ingest::{IngestParseError, parse_increments, parse_stream_frame};

/// The first frame: who sends, and under which producer's numbers.
#[derive(Debug, Deserialize)]
pub struct Hello {
    pub token: String,
    #[serde(default)]
    pub producer: Option<String>,
}

impl Hello {
    pub fn parse(text: &[u8]) -> Option<Hello> {
        let hello: Hello = serde_json::from_slice(text).ok()?;
        let is_name = |name: &String| {
            let fits = (1..=PRODUCER_NAME_BYTES_MAX).contains(&name.len());
            fits && !name.chars().any(char::is_control)
        };
        hello.producer.as_ref().is_none_or(is_name).then_some(hello)
    }
}

/// Why a frame was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameFault {
    pub code: &'static str,
    pub detail: String,
    /// The producer's last n, where its numbers do not connect.
    pub last: Option<u64>,
}

impl FrameFault {
    fn new(code: &'static str, detail: impl Into<String>) -> FrameFault {
        FrameFault { code, detail: detail.into(), last: None }
    }
}

impl From<IngestParseError> for FrameFault {
    fn from(error: IngestParseError) -> Self {
        FrameFault::new(error.code(), error.to_string())
    }
}

impl From<CallError> for FrameFault {
    fn from(error: CallError) -> Self {
        let detail = error.to_string();
        match error {
            CallError::Refused(refusal) => {
                let last = match &refusal {
                    Refusal::ProducerGap { last, .. } => Some(*last),
                    Refusal::Invalid(_)
                    | Refusal::NotFound { .. }
                    | Refusal::Conflict { .. }
                    | Refusal::Forbidden { .. }
                    | Refusal::LimitReached { .. } => None,
                };
                FrameFault { code: refusal.code(), detail: refusal.detail(), last }
            }
            CallError::Busy => FrameFault::new("BUSY", detail),
            CallError::Undone => FrameFault::new("UNDONE", detail),
            CallError::DiskFull => FrameFault::new("DISK_FULL", detail),
            CallError::Stopped => FrameFault::new("UNAVAILABLE", detail),
            CallError::Internal => FrameFault::new("INTERNAL", detail),
        }
    }
}

/// The numbers of one stream's frames. With a producer they are its own and judged by the site;
/// without one they count this connection's frames from 1.
#[derive(Debug)]
pub struct Numbering {
    producer: Option<String>,
    last: u64,
}

impl Numbering {
    pub fn new(producer: Option<String>) -> Numbering {
        Numbering { producer, last: 0 }
    }

    /// Reads a text frame: lines, or `{n, increments}` where a producer was named.
    pub fn text(&mut self, text: &[u8]) -> Result<(u64, IncrementBatch), FrameFault> {
        let batch = match &self.producer {
            Some(producer) => parse_stream_frame(text, producer)?,
            None => parse_increments(text)?,
        };
        match &batch.producer {
            Some(position) => Ok((position.n, batch)),
            None => {
                self.last += 1;
                Ok((self.last, batch))
            }
        }
    }

    /// Reads a binary frame.
    pub fn binary(&mut self, bytes: &[u8]) -> Result<(u64, IncrementBatch), FrameFault> {
        let malformed = || FrameFault::new("FRAME_NOT_READABLE", "the frame ends within a value");
        let mut reader = Reader { bytes };
        let n = reader.number().ok_or_else(malformed)?;
        let keys = reader.keys().ok_or_else(malformed)??;
        let lines = reader.lines(keys.len())?;
        let mut batch = IncrementBatch { keys, lines, ..IncrementBatch::default() };
        match &self.producer {
            Some(producer) => {
                batch.producer = Some(ProducerPosition { producer: producer.clone(), n });
            }
            None if n == self.last + 1 => self.last = n,
            None => {
                let next = self.last + 1;
                let detail = format!("frame {n} came where frame {next} was due");
                return Err(FrameFault {
                    last: Some(self.last),
                    ..FrameFault::new("FRAME_GAP", detail)
                });
            }
        }
        Ok((n, batch))
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let bytes = self.take(8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn keys(&mut self) -> Option<Result<Vec<String>, FrameFault>> {
        let count = self.varint()?;
        if count > BATCH_LINES_MAX as u64 {
            return Some(Err(FrameFault::new(
                "TOO_MANY_LINES",
                "more keys than a frame has lines",
            )));
        }
        let mut keys = Vec::new();
        for _ in 0..count {
            let length = usize::try_from(self.varint()?).ok()?;
            match key(self.take(length)?) {
                Some(key) => keys.push(key),
                None => {
                    let detail = format!("key {} is no counter key", keys.len());
                    return Some(Err(FrameFault::new("FRAME_NOT_READABLE", detail)));
                }
            }
        }
        Some(Ok(keys))
    }

    fn lines(&mut self, keys: usize) -> Result<Vec<IncrementLine>, FrameFault> {
        let mut lines = Vec::with_capacity((self.bytes.len() / 18).min(BATCH_LINES_MAX));
        while !self.bytes.is_empty() {
            if lines.len() == BATCH_LINES_MAX {
                let detail = format!("the frame holds more than {BATCH_LINES_MAX} lines");
                return Err(FrameFault::new("TOO_MANY_LINES", detail));
            }
            let index = lines.len() as u32;
            let line = self.line(index, keys).ok_or_else(|| {
                FrameFault::new("FRAME_NOT_READABLE", format!("line {index} is not readable"))
            })?;
            lines.push(line);
        }
        Ok(lines)
    }

    fn line(&mut self, index: u32, keys: usize) -> Option<IncrementLine> {
        let member = MemberId::from_bytes(self.take(16)?.try_into().ok()?);
        let key = u16::try_from(self.varint()?).ok()?;
        let zigzag = self.varint()?;
        let delta = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        (usize::from(key) < keys).then_some(IncrementLine { member, delta, index, key })
    }
}

fn key(bytes: &[u8]) -> Option<String> {
    let fits = (1..=COUNTER_KEY_BYTES_MAX).contains(&bytes.len());
    let text = std::str::from_utf8(bytes).ok()?;
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// Frames that were read and are not answered, in their order.
#[derive(Debug, Default)]
pub struct Answers {
    /// Ticket of the oldest one.
    first: u64,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    n: Option<u64>,
    bytes: usize,
    outcome: Option<Result<Ingested, FrameFault>>,
}

/// What can be said now, and how much room it gives back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub texts: Vec<String>,
    pub frames: usize,
    pub bytes: usize,
}

#[derive(Debug, Serialize)]
struct Ack {
    ack: u64,
    accepted: usize,
    duplicates: usize,
    errors: Vec<LineError>,
}

#[derive(Debug, Serialize)]
struct LineError {
    n: u64,
    index: u32,
    code: &'static str,
    detail: String,
}

impl Answers {
    /// Notes a frame of `bytes` bytes; `n` is missing where it could not be read.
    pub fn expect(&mut self, n: Option<u64>, bytes: usize) -> u64 {
        self.waiting.push_back(Waiting { n, bytes, outcome: None });
        self.first + self.waiting.len() as u64 - 1
    }

    pub fn settle(&mut self, ticket: u64, outcome: Result<Ingested, FrameFault>) {
        let place = ticket.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(waiting) = place.and_then(|place| self.waiting.get_mut(place)) {
            waiting.outcome = Some(outcome);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes all that is answered up to the first that is not; neighbours share one ack.
    pub fn say(&mut self) -> Said {
        let mut said = Said::default();
        let mut ack: Option<Ack> = None;
        while let Some((n, bytes, outcome)) = self.pop() {
            said.frames += 1;
            said.bytes += bytes;
            match (outcome, n) {
                (Ok(ingested), Some(n)) => extend(&mut ack, n, ingested),
                (Ok(_), None) => {}
                (Err(fault), n) => {
                    said.texts.extend(ack.take().map(|ack| ack_text(&ack)));
                    said.texts.push(fault_text(n, &fault));
                }
            }
        }
        said.texts.extend(ack.map(|ack| ack_text(&ack)));
        said
    }

    fn pop(&mut self) -> Option<(Option<u64>, usize, Result<Ingested, FrameFault>)> {
        let waiting = self.waiting.front_mut()?;
        let outcome = waiting.outcome.take()?;
        let (n, bytes) = (waiting.n, waiting.bytes);
        self.waiting.pop_front();
        self.first += 1;
        Some((n, bytes, outcome))
    }
}

fn extend(ack: &mut Option<Ack>, n: u64, ingested: Ingested) {
    let empty = Ack { ack: n, accepted: 0, duplicates: 0, errors: Vec::new() };
    let ack = ack.get_or_insert(empty);
    ack.ack = n;
    ack.accepted += ingested.accepted;
    ack.duplicates += ingested.duplicates;
    let errors = ingested.errors.into_iter();
    ack.errors.extend(errors.map(|fault| LineError {
        n,
        index: fault.index,
        code: fault.code,
        detail: fault.detail,
    }));
}

fn ack_text(ack: &Ack) -> String {
    // Numbers and texts always have a JSON form.
    serde_json::to_string(ack).unwrap_or_default()
}

fn fault_text(n: Option<u64>, fault: &FrameFault) -> String {
    let mut error = serde_json::Map::new();
    error.insert("code".to_owned(), fault.code.into());
    error.insert("detail".to_owned(), fault.detail.as_str().into());
    error.extend(n.map(|n| ("n".to_owned(), n.into())));
    error.extend(fault.last.map(|last| ("last".to_owned(), last.into())));
    serde_json::json!({ "error": error }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(n: u64, keys: &[&str], lines: &[(u128, u8, u8)]) -> Vec<u8> {
        let mut bytes = n.to_le_bytes().to_vec();
        bytes.push(keys.len() as u8);
        for key in keys {
            bytes.push(key.len() as u8);
            bytes.extend_from_slice(key.as_bytes());
        }
        for (member, key, delta) in lines {
            bytes.extend_from_slice(&member.to_be_bytes());
            bytes.extend_from_slice(&[*key, *delta]);
        }
        bytes
    }

    #[test]
    fn a_binary_frame_reads_as_it_was_written() {
        let bytes = frame(1, &["views", "posts"], &[(7, 1, 2), (9, 0, 1)]);
        let (n, batch) = Numbering::new(None).binary(&bytes).unwrap();
        let line = |member, key, delta, index| IncrementLine {
            member: MemberId::from_u128(member),
            delta,
            index,
            key,
        };
        assert_eq!(n, 1);
        assert_eq!(batch.keys, ["views", "posts"]);
        assert_eq!(batch.lines, [line(7, 1, 1, 0), line(9, 0, -1, 1)]);
        assert_eq!(batch.producer, None);
    }

    #[test]
    fn every_cut_of_a_binary_frame_is_a_fault_or_fewer_lines() {
        let bytes = frame(1, &["views"], &[(7, 0, 2), (9, 0, 4)]);
        let whole = [bytes.len() - 36, bytes.len() - 18];
        for end in 0..bytes.len() {
            let read = Numbering::new(None).binary(&bytes[..end]);
            assert_eq!(read.is_ok(), whole.contains(&end), "cut at {end}");
        }
    }

    #[test]
    fn a_key_index_or_number_out_of_range_is_a_fault() {
        let outside = frame(1, &["views"], &[(7, 1, 2)]);
        assert_eq!(Numbering::new(None).binary(&outside).unwrap_err().code, "FRAME_NOT_READABLE");
        let mut endless = frame(1, &["views"], &[]);
        endless.extend_from_slice(&7_u128.to_be_bytes());
        endless.extend_from_slice(&[0; 1]);
        endless.extend_from_slice(&[0xff; 10]);
        assert_eq!(Numbering::new(None).binary(&endless).unwrap_err().code, "FRAME_NOT_READABLE");
        let gap = frame(2, &[], &[]);
        assert_eq!(Numbering::new(None).binary(&gap).unwrap_err().code, "FRAME_GAP");
    }

    #[test]
    fn neighbours_share_an_ack_and_faults_keep_their_place() {
        let counted = |accepted| Ok(Ingested { accepted, ..Ingested::default() });
        let mut answers = Answers::default();
        let tickets: Vec<u64> = (1..=4).map(|n| answers.expect(Some(n), 10)).collect();
        answers.settle(tickets[1], counted(2));
        assert_eq!(answers.say(), Said::default());
        answers.settle(tickets[0], counted(1));
        let ack = r#"{"ack":2,"accepted":3,"duplicates":0,"errors":[]}"#.to_owned();
        assert_eq!(answers.say(), Said { texts: vec![ack], frames: 2, bytes: 20 });
        answers.settle(tickets[3], counted(4));
        let refusal = Refusal::ProducerGap { producer: "p".into(), last: 2, given: 9 };
        answers.settle(tickets[2], Err(CallError::Refused(refusal).into()));
        let said = answers.say();
        assert!(said.texts[0].contains(r#""code":"PRODUCER_GAP""#), "{}", said.texts[0]);
        assert!(said.texts[0].contains(r#""last":2"#), "{}", said.texts[0]);
        assert_eq!(said.texts[1], r#"{"ack":4,"accepted":4,"duplicates":0,"errors":[]}"#);
        assert!(answers.is_empty());
    }
}

//! Increment batches as JSON: the body of the ingest route and a frame of the counter stream.
//! Shapes and faults of single lines live here; what an increment does is decided in `core`.
//!
//! Three forms are read: NDJSON, a JSON array of lines, and an object
//! `{producer, n, increments: [line, ...]}`. A line is `{memberId, key, delta, opId?, at?}`:
//!
//! - `memberId`: a UUID.
//! - `key`: 1 to `COUNTER_KEY_BYTES_MAX` bytes without control characters.
//! - `delta`: a whole number of 64 bits, 1 where it is left out; `null` is a fault, because that is
//!   what JavaScript makes of a number that went wrong.
//! - `opId`: a UUID, or any other text of up to `OP_ID_BYTES_MAX` bytes; `null` is "left out".
//! - `at`: accepted and ignored, whatever it is; an increment counts when it is committed.
//!
//! Fields with other names are ignored. A line that cannot be taken becomes a `LineFault` and the
//! others go on; its index is its position among the lines (blank NDJSON lines are none).
//!
//! Bodies in the usual shape are read by hand (`ingest_canonical`), everything else by the JSON
//! library. [`parse_increments_by_library`] defines what is right; the other must equal it.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use super::ingest_canonical;
pub use super::ingest_lines::op_id_of;
use super::ingest_lines::{Lines, is_name, present, text_of};
use crate::domain::command::{IncrementBatch, ProducerPosition};
use crate::domain::limits::{BATCH_LINES_MAX, PRODUCER_NAME_BYTES_MAX};

/// A body of which nothing was taken. Offsets count bytes from the start of the body.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IngestParseError {
    #[error("the body holds no increments")]
    Empty,
    #[error("the body is not readable at byte {offset}: {detail}")]
    NotReadable { offset: usize, detail: String },
    #[error("the body holds more than {limit} lines")]
    TooManyLines { limit: usize },
    #[error("{field} {detail}")]
    InvalidField { field: &'static str, detail: String },
}

impl IngestParseError {
    pub fn code(&self) -> &'static str {
        match self {
            IngestParseError::Empty => "BODY_EMPTY",
            IngestParseError::NotReadable { .. } => "BODY_NOT_READABLE",
            IngestParseError::TooManyLines { .. } => "TOO_MANY_LINES",
            IngestParseError::InvalidField { .. } => "INVALID_FIELD",
        }
    }

    /// Where reading stopped, in bytes; `None` where the whole body is meant.
    pub fn offset(&self) -> Option<usize> {
        match self {
            IngestParseError::NotReadable { offset, .. } => Some(*offset),
            IngestParseError::Empty
            | IngestParseError::TooManyLines { .. }
            | IngestParseError::InvalidField { .. } => None,
        }
    }
}

/// Reads the body of the ingest route. The app is the caller's to set, from the credential.
pub fn parse_increments(body: &[u8]) -> Result<IncrementBatch, IngestParseError> {
    finish(read(body)?, None)
}

/// Reads a frame of the counter stream, whose producer was named when the stream was opened:
/// `{n, increments: [...]}`.
pub fn parse_stream_frame(body: &[u8], producer: &str) -> Result<IncrementBatch, IngestParseError> {
    finish(read(body)?, Some(producer))
}

/// As [`parse_increments`], without the hand parser: what it is tested and measured against.
pub fn parse_increments_by_library(body: &[u8]) -> Result<IncrementBatch, IngestParseError> {
    finish(read_by_library(body)?, None)
}

fn read(body: &[u8]) -> Result<ReadBody, IngestParseError> {
    match ingest_canonical::read(body) {
        Some(read) => Ok(read),
        None => read_by_library(body),
    }
}

fn finish(read: ReadBody, stream: Option<&str>) -> Result<IncrementBatch, IngestParseError> {
    let mut batch = read.lines.batch;
    batch.producer = producer_position(read.producer, read.n, stream)?;
    Ok(batch)
}

fn producer_position(
    named: Option<String>,
    n: Option<u64>,
    stream: Option<&str>,
) -> Result<Option<ProducerPosition>, IngestParseError> {
    let invalid = |field, detail: &str| {
        Err(IngestParseError::InvalidField { field, detail: detail.to_owned() })
    };
    let producer = match (named, stream) {
        (Some(named), Some(stream)) if named != stream => {
            return invalid("producer", "differs from the one that opened the stream");
        }
        (Some(named), _) => Some(named),
        (None, stream) => stream.map(str::to_owned),
    };
    match (producer, n) {
        (Some(producer), Some(n)) => Ok(Some(ProducerPosition { producer, n })),
        (None, None) => Ok(None),
        (Some(_), None) => invalid("n", "is missing: a producer numbers its batches"),
        (None, Some(_)) => invalid("producer", "is missing: n means nothing without it"),
    }
}

/// What a body held, before it is known who is the producer.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    pub producer: Option<String>,
    pub n: Option<u64>,
    pub lines: Lines,
}

pub(super) fn is_producer(name: &str) -> bool {
    is_name(name, PRODUCER_NAME_BYTES_MAX)
}

/// What the outermost shape of a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    NdJson,
    Array,
    Envelope,
}

/// Tells the three forms apart. An object is the envelope if it has `increments` or `producer`;
/// if it cannot be read to its end, then if it begins with one of the envelope's fields.
pub(super) fn form_of(body: &[u8]) -> Result<Form, IngestParseError> {
    #[derive(Deserialize)]
    struct Probe {
        increments: Option<IgnoredAny>,
        producer: Option<IgnoredAny>,
    }
    let text = body.trim_ascii_start();
    match text.first() {
        None => return Err(IngestParseError::Empty),
        Some(b'[') => return Ok(Form::Array),
        Some(b'{') => {}
        Some(_) => return Ok(Form::NdJson),
    }
    let probe = serde_json::Deserializer::from_slice(text).into_iter::<Probe>().next();
    let is_envelope = match probe {
        Some(Ok(probe)) => probe.increments.is_some() || probe.producer.is_some(),
        Some(Err(_)) | None => begins_with_envelope_field(text),
    };
    Ok(if is_envelope { Form::Envelope } else { Form::NdJson })
}

fn begins_with_envelope_field(text: &[u8]) -> bool {
    let after_brace = text.get(1..).unwrap_or_default().trim_ascii_start();
    let fields: [&[u8]; 3] = [b"\"producer\"", b"\"n\"", b"\"increments\""];
    fields.iter().any(|field| after_brace.starts_with(field))
}

fn read_by_library(body: &[u8]) -> Result<ReadBody, IngestParseError> {
    match form_of(body)? {
        Form::Array => array_by_library(body),
        Form::Envelope => envelope_by_library(body),
        Form::NdJson => ndjson_by_library(body),
    }
}

fn ndjson_by_library(body: &[u8]) -> Result<ReadBody, IngestParseError> {
    let mut lines = Lines::default();
    for line in body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        if lines.is_full() {
            return Err(IngestParseError::TooManyLines { limit: BATCH_LINES_MAX });
        }
        lines.take_json(line);
    }
    Ok(ReadBody { lines, ..ReadBody::default() })
}

fn array_by_library(body: &[u8]) -> Result<ReadBody, IngestParseError> {
    let mut lines = Lines::default();
    read_array(body, &mut lines)?;
    Ok(ReadBody { lines, ..ReadBody::default() })
}

fn envelope_by_library(body: &[u8]) -> Result<ReadBody, IngestParseError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        producer: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        n: Option<&'a RawValue>,
        #[serde(borrow, default, deserialize_with = "present")]
        increments: Option<&'a RawValue>,
    }
    let envelope: Envelope<'_> =
        serde_json::from_slice(body).map_err(|error| not_readable(body, &error))?;
    let invalid = |field, detail: String| IngestParseError::InvalidField { field, detail };
    let producer = match envelope.producer {
        None => None,
        Some(raw) => Some(text_of(raw).filter(|name| is_producer(name)).ok_or_else(|| {
            let detail = format!("must be text of 1 to {PRODUCER_NAME_BYTES_MAX} bytes");
            invalid("producer", detail)
        })?),
    };
    let n = match envelope.n.map(|raw| raw.get().parse()) {
        None => None,
        Some(Ok(n)) => Some(n),
        Some(Err(_)) => return Err(invalid("n", "must be a whole number from 0".to_owned())),
    };
    let mut lines = Lines::default();
    match envelope.increments.map(|raw| raw.get().as_bytes()) {
        Some(array) if array.first() == Some(&b'[') => read_array(array, &mut lines)?,
        _ => return Err(invalid("increments", "must be an array of lines".to_owned())),
    }
    Ok(ReadBody { producer, n, lines })
}

fn read_array(array: &[u8], lines: &mut Lines) -> Result<(), IngestParseError> {
    let mut deserializer = serde_json::Deserializer::from_slice(array);
    let read = LinesOfArray { lines: &mut *lines }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(()),
        Err(_) if lines.count as usize > BATCH_LINES_MAX => {
            Err(IngestParseError::TooManyLines { limit: BATCH_LINES_MAX })
        }
        Err(error) => Err(not_readable(array, &error)),
    }
}

/// Takes the elements one by one, so that a body of millions of tiny ones is never held apart.
struct LinesOfArray<'a> {
    lines: &'a mut Lines,
}

impl<'de> DeserializeSeed<'de> for LinesOfArray<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for LinesOfArray<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of lines")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if self.lines.is_full() {
                self.lines.count += 1;
                return Err(A::Error::custom("too many lines"));
            }
            self.lines.take_json(element.get().as_bytes());
        }
        Ok(())
    }
}

fn not_readable(body: &[u8], error: &serde_json::Error) -> IngestParseError {
    let offset = if error.is_eof() {
        body.len()
    } else {
        let before = error.line().saturating_sub(1);
        let line_start = match before.checked_sub(1) {
            None => 0,
            Some(nth) => memchr::memchr_iter(b'\n', body).nth(nth).map_or(0, |at| at + 1),
        };
        (line_start + error.column().saturating_sub(1)).min(body.len())
    };
    IngestParseError::NotReadable { offset, detail: error.to_string() }
}

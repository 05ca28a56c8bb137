//! Stored bytes: the only file that knows their library. Every stored value begins with a version
//! byte; variants and fields are only ever appended, because the format carries no names.

use bincode::Options;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Batch;
use crate::domain::limits::STORED_VALUE_BYTES_MAX;
use crate::domain::{Change, Commit, SiteId, Timestamp, WrittenRecord};

/// Version of plain values.
const VALUE_VERSION: u8 = 1;
/// Version of the checked envelope.
const SEAL_VERSION: u8 = 1;
/// Version byte and checksum.
const SEAL_BYTES: usize = 5;

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    #[error("stored value is empty or cut short")]
    Short,
    #[error("stored value has version {found}, this program reads up to {known}")]
    Version { found: u8, known: u8 },
    #[error("checksum is {found:08x}, expected {expected:08x}")]
    Checksum { expected: u32, found: u32 },
    #[error("stored value does not decode: {0}")]
    Malformed(String),
}

fn options() -> impl Options {
    // Without a limit on this side: a limit would walk every value twice, once to measure it.
    bincode::DefaultOptions::new()
}

/// The bytes of a value, behind a version byte.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VALUE_VERSION];
    write(&mut bytes, value);
    bytes
}

/// Reads what [`encode`] wrote; bytes left over are an error.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    malformed(limited().deserialize(body(bytes)?))
}

/// How many bytes a value takes, without its version byte.
pub fn encoded_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    let bytes = options().serialized_size(value);
    bytes.expect("plain values of known length always encode") as usize
}

/// Wraps bytes that rest in a store which does not check them itself.
pub fn seal(bytes: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL_BYTES + bytes.len());
    sealed.push(SEAL_VERSION);
    sealed.extend_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    sealed.extend_from_slice(bytes);
    sealed
}

/// The bytes inside a sealed value, if they are what was sealed.
pub fn open(sealed: &[u8]) -> Result<&[u8], CodecError> {
    let (head, bytes) = sealed.split_at_checked(SEAL_BYTES).ok_or(CodecError::Short)?;
    if head[0] != SEAL_VERSION {
        return Err(CodecError::Version { found: head[0], known: SEAL_VERSION });
    }
    let expected = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let found = crc32fast::hash(bytes);
    if expected == found { Ok(bytes) } else { Err(CodecError::Checksum { expected, found }) }
}

/// What stands before every stored batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHeader {
    pub site: SiteId,
    pub generation: u64,
    pub epoch: u64,
    pub batch_id: u128,
    /// `last_commit + 1` where the batch holds no commit.
    pub first_commit: u64,
    pub last_commit: u64,
    /// `last_seq + 1` where the batch holds no record.
    pub first_seq: u64,
    pub last_seq: u64,
    /// Commits of this batch that have changes; with none there is no value of changes.
    pub changed_commits: u32,
    /// Number of the newest value of changes, of this batch or an earlier one; 0 for none.
    pub changes_number: u64,
}

/// One commit as readers of events see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvents {
    pub number: u64,
    pub time: Timestamp,
    pub records: Vec<WrittenRecord>,
}

/// The increments of one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredChanges {
    pub number: u64,
    pub time: Timestamp,
    pub changes: Vec<Change>,
}

#[derive(Serialize)]
struct EventsOf<'a> {
    number: u64,
    time: Timestamp,
    records: &'a [WrittenRecord],
}

#[derive(Serialize)]
struct ChangesOf<'a> {
    number: u64,
    time: Timestamp,
    changes: &'a [Change],
}

/// A batch as it rests in a log: every commit with its records, and, apart, what else changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    pub header: BatchHeader,
    pub events: Vec<u8>,
    pub changes: Option<Vec<u8>>,
}

/// Where a batch goes on from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    pub seq: u64,
    pub changes_number: u64,
}

/// The two values of one batch.
pub fn encode_batch(batch: &Batch, before: Before) -> StoredBatch {
    let header = header_of(batch, before);
    let events = batch.commits.iter().map(|commit| EventsOf {
        number: commit.number,
        time: commit.time,
        records: &commit.records,
    });
    let events = encode_checked(&header, batch.commits.len(), events);
    let changed = batch.commits.iter().filter(|commit| !commit.changes.is_empty());
    let changed = changed.map(|commit| ChangesOf {
        number: commit.number,
        time: commit.time,
        changes: &commit.changes,
    });
    let count = header.changed_commits as usize;
    let changes = (count > 0).then(|| encode_checked(&header, count, changed));
    StoredBatch { header, events, changes }
}

fn header_of(batch: &Batch, before: Before) -> BatchHeader {
    let last_seq = batch.commits.iter().rev().find_map(|commit| commit.last_seq());
    let changed = batch.commits.iter().filter(|commit| !commit.changes.is_empty()).count();
    BatchHeader {
        site: batch.site,
        generation: batch.generation,
        epoch: batch.epoch,
        batch_id: batch.batch_id,
        first_commit: batch.expected + 1,
        last_commit: batch.expected + batch.commits.len() as u64,
        first_seq: before.seq + 1,
        last_seq: last_seq.unwrap_or(before.seq),
        changed_commits: changed as u32,
        changes_number: before.changes_number + u64::from(changed > 0),
    }
}

/// Header, count and items, behind version and checksum, written in one pass.
fn encode_checked<T: Serialize>(
    header: &BatchHeader,
    count: usize,
    items: impl Iterator<Item = T>,
) -> Vec<u8> {
    let mut bytes = vec![0; SEAL_BYTES];
    bytes.push(VALUE_VERSION);
    write(&mut bytes, header);
    write(&mut bytes, &(count as u64));
    for item in items {
        write(&mut bytes, &item);
    }
    let checksum = crc32fast::hash(&bytes[SEAL_BYTES..]);
    bytes[0] = SEAL_VERSION;
    bytes[1..SEAL_BYTES].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The header alone, of a value of events or of changes.
pub fn decode_header(bytes: &[u8]) -> Result<BatchHeader, CodecError> {
    malformed(limited().allow_trailing_bytes().deserialize(body(open(bytes)?)?))
}

pub fn decode_events(bytes: &[u8]) -> Result<(BatchHeader, Vec<StoredEvents>), CodecError> {
    decode_checked(bytes)
}

pub fn decode_changes(bytes: &[u8]) -> Result<(BatchHeader, Vec<StoredChanges>), CodecError> {
    decode_checked(bytes)
}

fn decode_checked<T: DeserializeOwned>(bytes: &[u8]) -> Result<(BatchHeader, T), CodecError> {
    // A pair stands as its halves do, one behind the other.
    malformed(limited().deserialize(body(open(bytes)?)?))
}

/// Joins the two values of a batch to its commits again.
pub fn join(
    events: Vec<StoredEvents>,
    changes: Vec<StoredChanges>,
) -> Result<Vec<Commit>, CodecError> {
    let mut changes = changes.into_iter().peekable();
    let mut commits = Vec::with_capacity(events.len());
    for StoredEvents { number, time, records } in events {
        let own = changes.next_if(|changed| changed.number == number);
        let changes = own.map(|changed| changed.changes).unwrap_or_default();
        commits.push(Commit { number, time, records, changes });
    }
    match changes.next() {
        None => Ok(commits),
        Some(stray) => {
            Err(CodecError::Malformed(format!("changes of commit {} have no commit", stray.number)))
        }
    }
}

fn body(bytes: &[u8]) -> Result<&[u8], CodecError> {
    let (version, rest) = bytes.split_first().ok_or(CodecError::Short)?;
    if *version != VALUE_VERSION {
        return Err(CodecError::Version { found: *version, known: VALUE_VERSION });
    }
    Ok(rest)
}

fn write<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) {
    let written = options().serialize_into(bytes, value);
    written.expect("plain values of known length always encode");
}

/// Reads from a slice, which costs a fraction of reading from a stream.
fn limited() -> impl Options {
    options().with_limit(STORED_VALUE_BYTES_MAX as u64)
}

fn malformed<T>(read: bincode::Result<T>) -> Result<T, CodecError> {
    read.map_err(|error| CodecError::Malformed(error.to_string()))
}

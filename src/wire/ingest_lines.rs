//! The lines of an increment batch: what was taken, what was refused and why, and one line read by
//! the JSON library. What stands around the lines is not known here.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::command::{IncrementBatch, IncrementLine, LineFault};
use crate::domain::limits::{
    BATCH_LINES_MAX, COUNTER_KEY_BYTES_MAX, INTERN_SCAN_KEYS_MAX, OP_ID_BYTES_MAX,
};
use crate::domain::{MemberId, OpId};

/// The lines read so far, the taken and the faulty.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) batch: IncrementBatch,
    /// Where each key stands; filled only when there are too many to look through.
    key_index: HashMap<String, u16, foldhash::fast::RandomState>,
    pub(super) count: u32,
}

/// One good line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub member: MemberId,
    pub key: &'a str,
    pub delta: i64,
    pub op_id: Option<OpId>,
}

impl Lines {
    pub(super) fn is_full(&self) -> bool {
        self.count as usize >= BATCH_LINES_MAX
    }

    pub(super) fn reserve(&mut self, lines: usize) {
        self.batch.lines.reserve(lines.min(BATCH_LINES_MAX));
    }

    #[inline]
    pub(super) fn take(&mut self, line: Line<'_>) {
        let key = self.key_number(line.key);
        let index = self.next_index();
        let Line { member, delta, op_id, .. } = line;
        self.push(IncrementLine { member, delta, index, key }, op_id);
    }

    /// Takes a line that differs from the last one that was taken in nothing but these.
    #[inline]
    pub(super) fn take_like_last(&mut self, member: MemberId, op_id: Option<OpId>) {
        let Some(IncrementLine { key, delta, .. }) = self.batch.lines.last().copied() else {
            unreachable!("a line was taken before one like it");
        };
        let index = self.next_index();
        self.push(IncrementLine { member, delta, index, key }, op_id);
    }

    #[inline]
    fn push(&mut self, line: IncrementLine, op_id: Option<OpId>) {
        if op_id.is_some() || !self.batch.op_ids.is_empty() {
            // Lines before the first opId have none; a batch without any keeps the list empty.
            self.batch.op_ids.resize(self.batch.lines.len(), None);
            self.batch.op_ids.push(op_id);
        }
        self.batch.lines.push(line);
    }

    /// Reads one line by the library and takes it, or notes why not.
    pub(super) fn take_json(&mut self, text: &[u8]) {
        match Shape::read(text) {
            Ok(shape) => self.take_shape(&shape),
            Err(detail) => self.refuse(Fault { code: "MALFORMED_LINE", detail }),
        }
    }

    fn take_shape(&mut self, shape: &Shape<'_>) {
        let key = match shape.key() {
            Ok(key) => key,
            // The member is looked at first, so that a line with two faults tells the first.
            Err(fault) => return self.refuse(shape.member().err().unwrap_or(fault)),
        };
        match shape.line(&key) {
            Ok(line) => self.take(line),
            Err(fault) => self.refuse(fault),
        }
    }

    fn refuse(&mut self, fault: Fault) {
        let index = self.next_index();
        self.batch.faults.push(LineFault { index, code: fault.code, detail: fault.detail });
    }

    fn next_index(&mut self) -> u32 {
        let index = self.count;
        self.count += 1;
        index
    }

    #[inline]
    fn key_number(&mut self, key: &str) -> u16 {
        // Nearly always it is the key of the line before.
        if let Some(last) = self.batch.lines.last()
            && self.batch.keys[last.key as usize] == key
        {
            return last.key;
        }
        self.key_number_by_search(key)
    }

    fn key_number_by_search(&mut self, key: &str) -> u16 {
        let keys = &mut self.batch.keys;
        let known = if keys.len() <= INTERN_SCAN_KEYS_MAX {
            keys.iter().position(|known| known == key).map(|number| number as u16)
        } else {
            self.key_index.get(key).copied()
        };
        known.unwrap_or_else(|| {
            let number = keys.len() as u16;
            keys.push(key.to_owned());
            if keys.len() > INTERN_SCAN_KEYS_MAX {
                let indexed = self.key_index.len();
                let new = keys.iter().enumerate().skip(indexed);
                self.key_index.extend(new.map(|(number, key)| (key.clone(), number as u16)));
            }
            number
        })
    }
}

struct Fault {
    code: &'static str,
    detail: String,
}

fn fault<T>(code: &'static str, detail: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { code, detail: detail.into() })
}

/// A line whose fields are still JSON text, so that each can be refused under its own code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    member_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    key: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    op_id: Option<&'a RawValue>,
    #[serde(default, rename = "at")]
    _at: IgnoredAny,
}

/// Keeps `null` apart from a field that is not there.
pub(super) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Shape<'a> {
    fn read(text: &'a [u8]) -> Result<Shape<'a>, String> {
        // The library would also take an array of the fields' values.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err("a line must be a JSON object".to_owned());
        }
        serde_json::from_slice(text).map_err(|error| error.to_string())
    }

    fn line<'k>(&self, key: &'k str) -> Result<Line<'k>, Fault> {
        Ok(Line { member: self.member()?, key, delta: self.delta()?, op_id: self.op_id()? })
    }

    fn member(&self) -> Result<MemberId, Fault> {
        let text: Option<String> = self.member_id.and_then(text_of);
        match text.and_then(|text| text.parse().ok()) {
            Some(member) => Ok(member),
            None => fault("INVALID_MEMBER_ID", "memberId must be a UUID"),
        }
    }

    fn key(&self) -> Result<String, Fault> {
        match self.key.and_then(text_of) {
            Some(key) if is_key(&key) => Ok(key),
            _ => fault(
                "INVALID_KEY",
                format!(
                    "key must be text of 1 to {COUNTER_KEY_BYTES_MAX} bytes without control \
                     characters"
                ),
            ),
        }
    }

    fn delta(&self) -> Result<i64, Fault> {
        match self.delta.map(|raw| raw.get().parse()) {
            None => Ok(1),
            Some(Ok(delta)) => Ok(delta),
            Some(Err(_)) => fault("INVALID_DELTA", "delta must be a whole number of 64 bits"),
        }
    }

    fn op_id(&self) -> Result<Option<OpId>, Fault> {
        let Some(raw) = self.op_id.filter(|raw| raw.get() != "null") else {
            return Ok(None);
        };
        match text_of(raw).and_then(|text| op_id_of(&text)) {
            Some(op_id) => Ok(Some(op_id)),
            None => {
                fault("INVALID_OP_ID", format!("opId must be text of 1 to {OP_ID_BYTES_MAX} bytes"))
            }
        }
    }
}

pub(super) fn text_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

pub(super) fn is_key(key: &str) -> bool {
    is_name(key, COUNTER_KEY_BYTES_MAX)
}

pub(super) fn is_name(name: &str, bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// The 16 bytes that an `opId` is remembered by. Text that is no UUID becomes a UUID of version 8
/// made of its hash, so that it is never taken for one with a time inside.
pub fn op_id_of(text: &str) -> Option<OpId> {
    if !(1..=OP_ID_BYTES_MAX).contains(&text.len()) {
        return None;
    }
    if let Ok(uuid) = Uuid::try_parse(text) {
        return Some(OpId(uuid.into_bytes()));
    }
    let hash = Sha256::digest(text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Some(OpId(uuid::Builder::from_custom_bytes(bytes).into_uuid().into_bytes()))
}

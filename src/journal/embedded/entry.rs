//! One entry of the engine's log: a number and bytes. The engine wants it as a protobuf message;
//! it only ever parses what this program wrote.

use std::any::Any;

use protobuf::reflect::MessageDescriptor;
use protobuf::{Clear, CodedInputStream, CodedOutputStream, Message, ProtobufResult};
use protobuf::{UnknownFields, rt};
use raft_engine::MessageExt;

const NUMBER_FIELD: u32 = 1;
const BYTES_FIELD: u32 = 2;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    pub number: u64,
    pub bytes: Vec<u8>,
    /// Kept empty; the message trait asks for the place.
    unknown: UnknownFields,
}

impl Entry {
    pub fn new(number: u64, bytes: Vec<u8>) -> Entry {
        Entry { number, bytes, unknown: UnknownFields::new() }
    }
}

/// Tells the engine where an entry's number is.
pub struct Entries;

impl MessageExt for Entries {
    type Entry = Entry;

    fn index(entry: &Entry) -> u64 {
        entry.number
    }
}

impl Clear for Entry {
    fn clear(&mut self) {
        *self = Entry::default();
    }
}

impl Message for Entry {
    fn descriptor(&self) -> &'static MessageDescriptor {
        unreachable!("nothing reflects on a log entry")
    }

    fn is_initialized(&self) -> bool {
        true
    }

    fn merge_from(&mut self, input: &mut CodedInputStream<'_>) -> ProtobufResult<()> {
        while !input.eof()? {
            let (field, wire_type) = input.read_tag_unpack()?;
            match field {
                NUMBER_FIELD => self.number = input.read_uint64()?,
                BYTES_FIELD => self.bytes = input.read_bytes()?,
                _ => input.skip_field(wire_type)?,
            }
        }
        Ok(())
    }

    fn write_to_with_cached_sizes(&self, output: &mut CodedOutputStream<'_>) -> ProtobufResult<()> {
        output.write_uint64(NUMBER_FIELD, self.number)?;
        output.write_bytes(BYTES_FIELD, &self.bytes)
    }

    fn compute_size(&self) -> u32 {
        let number = 1 + rt::compute_raw_varint64_size(self.number);
        number + rt::bytes_size(BYTES_FIELD, &self.bytes)
    }

    fn get_cached_size(&self) -> u32 {
        self.compute_size()
    }

    fn get_unknown_fields(&self) -> &UnknownFields {
        &self.unknown
    }

    fn mut_unknown_fields(&mut self) -> &mut UnknownFields {
        &mut self.unknown
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn new() -> Entry {
        Entry::default()
    }

    fn default_instance() -> &'static Entry {
        static EMPTY: std::sync::OnceLock<Entry> = std::sync::OnceLock::new();
        EMPTY.get_or_init(Entry::default)
    }
}

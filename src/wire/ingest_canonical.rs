//! Increment batches in the shape that machines write them, read by hand: the five known fields in
//! any order, plain ASCII text without escapes, whole numbers. What is not so goes to the library,
//! line by line where the shape around it allows, else the whole body. Never judges: it returns
//! nothing rather than an error, and must then leave the decision to `ingest`.

use serde_json::value::RawValue;
use uuid::Uuid;
use uuid_simd::UuidExt;

use super::ingest::{Form, ReadBody, form_of, is_producer};
use super::ingest_lines::{Line, Lines, is_key, op_id_of};
use crate::domain::{MemberId, OpId};

/// A line as short as it can be; a body is never expected to hold more lines than fit.
const LINE_BYTES_TYPICAL: usize = 64;
/// Every number of so many digits fits 64 bits; longer ones are the library's.
const DIGITS_MAX: usize = 18;
const UUID_TEXT_BYTES: usize = 36;

/// `None` where the library must look at the whole body.
pub(super) fn read(body: &[u8]) -> Option<ReadBody> {
    let mut cursor = Cursor::new(body);
    cursor.skip_space();
    let mut read = ReadBody::default();
    read.lines.reserve(body.len() / LINE_BYTES_TYPICAL);
    match cursor.peek()? {
        b'[' => {
            cursor.array(&mut read.lines)?;
            cursor.end()?;
        }
        b'{' if cursor.begins_envelope() => {
            cursor.envelope(&mut read)?;
            cursor.end()?;
        }
        _ => ndjson(body, &mut read.lines)?,
    }
    Some(read)
}

fn ndjson(body: &[u8], lines: &mut Lines) -> Option<()> {
    let mut rest = body;
    let mut is_first = true;
    let mut model: Option<Model<'_>> = None;
    while !rest.is_empty() {
        if let Some((model, ids)) = model.as_ref().and_then(|m| Some((m, m.read(rest)?)))
            && matches!(rest.get(model.text.len()), None | Some(b'\n'))
            && !lines.is_full()
        {
            lines.take_like_last(ids.member, ids.op_id);
            rest = rest.get(model.text.len() + 1..).unwrap_or_default();
            continue;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let text = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let (line, seen) = whole_line(text).unzip();
        model = seen.flatten();
        if line.is_none() && text.trim_ascii().is_empty() {
            continue;
        }
        if lines.is_full() {
            return None;
        }
        match line {
            Some(line) => lines.take(line),
            // An object that is no line in the usual shape may still begin an envelope.
            None if is_first && form_of(body) != Ok(Form::NdJson) => return None,
            None => lines.take_json(text),
        }
        is_first = false;
    }
    // A body without a line is an error, and errors are the library's.
    (!is_first).then_some(())
}

/// A line that stands alone in its text, and the model that it makes for the next one.
fn whole_line(text: &[u8]) -> Option<(Line<'_>, Option<Model<'_>>)> {
    let mut cursor = Cursor::new(text);
    cursor.skip_space();
    let start = cursor.at;
    let line = cursor.line()?;
    let model = cursor.model(start);
    cursor.end()?;
    // With space around it, the next line would have to be found first.
    Some((line, model.filter(|model| model.text.len() == text.len())))
}

/// A good line that the next one may be a copy of but for its ids: machines write them so. What is
/// equal byte by byte means the same, so that only the ids need to be read.
struct Model<'a> {
    text: &'a [u8],
    member_at: usize,
    /// Behind the member, where the line has an operation id that is a UUID.
    op_id_at: Option<usize>,
}

/// What differs between a line and its model.
struct Ids {
    member: MemberId,
    op_id: Option<OpId>,
}

impl Model<'_> {
    #[inline]
    fn read(&self, rest: &[u8]) -> Option<Ids> {
        let line = rest.get(..self.text.len())?;
        let mut same_from = self.member_at + UUID_TEXT_BYTES;
        let is_same = |from: usize, to: usize| line[from..to] == self.text[from..to];
        if !is_same(0, self.member_at) {
            return None;
        }
        let member = MemberId::from_bytes(uuid_at(line, self.member_at)?);
        let mut op_id = None;
        if let Some(at) = self.op_id_at {
            if !is_same(same_from, at) {
                return None;
            }
            op_id = Some(OpId(uuid_at(line, at)?));
            same_from = at + UUID_TEXT_BYTES;
        }
        is_same(same_from, line.len()).then_some(Ids { member, op_id })
    }
}

/// A place in the body. Methods that find something else than they look for return `None`; where
/// they stopped is then of no meaning.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the ids of the last line stand that was read.
    member_at: usize,
    op_id: OpIdPlace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OpIdPlace {
    /// The line has none.
    Nowhere,
    /// A UUID's.
    At(usize),
    /// Text of any length, which another line may have longer.
    Text,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0, member_at: 0, op_id: OpIdPlace::Nowhere }
    }

    /// The model that the line makes which was just read from `start` on.
    fn model(&self, start: usize) -> Option<Model<'a>> {
        let text = self.bytes.get(start..self.at)?;
        let member_at = self.member_at.checked_sub(start)?;
        let op_id_at = match self.op_id {
            OpIdPlace::Nowhere => None,
            OpIdPlace::At(at) if at > self.member_at => Some(at - start),
            OpIdPlace::At(_) | OpIdPlace::Text => return None,
        };
        Some(Model { text, member_at, op_id_at })
    }

    fn array(&mut self, lines: &mut Lines) -> Option<()> {
        self.eat(b'[')?;
        self.skip_space();
        if self.peek()? == b']' {
            return self.eat(b']');
        }
        let mut model = None;
        loop {
            self.skip_space();
            self.element(lines, &mut model)?;
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    #[inline]
    fn element(&mut self, lines: &mut Lines, model: &mut Option<Model<'a>>) -> Option<()> {
        if lines.is_full() {
            return None;
        }
        let start = self.at;
        if let Some(model) = model
            && let Some(ids) = model.read(self.bytes.get(start..)?)
        {
            lines.take_like_last(ids.member, ids.op_id);
            self.at += model.text.len();
            return Some(());
        }
        if let Some(line) = self.line() {
            lines.take(line);
            *model = self.model(start);
            return Some(());
        }
        *model = None;
        let rest = self.bytes.get(start..)?;
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
        lines.take_json(values.next()?.ok()?.get().as_bytes());
        self.at = start + values.byte_offset();
        Some(())
    }

    fn begins_envelope(&self) -> bool {
        let mut cursor = Cursor { at: self.at + 1, ..Cursor::new(self.bytes) };
        cursor.skip_space();
        let rest = cursor.bytes.get(cursor.at..).unwrap_or_default();
        let fields: [&[u8]; 3] = [b"\"producer\"", b"\"n\"", b"\"increments\""];
        fields.iter().any(|field| rest.starts_with(field))
    }

    fn envelope(&mut self, read: &mut ReadBody) -> Option<()> {
        self.eat(b'{')?;
        let mut has_increments = false;
        loop {
            self.skip_space();
            let field = self.text()?;
            self.colon()?;
            match field {
                "producer" if read.producer.is_none() => {
                    let name = self.text().filter(|name| is_producer(name))?;
                    read.producer = Some(name.to_owned());
                }
                "n" if read.n.is_none() => read.n = Some(self.number()?.try_into().ok()?),
                "increments" if !has_increments => {
                    self.array(&mut read.lines)?;
                    has_increments = true;
                }
                _ => return None,
            }
            match self.next_after_value()? {
                b',' => {}
                b'}' => return has_increments.then_some(()),
                _ => return None,
            }
        }
    }

    #[inline]
    fn line(&mut self) -> Option<Line<'a>> {
        self.eat(b'{')?;
        let (mut member, mut key, mut delta, mut op_id) = (None, None, None, None);
        let mut has_at = false;
        self.op_id = OpIdPlace::Nowhere;
        loop {
            self.skip_space();
            let field = self.field()?;
            self.colon()?;
            match field {
                Field::MemberId if member.is_none() => {
                    self.member_at = self.at + 1;
                    member = Some(self.uuid()?);
                }
                Field::Key if key.is_none() => key = Some(self.text().filter(|key| is_key(key))?),
                Field::Delta if delta.is_none() => delta = Some(self.number()?),
                Field::OpId if op_id.is_none() => op_id = Some(self.op_id()?),
                Field::At if !has_at => {
                    self.plain_value()?;
                    has_at = true;
                }
                // A field that comes twice.
                Field::MemberId | Field::Key | Field::Delta | Field::OpId | Field::At => {
                    return None;
                }
            }
            match self.next_after_value()? {
                b',' => {}
                b'}' => break,
                _ => return None,
            }
        }
        let member = MemberId::from_bytes(member?);
        Some(Line { member, key: key?, delta: delta.unwrap_or(1), op_id })
    }

    #[inline]
    fn field(&mut self) -> Option<Field> {
        const NAMES: [(&[u8], Field); 5] = [
            (b"\"memberId\"", Field::MemberId),
            (b"\"key\"", Field::Key),
            (b"\"delta\"", Field::Delta),
            (b"\"opId\"", Field::OpId),
            (b"\"at\"", Field::At),
        ];
        let rest = self.bytes.get(self.at..)?;
        let (name, field) = NAMES.into_iter().find(|(name, _)| rest.starts_with(name))?;
        self.at += name.len();
        Some(field)
    }

    #[inline]
    fn colon(&mut self) -> Option<()> {
        self.skip_space();
        self.eat(b':')?;
        self.skip_space();
        Some(())
    }

    #[inline]
    fn next_after_value(&mut self) -> Option<u8> {
        self.skip_space();
        self.next()
    }

    /// Text of printable ASCII without a backslash, so that what it means is what stands there.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let rest = self.bytes.get(self.at..)?;
        let length = rest.iter().position(|&byte| !PLAIN[byte as usize])?;
        self.at += length;
        self.eat(b'"')?;
        std::str::from_utf8(&rest[..length]).ok()
    }

    #[inline]
    fn uuid(&mut self) -> Option<[u8; 16]> {
        self.eat(b'"')?;
        let bytes = uuid_at(self.bytes, self.at)?;
        self.at += UUID_TEXT_BYTES;
        self.eat(b'"')?;
        Some(bytes)
    }

    fn op_id(&mut self) -> Option<OpId> {
        let start = self.at;
        if let Some(bytes) = self.uuid() {
            self.op_id = OpIdPlace::At(start + 1);
            return Some(OpId(bytes));
        }
        self.at = start;
        self.op_id = OpIdPlace::Text;
        self.text().and_then(op_id_of)
    }

    #[inline]
    fn number(&mut self) -> Option<i64> {
        let is_negative = self.peek()? == b'-';
        self.at += usize::from(is_negative);
        let first = self.at;
        let mut value = 0_i64;
        while let Some(digit) = self.bytes.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            if self.at - first == DIGITS_MAX {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        let digits = self.at - first;
        // JSON knows no leading zeros, and what "-0" is, the library says.
        let has_leading_zero = digits > 0 && self.bytes[first] == b'0';
        if digits == 0 || has_leading_zero && (digits > 1 || is_negative) {
            return None;
        }
        Some(if is_negative { -value } else { value })
    }

    fn plain_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.text().map(|_| ()),
            _ => self.number().map(|_| ()),
        }
    }

    #[inline]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Option<()> {
        self.skip_space();
        (self.at == self.bytes.len()).then_some(())
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }
}

#[derive(Clone, Copy)]
enum Field {
    MemberId,
    Key,
    Delta,
    OpId,
    At,
}

/// Bytes that stand for themselves inside JSON text.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// The bytes of the hyphenated UUID that begins at `at`.
#[inline]
fn uuid_at(bytes: &[u8], at: usize) -> Option<[u8; 16]> {
    let text = bytes.get(at..)?.first_chunk::<UUID_TEXT_BYTES>()?;
    Uuid::parse_hyphenated(text).ok().map(Uuid::into_bytes)
}

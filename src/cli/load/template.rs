//! Batches of increments as whole messages, made once and patched in place: the generator must not
//! be what limits a run. A message is sent again with another batch number, or other opIds.

use rand::Rng;
use rand::rngs::StdRng;

use super::http_client::{Content, Target};
use super::members::{ID_TEXT_BYTES, Members, Spread};

/// What makes increments exactly-once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExactlyOnce {
    /// Nothing: a lost answer may be a lost or a doubled batch.
    None,
    /// Batches are numbered by their producer.
    Producer,
    /// Every increment carries a UUIDv7.
    OpIds,
}

/// What all messages of one connection have in common.
#[derive(Clone, Debug)]
pub struct Shape<'a> {
    pub key: &'a str,
    /// Names the producer inside each batch; on a stream it is named once, in the first frame.
    pub producer: Option<&'a str>,
    pub is_numbered: bool,
    pub has_op_ids: bool,
    pub lines: usize,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    pub bytes: Vec<u8>,
    pub increments: u64,
    number_at: Option<usize>,
    op_ids_at: Option<OpIdPlaces>,
    last_op_id_ms: u64,
}

/// Lines are equally long, so the places of their opIds are too.
#[derive(Clone, Copy, Debug)]
struct OpIdPlaces {
    first: usize,
    stride: usize,
}

/// The longest 64-bit number. Numbers are padded in front with spaces, which JSON allows there.
const NUMBER_BYTES: usize = 20;
/// The time of a UUIDv7 in its text: 8 digits, a hyphen, 4 digits.
const TIME_BYTES: usize = 13;

impl Message {
    /// The body of a request or frame: lines of members drawn at random.
    fn body(shape: &Shape<'_>, members: &Members, spread: &Spread, dice: &mut StdRng) -> Message {
        let mut text = String::with_capacity(shape.lines * 136 + 128);
        let mut number_at = None;
        if shape.is_numbered {
            text.push('{');
            if let Some(producer) = shape.producer {
                text.push_str(&format!("\"producer\":\"{producer}\","));
            }
            text.push_str("\"n\":");
            number_at = Some(text.len());
            text.push_str(&" ".repeat(NUMBER_BYTES));
            text.push_str(",\"increments\":");
        }
        text.push('[');
        let mut first_op_id = None;
        let first_line = text.len();
        for line in 0..shape.lines {
            let comma = if line == 0 { "" } else { "," };
            let (member, key) = (members.text(spread.draw(dice)), shape.key);
            text.push_str(comma);
            text.push_str(&format!(r#"{{"memberId":"{member}","key":"{key}","delta":1"#));
            if shape.has_op_ids {
                text.push_str(",\"opId\":\"");
                first_op_id.get_or_insert(text.len());
                text.push_str(&op_id_text(dice));
                text.push('"');
            }
            text.push('}');
        }
        let stride = (text.len() - first_line + 1) / shape.lines.max(1);
        text.push_str(if shape.is_numbered { "]}" } else { "]" });
        Message {
            bytes: text.into_bytes(),
            increments: shape.lines as u64,
            number_at,
            op_ids_at: first_op_id.map(|first| OpIdPlaces { first, stride }),
            last_op_id_ms: 0,
        }
    }

    /// A whole request to the ingest route.
    pub fn request(
        target: &Target,
        shape: &Shape<'_>,
        members: &Members,
        spread: &Spread,
        dice: &mut StdRng,
    ) -> Message {
        let body = Message::body(shape, members, spread, dice);
        let path = "/v1/activity-counters/ingest";
        let request = target.request("POST", path, Content::Json, &body.bytes);
        let before = request.len() - body.bytes.len();
        body.moved_into(request, before)
    }

    /// A whole frame of the counter stream.
    pub fn frame(
        shape: &Shape<'_>,
        members: &Members,
        spread: &Spread,
        dice: &mut StdRng,
    ) -> Message {
        let body = Message::body(shape, members, spread, dice);
        let frame = super::websocket::text_frame(&body.bytes);
        let before = frame.len() - body.bytes.len();
        body.moved_into(frame, before)
    }

    fn moved_into(mut self, bytes: Vec<u8>, before: usize) -> Message {
        self.bytes = bytes;
        self.number_at = self.number_at.map(|at| at + before);
        let moved = |places: OpIdPlaces| OpIdPlaces { first: places.first + before, ..places };
        self.op_ids_at = self.op_ids_at.map(moved);
        self
    }

    /// Makes the message the one with batch number `n`.
    pub fn set_number(&mut self, n: u64) {
        let Some(at) = self.number_at else { return };
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(n).as_bytes();
        let field = &mut self.bytes[at..at + NUMBER_BYTES];
        field.fill(b' ');
        field[NUMBER_BYTES - digits.len()..].copy_from_slice(digits);
    }

    /// Gives every increment a new opId of the time `unix_ms`, or of a later one if the message was
    /// already sent with that: the rest of an id is its place's for ever.
    pub fn renew_op_ids(&mut self, unix_ms: u64) {
        let Some(places) = self.op_ids_at else { return };
        self.last_op_id_ms = unix_ms.max(self.last_op_id_ms + 1);
        let time = time_text(self.last_op_id_ms);
        let mut at = places.first;
        for _ in 0..self.increments {
            self.bytes[at..at + TIME_BYTES].copy_from_slice(&time);
            at += places.stride;
        }
    }
}

/// A UUIDv7 whose time is still to be set.
fn op_id_text(dice: &mut StdRng) -> String {
    let random = uuid::Builder::from_unix_timestamp_millis(0, &dice.random::<[u8; 10]>());
    random.into_uuid().to_string()
}

fn time_text(unix_ms: u64) -> [u8; TIME_BYTES] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; TIME_BYTES];
    for (nibble, at) in (0..8).chain(9..13).enumerate() {
        text[at] = DIGITS[(unix_ms >> (44 - 4 * nibble)) as usize & 0xf];
    }
    text
}

/// Requests of one increment: the member's id is patched into one message.
#[derive(Clone, Debug)]
pub struct SingleRequest {
    pub bytes: Vec<u8>,
    member_at: usize,
}

impl SingleRequest {
    pub fn new(target: &Target, key: &str) -> SingleRequest {
        let blank = "0".repeat(ID_TEXT_BYTES);
        let path = format!("/members/v1/activity-counters/{blank}/increment");
        let body = format!(r#"{{"counter":{{"key":"{key}","delta":1}}}}"#);
        let bytes = target.request("POST", &path, Content::Json, body.as_bytes());
        let member_at = "POST /members/v1/activity-counters/".len();
        SingleRequest { bytes, member_at }
    }

    pub fn set_member(&mut self, id: &[u8; ID_TEXT_BYTES]) {
        self.bytes[self.member_at..self.member_at + ID_TEXT_BYTES].copy_from_slice(id);
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::domain::OpId;
    use crate::wire::ingest::{parse_increments, parse_stream_frame};

    fn members() -> Members {
        let ids = (1..=50_u128).map(|id| uuid::Uuid::from_u128(id << 64 | id).to_string());
        Members::parse(&ids.collect::<Vec<_>>().join("\n")).unwrap()
    }

    fn shape(exactly_once: ExactlyOnce) -> Shape<'static> {
        Shape {
            key: "load-7",
            producer: (exactly_once == ExactlyOnce::Producer).then_some("p1"),
            is_numbered: exactly_once == ExactlyOnce::Producer,
            has_op_ids: exactly_once == ExactlyOnce::OpIds,
            lines: 100,
        }
    }

    fn request(exactly_once: ExactlyOnce) -> Message {
        let target = Target::parse("http://127.0.0.1:1", "key").unwrap();
        let spread = Spread::new(50, None);
        let mut dice = StdRng::seed_from_u64(1);
        Message::request(&target, &shape(exactly_once), &members(), &spread, &mut dice)
    }

    fn body_of(message: &Message) -> &[u8] {
        let head = memchr::memmem::find(&message.bytes, b"\r\n\r\n").unwrap() + 4;
        &message.bytes[head..]
    }

    fn op_ids(message: &Message) -> Vec<OpId> {
        parse_increments(body_of(message)).unwrap().op_ids.into_iter().flatten().collect()
    }

    #[test]
    fn a_numbered_request_says_its_number() {
        let mut message = request(ExactlyOnce::Producer);
        for n in [1, 999, u64::MAX] {
            message.set_number(n);
            let batch = parse_increments(body_of(&message)).unwrap();
            let position = batch.producer.unwrap();
            assert_eq!((position.producer.as_str(), position.n), ("p1", n));
            assert_eq!((batch.lines.len(), batch.faults.len()), (100, 0));
            assert_eq!(batch.keys, ["load-7"]);
        }
        let head = String::from_utf8_lossy(&message.bytes[..300]).into_owned();
        assert!(head.contains(&format!("content-length: {}\r\n", body_of(&message).len())));
    }

    #[test]
    fn op_ids_are_of_the_time_and_never_come_twice() {
        let mut message = request(ExactlyOnce::OpIds);
        let mut seen = std::collections::HashSet::new();
        for now in [1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_001] {
            message.renew_op_ids(now);
            let ids = op_ids(&message);
            assert_eq!(ids.len(), 100);
            assert!(ids.iter().all(|id| seen.insert(*id)));
            let time = ids[0].time_ms().unwrap();
            assert!(time >= now as i64 && time < now as i64 + 3, "{time}");
        }
    }

    #[test]
    fn a_frame_is_read_by_the_stream() {
        let shape = Shape { is_numbered: true, ..shape(ExactlyOnce::None) };
        let spread = Spread::new(50, Some(1.0));
        let mut frame = Message::frame(&shape, &members(), &spread, &mut StdRng::seed_from_u64(1));
        frame.set_number(42);
        let (header, text) = frame.bytes.split_at(14);
        assert_eq!(header[..2], [0x81, 0xff]);
        let batch = parse_stream_frame(text, "p9").unwrap();
        assert_eq!(batch.producer.unwrap().n, 42);
        assert_eq!(batch.lines.len(), 100);
    }

    #[test]
    fn a_single_request_names_its_member() {
        let target = Target::parse("http://127.0.0.1:1", "key").unwrap();
        let mut request = SingleRequest::new(&target, "likes");
        request.set_member(&members().ids[0]);
        let text = String::from_utf8(request.bytes).unwrap();
        let path = "/members/v1/activity-counters/00000000-0000-0001-0000-000000000001/increment ";
        assert!(text.starts_with(&format!("POST {path}")), "{text}");
        assert!(text.ends_with(r#"{"counter":{"key":"likes","delta":1}}"#), "{text}");
    }
}

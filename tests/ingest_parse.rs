//! Increment batches as JSON: what is taken, what is refused, and that the hand parser always says
//! what the JSON library says.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use guildhall::domain::command::IncrementBatch;
use guildhall::domain::limits::BATCH_LINES_MAX;
use guildhall::wire::ingest::{
    IngestParseError, parse_increments, parse_increments_by_library, parse_stream_frame,
};
use proptest::prelude::*;

const ANN: &str = "0b7f3c52-9d0e-4a3b-8f61-0123456789ab";

/// One line a fact: good lines as `index member-tail key delta opId`, then the faults.
fn show(batch: &IncrementBatch) -> String {
    let mut text = String::new();
    if let Some(position) = &batch.producer {
        writeln!(text, "{} {}", position.producer, position.n).unwrap();
    }
    for (at, line) in batch.lines.iter().enumerate() {
        let member = line.member.to_string();
        let key = &batch.keys[line.key as usize];
        write!(text, "{} ..{} {} {}", line.index, &member[32..], key, line.delta).unwrap();
        if let Some(op_id) = batch.op_ids.get(at).copied().flatten() {
            write!(text, " {}", uuid::Uuid::from_bytes(op_id.0)).unwrap();
        }
        text.push('\n');
    }
    for fault in &batch.faults {
        writeln!(text, "{} {}", fault.index, fault.code).unwrap();
    }
    text
}

fn check(body: &str, expected: &str) {
    let body = body.replace("ANN", ANN);
    let read = parse_increments(body.as_bytes());
    assert_eq!(read, parse_increments_by_library(body.as_bytes()), "{body}");
    let shown = match &read {
        Ok(batch) => show(batch),
        Err(error) => format!("{}: {error}\n", error.code()),
    };
    let expected: String = expected.lines().map(|line| format!("{}\n", line.trim())).collect();
    assert_eq!(shown, expected, "{body}");
}

#[test]
fn an_array_of_lines_is_read() {
    check(
        r#"[{"memberId":"ANN","key":"likes","delta":5},{"key":"views","memberId":"ANN"}]"#,
        "0 ..89ab likes 5\n1 ..89ab views 1",
    );
    check("[]", "");
    check(" [ ] ", "");
}

#[test]
fn ndjson_is_read_and_blank_lines_are_none() {
    check(
        "{\"memberId\":\"ANN\",\"key\":\"likes\",\"delta\":-5}\r\n\n \n\
         {\"memberId\":\"ANN\",\"key\":\"likes\"}\n",
        "0 ..89ab likes -5\n1 ..89ab likes 1",
    );
}

#[test]
fn an_envelope_names_its_producer_and_number() {
    let line = r#"{"memberId":"ANN","key":"likes"}"#;
    check(&format!(r#"{{"producer":"p1","n":7,"increments":[{line}]}}"#), "p1 7\n0 ..89ab likes 1");
    check(&format!(r#"{{"increments":[{line}],"n":7,"producer":"p1"}}"#), "p1 7\n0 ..89ab likes 1");
    check(
        &format!("{{\n \"app\": 1, \"producer\": \"p1\", \"n\": 7, \"increments\": [{line}]\n}}"),
        "p1 7\n0 ..89ab likes 1",
    );
    check(&format!(r#"{{"increments":[{line}]}}"#), "0 ..89ab likes 1");
}

#[test]
fn an_envelope_that_is_wrong_is_refused_whole() {
    check(
        r#"{"producer":"p1","increments":[]}"#,
        "INVALID_FIELD: n is missing: a producer numbers its batches",
    );
    check(
        r#"{"n":1,"increments":[]}"#,
        "INVALID_FIELD: producer is missing: n means nothing without it",
    );
    check(
        r#"{"producer":"","n":1,"increments":[]}"#,
        "INVALID_FIELD: producer must be text of 1 to 64 bytes",
    );
    check(
        r#"{"producer":"p","n":-1,"increments":[]}"#,
        "INVALID_FIELD: n must be a whole number from 0",
    );
    check(
        r#"{"producer":"p","n":1,"increments":7}"#,
        "INVALID_FIELD: increments must be an array of lines",
    );
}

#[test]
fn a_bad_line_is_told_and_the_others_are_taken() {
    check(
        r#"[{"memberId":"ANN","key":"likes"},
            {"memberId":"nobody","key":""},
            {"memberId":"ANN"},
            {"memberId":"ANN","key":"likes","delta":null},
            {"memberId":"ANN","key":"likes","delta":1.5},
            {"memberId":"ANN","key":"likes","delta":9223372036854775808},
            {"memberId":"ANN","key":"likes","opId":""},
            {"memberId":"ANN","key":"likes","key":"likes"},
            ["ANN","likes",1],
            7,
            {"memberId":"ANN","key":"likes","delta":9223372036854775807}]"#,
        "0 ..89ab likes 1
         10 ..89ab likes 9223372036854775807
         1 INVALID_MEMBER_ID
         2 INVALID_KEY
         3 INVALID_DELTA
         4 INVALID_DELTA
         5 INVALID_DELTA
         6 INVALID_OP_ID
         7 MALFORMED_LINE
         8 MALFORMED_LINE
         9 MALFORMED_LINE",
    );
    check(
        "{\"memberId\":\"ANN\",\"key\":\"likes\"}\n{\"memberId\":\nnonsense\n\
         {\"memberId\":\"ANN\",\"key\":\"likes\"}",
        "0 ..89ab likes 1\n3 ..89ab likes 1\n1 MALFORMED_LINE\n2 MALFORMED_LINE",
    );
}

#[test]
fn a_body_that_cannot_be_read_tells_the_byte() {
    check("", "BODY_EMPTY: the body holds no increments");
    check(" \n", "BODY_EMPTY: the body holds no increments");
    let cut = parse_increments(br#"[{"memberId":"#).unwrap_err();
    assert_eq!(cut.offset(), Some(13));
    let stray = parse_increments(b"[\n{},\n{} x]").unwrap_err();
    assert_eq!(stray.offset(), Some(9));
    let cut_envelope = parse_increments(br#"{"producer":"p","n":1,"increments":[{}"#).unwrap_err();
    assert_eq!(cut_envelope.offset(), Some(38));
    assert_eq!(cut_envelope.code(), "BODY_NOT_READABLE");
}

#[test]
fn one_line_too_many_refuses_the_body() {
    let line = format!(r#"{{"memberId":"{ANN}","key":"likes"}}"#);
    let lines = vec![line.as_str(); BATCH_LINES_MAX + 1];
    let too_many = Err(IngestParseError::TooManyLines { limit: BATCH_LINES_MAX });
    for (full, separator) in [(&lines[1..], ","), (&lines[1..], "\n")] {
        let one_more = [full, &lines[..1]].concat().join(separator);
        let full = full.join(separator);
        let (full, one_more) = match separator {
            "," => (format!("[{full}]"), format!("[{one_more}]")),
            _ => (full, one_more),
        };
        let batch = parse_increments(full.as_bytes()).unwrap();
        assert_eq!(batch.lines.len(), BATCH_LINES_MAX);
        assert_eq!(parse_increments(one_more.as_bytes()), too_many);
        assert_eq!(parse_increments_by_library(one_more.as_bytes()), too_many);
    }
}

#[test]
fn an_op_id_is_a_uuid_or_the_hash_of_its_text() {
    check(
        r#"[{"memberId":"ANN","key":"likes"},
            {"memberId":"ANN","key":"likes","opId":"0190B7F3-C529-7D0E-8F61-0123456789AB"},
            {"memberId":"ANN","key":"likes","opId":null},
            {"memberId":"ANN","key":"likes","opId":"abc"}]"#,
        // The last one is SHA-256 of "abc", cut to 16 bytes and marked as version 8.
        "0 ..89ab likes 1
         1 ..89ab likes 1 0190b7f3-c529-7d0e-8f61-0123456789ab
         2 ..89ab likes 1
         3 ..89ab likes 1 ba7816bf-8f01-8fea-8141-40de5dae2223",
    );
    let body = format!(r#"[{{"memberId":"{ANN}","key":"k","opId":"order-1"}}]"#);
    let batch = parse_increments(body.as_bytes()).unwrap();
    assert_eq!(batch.op_ids[0].unwrap().time_ms(), None);
}

#[test]
fn what_the_time_says_is_ignored() {
    check(
        r#"[{"memberId":"ANN","key":"likes","at":"2026-01-01T00:00:00Z"},
            {"memberId":"ANN","key":"likes","at":{"deep":[[[]]]}},
            {"memberId":"ANN","key":"likes","at":null,"other":[1]}]"#,
        "0 ..89ab likes 1\n1 ..89ab likes 1\n2 ..89ab likes 1",
    );
}

#[test]
fn many_distinct_keys_keep_their_numbers() {
    let lines: Vec<String> =
        (0..1_000).map(|i| format!(r#"{{"memberId":"{ANN}","key":"key{}"}}"#, i % 300)).collect();
    let batch = parse_increments(lines.join("\n").as_bytes()).unwrap();
    assert_eq!(batch.keys.len(), 300);
    for (i, line) in batch.lines.iter().enumerate() {
        assert_eq!(batch.keys[line.key as usize], format!("key{}", i % 300));
    }
}

#[test]
fn a_stream_frame_takes_the_producer_of_its_stream() {
    let frame = format!(r#"{{"n":3,"increments":[{{"memberId":"{ANN}","key":"likes"}}]}}"#);
    let batch = parse_stream_frame(frame.as_bytes(), "p1").unwrap();
    assert_eq!(show(&batch), "p1 3\n0 ..89ab likes 1\n");
    let foreign = br#"{"producer":"p2","n":3,"increments":[]}"#;
    let error = parse_stream_frame(foreign, "p1").unwrap_err();
    assert_eq!(error.to_string(), "producer differs from the one that opened the stream");
}

#[test]
fn deeply_nested_fields_do_no_harm() {
    let deep = "[".repeat(200_000);
    for body in [
        format!(r#"[{{"memberId":"{ANN}","key":"k","at":{deep}"#),
        format!(r#"{{"memberId":"{ANN}","key":"k","x":{deep}"#),
        format!(r#"{{"producer":{deep}"#),
        deep.clone(),
    ] {
        let read = parse_increments(body.as_bytes());
        assert_eq!(read, parse_increments_by_library(body.as_bytes()));
        assert!(read.map_or(0, |batch| batch.lines.len()) == 0);
    }
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => Just(String::new()),
        1 => "[ \t]{1,2}",
        1 => "[ \n\r\t\u{b}\u{c}\u{a0}]{0,2}",
    ]
}

fn uuid() -> impl Strategy<Value = uuid::Uuid> {
    any::<u128>().prop_map(uuid::Uuid::from_u128)
}

fn member_id() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => uuid().prop_map(|id| format!("\"{id}\"")),
        2 => uuid().prop_map(|id| format!("\"{id}\"").to_uppercase()),
        1 => uuid().prop_map(|id| format!("\"{}\"", id.simple())),
        1 => uuid().prop_map(|id| format!("\"{}\"", id.braced())),
        1 => "\"[0-9a-gA-F-]{35,37}\"",
        1 => odd_value(),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => "\"(likes|views|posts)\"",
        2 => "\"[a-z0-9 ._-]{0,12}\"",
        1 => "\"[a-z]{99,102}\"",
        1 => "\"[ -~\u{7f}é☃\\\\]{0,6}\"",
        1 => Just(r#""l\u0069kes""#.to_owned()),
        1 => Just(r#""bad \ud800""#.to_owned()),
        1 => odd_value(),
    ]
}

fn delta() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("1".to_owned()),
        6 => any::<i64>().prop_map(|delta| delta.to_string()),
        4 => (-2_000_i64..2_000).prop_map(|delta| delta.to_string()),
        1 => "-?[0-9]{1,21}",
        1 => "-?[0-9]{1,3}[.eE][0-9+-]{1,3}",
        1 => odd_value(),
    ]
}

fn op_id() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => uuid().prop_map(|id| format!("\"{id}\"")),
        2 => "\"[a-zA-Z0-9:/-]{0,66}\"",
        1 => "\"[ -~é]{0,40}\"",
        1 => odd_value(),
    ]
}

fn odd_value() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null",
        "true",
        "false",
        "\"\"",
        "\"x\"",
        "0",
        "-0",
        "007",
        "-",
        "1e400",
        "[]",
        "{}",
        "[1,{\"a\":[]}]",
        "{\"memberId\":1}",
        "\"\u{1}\"",
        "\"\\u0000\"",
        "\"\\q\"",
        "nul",
        "'x'",
        "\"open",
        "\"\\\"\"",
        "",
    ])
    .prop_map(str::to_owned)
}

fn field() -> impl Strategy<Value = String> {
    let named = prop_oneof![
        6 => (Just("memberId".to_owned()), member_id()),
        6 => (Just("key".to_owned()), key()),
        6 => (Just("delta".to_owned()), delta()),
        4 => (Just("opId".to_owned()), op_id()),
        3 => (Just("at".to_owned()), prop_oneof![delta(), op_id(), odd_value()]),
        1 => ("[a-zA-Z]{1,9}", odd_value()),
        1 => (
            prop::sample::select(vec![
                "k\\u0065y", "member_id", "MemberId", "n", "producer", "increments", "",
            ])
            .prop_map(str::to_owned),
            odd_value(),
        ),
    ];
    (named, space(), space(), space(), space())
        .prop_map(|((name, value), a, b, c, d)| format!("{a}\"{name}\"{b}:{c}{value}{d}"))
}

fn line() -> impl Strategy<Value = String> {
    let named = |name: &'static str, value: BoxedStrategy<String>| {
        value.prop_map(move |value| format!("\"{name}\":{value}"))
    };
    let member_id = || named("memberId", member_id().boxed());
    let key = || named("key", key().boxed());
    let delta = || named("delta", delta().boxed());
    let op_id = || named("opId", op_id().boxed());
    let extra = prop_oneof![4 => op_id(), 1 => key(), 1 => member_id(), 1 => delta()];
    let extra = prop::option::of(extra);
    let usual = (member_id(), key(), delta(), extra).prop_map(|(member, key, delta, extra)| {
        [member, key, delta].into_iter().chain(extra).collect::<Vec<_>>()
    });
    let usual = usual.prop_shuffle().prop_map(|fields| format!("{{{}}}", fields.join(",")));
    let odd = prop::collection::vec(field(), 0..6).prop_map(|f| format!("{{{}}}", f.join(",")));
    prop_oneof![8 => usual, 3 => odd, 1 => odd_value()]
}

fn body() -> impl Strategy<Value = String> {
    let lines = || prop::collection::vec((space(), line(), space()), 0..8);
    let joined = |lines: Vec<(String, String, String)>, separator: &str| {
        let lines: Vec<String> = lines.into_iter().map(|(a, b, c)| a + &b + &c).collect();
        lines.join(separator)
    };
    let array = move || lines().prop_map(move |lines| format!("[{}]", joined(lines, ",")));
    let ndjson = (lines(), prop::sample::select(vec!["\n", "\r\n", "\n\n"]))
        .prop_map(move |(lines, separator)| joined(lines, separator));
    let producer = prop_oneof![
        6 => "\"producer\":\"[a-z]{0,8}\"",
        1 => odd_value().prop_map(|value| format!("\"producer\":{value}")),
    ];
    let number = prop_oneof![
        6 => any::<u64>().prop_map(|n| format!("\"n\":{n}")),
        2 => delta().prop_map(|n| format!("\"n\":{n}")),
    ];
    let increments = (array(), space(), space())
        .prop_map(|(array, a, b)| format!("{a}\"increments\"{b}:{array}{a}"));
    let parts =
        prop::collection::vec(prop_oneof![producer, number, increments.boxed(), field()], 0..5);
    let envelope = parts.prop_map(|parts| format!("{{{}}}", parts.join(",")));
    (space(), prop_oneof![array(), ndjson, envelope], space()).prop_map(|(a, b, c)| a + &b + &c)
}

/// Lines as machines write them, equal but for their ids; now and then one differs a little more.
fn body_of_lines_alike() -> impl Strategy<Value = String> {
    let template = prop::sample::select(vec![
        r#"{"memberId":"MEMBER","key":"likes","delta":1}"#,
        r#"{"memberId":"MEMBER","key":"likes","delta":-70,"opId":"OPID"}"#,
        r#"{ "key":"likes", "memberId": "MEMBER" , "opId" :"OPID","at":"now" }"#,
        r#"{"opId":"OPID","memberId":"MEMBER","key":"likes"}"#,
        r#"{"memberId":"MEMBER","opId":"OPID","key":"likes","opId":"OPID"}"#,
        r#"{"memberId":"MEMBER","key":"likes","opId":"order-OPID"}"#,
        r#"{"memberId":"MEMBER","key":"l\u0069kes","delta":1}"#,
    ]);
    let id = || {
        prop_oneof![
            9 => uuid().prop_map(|id| id.to_string()),
            1 => uuid().prop_map(|id| id.to_string().to_uppercase()),
            1 => uuid().prop_map(|id| id.simple().to_string()),
            1 => "[0-9a-g-]{36}",
        ]
    };
    let lines = prop::collection::vec((id(), id(), 0_u8..20), 1..12);
    let line = |template: &str, (member, op_id, flaw): &(String, String, u8)| {
        let line = template.replace("MEMBER", member).replace("OPID", op_id);
        match flaw {
            0 => line.replace("likes", "views"),
            1 => line.replace(":1", ":12").replace("-70", "-7"),
            2 => line.replace('}', ",\"delta\":3}"),
            3 => format!(" {line} "),
            4 => line.replace("\"key\"", "\"kez\""),
            _ => line,
        }
    };
    (template, lines, 0_u8..4).prop_map(move |(template, lines, form)| {
        let lines: Vec<String> = lines.iter().map(|ids| line(template, ids)).collect();
        match form {
            0 => format!("[{}]", lines.join(",")),
            1 => lines.join("\n"),
            2 => lines.join("\r\n") + "\n",
            _ => format!("{{\"producer\":\"p\",\"n\":1,\"increments\":[{}]}}", lines.join(",")),
        }
    })
}

/// A body with a few bytes cut off, put in, changed or doubled.
fn damaged(body: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        3 => prop::sample::select(b"{}[],:\"\\ \n0-ne\xc3\x00".to_vec()),
        1 => any::<u8>(),
    ];
    let edit = (any::<prop::sample::Index>(), 0_u8..5, bytes);
    (body, prop::collection::vec(edit, 0..3)).prop_map(|(body, edits)| {
        let mut body = body.into_bytes();
        for (at, what, byte) in edits {
            let at = at.index(body.len() + 1);
            match what {
                0 => body.truncate(at),
                1 => body.insert(at, byte),
                2 => body.splice(at..body.len().min(at + 1), [byte]).for_each(drop),
                3 => body.splice(at..body.len().min(at + 1), []).for_each(drop),
                _ => body.extend_from_within(at..),
            }
        }
        body
    })
}

fn say_the_same(body: &[u8]) -> Result<(), TestCaseError> {
    let by_hand = parse_increments(body);
    let by_library = parse_increments_by_library(body);
    prop_assert_eq!(by_hand, by_library, "{}", String::from_utf8_lossy(body));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn hand_parser_and_library_agree_on_generated_bodies(body in body()) {
        say_the_same(body.as_bytes())?;
    }

    #[test]
    fn hand_parser_and_library_agree_on_damaged_bodies(body in damaged(body())) {
        say_the_same(&body)?;
    }

    #[test]
    fn hand_parser_and_library_agree_on_lines_alike(body in body_of_lines_alike()) {
        say_the_same(body.as_bytes())?;
    }

    #[test]
    fn hand_parser_and_library_agree_on_damaged_lines_alike(
        body in damaged(body_of_lines_alike()),
    ) {
        say_the_same(&body)?;
    }
}

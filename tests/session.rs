//! The protocol of one connection: text in, text out. The shell around the machine is played by the
//! script: what the machine asks for is printed, and what came of it is told.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use guildhall::core::channel::Channel;
use guildhall::core::hub::Reader;
use guildhall::core::query::Viewer;
use guildhall::core::session::{ChannelAnswer, Output, Proof, Reply, Session, TokenFault};
use guildhall::domain::{MemberId, SiteId};
use guildhall::realtime::frame::{LineWriter, Lines, close_code, parse_frame};
use guildhall::wire::event::EventSource;
use uuid::Uuid;

const ANN: MemberId = MemberId::from_u128(0xa00);

/// Runs a script of `line => what comes of it`. Lines: `> TEXT` is a frame of the client, `@ MS`
/// the time, `proof VIEWER|FAULT` and `opened SEQ|unknown|unavailable` what the shell found out,
/// `cut CHANNEL` the hub's word.
fn check(script: &str) {
    let mut session = Session::new(0);
    let mut now_ms = 0;
    // A line that begins with its arrow or its bar goes on from the one above.
    let joined = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let joined = joined.fold(String::new(), |text, line| {
        let goes_on = line.starts_with("=> ") || line.starts_with("| ");
        text + if goes_on { " " } else { "\n" } + line
    });
    for step in joined.lines().filter(|line| !line.is_empty()) {
        let (input, expected) = step.split_once(" => ").unwrap_or((step, ""));
        if let Some(ms) = input.strip_prefix("@ ") {
            now_ms = ms.trim().parse().unwrap();
        }
        let outputs = play(&mut session, input.trim(), now_ms);
        let shown: Vec<String> = outputs.iter().map(show).collect();
        assert_eq!(shown.join(" | "), expected, "after {input}");
    }
}

fn play(session: &mut Session, input: &str, now_ms: u64) -> Vec<Output> {
    let (verb, rest) = input.split_once(' ').unwrap();
    match (verb, rest) {
        (">", text) => {
            let text = text.replace("ANN", &ANN.to_string());
            let frames = parse_frame(text.as_bytes()).unwrap();
            frames.into_iter().flat_map(|frame| session.receive(frame)).collect()
        }
        ("@", _) => session.tick(now_ms),
        ("proof", "owner") => session.authenticated(Ok(proof(Viewer::Owner, None)), now_ms),
        ("proof", "ann") => session.authenticated(Ok(proof(Viewer::Member(ANN), None)), now_ms),
        ("proof", "ann for a minute") => {
            let proof = proof(Viewer::Member(ANN), Some(now_ms + 60_000));
            session.authenticated(Ok(proof), now_ms)
        }
        ("proof", "invalid") => session.authenticated(Err(TokenFault::Invalid), now_ms),
        ("proof", "expired") => session.authenticated(Err(TokenFault::Expired), now_ms),
        ("proof", "unavailable") => session.authenticated(Err(TokenFault::Unavailable), now_ms),
        ("opened", "unknown") => session.channel_opened(ChannelAnswer::Unknown),
        ("opened", "unavailable") => session.channel_opened(ChannelAnswer::Unavailable),
        ("opened", seq) => {
            let seq = seq.parse().unwrap();
            let reader = Reader { seq, recovered: None, live: Vec::new() };
            session.channel_opened(ChannelAnswer::Open(reader))
        }
        ("cut", channel) => session.cut(Channel::parse(channel).unwrap()),
        (verb, rest) => panic!("no such step: {verb} {rest}"),
    }
}

fn proof(viewer: Viewer, expires_at_ms: Option<u64>) -> Proof {
    Proof { viewer, expires_at_ms }
}

/// Replies as the client gets them, effects in words.
fn show(output: &Output) -> String {
    let source = EventSource { site: SiteId::from_u128(5), incarnation: 1 };
    let writer = LineWriter::new(source);
    let mut lines = Lines::default();
    match output {
        Output::Reply { id, body } => {
            writer.reply(&mut lines, *id, body, Uuid::nil());
            shorten(&String::from_utf8(lines.text).unwrap(), body)
        }
        Output::Publish { reader, .. } => format!("publish {}", reader.live.len()),
        Output::Unsubscribed { channel } => {
            lines.unsubscribed(*channel);
            String::from_utf8(lines.text).unwrap()
        }
        Output::Ping => "ping".to_owned(),
        Output::Authenticate { token } => format!("authenticate {token}"),
        Output::Open { channel, audience, recover } => {
            let from = recover.as_ref().map(|at| format!(" from {}@{}", at.offset, at.epoch));
            format!("open {channel} as {audience:?}{}", from.unwrap_or_default())
                .replace(&ANN.to_string(), "ANN")
        }
        Output::Leave { channel } => format!("leave {channel}"),
        Output::Close(reason) => format!("close {}", close_code(*reason).0),
    }
}

/// Leaves out what is the same in every reply.
fn shorten(text: &str, body: &Reply) -> String {
    let text = text
        .replace(&ANN.to_string(), "ANN")
        .replace("\"recoverable\":true,\"positioned\":true,", "")
        .replace(&format!("\"epoch\":\"{:032x}\",", 1), "");
    match body {
        Reply::Connected { .. } => {
            let version = concat!("\"version\":\"guildhall ", env!("CARGO_PKG_VERSION"), "\",");
            let client = format!("\"client\":\"{}\",", Uuid::nil());
            text.replace(version, "").replace(&client, "")
        }
        _ => text,
    }
}

#[test]
fn a_key_connects_and_reads_the_site() {
    check(
        r#"
        > {"id":1,"connect":{"token":"k"}} => authenticate k
        proof owner => {"id":1,"connect":{"ping":25,"pong":true}}
        > {"id":2,"subscribe":{"channel":"site"}} => open site as App
        opened 7 => {"id":2,"subscribe":{"offset":7}}
        > {"id":3,"unsubscribe":{"channel":"site"}} => leave site | {"id":3,"unsubscribe":{}}
        > {"id":4,"unsubscribe":{"channel":"site"}} => {"id":4,"unsubscribe":{}}
        > {"id":5,"ping":{}} => {"id":5,"ping":{}}
        "#,
    );
}

#[test]
fn a_member_is_in_its_own_channel_from_the_start() {
    check(
        r##"
        > {"id":1,"connect":{"token":"t","subs":{"#ANN":{"recover":true,"offset":3,"epoch":"e"}}}}
            => authenticate t
        proof ann => open #ANN as SelfMember from 3@e
        opened 9 => {"id":1,"connect":{"ping":25,"pong":true,"subs":{"#ANN":{"offset":9}}}}
        > {"id":2,"subscribe":{"channel":"#ANN"}}
            => {"id":2,"error":{"code":105,"message":"already subscribed"}}
        > {"id":3,"subscribe":{"channel":"site"}}
            => {"id":3,"error":{"code":103,"message":"permission denied"}}
        > {"id":4,"subscribe":{"channel":"#00000000-0000-0000-0000-00000000000b"}}
            => {"id":4,"error":{"code":103,"message":"permission denied"}}
        > {"id":5,"unsubscribe":{"channel":"#ANN"}}
            => {"id":5,"error":{"code":103,"message":"permission denied"}}
        > {"id":6,"subscribe":{"channel":"member:ANN"}} => open member:ANN as SelfMember
        "##,
    );
}

#[test]
fn commands_wait_for_the_one_before_them() {
    let bob = "member:00000000-0000-0000-0000-00000000000b";
    check(&format!(
        r#"
        > {{"id":1,"connect":{{"token":"k"}}}} => authenticate k
        > {{"id":2,"subscribe":{{"channel":"site"}}}}
        > {{"id":3,"subscribe":{{"channel":"site"}}}}
        > {{"id":4,"subscribe":{{"channel":"{bob}"}}}}
        proof owner => {{"id":1,"connect":{{"ping":25,"pong":true}}}} | open site as App
        > {{"id":5,"ping":{{}}}}
        opened 3
            => {{"id":2,"subscribe":{{"offset":3}}}}
            | {{"id":3,"error":{{"code":105,"message":"already subscribed"}}}}
            | open {bob} as App
        opened unknown
            => {{"id":4,"error":{{"code":102,"message":"unknown channel"}}}}
            | {{"id":5,"ping":{{}}}}
        > {{"id":6,"subscribe":{{"channel":"{bob}"}}}} => open {bob} as App
        opened unavailable
            => {{"id":6,"error":{{"code":100,"message":"internal server error","temporary":true}}}}
        "#
    ));
}

#[test]
fn commands_that_make_no_sense_are_answered_or_end_it() {
    let connect = "> {\"id\":1,\"connect\":{\"token\":\"k\"}} => authenticate k
        proof owner => {\"id\":1,\"connect\":{\"ping\":25,\"pong\":true}}";
    let long = "x".repeat(256);
    for (line, answer) in [
        (r#"{"id":2,"connect":{"token":"k"}}"#, "close 3501"),
        (r#"{"id":0,"ping":{}}"#, "close 3501"),
        (r#"{"ping":{}}"#, "close 3501"),
        (r#"{"send":{"data":1}}"#, "close 3508"),
        (r#"{"id":2,"dance":{}}"#, r#"{"id":2,"error":{"code":104,"message":"method not found"}}"#),
        (r#"{"id":2,"rpc":{}}"#, r#"{"id":2,"error":{"code":108,"message":"not available"}}"#),
        (r#"{"id":2,"history":{}}"#, r#"{"id":2,"error":{"code":108,"message":"not available"}}"#),
        (r#"{"id":2,"subscribe":{}}"#, r#"{"id":2,"error":{"code":107,"message":"bad request"}}"#),
        (
            &format!(r#"{{"id":2,"subscribe":{{"channel":"{long}"}}}}"#),
            r#"{"id":2,"error":{"code":107,"message":"bad request"}}"#,
        ),
        (
            r#"{"id":2,"subscribe":{"channel":"member:x"}}"#,
            r#"{"id":2,"error":{"code":102,"message":"unknown channel"}}"#,
        ),
    ] {
        check(&format!("{connect}\n> {line} => {answer}"));
    }
    check(r#"> {"id":1,"subscribe":{"channel":"site"}} => close 3501"#);
    check(r#"> {"id":1,"connect":{}} => close 3500"#);
}

#[test]
fn a_token_is_refused_in_three_ways() {
    let connect = r#"> {"id":1,"connect":{"token":"t"}} => authenticate t"#;
    check(&format!("{connect}\nproof invalid => close 3500\n> {{\"id\":2,\"ping\":{{}}}}"));
    check(&format!(
        "{connect}
        proof expired => {{\"id\":1,\"error\":{{\"code\":109,\"message\":\"token expired\"}}}}
        > {{\"id\":2,\"connect\":{{\"token\":\"u\"}}}} => authenticate u
        proof owner => {{\"id\":2,\"connect\":{{\"ping\":25,\"pong\":true}}}}"
    ));
    check(&format!(
        "{connect}
        {}",
        r#"proof unavailable
            => {"id":1,"error":{"code":100,"message":"internal server error","temporary":true}}"#
    ));
}

#[test]
fn time_ends_what_is_silent() {
    check("@ 14999\n@ 15000 => close 3502\n@ 99999");
    let connect = r#"> {"id":1,"connect":{"token":"k"}} => authenticate k
        proof owner => {"id":1,"connect":{"ping":25,"pong":true}}"#;
    check(&format!("{connect}\n@ 24999\n@ 25000 => ping\n@ 34999\n@ 35000 => close 3012"));
    check(&format!("{connect}\n@ 25000 => ping\n> {{}}\n@ 35000\n@ 50000 => ping"));
    check(
        r##"> {"id":1,"connect":{"token":"k"}} => authenticate k
        proof ann for a minute => open #ANN as SelfMember
        opened 1 => {"id":1,"connect":{"ping":25,"pong":true,"subs":{"#ANN":{"offset":1}}}}
        @ 25000 => ping
        > {}
        @ 50000 => ping
        > {}
        @ 60000 => close 3005"##,
    );
}

#[test]
fn a_cut_channel_is_told_once_and_may_be_asked_for_again() {
    check(
        r#"
        > {"id":1,"connect":{"token":"k"}} => authenticate k
        proof owner => {"id":1,"connect":{"ping":25,"pong":true}}
        > {"id":2,"subscribe":{"channel":"site"}} => open site as App
        opened 7 => {"id":2,"subscribe":{"offset":7}}
        cut site => {"push":{"channel":"site","unsubscribe":{"code":2000,"reason":"unsubscribed"}}}
        cut site
        > {"id":3,"subscribe":{"channel":"site"}} => open site as App
        "#,
    );
}

#[test]
fn one_channel_or_one_waiting_command_too_many_is_coded() {
    let mut script = String::from(
        "> {\"id\":1,\"connect\":{\"token\":\"k\"}} => authenticate k
        proof owner => {\"id\":1,\"connect\":{\"ping\":25,\"pong\":true}}\n",
    );
    for number in 1..=128 {
        let channel = Channel::Member(MemberId::from_u128(number));
        let id = number + 1;
        script.push_str(&format!(
            "> {{\"id\":{id},\"subscribe\":{{\"channel\":\"{channel}\"}}}} => open {channel} as App
            opened 1 => {{\"id\":{id},\"subscribe\":{{\"offset\":1}}}}\n"
        ));
    }
    let over = "> {\"id\":200,\"subscribe\":{\"channel\":\"site\"}} => \
                {\"id\":200,\"error\":{\"code\":106,\"message\":\"limit exceeded\"}}";
    check(&format!("{script}{over}"));

    let name = "x".repeat(60_000);
    let wish = |id| format!("> {{\"id\":{id},\"subscribe\":{{\"channel\":\"{name}\"}}}}");
    check(&format!(
        "> {{\"id\":1,\"connect\":{{\"token\":\"k\"}}}} => authenticate k
        {}\n{}\n{} => close 3013",
        wish(2),
        wish(3),
        wish(4)
    ));

    let mut waiting =
        String::from("> {\"id\":1,\"connect\":{\"token\":\"k\"}} => authenticate k\n");
    for id in 2..=513 {
        waiting.push_str(&format!("> {{\"id\":{id},\"ping\":{{}}}}\n"));
    }
    check(&format!("{waiting}> {{\"id\":514,\"ping\":{{}}}} => close 3013"));
}

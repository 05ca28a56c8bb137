//! Members and follows by the thousand, one JSON object a line; what is wrong with a line is told
//! under its position and the others are taken.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::ingest::FaultBody;
use super::json;
use super::member_input::{MemberReader, Source};
use crate::core::query::Imported;
use crate::domain::MemberId;
use crate::domain::command::{LineFault, NewMember};
use crate::domain::limits::BATCH_LINES_MAX;

pub async fn members(call: Call) -> Result<Reply, Problem> {
    let lines = lines(&call.body)?;
    let new_uuid = || call.front.new_uuid();
    let read = Read::all(&lines, |index, line| {
        let value = json::parse(line)?;
        let root = Node::root(&value);
        let wrapped = root.child("member");
        let mut faults = Faults::new();
        let mut reader = MemberReader { faults: &mut faults, new_uuid: &new_uuid };
        let place = if wrapped.is_there() { &wrapped } else { &root };
        let new = reader.new_member(place, Source::Import);
        faults.done().map(|()| (index, new))
    });
    let positions: Vec<u32> = read.good.iter().map(|(index, _): &(u32, NewMember)| *index).collect();
    let answer = call.site()?.import_members(read.good).await?;
    let ids = by_line(&answer.value, &positions, lines.len());
    let errors = errors(&read.faults, &answer.value.errors);
    Reply::with_seq(answer.seq, json!({"ids": ids, "errors": errors}))
}

pub async fn follows(call: Call) -> Result<Reply, Problem> {
    let lines = lines(&call.body)?;
    let read = Read::all(&lines, |index, line| {
        let value = json::parse(line)?;
        let root = Node::root(&value);
        let mut faults = Faults::new();
        let follower: Option<MemberId> = faults.needed_id(&root.child("memberId"));
        let followed: Option<MemberId> = faults.needed_id(&root.child("followingId"));
        faults.done()?;
        let (follower, followed) = follower.zip(followed).ok_or_else(Problem::internal)?;
        Ok((index, follower, followed))
    });
    let read_count = read.good.len();
    let answer = call.site()?.import_follows(read.good).await?;
    let accepted = read_count.saturating_sub(answer.value.errors.len());
    let errors = errors(&read.faults, &answer.value.errors);
    Reply::with_seq(answer.seq, json!({"accepted": accepted, "errors": errors}))
}

/// The lines that hold something.
fn lines(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let mut lines = Vec::new();
    for line in body.split(|byte| *byte == b'\n') {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if lines.len() == BATCH_LINES_MAX {
            let detail = format!("the body holds more than {BATCH_LINES_MAX} lines");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOO_MANY_LINES", detail)
                .with("limit", json!(BATCH_LINES_MAX)));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(Problem::bad_request("BODY_EMPTY", "the body holds no lines"));
    }
    Ok(lines)
}

struct Read<T> {
    good: Vec<T>,
    faults: Vec<LineFault>,
}

impl<T> Read<T> {
    fn all(lines: &[&[u8]], read: impl Fn(u32, &[u8]) -> Result<T, Problem>) -> Read<T> {
        let mut all = Read { good: Vec::with_capacity(lines.len()), faults: Vec::new() };
        for (index, line) in (0..).zip(lines) {
            match read(index, line) {
                Ok(good) => all.good.push(good),
                Err(problem) => all.faults.push(line_fault(index, &problem)),
            }
        }
        all
    }
}

fn line_fault(index: u32, problem: &Problem) -> LineFault {
    let violations = problem.violations().iter();
    let named: Vec<String> = violations.map(|v| format!("{}: {}", v.field, v.detail)).collect();
    let detail = if named.is_empty() { problem.detail().to_owned() } else { named.join("; ") };
    LineFault { index, code: problem.code(), detail }
}

/// One entry for each line of the request, `null` where nothing was created.
fn by_line(imported: &Imported, positions: &[u32], count: usize) -> Vec<Option<MemberId>> {
    let mut ids = vec![None; count];
    for (id, position) in imported.ids.iter().zip(positions) {
        if let Some(place) = ids.get_mut(*position as usize) {
            *place = *id;
        }
    }
    ids
}

fn errors<'f>(read: &'f [LineFault], decided: &'f [LineFault]) -> Vec<Value> {
    let mut all: Vec<&LineFault> = read.iter().chain(decided).collect();
    all.sort_by_key(|fault| fault.index);
    let shape = |fault: &LineFault| {
        let (index, code, detail) = (fault.index, fault.code, fault.detail.as_str());
        json!(FaultBody { index, code, detail })
    };
    all.into_iter().map(shape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_are_none() {
        let body = b"{\"a\":1}\n\n  \r\n{\"b\":2}\r\n";
        assert_eq!(lines(body).map(|lines| lines.len()).ok(), Some(2));
        assert_eq!(lines(b"\n").map_err(|p| p.code()).err(), Some("BODY_EMPTY"));
    }

    #[test]
    fn one_line_over_the_limit_is_refused() {
        let full = "{}\n".repeat(BATCH_LINES_MAX);
        assert_eq!(lines(full.as_bytes()).map(|lines| lines.len()).ok(), Some(BATCH_LINES_MAX));
        let over = format!("{full}{{}}");
        let problem = lines(over.as_bytes()).expect_err("one over");
        assert_eq!((problem.status().as_u16(), problem.code()), (413, "TOO_MANY_LINES"));
    }

    #[test]
    fn ids_and_faults_stand_at_their_lines() {
        let id = |number| Some(MemberId::from_u128(number));
        let imported = Imported { ids: vec![id(1), None, id(3)], errors: Vec::new() };
        assert_eq!(by_line(&imported, &[0, 2, 3], 5), [id(1), None, None, id(3), None]);
        let fault = |index| LineFault { index, code: "X", detail: "why".to_owned() };
        let listed = errors(&[fault(4), fault(1)], &[fault(2)]);
        let order: Vec<&Value> = listed.iter().map(|error| &error["index"]).collect();
        assert_eq!(order, [1, 2, 4]);
    }

    #[test]
    fn a_line_tells_all_of_its_faults() {
        let problem = Problem::field("profile.nickname", "TYPE", "must be a text");
        let fault = line_fault(3, &problem);
        assert_eq!((fault.index, fault.code), (3, "INVALID_ARGUMENT"));
        assert_eq!(fault.detail, "profile.nickname: must be a text");
    }
}

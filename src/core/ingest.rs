//! The ingest lane: thousands of increments in one synchronous turn and one commit.

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::command::{IncrementBatch, IncrementLine, LineFault, NewMember};
use crate::domain::limits::PRODUCERS_PER_APP_MAX;
use crate::domain::{
    AppId, Change, Commit, Event, MemberId, MemberOrdinal, OpId, Refusal, Timestamp,
};

use super::apply::At;
use super::badges::BadgeNumber;
use super::counters::{Added, KeyNumber};
use super::decide::Increase;
use super::fault::{Fault, planted};
use super::increments::Packer;
use super::operations::{Judgement, OperationWindow};
use super::parts::PartKey;
use super::query::{Imported, Ingested, Viewer};
use super::site::Site;
use super::turn::Stop;

/// What a batch led to; without a commit, nothing in it was new.
#[derive(Clone, Debug)]
pub struct Intake<T> {
    pub answer: T,
    pub commit: Option<Arc<Commit>>,
}

/// Lines under one counter key, ready to be applied.
struct Lane<'a> {
    app: &'a AppId,
    at: At,
    has_lines: bool,
    events: Vec<Event>,
    /// The app's own, on loan where the batch has operation ids.
    window: OperationWindow,
    seen: Vec<OpId>,
    awarded: HashSet<(u32, BadgeNumber)>,
    packer: Packer,
    answer: Ingested,
}

/// Where a line stands in its batch.
#[derive(Clone, Copy)]
struct Place {
    key: u16,
    position: u32,
}

/// Lines grouped by key, because the packed form names a key once for all of its lines.
fn by_key(lines: &[IncrementLine], keys: usize) -> Vec<Place> {
    let place = |(position, line): (u32, &IncrementLine)| Place { key: line.key, position };
    let mut places: Vec<Place> = (0..).zip(lines).map(place).collect();
    if keys > 1 {
        places.sort_by_key(|place| place.key);
    }
    places
}

impl Site {
    /// Counts a batch. `batch.app` is set by the caller from its credential.
    pub fn ingest(
        &mut self,
        batch: IncrementBatch,
        now: Timestamp,
    ) -> Result<Intake<Ingested>, Refusal> {
        let app = batch.app.clone().expect("the shell sets the app from the credential");
        if let Some(answer) = self.judge_producer(&app, &batch)? {
            return Ok(Intake { answer, commit: None });
        }
        let mut changes = Vec::new();
        let numbers = self.name_keys(&app, &batch.keys, &mut changes)?;
        let at = self.next_commit(now);
        for change in &changes {
            self.apply_change(at, change);
        }
        let mut lane = Lane::new(&app, at);
        lane.answer.errors.extend_from_slice(&batch.faults);
        self.count_with_op_ids(&mut lane, &numbers, &batch);
        lane.answer.errors.sort_by_key(|fault| fault.index);
        changes.extend(lane.changes());
        if let Some(position) = batch.producer {
            lane.answer.producer_n = Some(position.n);
            let advanced = Change::ProducerAdvanced { app: app.clone(), position };
            self.apply_change(at, &advanced);
            changes.push(advanced);
        }
        lane.answer.op_id_floor_ms = self.operations.window(&app).map_or(0, |w| w.floor_ms());
        if changes.is_empty() && lane.events.is_empty() {
            self.leave_commit_open();
            return Ok(Intake { answer: lane.answer, commit: None });
        }
        let events = lane.events.into_iter();
        let records = events.map(|event| self.write_record(at, event)).collect();
        self.close_commit(at);
        let commit = Arc::new(Commit { number: at.commit, time: at.time, records, changes });
        Ok(Intake { answer: lane.answer, commit: Some(commit) })
    }

    /// A repeated batch is answered without being counted; a gap or a new name too many is refused.
    fn judge_producer(
        &self,
        app: &AppId,
        batch: &IncrementBatch,
    ) -> Result<Option<Ingested>, Refusal> {
        let Some(position) = &batch.producer else { return Ok(None) };
        let producer = position.producer.as_str();
        let last = self.operations.producer_n(app, producer);
        if position.n <= last {
            let duplicates = batch.lines.len();
            let answer = Ingested { duplicates, producer_n: Some(last), ..Ingested::default() };
            return Ok(Some(answer));
        }
        if position.n > last + 1 && !planted(Fault::ProducerGapAccepted) {
            let (producer, given) = (producer.to_owned(), position.n);
            return Err(Refusal::ProducerGap { producer, last, given });
        }
        let producers = self.operations.producers_len(app);
        if producers >= PRODUCERS_PER_APP_MAX && !self.operations.knows_producer(app, producer) {
            let limit = PRODUCERS_PER_APP_MAX as u64;
            let detail = format!("the limit of {limit} producers of this app is reached");
            return Err(Refusal::LimitReached { code: "PRODUCER_LIMIT", detail, limit });
        }
        Ok(None)
    }

    fn name_keys(
        &self,
        app: &AppId,
        keys: &[String],
        changes: &mut Vec<Change>,
    ) -> Result<Vec<KeyNumber>, Refusal> {
        let mut numbers = Vec::with_capacity(keys.len());
        for key in keys {
            let (number, named) = self.key_number_after(app, key, changes.len())?;
            changes.extend(named);
            numbers.push(number);
        }
        Ok(numbers)
    }

    fn count_with_op_ids(
        &mut self,
        lane: &mut Lane<'_>,
        numbers: &[KeyNumber],
        batch: &IncrementBatch,
    ) {
        if batch.op_ids.is_empty() {
            return self.count_lines(lane, numbers, &batch.lines, &[]);
        }
        lane.window = self.operations.lend_window(lane.app);
        lane.window.warm(batch.op_ids.iter().flatten());
        lane.seen.reserve(batch.op_ids.len());
        self.count_lines(lane, numbers, &batch.lines, &batch.op_ids);
        self.operations.return_window(lane.app, std::mem::take(&mut lane.window));
    }

    fn count_lines(
        &mut self,
        lane: &mut Lane<'_>,
        numbers: &[KeyNumber],
        lines: &[IncrementLine],
        op_ids: &[Option<OpId>],
    ) {
        let members = self.directory.find_all(lines.iter().map(|line| line.member), &self.counters);
        for group in by_key(lines, numbers.len()).chunk_by(|one, next| one.key == next.key) {
            let number = numbers[group[0].key as usize];
            let mut into = Group { number, has_rules: self.has_rules(number), open: false };
            for &Place { position, .. } in group {
                let position = position as usize;
                let op_id = op_ids.get(position).copied().flatten();
                let (line, member) = (&lines[position], members[position]);
                self.count_line(lane, &mut into, Line { line, op_id, member });
            }
        }
    }

    #[inline]
    fn count_line(&mut self, lane: &mut Lane<'_>, group: &mut Group, line: Line<'_>) {
        let Line { line, op_id, member } = line;
        let Some(member) = member else {
            let detail = format!("member {} is not known", line.member);
            return lane.fault(line.index, "MEMBER_NOT_FOUND", detail);
        };
        if let Some(op_id) = op_id
            && !lane.judge(line.index, op_id)
        {
            return;
        }
        if line.delta != 0 {
            match self.counters.add(member, group.number, line.delta) {
                Added::Changed { old, new } => {
                    self.counted(lane, group, Counted { member, line, old, new })
                }
                Added::Overflow => {
                    let detail =
                        format!("the counter of member {} does not hold that sum", line.member);
                    return lane.fault(line.index, "COUNTER_OVERFLOW", detail);
                }
                Added::TooMany => {
                    let detail = format!("member {} holds as many counters as it may", line.member);
                    return lane.fault(line.index, "COUNTER_LIMIT", detail);
                }
            }
        }
        if let Some(op_id) = op_id {
            lane.window.remember(op_id);
            lane.seen.push(op_id);
        }
        lane.answer.accepted += 1;
    }

    #[inline]
    fn counted(&mut self, lane: &mut Lane<'_>, group: &mut Group, counted: Counted<'_>) {
        let Counted { member, line, old, new } = counted;
        if !group.open {
            lane.packer.begin_group(group.number);
            (group.open, lane.has_lines) = (true, true);
        }
        lane.packer.push(MemberOrdinal(member), line.delta);
        self.stamps.touch_member(member, lane.at.commit);
        self.reports.note(member, group.number, old);
        if group.has_rules {
            let step = Increase { member, key: group.number, old, new };
            // Awards are applied with the records, after all lines: one badge is awarded once.
            let crossed = self.badges.crossed(member, group.number, old, new);
            let fresh: Vec<_> =
                crossed.into_iter().filter(|badge| lane.awarded.insert((member, *badge))).collect();
            self.award(step, &fresh, lane.at.time, &mut lane.events);
        }
    }

    fn has_rules(&self, number: KeyNumber) -> bool {
        !self.badges.lines(number).is_empty()
    }

    /// Creates members; a faulty line leaves the others be. One commit for the slice.
    pub fn import_members(
        &mut self,
        lines: &[(u32, NewMember)],
        now: Timestamp,
    ) -> Intake<Imported> {
        let at = self.next_commit(now);
        let (mut answer, mut records) = (Imported::default(), Vec::with_capacity(lines.len()));
        for (index, new) in lines {
            match self.member_created(new, at.time) {
                Ok(event) => {
                    records.push(self.write_record(at, event));
                    answer.ids.push(Some(new.id));
                }
                Err(refusal) => answer.refuse(*index, &refusal),
            }
        }
        Intake { answer, commit: self.close_records(at, records) }
    }

    /// Adds follows; a faulty line leaves the others be. One commit for the slice.
    pub fn import_follows(
        &mut self,
        lines: &[(u32, MemberId, MemberId)],
        now: Timestamp,
    ) -> Result<Intake<Imported>, Vec<PartKey>> {
        let missing = self.missing_graphs(lines);
        if !missing.is_empty() {
            return Err(missing);
        }
        let at = self.next_commit(now);
        let (mut answer, mut records) = (Imported::default(), Vec::with_capacity(lines.len()));
        for (index, follower, followed) in lines {
            match self.decide_follow(*follower, *followed, Viewer::Owner) {
                Ok(decision) => {
                    for event in decision.events {
                        records.push(self.write_record(at, event));
                    }
                    answer.ids.push(Some(*follower));
                }
                Err(Stop::Refused(refusal)) => answer.refuse(*index, &refusal),
                Err(Stop::Need(_)) => unreachable!("every follower's graph was checked before"),
            }
        }
        Ok(Intake { answer, commit: self.close_records(at, records) })
    }

    fn missing_graphs(&self, lines: &[(u32, MemberId, MemberId)]) -> Vec<PartKey> {
        let followers = lines.iter().filter_map(|(_, follower, _)| self.find_member(*follower));
        let mut missing: Vec<PartKey> = followers
            .filter(|follower| self.graph(follower.0).is_err())
            .map(|follower| PartKey::Graph(follower.0))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn close_records(
        &mut self,
        at: At,
        records: Vec<Arc<crate::domain::Record>>,
    ) -> Option<Arc<Commit>> {
        if records.is_empty() {
            self.leave_commit_open();
            return None;
        }
        self.close_commit(at);
        Some(Arc::new(Commit { number: at.commit, time: at.time, records, changes: Vec::new() }))
    }
}

struct Group {
    number: KeyNumber,
    has_rules: bool,
    open: bool,
}

struct Line<'a> {
    line: &'a IncrementLine,
    op_id: Option<OpId>,
    /// `None` where nobody has the id.
    member: Option<u32>,
}

struct Counted<'a> {
    member: u32,
    line: &'a IncrementLine,
    old: i64,
    new: i64,
}

impl<'a> Lane<'a> {
    fn new(app: &'a AppId, at: At) -> Lane<'a> {
        Lane {
            app,
            at,
            has_lines: false,
            events: Vec::new(),
            window: OperationWindow::default(),
            seen: Vec::new(),
            awarded: HashSet::new(),
            packer: Packer::default(),
            answer: Ingested::default(),
        }
    }

    /// True for an operation id that is to be counted.
    fn judge(&mut self, index: u32, op_id: OpId) -> bool {
        match self.window.judge(op_id) {
            Judgement::New => true,
            Judgement::Duplicate => {
                self.answer.duplicates += 1;
                false
            }
            Judgement::Expired { floor_ms } => {
                let detail = format!(
                    "operation ids of {floor_ms} ms and before can no longer be told apart"
                );
                self.fault(index, "OP_ID_EXPIRED", detail);
                false
            }
        }
    }

    fn fault(&mut self, index: u32, code: &'static str, detail: String) {
        self.answer.errors.push(LineFault { index, code, detail });
    }

    fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::with_capacity(2);
        if self.has_lines {
            changes.push(Change::Increments { packed: self.packer.finish() });
        }
        if !self.seen.is_empty() {
            let op_ids = std::mem::take(&mut self.seen);
            changes.push(Change::OpIdsSeen { app: self.app.clone(), op_ids });
        }
        changes
    }
}

impl Imported {
    fn refuse(&mut self, index: u32, refusal: &Refusal) {
        self.ids.push(None);
        let (code, detail) = (refusal.code(), refusal.detail());
        self.errors.push(LineFault { index, code, detail });
    }
}

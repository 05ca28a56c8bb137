//! One turn: decide, number, apply, and hand out the commit. No await, no I/O, nothing half done.

use std::sync::Arc;

use crate::domain::command::Command;
use crate::domain::event::Record;
use crate::domain::{Change, Commit, Event, MemberId, Refusal, Timestamp, Touch};

use super::apply::At;
use super::decide::{Answering, Decision};
use super::parts::PartKey;
use super::query::Outcome;
use super::site::Site;

/// What a command led to.
#[derive(Clone, Debug)]
pub enum Step {
    /// These parts must be in memory first; nothing was changed.
    Need(Vec<PartKey>),
    /// A rule said no; nothing was changed.
    Refused(Refusal),
    /// Done, or already so where there is no commit.
    Done { outcome: Outcome, commit: Option<Arc<Commit>> },
}

/// What a turn of background work came to.
#[derive(Clone, Debug)]
pub enum WorkedOff {
    /// There is nothing left to do.
    Nothing,
    /// These parts must be in memory first; nothing was changed.
    Need(Vec<PartKey>),
    Done(Arc<Commit>),
}

impl Site {
    /// Runs one command. `now` is the site's clock; it is never taken backwards.
    pub fn turn(&mut self, command: &Command, now: Timestamp) -> Step {
        let now = now.max(self.time);
        match self.decide(command, now) {
            Err(Stop::Refused(refusal)) => Step::Refused(refusal),
            Err(Stop::Need(parts)) => Step::Need(parts),
            Ok(decision) => self.carry_out(decision, now),
        }
    }

    fn carry_out(&mut self, decision: Decision, now: Timestamp) -> Step {
        let Decision { events, changes, answering } = decision;
        let commit = (!events.is_empty() || !changes.is_empty())
            .then(|| self.commit_all(events, changes, now));
        Step::Done { outcome: self.answer(answering), commit }
    }

    /// Numbers and applies events and changes as one commit.
    pub(super) fn commit_all(
        &mut self,
        events: Vec<Event>,
        changes: Vec<Change>,
        now: Timestamp,
    ) -> Arc<Commit> {
        let at = self.next_commit(now);
        for change in &changes {
            self.apply_change(at, change);
        }
        let records = events.into_iter().map(|event| self.write_record(at, event)).collect();
        self.close_commit(at);
        Arc::new(Commit { number: at.commit, time: at.time, records, changes })
    }

    /// From here to [`Site::close_commit`] the state is between two commits.
    pub(super) fn next_commit(&mut self, now: Timestamp) -> At {
        self.torn = true;
        At { commit: self.commit + 1, time: now.max(self.time) }
    }

    pub(super) fn close_commit(&mut self, at: At) {
        assert_eq!(at.commit, self.commit + 1, "commits are dense");
        (self.commit, self.time) = (at.commit, at.time);
        self.torn = false;
    }

    /// Gives an event its place and applies it.
    pub(super) fn write_record(&mut self, at: At, event: Event) -> Arc<Record> {
        let member = event.member();
        let touched = [member, event.affected_member()].into_iter().flatten();
        let touches = touched
            .map(|member| Touch { member, previous_seq: self.last_seq_of(member) })
            .collect();
        let member_seq = member.map_or(0, |member| self.member_seq_of(member) + 1);
        let record = Record { seq: self.seq + 1, time: at.time, member_seq, touches, event };
        self.apply_record(at, &record);
        Arc::new(record)
    }

    fn last_seq_of(&self, member: MemberId) -> u64 {
        let found = self.directory.find_ever(member, &self.counters);
        found.map_or(0, |member| self.directory.row(member).last_seq)
    }

    fn member_seq_of(&self, member: MemberId) -> u64 {
        let found = self.directory.find_ever(member, &self.counters);
        found.map_or(0, |member| self.directory.row(member).member_seq)
    }

    /// What was just done, as its caller is told.
    fn answer(&self, answering: Answering) -> Outcome {
        match answering {
            Answering::Done => Outcome::Done,
            Answering::Member(member) => {
                let facts = self.entries.facts(member).expect("a turn's facts are in memory");
                Outcome::Member(facts.clone())
            }
            Answering::Item(item) => Outcome::Item(self.item_view(item)),
            Answering::Counters { member, app, duplicate } => {
                Outcome::Counters { counters: self.counters_of_app(member, &app), duplicate }
            }
            Answering::Badge(badge) => Outcome::Badge(self.badges.slot(badge).badge.clone()),
            Answering::Badges => {
                let badge = |number| self.badges.slot(number).badge.clone();
                Outcome::Badges(self.badges.ordered().into_iter().map(badge).collect())
            }
            Answering::Assignments(results) => Outcome::Assignments(results),
            Answering::Assignment { member, badge } => {
                Outcome::Assignment(self.assignment(member, badge))
            }
            Answering::Report(report) => Outcome::Report(report),
            Answering::About(member) => {
                let about = self.about(member);
                Outcome::About(about.expect("a document that was just written is in memory"))
            }
            Answering::Setting(step) => Outcome::Setting(step),
            Answering::Endpoint(id) => Outcome::Endpoint(self.endpoints[&id].clone()),
        }
    }

    pub fn has_work(&self, now: Timestamp) -> bool {
        let is_due = self.standings.due(now).next().is_some();
        is_due || !self.erasing.is_empty() || self.badges.to_revoke().is_some()
    }

    /// Work that past commits left to be done in slices: blocks and mutes end by themselves,
    /// holders of deleted badges are revoked, edges of deleted members are ended.
    pub fn work_off(&mut self, records_max: usize, now: Timestamp) -> WorkedOff {
        let now = now.max(self.time);
        if let Some(worked) = self.lapse(records_max, now) {
            return worked;
        }
        if let Some(badge) = self.badges.to_revoke() {
            let events = self.revocations(badge, records_max);
            return WorkedOff::Done(self.commit_all(events, Vec::new(), now));
        }
        self.erase(records_max, now)
    }

    /// Reports counters that changed since their last report, at most `records_max` of them.
    pub fn report_counters(&mut self, records_max: usize, now: Timestamp) -> Option<Arc<Commit>> {
        let dirty = self.reports.take(records_max);
        let mut events = Vec::with_capacity(dirty.len());
        for (member, number, old) in dirty {
            let counter = self.counters.get(member, number);
            let (new, public) = counter.map_or((0, true), |c| (c.count, c.public));
            if new == old {
                self.reports.reported(member, number);
                continue;
            }
            let (app, key) = self.keys.name(number);
            let (app, key) = (app.clone(), key.to_owned());
            let member = self.counters.id(member);
            events.push(Event::CounterUpdated { member, app, key, public, old, new });
        }
        (!events.is_empty()).then(|| self.commit_all(events, Vec::new(), now))
    }

    pub fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }
}

/// Why deciding stopped.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    Refused(Refusal),
    Need(Vec<PartKey>),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl Site {
    /// The turn changed nothing after all.
    pub(super) fn leave_commit_open(&mut self) {
        self.torn = false;
    }
}

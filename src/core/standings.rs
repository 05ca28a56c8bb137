//! Blocks and mutes with what was said along with them, and those that end by themselves. Sparse:
//! of most members there is nothing to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::apply::At;
use super::decide::standing_refusal;
use super::fault::{Fault, planted};
use super::parts::PartKey;
use super::site::Site;
use super::turn::WorkedOff;
use crate::domain::event::MemberFacts;
use crate::domain::limits::LAPSES_PER_TURN;
use crate::domain::moderation::{Ruling, Terms, Verdict};
use crate::domain::profile::{ActivityStatus, Status};
use crate::domain::{Event, MemberId, Refusal, Timestamp};

/// What stands against a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub block: Option<Sanction>,
    pub mute: Option<Sanction>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sanction {
    pub terms: Terms,
    pub since: Timestamp,
    /// What the member was before, and is again when this ends by itself.
    pub was: Status,
}

impl Standing {
    /// When the first part of it ends by itself.
    pub fn end(&self) -> Option<Timestamp> {
        let parts = [&self.block, &self.mute];
        parts.into_iter().flatten().filter_map(|sanction| sanction.terms.until).min()
    }

    fn is_clean(&self) -> bool {
        self.block.is_none() && self.mute.is_none()
    }
}

#[derive(Debug, Default)]
pub struct Standings {
    standings: BTreeMap<u32, Standing>,
    /// The ends of those that end by themselves.
    ends: BTreeSet<(Timestamp, u32)>,
}

impl Standings {
    pub fn get(&self, member: u32) -> Option<&Standing> {
        self.standings.get(&member)
    }

    /// Those of neighbouring members.
    pub fn range(&self, members: std::ops::Range<u32>) -> impl Iterator<Item = (u32, Standing)> {
        self.standings.range(members).map(|(member, standing)| (*member, standing.clone()))
    }

    pub fn put(&mut self, member: u32, standing: Standing) {
        self.remove(member);
        self.ends.extend(standing.end().map(|end| (end, member)));
        if !standing.is_clean() {
            self.standings.insert(member, standing);
        }
    }

    pub fn restore(&mut self, member: u32, standing: Standing) {
        self.put(member, standing);
        if planted(Fault::LapsesForgotten) {
            self.ends.clear();
        }
    }

    pub fn remove(&mut self, member: u32) {
        if let Some(end) = self.standings.remove(&member).and_then(|standing| standing.end()) {
            self.ends.remove(&(end, member));
        }
    }

    /// Members of whom something ended by `now`.
    pub fn due(&self, now: Timestamp) -> impl Iterator<Item = u32> {
        self.ends.range(..=(now, u32::MAX)).map(|(_, member)| *member)
    }
}

impl Site {
    /// Why the token of this member opens nothing; `None` where it does.
    pub fn token_refusal(&self, id: MemberId) -> Option<Refusal> {
        let Some(member) = self.directory.find(id, &self.counters) else {
            let detail = "the member of this token was deleted".to_owned();
            return Some(Refusal::Forbidden { code: "MEMBER_DELETED", detail });
        };
        standing_refusal(self.directory.row(member).status)
    }

    pub(super) fn apply_ruling(&mut self, at: At, ruling: &Ruling) {
        let member = self.known(ruling.facts.id);
        if !self.is_news(member, at) {
            return;
        }
        self.apply_member_updated(at, &ruling.facts);
        let mut standing = self.standings.get(member).cloned().unwrap_or_default();
        let sanction =
            || Some(Sanction { terms: ruling.terms.clone(), since: at.time, was: ruling.was });
        match ruling.verdict {
            Verdict::Blocked | Verdict::Rejected => standing.block = sanction(),
            Verdict::Muted => standing.mute = sanction(),
            Verdict::Approved | Verdict::Unblocked | Verdict::Disconnected => standing.block = None,
            Verdict::Unmuted => standing.mute = None,
        }
        self.standings.put(member, standing);
    }

    /// Ends blocks and mutes whose time has come; `None` where there is none.
    pub(super) fn lapse(&mut self, records_max: usize, now: Timestamp) -> Option<WorkedOff> {
        let count_max = records_max.clamp(1, LAPSES_PER_TURN);
        let due: Vec<u32> = self.standings.due(now).take(count_max).collect();
        if due.is_empty() {
            return None;
        }
        let missing = due.iter().filter(|member| self.entries.facts(**member).is_none());
        let missing: Vec<PartKey> = missing.map(|member| PartKey::Facts(*member)).collect();
        if !missing.is_empty() {
            return Some(WorkedOff::Need(missing));
        }
        let events = due.iter().flat_map(|member| self.lapsed(*member, now)).collect();
        Some(WorkedOff::Done(self.commit_all(events, Vec::new(), now)))
    }

    /// What ended of one member: its block, its mute, or one after the other both.
    fn lapsed(&self, member: u32, now: Timestamp) -> Vec<Event> {
        let (Some(standing), Some(facts)) =
            (self.standings.get(member), self.entries.facts(member))
        else {
            return Vec::new();
        };
        let mut facts = (**facts).clone();
        facts.updated_at = now;
        let ended = |sanction: &Option<Sanction>| {
            let over = |sanction: &&Sanction| sanction.terms.until.is_some_and(|end| end <= now);
            sanction.as_ref().filter(over).map(|sanction| sanction.was)
        };
        let mut events = Vec::new();
        let mut rule = |facts: &MemberFacts, verdict, was| {
            let (facts, terms) = (Arc::new(facts.clone()), Terms::default());
            let ruling = Arc::new(Ruling { facts, verdict, terms, was });
            events.push(Event::Moderated { ruling });
        };
        if let Some(was) = ended(&standing.block) {
            facts.status = was;
            rule(&facts, Verdict::Unblocked, was);
        }
        if ended(&standing.mute).is_some() {
            facts.activity = ActivityStatus::Active;
            rule(&facts, Verdict::Unmuted, facts.status);
        }
        events
    }
}

//! Single counter changes, and the numbers of counter keys.

use super::refuse::{limit, op_id_expired, overflow, too_many_counters};
use super::{Answering, Decided, Decision};
use crate::core::counters::{Counter, KeyNumber};
use crate::core::increments::Packer;
use crate::core::operations::Judgement;
use crate::core::site::Site;
use crate::domain::limits::{APPS_PER_SITE_MAX, COUNTER_KEYS_PER_SITE_MAX};
use crate::domain::{AppId, Change, MemberId, MemberOrdinal, OpId, Refusal, Timestamp};

impl Site {
    pub(super) fn decide_set_counter(&self, set: SetCounter<'_>, now: Timestamp) -> Decided {
        let member = self.member(set.member)?;
        let (key, named) = self.key_number(set.app, set.key)?;
        let known = self.keys.find(set.app, set.key);
        let old = known.and_then(|key| self.counters.get(member, key));
        let counter = Counter { key, public: set.public, count: set.count };
        let answering = Answering::Counters { member, app: set.app.clone(), duplicate: false };
        if old == Some(counter) {
            return Ok(Decision::already(answering));
        }
        if !self.counters.has_room(member, key) {
            return Err(too_many_counters(set.member).into());
        }
        let (public, count) = (set.public, set.count);
        let mut changes: Vec<Change> = named.into_iter().collect();
        changes.push(Change::CounterSet { member: MemberOrdinal(member), key, public, count });
        let mut events = Vec::new();
        let old = old.map_or(0, |counter| counter.count);
        self.awards(Increase { member, key, old, new: count }, now, &mut events);
        Ok(Decision { events, changes, answering })
    }

    pub(super) fn decide_increment(
        &self,
        increment: Increment<'_>,
        op_id: Option<OpId>,
        now: Timestamp,
    ) -> Decided {
        let Increment { app, member: id, key, delta } = increment;
        let member = self.member(id)?;
        let answering = |duplicate| Answering::Counters { member, app: app.clone(), duplicate };
        if let Some(op_id) = op_id {
            match self.operations.judge(app, op_id) {
                Judgement::New => {}
                Judgement::Duplicate => return Ok(Decision::already(answering(true))),
                Judgement::Expired { floor_ms } => return Err(op_id_expired(floor_ms).into()),
            }
        }
        let (key, named) = self.key_number(app, key)?;
        if !self.counters.has_room(member, key) {
            return Err(too_many_counters(id).into());
        }
        let old = if named.is_some() { 0 } else { self.counters.count(member, key) };
        let new = old.checked_add(delta).ok_or_else(|| overflow(id))?;
        let mut changes: Vec<Change> = named.into_iter().collect();
        if delta != 0 {
            let mut packer = Packer::default();
            packer.begin_group(key);
            packer.push(MemberOrdinal(member), delta);
            changes.push(Change::Increments { packed: packer.finish() });
        }
        if let Some(op_id) = op_id {
            changes.push(Change::OpIdsSeen { app: app.clone(), op_ids: vec![op_id] });
        }
        let mut events = Vec::new();
        self.awards(Increase { member, key, old, new }, now, &mut events);
        Ok(Decision { events, changes, answering: answering(false) })
    }

    /// The number of a counter key, with the change that names it where it is new.
    pub(in crate::core) fn key_number(
        &self,
        app: &AppId,
        key: &str,
    ) -> Result<(KeyNumber, Option<Change>), Refusal> {
        self.key_number_after(app, key, 0)
    }

    /// Like [`Site::key_number`], where the same turn has already named `named` new keys.
    pub(in crate::core) fn key_number_after(
        &self,
        app: &AppId,
        key: &str,
        named: usize,
    ) -> Result<(KeyNumber, Option<Change>), Refusal> {
        if let Some(number) = self.keys.find(app, key) {
            return Ok((number, None));
        }
        let keys = self.keys.len() + named;
        limit(keys, COUNTER_KEYS_PER_SITE_MAX, "COUNTER_KEY_LIMIT", "counter keys of this site")?;
        if !self.keys.knows_app(app) {
            limit(self.keys.apps_len(), APPS_PER_SITE_MAX, "APP_LIMIT", "apps of this site")?;
        }
        let number = keys as KeyNumber;
        let named = Change::CounterKeyNamed { number, app: app.clone(), key: key.to_owned() };
        Ok((number, Some(named)))
    }
}

pub(super) struct SetCounter<'a> {
    pub app: &'a AppId,
    pub member: MemberId,
    pub key: &'a str,
    pub public: bool,
    pub count: i64,
}

pub(super) struct Increment<'a> {
    pub app: &'a AppId,
    pub member: MemberId,
    pub key: &'a str,
    pub delta: i64,
}

/// A counter's step from one value to another.
#[derive(Clone, Copy)]
pub(in crate::core) struct Increase {
    pub member: u32,
    pub key: KeyNumber,
    pub old: i64,
    pub new: i64,
}

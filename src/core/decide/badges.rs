//! Badges: the catalogue, assignments, and what rules award.

use std::sync::Arc;

use super::badge_edits::assignment_not_found;
use super::counters::Increase;
use super::refuse::limit;
use super::{Answering, Decided, Decision, slug_of};
use crate::core::badges::{AssignmentKey, BadgeNumber, assignment_id, assignment_key};
use crate::core::site::Site;
use crate::domain::command::NewBadge;
use crate::domain::event::{AssignmentReason, Badge, UnassignmentReason};
use crate::domain::limits::{BADGES_PER_MEMBER_MAX, BADGES_PER_SITE_MAX};
use crate::domain::{AssignmentId, BadgeId, Event, MemberId, Timestamp};

impl Site {
    /// Events for the rule lines that a counter's step crosses.
    pub(in crate::core) fn awards(&self, step: Increase, now: Timestamp, into: &mut Vec<Event>) {
        let crossed = self.badges.crossed(step.member, step.key, step.old, step.new);
        self.award(step, &crossed, now, into);
    }

    pub(in crate::core) fn award(
        &self,
        step: Increase,
        badges: &[BadgeNumber],
        now: Timestamp,
        into: &mut Vec<Event>,
    ) {
        for badge in badges {
            let (app, key) = self.keys.name(step.key);
            let (app, key) = (app.clone(), key.to_owned());
            let reason = AssignmentReason::RuleReached { app, key, count: step.new };
            into.push(self.badge_assigned(step.member, *badge, reason, now));
        }
    }

    pub(super) fn badge_assigned(
        &self,
        member: u32,
        badge: BadgeNumber,
        reason: AssignmentReason,
        now: Timestamp,
    ) -> Event {
        let key = AssignmentKey { member, badge, assigned_at: now };
        Event::BadgeAssigned {
            badge: self.badges.slot(badge).badge.id,
            member: self.counters.id(member),
            assignment: assignment_id(self.id, key),
            reason,
        }
    }

    pub(super) fn decide_create_badge(&self, new: &NewBadge, now: Timestamp) -> Decided {
        let badges = self.badges.live().count();
        limit(badges, BADGES_PER_SITE_MAX, "BADGE_LIMIT", "badges of this site")?;
        limit(self.badges.slots().len(), BadgeNumber::MAX.into(), "BADGE_LIMIT", "badges")?;
        let named = match &new.rule {
            Some(rule) => self.key_number(&rule.app, &rule.key)?.1,
            None => None,
        };
        let mut slug = slug_of(&new.title);
        if self.badges.has_title_slug(&slug) {
            slug = format!("{slug}-{}", &new.id.uuid().simple().to_string()[24..]);
        }
        let badge = Badge {
            id: new.id,
            title: new.title.clone(),
            description: new.description.clone(),
            background_color: new.background_color.clone(),
            text_color: new.text_color.clone(),
            icon: new.icon.clone(),
            permissions_enabled: new.permissions_enabled,
            slug,
            revision: 1,
            created_at: now,
            updated_at: now,
            rule: new.rule.clone(),
            position: None,
        };
        let number = self.badges.slots().len() as BadgeNumber;
        Ok(Decision {
            events: vec![Event::BadgeCreated { badge: Arc::new(badge) }],
            changes: named.into_iter().collect(),
            answering: Answering::Badge(number),
        })
    }

    pub(super) fn decide_assign(&self, badge: BadgeId, id: MemberId, now: Timestamp) -> Decided {
        let number = self.badge(badge)?;
        let member = self.member(id)?;
        let answering = Answering::Assignment { member, badge: number };
        if self.badges.holds(member, number) {
            return Ok(Decision::already(answering));
        }
        let held = self.badges.held(member).len();
        limit(held, BADGES_PER_MEMBER_MAX, "MEMBER_BADGE_LIMIT", "badges of this member")?;
        let assigned = self.badge_assigned(member, number, AssignmentReason::Assigned, now);
        Ok(Decision::new(vec![assigned], answering))
    }

    pub(super) fn decide_unassign(&self, assignment: AssignmentId) -> Decided {
        let found = self.assignment_of(assignment);
        let (member, number) = found.ok_or_else(|| assignment_not_found(assignment))?;
        let unassigned = Event::BadgeUnassigned {
            badge: self.badges.slot(number).badge.id,
            member: self.counters.id(member),
            assignment,
            reason: UnassignmentReason::Unassigned,
        };
        Ok(Decision::new(vec![unassigned], Answering::Done))
    }

    /// Member and badge of an assignment that stands.
    pub(in crate::core) fn assignment_of(&self, id: AssignmentId) -> Option<(u32, BadgeNumber)> {
        let key = assignment_key(self.id, id)?;
        let exists = (key.badge as usize) < self.badges.slots().len()
            && !self.badges.slot(key.badge).deleted;
        let held = self.badges.held_one(key.member, key.badge).filter(|_| exists)?;
        (held.assigned_at == key.assigned_at).then_some((key.member, key.badge))
    }

    /// Events that revoke up to `records_max` holders of a deleted badge.
    pub(in crate::core) fn revocations(
        &self,
        badge: BadgeNumber,
        records_max: usize,
    ) -> Vec<Event> {
        let id = self.badges.slot(badge).badge.id;
        let holders = self.badges.holders(badge).into_iter().flat_map(|all| all.iter());
        let holders = holders.take(records_max);
        let revoked = holders.filter_map(|member| {
            let held = self.badges.held_one(member, badge)?;
            let key = AssignmentKey { member, badge, assigned_at: held.assigned_at };
            Some(Event::BadgeUnassigned {
                badge: id,
                member: self.counters.id(member),
                assignment: assignment_id(self.id, key),
                reason: UnassignmentReason::BadgeDeleted,
            })
        });
        revoked.collect()
    }
}

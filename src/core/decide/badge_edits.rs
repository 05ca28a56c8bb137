//! Badges that change, move in the display order, and are assigned or taken by the dozen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::refuse::{conflict, limit};
use super::{Answering, Decided, Decision};
use crate::core::badges::{AssignmentKey, BadgeNumber, POSITION_STEP, assignment_id};
use crate::core::query::Assignment;
use crate::core::site::Site;
use crate::domain::badge::{BadgePatch, BadgePlace};
use crate::domain::event::{AssignmentReason, Badge, UnassignmentReason};
use crate::domain::limits::BADGES_PER_MEMBER_MAX;
use crate::domain::{AssignmentId, BadgeId, Event, MemberId, Refusal, Timestamp};

impl Site {
    pub(super) fn decide_update_badge(
        &self,
        id: BadgeId,
        revision: Option<u64>,
        patch: &BadgePatch,
        now: Timestamp,
    ) -> Decided {
        let number = self.badge(id)?;
        let known = &self.badges.slot(number).badge;
        if let Some(revision) = revision.filter(|revision| *revision != known.revision) {
            let current = known.revision;
            let detail = format!("revision {revision} is not the current one, {current}");
            return Err(conflict("INVALID_REVISION", detail).into());
        }
        let mut badge = known.patched(patch);
        if badge == **known {
            return Ok(Decision::already(Answering::Badge(number)));
        }
        (badge.revision, badge.updated_at) = (known.revision + 1, now);
        Ok(Decision::new(vec![updated(badge)], Answering::Badge(number)))
    }

    pub(super) fn decide_move_badge(&self, id: BadgeId, place: BadgePlace) -> Decided {
        let number = self.badge(id)?;
        let before = self.badges.ordered();
        let mut wanted = before.clone();
        wanted.retain(|other| *other != number);
        let at = match place {
            BadgePlace::First => 0,
            BadgePlace::Last => wanted.len(),
            // Behind itself it stays where it is.
            BadgePlace::After(other) if other == id => {
                before.iter().position(|one| *one == number).unwrap_or_default()
            }
            BadgePlace::After(other) => {
                let other = self.badge(other)?;
                wanted.iter().position(|one| *one == other).map_or(0, |position| position + 1)
            }
        };
        wanted.insert(at, number);
        if wanted == before {
            return Ok(Decision::already(Answering::Badges));
        }
        let place = |at: usize| wanted.get(at).map(|number| self.badges.position(*number));
        let below = at.checked_sub(1).and_then(place).unwrap_or(0);
        let above = place(at + 1).unwrap_or(self.badges.end_position());
        let middle = below + above.saturating_sub(below) / 2;
        if middle == below {
            return Ok(self.renumbered(&wanted));
        }
        Ok(Decision::new(vec![self.moved(number, middle)], Answering::Badges))
    }

    pub(super) fn decide_order_badges(&self, badges: &[BadgeId]) -> Decided {
        let before = self.badges.ordered();
        let mut wanted: Vec<BadgeNumber> = Vec::with_capacity(before.len());
        let mut seen = BTreeSet::new();
        for id in badges {
            let number = self.badge(*id)?;
            if seen.insert(number) {
                wanted.push(number);
            }
        }
        wanted.extend(before.iter().filter(|number| !seen.contains(number)));
        match wanted == before {
            true => Ok(Decision::already(Answering::Badges)),
            false => Ok(self.renumbered(&wanted)),
        }
    }

    /// Gives each badge the place it has in the list.
    fn renumbered(&self, wanted: &[BadgeNumber]) -> Decision {
        let places = (1..).map(|place: u64| place * POSITION_STEP).zip(wanted);
        let moved = places.filter(|(place, number)| self.badges.position(**number) != *place);
        let events = moved.map(|(place, number)| self.moved(*number, place)).collect();
        Decision::new(events, Answering::Badges)
    }

    fn moved(&self, number: BadgeNumber, position: u64) -> Event {
        let mut badge = Badge::clone(&self.badges.slot(number).badge);
        badge.position = Some(position);
        updated(badge)
    }

    pub(super) fn decide_assign_many(
        &self,
        pairs: &[(BadgeId, MemberId)],
        now: Timestamp,
    ) -> Decided {
        let (mut events, mut results) = (Vec::new(), Vec::with_capacity(pairs.len()));
        let mut new: BTreeMap<u32, BTreeSet<BadgeNumber>> = BTreeMap::new();
        for (badge, member) in pairs {
            results.push(self.assign_one(*badge, *member, now, &mut new, &mut events));
        }
        Ok(Decision::new(events, Answering::Assignments(results)))
    }

    fn assign_one(
        &self,
        badge: BadgeId,
        id: MemberId,
        now: Timestamp,
        new: &mut BTreeMap<u32, BTreeSet<BadgeNumber>>,
        events: &mut Vec<Event>,
    ) -> Result<Assignment, Refusal> {
        let (number, member) = (self.badge(badge)?, self.member(id)?);
        if self.badges.holds(member, number) {
            return Ok(self.assignment(member, number));
        }
        let own = new.entry(member).or_default();
        let key = AssignmentKey { member, badge: number, assigned_at: now };
        let made =
            Assignment { id: assignment_id(self.id, key), badge, member: id, assigned_at: now };
        if own.contains(&number) {
            return Ok(made);
        }
        let held = self.badges.held(member).len() + own.len();
        limit(held, BADGES_PER_MEMBER_MAX, "MEMBER_BADGE_LIMIT", "badges of this member")?;
        own.insert(number);
        events.push(self.badge_assigned(member, number, AssignmentReason::Assigned, now));
        Ok(made)
    }

    pub(super) fn decide_unassign_many(&self, assignments: &[AssignmentId]) -> Decided {
        let (mut events, mut results) = (Vec::new(), Vec::with_capacity(assignments.len()));
        let mut seen = BTreeSet::new();
        for id in assignments {
            results.push(self.standing(*id).filter(|_| seen.insert(*id)).map_or_else(
                || Err(assignment_not_found(*id)),
                |one| {
                    events.push(unassigned(&one));
                    Ok(one)
                },
            ));
        }
        Ok(Decision::new(events, Answering::Assignments(results)))
    }

    fn standing(&self, id: AssignmentId) -> Option<Assignment> {
        let (member, badge) = self.assignment_of(id)?;
        Some(self.assignment(member, badge))
    }

    pub(super) fn decide_take(&self, badge: BadgeId, members: &[MemberId]) -> Decided {
        let number = self.badge(badge)?;
        let known: BTreeSet<u32> =
            members.iter().filter_map(|id| self.find_member(*id)).map(|member| member.0).collect();
        let held = known.into_iter().filter(|member| self.badges.holds(*member, number));
        let events = held.map(|member| unassigned(&self.assignment(member, number))).collect();
        Ok(Decision::new(events, Answering::Done))
    }
}

fn updated(badge: Badge) -> Event {
    Event::BadgeUpdated { badge: Arc::new(badge) }
}

fn unassigned(assignment: &Assignment) -> Event {
    Event::BadgeUnassigned {
        badge: assignment.badge,
        member: assignment.member,
        assignment: assignment.id,
        reason: UnassignmentReason::Unassigned,
    }
}

pub(in crate::core) fn assignment_not_found(id: AssignmentId) -> Refusal {
    let detail = format!("badge assignment {id} is not known");
    Refusal::NotFound { code: "BADGE_ASSIGNMENT_NOT_FOUND", detail }
}

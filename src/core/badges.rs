//! The badge catalogue, who holds what, and the rules that award.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::domain::event::Badge;
use crate::domain::{AssignmentId, BadgeId, SiteId, Timestamp};

use super::counters::KeyNumber;
use super::fault::{Fault, planted};
use super::ordinal_set::OrdinalSet;

/// A badge's dense number inside its site; never reused.
pub type BadgeNumber = u16;

/// Between the places of two badges that were never moved: one that is moved between others takes
/// the middle.
pub const POSITION_STEP: u64 = 1 << 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    pub badge: BadgeNumber,
    pub assigned_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    pub badge: Arc<Badge>,
    /// Deleted: shown nowhere any more, its holders are revoked in slices.
    pub deleted: bool,
}

/// A rule line: at `reaches`, the badge is awarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleLine {
    pub reaches: i64,
    pub badge: BadgeNumber,
}

#[derive(Debug, Default)]
pub struct Badges {
    slots: Vec<Slot>,
    /// By badge number; may know a badge before its slot does, while a snapshot is taken in.
    holders: Vec<OrdinalSet>,
    numbers: HashMap<BadgeId, BadgeNumber>,
    held: HashMap<u32, Vec<Held>, foldhash::fast::RandomState>,
    lines: HashMap<KeyNumber, Vec<RuleLine>>,
}

impl Badges {
    pub fn number(&self, id: BadgeId) -> Option<BadgeNumber> {
        self.numbers.get(&id).copied().filter(|number| !self.slot(*number).deleted)
    }

    pub fn slot(&self, number: BadgeNumber) -> &Slot {
        &self.slots[number as usize]
    }

    /// Badges that are not deleted, by number.
    pub fn live(&self) -> impl Iterator<Item = (BadgeNumber, &Slot)> {
        (0..).zip(&self.slots).filter(|(_, slot)| !slot.deleted)
    }

    /// Badges that are not deleted, in display order.
    pub fn ordered(&self) -> Vec<BadgeNumber> {
        let mut all: Vec<BadgeNumber> = self.live().map(|(number, _)| number).collect();
        all.sort_by_key(|number| (self.position(*number), *number));
        all
    }

    /// A badge that was never moved stands by its age.
    pub fn position(&self, number: BadgeNumber) -> u64 {
        let own = self.slot(number).badge.position;
        own.unwrap_or((u64::from(number) + 1) * POSITION_STEP)
    }

    /// Where the next new badge will stand: behind all others.
    pub fn end_position(&self) -> u64 {
        (self.slots.len() as u64 + 1) * POSITION_STEP
    }

    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub fn has_title_slug(&self, slug: &str) -> bool {
        self.live().any(|(_, slot)| slot.badge.slug == slug)
    }

    /// Adds a badge; `line` is its rule with the key already named.
    pub fn push(&mut self, badge: Arc<Badge>, deleted: bool, key: Option<KeyNumber>) {
        let number = self.slots.len() as BadgeNumber;
        if let (Some(rule), Some(key), false) = (&badge.rule, key, deleted) {
            self.lines
                .entry(key)
                .or_default()
                .push(RuleLine { reaches: rule.reaches, badge: number });
        }
        self.numbers.insert(badge.id, number);
        self.slots.push(Slot { badge, deleted });
    }

    pub fn update(&mut self, badge: Arc<Badge>) {
        let Some(number) = self.numbers.get(&badge.id) else { return };
        self.slots[*number as usize].badge = badge;
    }

    pub fn delete(&mut self, id: BadgeId) {
        let Some(number) = self.numbers.get(&id).copied() else { return };
        self.slots[number as usize].deleted = true;
        for lines in self.lines.values_mut() {
            lines.retain(|line| line.badge != number);
        }
        self.lines.retain(|_, lines| !lines.is_empty());
    }

    #[inline]
    pub fn lines(&self, key: KeyNumber) -> &[RuleLine] {
        if self.lines.is_empty() {
            return &[];
        }
        self.lines.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Badges that a counter going from `old` to `new` earns its member, unless it holds them.
    pub fn crossed(&self, member: u32, key: KeyNumber, old: i64, new: i64) -> Vec<BadgeNumber> {
        let lines = self.lines(key).iter();
        let crossed = lines.filter(|line| old < line.reaches && line.reaches <= new);
        let crossed = crossed.filter(|line| line.reaches == new || !planted(Fault::RuleLineLost));
        crossed.map(|line| line.badge).filter(|badge| !self.holds(member, *badge)).collect()
    }

    pub fn holds(&self, member: u32, badge: BadgeNumber) -> bool {
        self.holders(badge).is_some_and(|holders| holders.contains(member))
    }

    /// Who holds a badge; `None` while nobody ever did.
    pub fn holders(&self, badge: BadgeNumber) -> Option<&OrdinalSet> {
        self.holders.get(badge as usize)
    }

    pub fn held(&self, member: u32) -> &[Held] {
        self.held.get(&member).map_or(&[], Vec::as_slice)
    }

    pub fn held_one(&self, member: u32, badge: BadgeNumber) -> Option<Held> {
        self.held(member).iter().copied().find(|held| held.badge == badge)
    }

    pub fn assign(&mut self, member: u32, held: Held) {
        let number = held.badge as usize;
        if self.holders.len() <= number {
            self.holders.resize_with(number + 1, OrdinalSet::default);
        }
        if self.holders[number].insert(member) {
            self.held.entry(member).or_default().push(held);
        }
    }

    pub fn unassign(&mut self, member: u32, badge: BadgeNumber) {
        if let Some(holders) = self.holders.get_mut(badge as usize) {
            holders.remove(member);
        }
        if let Some(held) = self.held.get_mut(&member) {
            held.retain(|held| held.badge != badge);
            if held.is_empty() {
                self.held.remove(&member);
            }
        }
    }

    pub fn number_even_if_deleted(&self, id: BadgeId) -> Option<BadgeNumber> {
        self.numbers.get(&id).copied()
    }

    /// A deleted badge that is still held by somebody.
    pub fn to_revoke(&self) -> Option<BadgeNumber> {
        let mut held = self.slots.iter().zip(&self.holders);
        let found = held.position(|(slot, holders)| slot.deleted && !holders.is_empty());
        found.map(|number| number as BadgeNumber)
    }
}

/// What an assignment id says once it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssignmentKey {
    pub member: u32,
    pub badge: BadgeNumber,
    /// Low 48 bits of the assignment's time.
    pub assigned_at: Timestamp,
}

const HALF: u64 = (1 << 48) - 1;
const ROUNDS: u64 = 4;

/// An assignment id names its member and badge, so that no index is kept for it. The names are
/// ordinals, which stay inside: four Feistel rounds keyed by the site hide them.
pub fn assignment_id(site: SiteId, key: AssignmentKey) -> AssignmentId {
    let mut left = u64::from(key.member) << 16 | u64::from(key.badge);
    let mut right = key.assigned_at.unix_ms as u64 & HALF;
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ mix(site, round, right));
    }
    let top = u128::from(left) << 80;
    let middle = u128::from(right >> 36) << 64 | u128::from(right & ((1 << 36) - 1)) << 26;
    AssignmentId::from_u128(top | 8 << 76 | 0b10 << 62 | middle & !(0xf << 76) & !(0b11 << 62))
}

/// The reverse of [`assignment_id`]; `None` for an id that no site of this kind made.
pub fn assignment_key(site: SiteId, id: AssignmentId) -> Option<AssignmentKey> {
    let value = id.as_u128();
    let mut left = (value >> 80) as u64;
    let mut right = ((value >> 64) as u64 & 0xfff) << 36 | (value >> 26) as u64 & ((1 << 36) - 1);
    for round in (0..ROUNDS).rev() {
        (left, right) = (right ^ mix(site, round, left), left);
    }
    let key = AssignmentKey {
        member: (left >> 16) as u32,
        badge: left as u16,
        assigned_at: Timestamp::from_unix_ms(right as i64),
    };
    (assignment_id(site, key) == id).then_some(key)
}

fn mix(site: SiteId, round: u64, half: u64) -> u64 {
    let mut input = [0; 24];
    input[..16].copy_from_slice(site.as_bytes());
    input[16..].copy_from_slice(&half.to_be_bytes());
    xxh3_64_with_seed(&input, round) & HALF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_id_names_its_member_and_badge_to_its_site_only() {
        let site = SiteId::from_u128(7);
        for member in [0, 1, 77_777, u32::MAX] {
            let assigned_at = Timestamp::from_unix_ms(1_764_000_000_123);
            let key = AssignmentKey { member, badge: 513, assigned_at };
            let id = assignment_id(site, key);
            assert_eq!(id.uuid().get_version_num(), 8);
            assert_eq!(assignment_key(site, id), Some(key));
            assert_ne!(assignment_key(SiteId::from_u128(8), id), Some(key));
        }
    }
}

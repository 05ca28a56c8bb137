//! What binds members beyond follows and likes: the roles that they hold, the slugs that they gave
//! up, whom they block. Sparse and resident.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::apply::At;
use super::site::Site;
use crate::domain::limits::{SLUG_RESERVED_MS, SLUGS_RESERVED_PER_MEMBER_MAX};
use crate::domain::settings::RoleDefinition;
use crate::domain::ties::TieStep;
use crate::domain::{RoleId, Timestamp};

/// Stored for ever in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tie {
    Role(RoleId),
    /// A slug that the member gave up, held back until then.
    Slug {
        until: Timestamp,
        hash: u128,
    },
    /// Neither of both sees the other.
    Blocks(u32),
}

/// Hashes of slugs, as rows keep them.
#[derive(Clone, Copy, Debug)]
pub struct SlugChange {
    pub old: u128,
    pub new: u128,
}

#[derive(Debug, Default)]
pub struct Ties {
    /// Of those who have any.
    ties: BTreeMap<u32, BTreeSet<Tie>>,
    /// Who held a slug back last, and until when.
    slugs: BTreeMap<u128, (u32, Timestamp)>,
    /// By whom a member is blocked.
    blockers: BTreeMap<u32, BTreeSet<u32>>,
}

impl Ties {
    pub fn of(&self, member: u32) -> impl Iterator<Item = Tie> + '_ {
        self.ties.get(&member).into_iter().flatten().copied()
    }

    pub fn holds(&self, member: u32, tie: Tie) -> bool {
        self.ties.get(&member).is_some_and(|ties| ties.contains(&tie))
    }

    pub fn members(&self) -> impl Iterator<Item = u32> + '_ {
        self.ties.keys().copied()
    }

    /// Those of neighbouring members.
    pub fn range(&self, members: std::ops::Range<u32>) -> impl Iterator<Item = (u32, Vec<Tie>)> {
        let each = self.ties.range(members);
        each.map(|(member, ties)| (*member, ties.iter().copied().collect()))
    }

    pub fn restore(&mut self, member: u32, ties: Vec<Tie>) {
        ties.into_iter().for_each(|tie| self.bind(member, tie));
    }

    pub fn bind(&mut self, member: u32, tie: Tie) {
        self.ties.entry(member).or_default().insert(tie);
        match tie {
            Tie::Slug { until, hash } => {
                self.slugs.insert(hash, (member, until));
            }
            Tie::Blocks(other) => {
                self.blockers.entry(other).or_default().insert(member);
            }
            Tie::Role(_) => {}
        }
    }

    pub fn loosen(&mut self, member: u32, tie: Tie) {
        if let Some(ties) = self.ties.get_mut(&member) {
            ties.remove(&tie);
            if ties.is_empty() {
                self.ties.remove(&member);
            }
        }
        match tie {
            Tie::Slug { hash, .. } => {
                if self.slugs.get(&hash).is_some_and(|(holder, _)| *holder == member) {
                    self.slugs.remove(&hash);
                }
            }
            Tie::Blocks(other) => self.unblock(member, other),
            Tie::Role(_) => {}
        }
    }

    fn unblock(&mut self, member: u32, other: u32) {
        if let Some(blockers) = self.blockers.get_mut(&other) {
            blockers.remove(&member);
            if blockers.is_empty() {
                self.blockers.remove(&other);
            }
        }
    }

    pub fn blocked_by(&self, member: u32) -> impl Iterator<Item = u32> + '_ {
        self.of(member).filter_map(|tie| match tie {
            Tie::Blocks(other) => Some(other),
            Tie::Role(_) | Tie::Slug { .. } => None,
        })
    }

    pub fn blockers_of(&self, member: u32) -> impl Iterator<Item = u32> + '_ {
        self.blockers.get(&member).into_iter().flatten().copied()
    }

    /// Whether one of both blocks the other.
    pub fn are_apart(&self, one: u32, other: u32) -> bool {
        self.holds(one, Tie::Blocks(other)) || self.holds(other, Tie::Blocks(one))
    }

    /// A member that is gone is bound by nothing.
    pub fn forget(&mut self, member: u32) {
        let ties: Vec<Tie> = self.of(member).collect();
        ties.into_iter().for_each(|tie| self.loosen(member, tie));
    }

    /// The member has another slug from now on. The one before is held back; of many, the newest.
    pub fn give_up_slug(&mut self, member: u32, slug: SlugChange, now: Timestamp) {
        let held = self.of(member).filter_map(|tie| match tie {
            Tie::Slug { hash, .. } => Some((tie, hash)),
            Tie::Role(_) | Tie::Blocks(_) => None,
        });
        let held: Vec<(Tie, u128)> = held.collect();
        let again = |hash: u128| hash == slug.new || hash == slug.old;
        let (known, others): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|(_, hash)| again(*hash));
        let surplus = (others.len() + 1).saturating_sub(SLUGS_RESERVED_PER_MEMBER_MAX);
        for (tie, _) in known.iter().chain(others.iter().take(surplus)) {
            self.loosen(member, *tie);
        }
        // Later than all before, so that the newest of them are told apart.
        let last = others.last().map(|(tie, _)| match tie {
            Tie::Slug { until, .. } => until.plus_ms(1),
            Tie::Role(_) | Tie::Blocks(_) => now,
        });
        let until = now.plus_ms(SLUG_RESERVED_MS).max(last.unwrap_or(now));
        self.bind(member, Tie::Slug { until, hash: slug.old });
    }

    /// Whether somebody else than this member holds the slug back.
    pub fn is_held_back(&self, slug: u128, from: Option<u32>, now: Timestamp) -> bool {
        let held = self.slugs.get(&slug);
        held.is_some_and(|(holder, until)| Some(*holder) != from && now < *until)
    }
}

impl Site {
    pub(super) fn apply_tie(&mut self, at: At, step: &TieStep) {
        let member = self.known(step.member());
        if !self.is_news(member, at) {
            return;
        }
        match step {
            TieStep::RoleAssigned { role, .. } => self.ties.bind(member, Tie::Role(role.id)),
            TieStep::RoleUnassigned { role, .. } => self.ties.loosen(member, Tie::Role(role.id)),
            TieStep::Blocked { blocked, .. } => {
                let blocked = self.known(*blocked);
                self.ties.bind(member, Tie::Blocks(blocked));
            }
            TieStep::Unblocked { blocked, .. } => {
                let blocked = self.known(*blocked);
                self.ties.loosen(member, Tie::Blocks(blocked));
            }
        }
        self.stamps.touch_member(member, at.commit);
    }

    /// The roles that a member holds, by key; deleted ones are no roles any more.
    pub(super) fn roles_of(&self, member: u32) -> Vec<Arc<RoleDefinition>> {
        let role = |tie| match tie {
            Tie::Role(id) => self.settings.role_of(id).cloned(),
            Tie::Slug { .. } | Tie::Blocks(_) => None,
        };
        let mut roles: Vec<Arc<RoleDefinition>> = self.ties.of(member).filter_map(role).collect();
        roles.sort_by(|one, other| one.key.cmp(&other.key));
        roles
    }

    /// Whether the member may be blocked, by the site or by another member.
    pub(super) fn is_blockable(&self, member: u32) -> bool {
        self.roles_of(member).iter().all(|role| role.blockable)
    }
}

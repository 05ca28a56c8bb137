//! What a site decides for all members and what binds them, read a second time.

use std::collections::BTreeSet;

use super::model::{Catalogue, Model};
use crate::core::ties::Tie;
use crate::domain::Timestamp;
use crate::domain::limits::{SLUG_RESERVED_MS, SLUGS_RESERVED_PER_MEMBER_MAX};
use crate::domain::settings::SettingStep;
use crate::domain::ties::TieStep;

impl Catalogue {
    pub(super) fn setting_step(&mut self, step: &SettingStep) {
        let (name, is_gone) = match step {
            SettingStep::DefaultPrivacy(_) => ("default privacy".to_owned(), false),
            SettingStep::MemberPrivacy(_) => ("privacy settings".to_owned(), false),
            SettingStep::Role { role, .. } => (format!("role {}", role.key), false),
            SettingStep::RoleDeleted { role } => (format!("role {}", role.key), true),
        };
        if is_gone {
            self.settings.remove(&name);
            return;
        }
        // Whether it was new once is no part of what it is.
        let kept = match step.clone() {
            SettingStep::Role { role, is_new: _ } => SettingStep::Role { role, is_new: false },
            other => other,
        };
        self.settings.insert(name, kept);
    }
}

/// A slug that is given up stays the member's for a while, the five newest of them do.
pub(super) fn ties_after(
    old_slug: u128,
    new_slug: u128,
    mut ties: BTreeSet<Tie>,
    now: Timestamp,
) -> BTreeSet<Tie> {
    if old_slug == new_slug || old_slug == 0 {
        return ties;
    }
    let slug_of = |tie: &Tie| match tie {
        Tie::Slug { hash, .. } => Some(*hash),
        Tie::Role(_) => None,
    };
    ties.retain(|tie| slug_of(tie).is_none_or(|hash| hash != old_slug && hash != new_slug));
    ties.insert(Tie::Slug { until: now.plus_ms(SLUG_RESERVED_MS), hash: old_slug });
    let mut kept: Vec<Tie> = ties.iter().filter(|tie| slug_of(tie).is_some()).copied().collect();
    while kept.len() > SLUGS_RESERVED_PER_MEMBER_MAX {
        ties.remove(&kept.remove(0));
    }
    ties
}

impl Model {
    pub(super) fn tie_step(&mut self, step: &TieStep, seq: u64) {
        let Some(member) = self.member_by_id(step.member(), seq) else { return };
        let is_sound = match step {
            TieStep::RoleAssigned { role, .. } => member.ties.insert(Tie::Role(role.id)),
            TieStep::RoleUnassigned { role, .. } => member.ties.remove(&Tie::Role(role.id)),
        };
        if !is_sound {
            let name = step.type_name();
            self.findings.note(|| format!("log: record {seq}: {name} of what is not so"));
        }
    }
}

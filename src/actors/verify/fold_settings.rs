//! What a site decides for all members and what binds them, read a second time.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::model::{Catalogue, Model};
use crate::core::ties::Tie;
use crate::domain::custom_field::FieldStep;
use crate::domain::limits::{SLUG_RESERVED_MS, SLUGS_RESERVED_PER_MEMBER_MAX};
use crate::domain::settings::SettingStep;
use crate::domain::ties::TieStep;
use crate::domain::{FieldId, Timestamp};

impl Catalogue {
    pub(super) fn setting_step(&mut self, step: &SettingStep) {
        if let SettingStep::Field(step) = step {
            return self.field_step(step);
        }
        let (name, is_gone) = match step {
            SettingStep::Field(_) => unreachable!("folded above"),
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
        Tie::Role(_) | Tie::Blocks(_) => None,
    };
    ties.retain(|tie| slug_of(tie).is_none_or(|hash| hash != old_slug && hash != new_slug));
    let latest = ties.iter().filter_map(|tie| match tie {
        Tie::Slug { until, .. } => Some(until.plus_ms(1)),
        Tie::Role(_) | Tie::Blocks(_) => None,
    });
    let until = latest.fold(now.plus_ms(SLUG_RESERVED_MS), Timestamp::max);
    ties.insert(Tie::Slug { until, hash: old_slug });
    let mut kept: Vec<Tie> = ties.iter().filter(|tie| slug_of(tie).is_some()).copied().collect();
    while kept.len() > SLUGS_RESERVED_PER_MEMBER_MAX {
        ties.remove(&kept.remove(0));
    }
    ties
}

impl Catalogue {
    /// A field under its name, an application under another, and the order of all fields.
    fn field_step(&mut self, step: &Arc<FieldStep>) {
        let field = |id: FieldId| format!("field {id}");
        let application = |id: FieldId| format!("application of field {id}");
        match &**step {
            FieldStep::Created(one) => {
                self.field_order.push(one.id);
                self.put_field(field(one.id), FieldStep::Created(one.clone()));
            }
            FieldStep::Updated(one) => {
                self.put_field(field(one.id), FieldStep::Created(one.clone()));
            }
            FieldStep::Deleted(one) => {
                self.field_order.retain(|id| *id != one.id);
                self.settings.remove(&field(one.id));
                self.settings.remove(&application(one.id));
            }
            FieldStep::Ordered(ids) => self.field_order.clone_from(ids),
            FieldStep::ApplicationCreated(one) | FieldStep::ApplicationUpdated(one) => {
                let step = FieldStep::ApplicationCreated(one.clone());
                self.put_field(application(one.field), step);
            }
            FieldStep::ApplicationDeleted(one) => {
                self.settings.remove(&application(one.field));
            }
        }
    }

    fn put_field(&mut self, name: String, step: FieldStep) {
        self.settings.insert(name, SettingStep::Field(Arc::new(step)));
    }
}

impl Model {
    pub(super) fn tie_step(&mut self, step: &TieStep, seq: u64) {
        let blocked = match step {
            TieStep::Blocked { blocked, .. } | TieStep::Unblocked { blocked, .. } => {
                self.ids.get(blocked).copied()
            }
            TieStep::RoleAssigned { .. } | TieStep::RoleUnassigned { .. } => None,
        };
        let Some(member) = self.member_by_id(step.member(), seq) else { return };
        let is_sound = match step {
            TieStep::Blocked { .. } => {
                blocked.is_some_and(|other| member.ties.insert(Tie::Blocks(other)))
            }
            TieStep::Unblocked { .. } => {
                blocked.is_some_and(|other| member.ties.remove(&Tie::Blocks(other)))
            }
            TieStep::RoleAssigned { role, .. } => member.ties.insert(Tie::Role(role.id)),
            TieStep::RoleUnassigned { role, .. } => member.ties.remove(&Tie::Role(role.id)),
        };
        if !is_sound {
            let name = step.type_name();
            self.findings.note(|| format!("log: record {seq}: {name} of what is not so"));
        }
    }
}

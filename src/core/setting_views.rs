//! Answering what a site has decided for its members, which roles they hold and whom they block.

use super::decide::{application_not_found, field_not_found, role_not_found};
use super::ordinal_set::OrdinalSet;
use super::query::{FieldsApplied, MemberBlocked, Page, Query, SettingsAsked, View};
use super::sight::Eye;
use super::site::Site;
use super::views::{Seen, page_of};
use crate::domain::limits::ROLES_ASKED_MEMBERS_MAX;
use crate::domain::{MemberId, Refusal};

impl Site {
    pub(super) fn setting_view(&self, query: &Query) -> Seen {
        match query {
            Query::Settings(asked) => self.settings_asked(asked),
            Query::FieldsOfMembers { members } => {
                let found = members.iter().map(|id| self.directory.find(*id, &self.counters));
                let known = members.iter().zip(found);
                let applied = known.filter_map(|(id, member)| {
                    Some((*id.as_bytes(), self.fields_applied(member?)))
                });
                Ok(self.fields_view(applied.collect()))
            }
            Query::FieldsOfRoles { roles } => {
                let known = roles.iter().filter(|role| self.settings.role_of(**role).is_some());
                let fields = &self.settings.fields;
                let applied = known.map(|role| (*role.as_bytes(), fields.applied_to_role(*role)));
                Ok(self.fields_view(applied.collect()))
            }
            Query::Blocking { member, page } => self.blocking_view(*member, page),
            Query::Blocks { member, page } => self.blocks_view(*member, page),
            Query::RolesOf { members } => self.roles_view(members.as_deref()),
            other => unreachable!("{other:?} asks for no setting"),
        }
    }

    fn fields_view(&self, subjects: Vec<([u8; 16], Vec<bool>)>) -> View {
        let fields = self.settings.fields.shown().cloned().collect();
        View::FieldsApplied(FieldsApplied { fields, subjects })
    }

    fn settings_asked(&self, asked: &SettingsAsked) -> Seen {
        let found = self.settings.asked(asked);
        Ok(View::Settings(found.ok_or_else(|| not_found(asked))?))
    }

    /// Of those who are asked for, or of all who hold any. Who is not there holds none.
    fn roles_view(&self, members: Option<&[MemberId]>) -> Seen {
        let ordinals: Vec<u32> = match members {
            Some(ids) => {
                let found = ids.iter().map(|id| self.directory.find(*id, &self.counters));
                found.flatten().collect()
            }
            None => self.ties.members().collect(),
        };
        let held = ordinals.into_iter().map(|one| (self.counters.id(one), self.roles_of(one)));
        let held: Vec<_> = match members {
            Some(_) => held.collect(),
            None => held.filter(|(_, roles)| !roles.is_empty()).collect(),
        };
        if held.len() > ROLES_ASKED_MEMBERS_MAX {
            let limit = ROLES_ASKED_MEMBERS_MAX as u64;
            let detail = format!("more than {limit} members hold roles: name some by memberId");
            return Err(Refusal::LimitReached { code: "TOO_MANY_MEMBERS", detail, limit }.into());
        }
        Ok(View::RolesOf(held))
    }

    fn blocking_view(&self, id: MemberId, page: &Page) -> Seen {
        let all: OrdinalSet = self.blocking(self.member(id)?).collect();
        Ok(View::MemberIds(self.ids_of(&all, page, Eye::Whole)))
    }

    /// Each member at most twice: as one that is blocked, and as one that blocks.
    fn blocks_view(&self, id: MemberId, page: &Page) -> Seen {
        let member = self.member(id)?;
        let blocking = self.blocking(member).map(|other| (other, true));
        let blocked = self.ties.blockers_of(member).map(|other| (other, false));
        let mut all: Vec<(u32, bool)> = blocking.chain(blocked).collect();
        all.sort_unstable();
        let found = page_of(page, 0..all.len() as u32);
        Ok(View::Blocks(found.map(|position| match all[position as usize] {
            (other, true) => MemberBlocked::Blocking(self.counters.id(other)),
            (other, false) => MemberBlocked::Blocked(self.counters.id(other)),
        })))
    }

    /// Who is gone is blocked no more.
    fn blocking(&self, member: u32) -> impl Iterator<Item = u32> + '_ {
        self.ties.blocked_by(member).filter(|other| !self.directory.is_deleted(*other))
    }
}

fn not_found(asked: &SettingsAsked) -> Refusal {
    match asked {
        SettingsAsked::Role { key } => role_not_found(key),
        SettingsAsked::Field { id } => field_not_found(*id),
        SettingsAsked::Application { field } => application_not_found(*field),
        SettingsAsked::DefaultPrivacy
        | SettingsAsked::MemberPrivacy
        | SettingsAsked::Roles
        | SettingsAsked::Fields
        | SettingsAsked::Applications { .. } => unreachable!("{asked:?} is always there"),
    }
}

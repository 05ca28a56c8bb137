//! Answering what a site has decided for its members, and which roles they hold.

use super::decide::role_not_found;
use super::query::{SettingsAsked, View};
use super::site::Site;
use super::views::Seen;
use crate::domain::limits::ROLES_ASKED_MEMBERS_MAX;
use crate::domain::{MemberId, Refusal};

impl Site {
    pub(super) fn settings_asked(&self, asked: &SettingsAsked) -> Seen {
        let found = self.settings.asked(asked);
        Ok(View::Settings(found.ok_or_else(|| not_found(asked))?))
    }

    /// Of those who are asked for, or of all who hold any. Who is not there holds none.
    pub(super) fn roles_view(&self, members: Option<&[MemberId]>) -> Seen {
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
}

fn not_found(asked: &SettingsAsked) -> Refusal {
    match asked {
        SettingsAsked::Role { key } => role_not_found(key),
        SettingsAsked::DefaultPrivacy | SettingsAsked::MemberPrivacy | SettingsAsked::Roles => {
            unreachable!("{asked:?} is always there")
        }
    }
}

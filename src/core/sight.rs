//! Who sees whom. A viewer's eye is opened once for a question, and asked of each member.

use std::collections::BTreeSet;

use crate::domain::profile::{PrivacyStatus, Status};
use crate::domain::{MemberId, Refusal};

use super::decide::member_not_found;
use super::directory::Row;
use super::ordinal_set::OrdinalSet;
use super::query::Viewer;
use super::site::Site;
use super::ties::Tie;

/// A viewer, as far as members are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eye {
    /// The owner and its keys see everybody.
    Whole,
    /// Whoever is open to others, and oneself.
    Open { own: Option<u32> },
    /// Oneself alone.
    Closed { own: Option<u32> },
}

impl Eye {
    pub(super) fn own(self) -> Option<u32> {
        match self {
            Eye::Whole => None,
            Eye::Open { own } | Eye::Closed { own } => own,
        }
    }
}

impl Site {
    pub(super) fn eye(&self, viewer: Viewer) -> Eye {
        let (own, sees_others) = match viewer {
            Viewer::Owner => return Eye::Whole,
            Viewer::Member(id) => {
                let own = self.directory.find(id, &self.counters);
                (own, self.settings.shows_members())
            }
            Viewer::Visitor => (None, self.settings.shows_visitors()),
        };
        if sees_others { Eye::Open { own } } else { Eye::Closed { own } }
    }

    pub(super) fn sees(&self, eye: Eye, member: u32) -> bool {
        let row = self.directory.row(member);
        if row.status == Status::Deleted {
            return false;
        }
        match eye {
            Eye::Whole => true,
            Eye::Open { own } => {
                let is_apart = |own| self.ties.are_apart(own, member);
                own == Some(member) || is_open(row) && !own.is_some_and(is_apart)
            }
            Eye::Closed { own } => own == Some(member),
        }
    }

    pub(super) fn is_visible(&self, member: u32, viewer: Viewer) -> bool {
        self.sees(self.eye(viewer), member)
    }

    /// The member, where this viewer may see it; else it looks like one that does not exist.
    pub(super) fn visible_member(&self, id: MemberId, viewer: Viewer) -> Result<u32, Refusal> {
        let member = self.member(id)?;
        let eye = self.eye(viewer);
        if self.sees(eye, member) {
            return Ok(member);
        }
        // Who blocks may know why: it may want to end it.
        let blocks = eye.own().is_some_and(|own| self.ties.holds(own, Tie::Blocks(member)));
        Err(if blocks { blocked_for_oneself(id) } else { member_not_found(id) })
    }

    /// How many of the listed members of a set the viewer does not see.
    pub(super) fn hidden_len(&self, eye: Eye, set: &OrdinalSet) -> usize {
        let own = |own: Option<u32>| own.filter(|own| set.contains(*own));
        match eye {
            Eye::Whole => 0,
            Eye::Open { .. } => {
                let private = self.directory.private();
                let own_if_private = own(eye.own()).filter(|own| private.contains(*own));
                let apart = eye.own().map_or(0, |own| self.open_and_apart(own, set));
                set.common_len(private) - usize::from(own_if_private.is_some()) + apart
            }
            Eye::Closed { .. } => {
                let own = own(eye.own()).filter(|own| self.directory.is_listed(*own));
                self.listed_len(set) - usize::from(own.is_some())
            }
        }
    }

    /// Members of a set that a block alone hides from this one.
    fn open_and_apart(&self, own: u32, set: &OrdinalSet) -> usize {
        let both: BTreeSet<u32> =
            self.ties.blocked_by(own).chain(self.ties.blockers_of(own)).collect();
        let is_hidden =
            |other: &&u32| set.contains(**other) && is_open(self.directory.row(**other));
        both.iter().filter(is_hidden).count()
    }
}

fn blocked_for_oneself(id: MemberId) -> Refusal {
    let detail = format!("you block member {id}");
    Refusal::NotFound { code: "MEMBER_TO_MEMBER_BLOCKED", detail }
}

/// Whether anybody may see the member who may see members at all.
fn is_open(row: &Row) -> bool {
    row.status == Status::Approved && row.privacy == PrivacyStatus::Public
}

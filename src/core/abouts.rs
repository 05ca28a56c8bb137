//! What members tell about themselves: small rows that are resident, and documents that are paged.
//! A document is replaced as a whole, so that it is either in memory or as its row's commit stored
//! it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::apply::At;
use super::badges::{AssignmentKey, BadgeNumber, assignment_id, assignment_key};
use super::decide::need;
use super::graph::Taken;
use super::parts::PartKey;
use super::query::{AboutFilter, Page, PageOf, Viewer};
use super::site::Site;
use super::turn::Stop;
use super::views::page_of;
use crate::domain::about::{About, AboutStep};
use crate::domain::{AboutId, AssignmentId, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AboutRow {
    pub revision: u64,
    pub created_at: Timestamp,
    /// Commit of its last change: the stamp of the document.
    pub commit: u64,
}

#[derive(Debug, Default)]
pub struct Abouts {
    rows: BTreeMap<u32, AboutRow>,
    contents: HashMap<u32, Arc<str>, foldhash::fast::RandomState>,
}

impl Abouts {
    pub fn row(&self, member: u32) -> Option<AboutRow> {
        self.rows.get(&member).copied()
    }

    pub fn content(&self, member: u32) -> Option<&Arc<str>> {
        self.contents.get(&member)
    }

    pub fn members(&self) -> impl Iterator<Item = u32> {
        self.rows.keys().copied()
    }

    /// Rows of neighbouring members.
    pub fn range(&self, members: std::ops::Range<u32>) -> impl Iterator<Item = (u32, AboutRow)> {
        self.rows.range(members).map(|(member, row)| (*member, *row))
    }

    pub fn restore(&mut self, member: u32, row: AboutRow) {
        self.rows.insert(member, row);
    }

    pub fn page_in(&mut self, member: u32, commit: u64, content: Arc<str>) -> Taken {
        match self.rows.get(&member) {
            // It was deleted while it was read.
            None => Taken::In,
            Some(_) if self.contents.contains_key(&member) => Taken::In,
            Some(row) if row.commit == commit => {
                self.contents.insert(member, content);
                Taken::In
            }
            Some(_) => Taken::Stale,
        }
    }

    /// Drops a document that the current snapshot holds in its newest state.
    pub fn release(&mut self, member: u32) {
        self.contents.remove(&member);
    }
}

/// An about's id is an assignment's whose badge no badge can be.
const ABOUT: BadgeNumber = BadgeNumber::MAX;

impl Site {
    pub(super) fn about_id(&self, member: u32, created_at: Timestamp) -> AboutId {
        let key = AssignmentKey { member, badge: ABOUT, assigned_at: created_at };
        AboutId::from_u128(assignment_id(self.id, key).as_u128())
    }

    /// The member whose about this is, if it stands.
    pub(super) fn about_member(&self, id: AboutId) -> Option<u32> {
        let key = assignment_key(self.id, AssignmentId::from_u128(id.as_u128()))?;
        let row = self.abouts.row(key.member).filter(|_| key.badge == ABOUT)?;
        (self.about_id(key.member, row.created_at) == id).then_some(key.member)
    }

    pub(super) fn apply_about(&mut self, at: At, step: &AboutStep) {
        let member = self.known(step.member());
        if !self.is_news(member, at) {
            return;
        }
        match step {
            AboutStep::Created(about) | AboutStep::Updated(about) => {
                let (revision, created_at, commit) = (about.revision, about.created_at, at.commit);
                self.abouts.rows.insert(member, AboutRow { revision, created_at, commit });
                self.abouts.contents.insert(member, about.content.clone());
            }
            AboutStep::Deleted { .. } => {
                self.abouts.rows.remove(&member);
                self.abouts.contents.remove(&member);
            }
        }
        self.stamps.touch_member(member, at.commit);
    }

    /// An about as it stands; its document must be in memory.
    pub(super) fn about(&self, member: u32) -> Result<About, Stop> {
        let missing = || need(PartKey::About(member));
        let row = self.abouts.row(member).ok_or_else(missing)?;
        let content = self.abouts.content(member).ok_or_else(missing)?;
        Ok(About {
            id: self.about_id(member, row.created_at),
            member: self.counters.id(member),
            revision: row.revision,
            content: content.clone(),
            created_at: row.created_at,
        })
    }

    /// A page of the abouts that the viewer may see, by age of the member.
    pub(super) fn abouts_page(
        &self,
        filter: &AboutFilter,
        page: &Page,
        viewer: Viewer,
    ) -> Result<PageOf<About>, Stop> {
        let found = page_of(page, self.abouts_found(filter, viewer).into_iter());
        let missing = found.items.iter().filter(|one| self.abouts.content(**one).is_none());
        let missing: Vec<PartKey> = missing.map(|member| PartKey::About(*member)).collect();
        if !missing.is_empty() {
            return Err(Stop::Need(missing));
        }
        let items: Result<Vec<About>, Stop> =
            found.items.iter().map(|member| self.about(*member)).collect();
        Ok(PageOf { items: items?, total: found.total, hidden: 0, next: found.next })
    }

    fn abouts_found(&self, filter: &AboutFilter, viewer: Viewer) -> Vec<u32> {
        let named = |ids: &Vec<AboutId>| -> Vec<u32> {
            ids.iter().filter_map(|id| self.about_member(*id)).collect()
        };
        let of_members = |ids: &Vec<crate::domain::MemberId>| -> Vec<u32> {
            ids.iter().filter_map(|id| self.find_member(*id)).map(|one| one.0).collect()
        };
        let named = filter.ids.as_ref().map(named);
        let of_members = filter.members.as_ref().map(of_members);
        let mut found: Vec<u32> = match (&named, &of_members) {
            (Some(few), _) | (None, Some(few)) => few.clone(),
            (None, None) => self.abouts.members().collect(),
        };
        let eye = self.eye(viewer);
        found.retain(|member| {
            self.abouts.row(*member).is_some()
                && of_members.as_ref().is_none_or(|few| few.contains(member))
                && self.sees(eye, *member)
        });
        found.sort_unstable();
        found.dedup();
        found
    }
}

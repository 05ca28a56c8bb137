//! Reading badges: the catalogue in its order, who holds what, how many.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::domain::event::Badge;
use crate::domain::limits::ASSIGNMENTS_LOOKED_THROUGH_MAX;
use crate::domain::{AssignmentId, BadgeId, MemberId, Refusal, Violation};

use super::badges::{AssignmentKey, BadgeNumber, assignment_id};
use super::decide::assignment_not_found;
use super::ordinal_set::OrdinalSet;
use super::query::{
    Assignment, AssignmentField, AssignmentFilter, BadgeField, BadgeFilter, Cursor, Page, PageOf,
    PageStart, Query, View,
};
use super::site::Site;
use super::text_filter::{SortBy, compare};
use super::views::{Seen, cut, page_of};

/// A badge that a member holds.
type Pair = (BadgeNumber, u32);

impl Site {
    pub(super) fn badge_view(&self, query: &Query) -> Seen {
        match query {
            Query::Badge { id } => {
                Ok(View::Badge(self.badges.slot(self.badge(*id)?).badge.clone()))
            }
            Query::Badges { filter, order, page } => {
                Ok(View::Badges(self.badges_page(filter, order, page)))
            }
            Query::Assignments { filter, order, page } => {
                Ok(View::Assignments(self.assignments(filter, order, page)?))
            }
            Query::Assignment { id } => {
                let found = self.assignment_of(*id).ok_or_else(|| assignment_not_found(*id))?;
                Ok(View::Assignment(self.assignment(found.0, found.1)))
            }
            Query::Holders { badge, page } => {
                Ok(View::MemberIds(self.holders_page(self.badge(*badge)?, page)))
            }
            Query::HoldersCounts => Ok(View::HoldersCounts(self.holders_counts())),
            Query::BadgesOfMembers { members } => {
                Ok(View::BadgesOfMembers(self.badges_of(members)))
            }
            other => unreachable!("{other:?} is no question about badges"),
        }
    }

    fn badges_page(
        &self,
        filter: &BadgeFilter,
        order: &[SortBy<BadgeField>],
        page: &Page,
    ) -> PageOf<Arc<Badge>> {
        let fits = |number: &BadgeNumber| {
            let badge = &self.badges.slot(*number).badge;
            filter.fits(&|field| badge_text(badge, field))
        };
        let mut found: Vec<BadgeNumber> = self.badges.ordered();
        found.retain(fits);
        found.sort_by(|left, right| self.compare_badges(order, *left, *right));
        let start = match &page.start {
            PageStart::Offset(offset) => (*offset).min(found.len()),
            // A deleted badge keeps its place, so that a cursor on it still stands.
            PageStart::After(Cursor::Ordinal(after) | Cursor::Nickname(_, after)) => {
                let after = BadgeNumber::try_from(*after).unwrap_or(BadgeNumber::MAX);
                match (after as usize) < self.badges.slots().len() {
                    false => found.len(),
                    true => found.partition_point(|number| {
                        self.compare_badges(order, *number, after) != Ordering::Greater
                    }),
                }
            }
        };
        let end = (start + page.limit).min(found.len());
        let last = found[start..end].last().filter(|_| end < found.len());
        let next = last.map(|number| Cursor::Ordinal((*number).into()));
        let badge = |number: &BadgeNumber| self.badges.slot(*number).badge.clone();
        let items = found[start..end].iter().map(badge).collect();
        PageOf { items, total: found.len(), hidden: 0, next }
    }

    fn compare_badges(
        &self,
        order: &[SortBy<BadgeField>],
        left: BadgeNumber,
        right: BadgeNumber,
    ) -> Ordering {
        let text =
            |number: &BadgeNumber, field| badge_text(&self.badges.slot(*number).badge, field);
        let place = |number| (self.badges.position(number), number);
        compare(order, (left, right), &text).then_with(|| place(left).cmp(&place(right)))
    }

    fn assignments(
        &self,
        filter: &AssignmentFilter,
        order: &[SortBy<AssignmentField>],
        page: &Page,
    ) -> Result<PageOf<Assignment>, Refusal> {
        let mut found = self.pairs(filter);
        if !filter.is_values_only() || !order.is_empty() {
            looked_through(found.len())?;
            found.retain(|pair| filter.fits(&|field| Some(self.assignment_text(*pair, field))));
            let text = |pair: &Pair, field| Some(self.assignment_text(*pair, field));
            found.sort_by(|left, right| compare(order, (*left, *right), &text));
        }
        let page = page_of(page, 0..found.len() as u32);
        Ok(page.map(|position| {
            let (badge, member) = found[position as usize];
            self.assignment(member, badge)
        }))
    }

    /// What the filter's values leave, by badge and member.
    fn pairs(&self, filter: &AssignmentFilter) -> Vec<Pair> {
        if let Some(ids) = filter.values(AssignmentField::Id) {
            let mut found = self.pairs_of(ids.into_iter().filter_map(|id| id.parse().ok()));
            found.retain(|pair| filter.fits(&|field| Some(self.assignment_text(*pair, field))));
            return found;
        }
        let of_members = filter.values(AssignmentField::MemberId).map(|ids| {
            let ids = ids.into_iter().filter_map(|id| id.parse().ok());
            self.ordinals_of(ids)
        });
        let of_badges = filter.values(AssignmentField::BadgeId);
        let of_badges: Option<Vec<BadgeId>> =
            of_badges.map(|ids| ids.into_iter().filter_map(|id| id.parse().ok()).collect());
        let mut found: Vec<Pair> = Vec::new();
        for (number, slot) in self.badges.live() {
            if of_badges.as_ref().is_some_and(|badges| !badges.contains(&slot.badge.id)) {
                continue;
            }
            let Some(all) = self.badges.holders(number) else { continue };
            found.extend(holders(all, of_members.as_deref()).map(|member| (number, member)));
        }
        found
    }

    /// An assignment's id says where it stands: nothing is looked through.
    fn pairs_of(&self, ids: impl Iterator<Item = AssignmentId>) -> Vec<Pair> {
        let known = ids.filter_map(|id| self.assignment_of(id));
        let mut found: Vec<Pair> = known.map(|(member, badge)| (badge, member)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Ordinals of those that are there, ascending.
    fn ordinals_of(&self, ids: impl Iterator<Item = MemberId>) -> Vec<u32> {
        let known = ids.filter_map(|id| self.find_member(id)).map(|member| member.0);
        let mut known: Vec<u32> = known.collect();
        known.sort_unstable();
        known.dedup();
        known
    }

    fn assignment_text(&self, (badge, member): Pair, field: AssignmentField) -> Cow<'_, str> {
        Cow::Owned(match field {
            AssignmentField::Id => self.assignment(member, badge).id.to_string(),
            AssignmentField::BadgeId => self.badges.slot(badge).badge.id.to_string(),
            AssignmentField::MemberId => self.counters.id(member).to_string(),
        })
    }

    pub(super) fn assignment(&self, member: u32, badge: BadgeNumber) -> Assignment {
        let held = self.badges.held_one(member, badge).expect("a holder holds the badge");
        let key = AssignmentKey { member, badge, assigned_at: held.assigned_at };
        Assignment {
            id: assignment_id(self.id, key),
            badge: self.badges.slot(badge).badge.id,
            member: self.counters.id(member),
            assigned_at: held.assigned_at,
        }
    }

    /// Who holds a badge, by age of the member. For keys: whom lists leave out holds it too.
    fn holders_page(&self, badge: BadgeNumber, page: &Page) -> PageOf<MemberId> {
        let nobody = OrdinalSet::default();
        let all = self.badges.holders(badge).unwrap_or(&nobody);
        let rest: Box<dyn Iterator<Item = u32> + '_> = match &page.start {
            PageStart::Offset(offset) => Box::new(all.iter().skip(*offset)),
            PageStart::After(Cursor::Ordinal(after) | Cursor::Nickname(_, after)) => {
                Box::new(all.iter_after(Some(*after)))
            }
        };
        cut(page.limit, all.len(), rest).map(|member| self.counters.id(member))
    }

    /// Each badge with how many hold it, in display order.
    fn holders_counts(&self) -> Vec<(BadgeId, usize)> {
        let count = |number: BadgeNumber| self.badges.holders(number).map_or(0, OrdinalSet::len);
        let all = self.badges.ordered().into_iter();
        all.map(|number| (self.badges.slot(number).badge.id, count(number))).collect()
    }

    /// The badges of each member that is there, in display order.
    fn badges_of(&self, members: &[MemberId]) -> Vec<(MemberId, Vec<BadgeId>)> {
        let known = members.iter().filter_map(|id| Some((*id, self.find_member(*id)?.0)));
        let each = known.map(|(id, member)| {
            let held = self.badges.held(member).iter().map(|held| held.badge);
            let mut held: Vec<BadgeNumber> =
                held.filter(|number| !self.badges.slot(*number).deleted).collect();
            held.sort_by_key(|number| (self.badges.position(*number), *number));
            let ids = held.into_iter().map(|number| self.badges.slot(number).badge.id);
            (id, ids.collect())
        });
        each.collect()
    }
}

/// Looking at each of them is work for one turn as long as they are few.
fn looked_through(count: usize) -> Result<(), Refusal> {
    if count <= ASSIGNMENTS_LOOKED_THROUGH_MAX {
        return Ok(());
    }
    let detail = format!(
        "this looks through {count} assignments, {ASSIGNMENTS_LOOKED_THROUGH_MAX} at most: narrow \
         it by badgeId or memberId"
    );
    let (field, rule) = ("query.filter".to_owned(), "FILTER_TOO_WIDE");
    let threshold = Some(ASSIGNMENTS_LOOKED_THROUGH_MAX as i64);
    Err(Refusal::Invalid(vec![Violation { field, rule, detail, threshold }]))
}

fn badge_text(badge: &Badge, field: BadgeField) -> Option<Cow<'_, str>> {
    Some(match field {
        BadgeField::Id => Cow::Owned(badge.id.to_string()),
        BadgeField::Title => Cow::Borrowed(badge.title.as_str()),
        BadgeField::Description => Cow::Borrowed(badge.description.as_deref()?),
        BadgeField::Slug => Cow::Borrowed(badge.slug.as_str()),
        BadgeField::PermissionsEnabled => {
            Cow::Borrowed(if badge.permissions_enabled { "true" } else { "false" })
        }
    })
}

fn holders<'a>(
    all: &'a OrdinalSet,
    wanted: Option<&'a [u32]>,
) -> Box<dyn Iterator<Item = u32> + 'a> {
    match wanted {
        Some(wanted) => Box::new(wanted.iter().copied().filter(|member| all.contains(*member))),
        None => Box::new(all.iter()),
    }
}

//! Badges: what the log says of them, what commands on them must lead to, what questions show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use guildhall::core::query::{
    Assignment, AssignmentField, AssignmentFilter, BadgeField, BadgeFilter, Cursor, Page, PageOf,
    PageStart, Query, View,
};
use guildhall::core::text_filter::{SortBy, Test};
use guildhall::domain::badge::BadgePlace;
use guildhall::domain::event::Badge;
use guildhall::domain::{AssignmentId, BadgeId, Command, Event, MemberId, Refusal};

use crate::model::{CounterKey, Model};
use crate::rules::{Expected, Fact, Predicted, one, when};
use crate::views::check_page;

const NO_BADGE: &str = "BADGE_NOT_FOUND";
const STEP: u64 = 1 << 32;

impl Model {
    pub fn live_badge(&self, id: BadgeId) -> Option<&Arc<Badge>> {
        self.badges.get(&id).filter(|_| !self.badges_deleted.contains(&id))
    }

    pub fn fold_badge(&mut self, event: &Event) {
        match event {
            Event::BadgeCreated { badge } => {
                self.badge_order.push(badge.id);
                self.badges.insert(badge.id, badge.clone());
            }
            Event::BadgeUpdated { badge } => {
                let before = self.badges.insert(badge.id, badge.clone());
                let before = before.expect("a badge that changes is there");
                let edits = badge.revision - before.revision;
                let moved = Badge { position: badge.position, ..Badge::clone(&before) };
                match edits {
                    0 => assert_eq!(**badge, moved, "without a revision a badge only moves"),
                    _ => assert_eq!((edits, badge.position), (1, before.position), "one edit"),
                }
                assert_eq!((badge.created_at, &badge.slug), (before.created_at, &before.slug));
            }
            Event::BadgeDeleted { badge } => {
                assert!(self.badges_deleted.insert(*badge), "a badge is deleted once");
            }
            Event::BadgeAssigned { badge, member, assignment, .. } => {
                let before = self.held.insert((*badge, *member), *assignment);
                assert!(before.is_none(), "{member} got {badge} a second time");
            }
            Event::BadgeUnassigned { badge, member, assignment, .. } => {
                let before = self.held.remove(&(*badge, *member));
                assert_eq!(before, Some(*assignment), "{member} loses what it held");
            }
            other => unreachable!("{} is no badge's event", other.type_name()),
        }
    }

    /// Adds the badges whose line lies between two values of a counter.
    pub fn award(
        &self,
        counter: &CounterKey,
        (old, new): (i64, i64),
        awarded: &mut BTreeSet<(BadgeId, MemberId)>,
        facts: &mut Vec<Fact>,
    ) {
        let (member, app, key) = counter;
        for badge in self.badges.values().filter(|badge| self.live_badge(badge.id).is_some()) {
            let Some(rule) = &badge.rule else { continue };
            let crosses = rule.app == *app
                && rule.key == *key
                && old < rule.reaches
                && rule.reaches <= new
                && !self.held.contains_key(&(badge.id, *member));
            if crosses && awarded.insert((badge.id, *member)) {
                facts.push(Fact::Awarded(badge.id, *member));
            }
        }
    }

    pub fn predict_badge(&self, command: &Command) -> Predicted {
        match command {
            Command::CreateBadge(new) => one(Fact::BadgeCreated(new.id)),
            Command::DeleteBadge { badge } => {
                self.live_badge(*badge).ok_or(NO_BADGE)?;
                one(Fact::BadgeDeleted(*badge))
            }
            Command::UpdateBadge { badge, revision, patch } => {
                let known = self.live_badge(*badge).ok_or(NO_BADGE)?;
                if revision.is_some_and(|revision| revision != known.revision) {
                    return Err("INVALID_REVISION");
                }
                let changes = patch.title.as_ref().is_some_and(|title| *title != known.title)
                    || patch.description.as_ref().is_some_and(|text| *text != known.description);
                when(changes, Fact::BadgeUpdated(*badge))
            }
            Command::MoveBadge { badge, place } => self.predict_move(*badge, *place),
            Command::OrderBadges { badges } => {
                for badge in badges {
                    self.live_badge(*badge).ok_or(NO_BADGE)?;
                }
                Ok(self.renumbered(&self.with_first(badges)))
            }
            Command::AssignBadge { badge, member } => {
                self.assignable(*badge, *member)?;
                let is_new = !self.held.contains_key(&(*badge, *member));
                when(is_new, Fact::Awarded(*badge, *member))
            }
            Command::UnassignBadge { assignment } => {
                let (badge, member) =
                    self.standing(*assignment).ok_or("BADGE_ASSIGNMENT_NOT_FOUND")?;
                one(Fact::Revoked(badge, member))
            }
            Command::AssignBadges { pairs } => {
                let possible = pairs.iter().filter(|pair| self.assignable(pair.0, pair.1).is_ok());
                let new: BTreeSet<_> =
                    possible.filter(|pair| !self.held.contains_key(pair)).copied().collect();
                let facts = new.into_iter().map(|(badge, member)| Fact::Awarded(badge, member));
                Ok(Expected { facts: facts.collect(), ..Expected::default() })
            }
            Command::UnassignBadges { assignments } => {
                let standing = assignments.iter().filter_map(|id| self.standing(*id));
                Ok(revoked(standing.collect()))
            }
            Command::TakeBadge { badge, members } => {
                self.live_badge(*badge).ok_or(NO_BADGE)?;
                let pairs = members.iter().map(|member| (*badge, *member));
                Ok(revoked(pairs.filter(|pair| self.held.contains_key(pair)).collect()))
            }
            other => unreachable!("{} is no command on badges", other.kind()),
        }
    }

    fn assignable(&self, badge: BadgeId, member: MemberId) -> Result<(), &'static str> {
        self.live_badge(badge).ok_or(NO_BADGE)?;
        self.facts(member).map(|_| ())
    }

    fn standing(&self, assignment: AssignmentId) -> Option<(BadgeId, MemberId)> {
        let mut held = self.held.iter().filter(|(_, id)| **id == assignment);
        let held = held.find(|((badge, _), _)| self.live_badge(*badge).is_some());
        held.map(|(pair, _)| *pair)
    }

    /// All badges that are there, in display order.
    fn displayed(&self) -> Vec<BadgeId> {
        let live = self.badge_order.iter().copied();
        let mut live: Vec<BadgeId> = live.filter(|id| self.live_badge(*id).is_some()).collect();
        live.sort_by_key(|id| self.place(*id));
        live
    }

    /// Where a badge stands, and its age.
    fn place(&self, id: BadgeId) -> (u64, usize) {
        let age = self.badge_order.iter().position(|one| *one == id).expect("a badge has its age");
        (self.badges[&id].position.unwrap_or((age as u64 + 1) * STEP), age)
    }

    fn with_first(&self, first: &[BadgeId]) -> Vec<BadgeId> {
        let mut wanted: Vec<BadgeId> = Vec::new();
        for badge in first.iter().copied().chain(self.displayed()) {
            if !wanted.contains(&badge) {
                wanted.push(badge);
            }
        }
        wanted
    }

    fn renumbered(&self, wanted: &[BadgeId]) -> Expected {
        let mut facts = Vec::new();
        if self.displayed() != wanted {
            let places = (1..).map(|place: u64| place * STEP).zip(wanted);
            let moved = places.filter(|(place, badge)| self.place(**badge).0 != *place);
            facts.extend(moved.map(|(_, badge)| Fact::BadgeUpdated(*badge)));
        }
        Expected { facts, ..Expected::default() }
    }

    fn predict_move(&self, badge: BadgeId, place: BadgePlace) -> Predicted {
        self.live_badge(badge).ok_or(NO_BADGE)?;
        let others: Vec<BadgeId> =
            self.displayed().into_iter().filter(|other| *other != badge).collect();
        let before = match place {
            BadgePlace::First => 0,
            BadgePlace::Last => others.len(),
            BadgePlace::After(other) if other == badge => return Ok(Expected::default()),
            BadgePlace::After(other) => {
                self.live_badge(other).ok_or(NO_BADGE)?;
                1 + others.iter().position(|one| *one == other).expect("a live badge is shown")
            }
        };
        let wanted = [&others[..before], &[badge], &others[before..]].concat();
        let end = (self.badge_order.len() as u64 + 1) * STEP;
        let below = others[..before].last().map_or(0, |id| self.place(*id).0);
        let above = others.get(before).map_or(end, |id| self.place(*id).0);
        match wanted == self.displayed() {
            true => Ok(Expected::default()),
            false if above - below < 2 => Ok(self.renumbered(&wanted)),
            false => one(Fact::BadgeUpdated(badge)),
        }
    }

    pub fn judge_order(&self, command: &Command, told: &[Arc<Badge>]) {
        let told: Vec<BadgeId> = told.iter().map(|badge| badge.id).collect();
        assert_eq!(told, self.displayed(), "badges in display order");
        match command {
            Command::MoveBadge { badge, place: BadgePlace::First } => {
                assert_eq!(told.first(), Some(badge), "moved to the first place");
            }
            Command::MoveBadge { badge, place: BadgePlace::Last } => {
                assert_eq!(told.last(), Some(badge), "moved to the last place");
            }
            Command::MoveBadge { badge, place: BadgePlace::After(other) } if badge != other => {
                let is_behind = told.windows(2).any(|pair| pair == [*other, *badge]);
                assert!(is_behind, "{badge} stands right behind {other}");
            }
            Command::MoveBadge { .. } => {}
            Command::OrderBadges { badges } => assert_eq!(told, self.with_first(badges)),
            other => unreachable!("{} orders no badges", other.kind()),
        }
    }

    pub fn judge_assignments(&self, command: &Command, told: &[Result<Assignment, Refusal>]) {
        match command {
            Command::AssignBadges { pairs } => {
                assert_eq!(told.len(), pairs.len(), "one result for each");
                for (pair, told) in pairs.iter().zip(told) {
                    let told = told.as_ref().map(|one| one.id).map_err(Refusal::code);
                    let expected = self.assignable(pair.0, pair.1).map(|()| self.held[pair]);
                    assert_eq!(told, expected, "a badge of many");
                }
            }
            Command::UnassignBadges { assignments } => {
                assert_eq!(told.len(), assignments.len(), "one result for each");
                for (id, told) in assignments.iter().zip(told) {
                    assert!(self.standing(*id).is_none(), "what was taken is not held");
                    match told {
                        Ok(one) => assert_eq!(one.id, *id),
                        Err(refusal) => assert_eq!(refusal.code(), "BADGE_ASSIGNMENT_NOT_FOUND"),
                    }
                }
            }
            other => unreachable!("{} assigns no badges", other.kind()),
        }
    }

    /// The code of a question's refusal.
    pub fn refuses_badge(&self, query: &Query) -> Option<&'static str> {
        match query {
            Query::Badge { id: badge } | Query::Holders { badge, .. } => {
                self.live_badge(*badge).is_none().then_some(NO_BADGE)
            }
            Query::Assignment { id } => {
                self.standing(*id).is_none().then_some("BADGE_ASSIGNMENT_NOT_FOUND")
            }
            _ => None,
        }
    }

    pub fn check_badges(&self, query: &Query, view: &View) {
        match (query, view) {
            (Query::Badge { id }, View::Badge(found)) => assert_eq!(*found, self.badges[id]),
            (Query::Badges { filter, order, page }, View::Badges(found)) => {
                self.check_catalogue(filter, order, page, found);
            }
            (Query::Assignments { filter, page, .. }, View::Assignments(found)) => {
                self.check_assignments(filter, page, found);
            }
            (Query::Assignment { id }, View::Assignment(found)) => {
                assert_eq!(self.standing(*id), Some((found.badge, found.member)));
            }
            (Query::Holders { badge, page }, View::MemberIds(found)) => {
                let holders = self.held.keys().filter(|(held, _)| held == badge);
                self.check_ids(holders.map(|(_, member)| *member).collect(), page, found);
            }
            (Query::HoldersCounts, View::HoldersCounts(found)) => {
                let count = |id: &BadgeId| self.held.keys().filter(|(held, _)| held == id).count();
                let expected: Vec<_> =
                    self.displayed().into_iter().map(|id| (id, count(&id))).collect();
                assert_eq!(*found, expected, "how many hold each badge");
            }
            (Query::BadgesOfMembers { members }, View::BadgesOfMembers(found)) => {
                let there = members.iter().filter(|member| self.members.contains_key(member));
                let held = |member: MemberId| -> Vec<BadgeId> {
                    let all = self.displayed().into_iter();
                    all.filter(|badge| self.held.contains_key(&(*badge, member))).collect()
                };
                let expected: Vec<_> = there.map(|member| (*member, held(*member))).collect();
                assert_eq!(*found, expected, "the badges of members");
            }
            (query, view) => panic!("{query:?} was answered with {view:?}"),
        }
    }

    fn check_catalogue(
        &self,
        filter: &BadgeFilter,
        order: &[SortBy<BadgeField>],
        page: &Page,
        found: &PageOf<Arc<Badge>>,
    ) {
        let mut all = self.displayed();
        all.retain(|id| badge_fits(filter, &self.badges[id]));
        let key = |id: &BadgeId| match order {
            [] => (std::cmp::Reverse(String::new()), self.place(*id)),
            _ => (std::cmp::Reverse(self.badges[id].title.clone()), self.place(*id)),
        };
        all.sort_by_key(key);
        assert_eq!(found.total, all.len(), "badges in all");
        let rest: Vec<BadgeId> = match &page.start {
            PageStart::Offset(offset) => all.into_iter().skip(*offset).collect(),
            PageStart::After(Cursor::Ordinal(after) | Cursor::Nickname(_, after)) => {
                let last = self.badge_order.get(*after as usize).map(key);
                all.into_iter().filter(|id| last.as_ref().is_some_and(|l| key(id) > *l)).collect()
            }
        };
        let shown: Vec<BadgeId> = found.items.iter().map(|badge| badge.id).collect();
        assert_eq!(shown, rest[..page.limit.min(rest.len())], "a page of badges");
        assert_eq!(found.next.is_some(), rest.len() > shown.len());
        for badge in &found.items {
            assert_eq!(*badge, self.badges[&badge.id]);
        }
    }

    fn check_assignments(
        &self,
        filter: &AssignmentFilter,
        page: &Page,
        found: &PageOf<Assignment>,
    ) {
        let by_age: BTreeMap<MemberId, usize> =
            self.member_order.iter().copied().zip(0..).collect();
        let live = self.badge_order.iter().filter(|badge| self.live_badge(**badge).is_some());
        let mut held: Vec<(BadgeId, MemberId)> = Vec::new();
        for badge in live {
            let of_badge = self.held.keys().filter(|(held, _)| held == badge);
            let mut of_badge: Vec<_> = of_badge.copied().collect();
            of_badge.sort_by_key(|(_, member)| by_age[member]);
            held.extend(of_badge.into_iter().filter(|pair| pair_fits(filter, *pair)));
        }
        for one in &found.items {
            let id = self.held.get(&(one.badge, one.member));
            assert_eq!(id, Some(&one.id), "an assignment of {} is listed", one.member);
        }
        let placed: Vec<_> = (0..).zip(held).collect();
        let items = found.items.iter().map(|one| (one.badge, one.member)).collect();
        let (total, next) = (found.total, found.next.clone());
        let found = PageOf { items, total, hidden: 0, next };
        check_page(&placed, page, &found);
    }
}

fn revoked(pairs: BTreeSet<(BadgeId, MemberId)>) -> Expected {
    let facts = pairs.into_iter().map(|(badge, member)| Fact::Revoked(badge, member));
    Expected { facts: facts.collect(), ..Expected::default() }
}

/// The few filters that the simulation asks with.
fn badge_fits(filter: &BadgeFilter, badge: &Badge) -> bool {
    match filter {
        BadgeFilter::All(all) => all.iter().all(|one| badge_fits(one, badge)),
        BadgeFilter::Not(one) => !badge_fits(one, badge),
        BadgeFilter::Test(BadgeField::Description, Test::IsThere) => badge.description.is_some(),
        BadgeFilter::Test(BadgeField::Title, Test::EndsWith(end)) => badge.title.ends_with(end),
        other => unreachable!("{other:?} is never asked"),
    }
}

fn pair_fits(filter: &AssignmentFilter, pair: (BadgeId, MemberId)) -> bool {
    match filter {
        AssignmentFilter::All(all) => all.iter().all(|one| pair_fits(one, pair)),
        AssignmentFilter::Not(one) => !pair_fits(one, pair),
        AssignmentFilter::Test(AssignmentField::BadgeId, Test::In(ids)) => {
            ids.contains(&pair.0.to_string())
        }
        AssignmentFilter::Test(AssignmentField::MemberId, Test::In(ids)) => {
            ids.contains(&pair.1.to_string())
        }
        other => unreachable!("{other:?} is never asked"),
    }
}

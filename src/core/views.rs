//! Answering questions: reads the state, changes nothing.

use std::sync::Arc;

use crate::domain::command::ItemDetails;
use crate::domain::event::{Endpoint, MemberFacts};
use crate::domain::{AboutId, AppId, MemberId, Refusal};

use super::decide::{about_not_found, item_not_found};
use super::entries::GraphView;
use super::ordinal_set::OrdinalSet;
use super::parts::PartKey;
use super::query::{
    AppCounters, ChannelView, Connection, CounterView, Cursor, ItemView, MemberFilter, MemberOrder,
    Page, PageOf, PageStart, PrivateCounters, Query, View, Viewer,
};
use super::sight::Eye;
use super::site::Site;
use super::turn::Stop;

/// What a question led to.
#[derive(Clone, Debug)]
pub enum Look {
    Need(Vec<PartKey>),
    Refused(Refusal),
    Seen(View),
}

pub(super) type Seen = Result<View, Stop>;

impl Site {
    pub fn look(&self, query: &Query) -> Look {
        match self.view(query) {
            Ok(view) => Look::Seen(view),
            Err(Stop::Refused(refusal)) => Look::Refused(refusal),
            Err(Stop::Need(parts)) => Look::Need(parts),
        }
    }

    fn view(&self, query: &Query) -> Seen {
        match query {
            Query::Member { id, viewer } => {
                let member = self.visible_member(*id, *viewer)?;
                Ok(View::Member(self.facts(member)?.clone()))
            }
            Query::Members { filter, order, page, viewer } => {
                let found = self.select(filter, *order, page, *viewer);
                Ok(View::Members(self.with_facts(found)?))
            }
            Query::Followers { member, page, viewer } => {
                self.edges(self.visible_member(*member, *viewer)?, page, *viewer, Side::Followers)
            }
            Query::Following { member, page, viewer } => {
                self.edges(self.visible_member(*member, *viewer)?, page, *viewer, Side::Following)
            }
            Query::Connections { member, others, viewer } => {
                self.connections(self.visible_member(*member, *viewer)?, others, *viewer)
            }
            Query::Counters { member, private_of, viewer } => {
                let member = self.visible_member(*member, *viewer)?;
                Ok(View::Counters(self.counters_of(member, private_of)))
            }
            Query::CountersOfMembers { filter, page, viewer } => {
                Ok(View::CountersPage(self.counters_page(filter, page, *viewer)))
            }
            Query::Badge { .. }
            | Query::Badges { .. }
            | Query::Assignments { .. }
            | Query::Assignment { .. }
            | Query::Holders { .. }
            | Query::HoldersCounts
            | Query::BadgesOfMembers { .. } => self.badge_view(query),
            Query::Item { item } => {
                let ordinal = self.items.find(item).ok_or_else(|| item_not_found(item))?;
                self.item(ordinal)?;
                Ok(View::Item(self.item_view(ordinal)))
            }
            Query::Likers { item, page, viewer } => {
                let ordinal = self.items.find(item).ok_or_else(|| item_not_found(item))?;
                let eye = self.eye(*viewer);
                Ok(View::MemberIds(self.ids_of(&self.item(ordinal)?.likers, page, eye)))
            }
            Query::Endpoint { id } => Ok(View::Endpoint(self.endpoint(*id)?.clone())),
            Query::Endpoints { page } => Ok(View::Endpoints(self.endpoints_page(page))),
            Query::About { .. } | Query::OwnAbout { .. } | Query::Abouts { .. } => {
                self.about_view(query)
            }
            Query::Standing { member } => {
                let standing = self.standings.get(self.member(*member)?);
                Ok(View::Standing(standing.cloned().unwrap_or_default()))
            }
            Query::Reports { filter, page } => Ok(View::Reports(self.reports_page(filter, page))),
            Query::ReportedMembers { members, page } => {
                Ok(View::ReportedMembers(self.reported_page(members, page)))
            }
            Query::Settings(_)
            | Query::RolesOf { .. }
            | Query::FieldsOfMembers { .. }
            | Query::FieldsOfRoles { .. }
            | Query::Blocking { .. }
            | Query::Blocks { .. } => self.setting_view(query),
            Query::Channel { member, viewer } => {
                let member = self.visible_member(*member, *viewer)?;
                let last_seq = self.directory.row(member).last_seq;
                Ok(View::Channel(ChannelView { last_seq }))
            }
        }
    }

    fn endpoints_page(&self, page: &Page) -> PageOf<Arc<Endpoint>> {
        let all: Vec<_> = self.endpoints.values().cloned().collect();
        page_of(page, 0..all.len() as u32).map(|position| all[position as usize].clone())
    }

    fn about_view(&self, query: &Query) -> Seen {
        match query {
            Query::About { id, viewer } => self.about_seen(*id, *viewer),
            Query::OwnAbout { member } => self.own_about_seen(*member),
            Query::Abouts { filter, page, viewer } => {
                Ok(View::Abouts(self.abouts_page(filter, page, *viewer)?))
            }
            other => unreachable!("{other:?} asks for no about"),
        }
    }

    fn about_seen(&self, id: AboutId, viewer: Viewer) -> Seen {
        let found = self.about_member(id).filter(|member| self.is_visible(*member, viewer));
        Ok(View::About(self.about(found.ok_or_else(|| about_not_found(id))?)?))
    }

    fn own_about_seen(&self, id: MemberId) -> Seen {
        let member = self.member(id)?;
        self.abouts.row(member).ok_or_else(|| no_own_about(id))?;
        Ok(View::About(self.about(member)?))
    }

    fn facts(&self, member: u32) -> Result<&Arc<MemberFacts>, Stop> {
        let missing = || Stop::Need(vec![PartKey::Facts(member)]);
        self.entries.facts(member).ok_or_else(missing)
    }

    /// All facts of a page, or all that are missing for it.
    fn with_facts(&self, found: PageOf<u32>) -> Result<PageOf<Arc<MemberFacts>>, Stop> {
        let missing = found.items.iter().filter(|member| self.entries.facts(**member).is_none());
        let missing: Vec<PartKey> = missing.map(|member| PartKey::Facts(*member)).collect();
        if !missing.is_empty() {
            return Err(Stop::Need(missing));
        }
        let facts = found.items.iter().filter_map(|member| self.entries.facts(*member).cloned());
        Ok(PageOf { items: facts.collect(), total: found.total, hidden: 0, next: found.next })
    }

    fn edges(&self, member: u32, page: &Page, viewer: Viewer, side: Side) -> Seen {
        let empty = OrdinalSet::default();
        let set = match (self.graph(member)?, side) {
            (GraphView::Empty, Side::Followers | Side::Following) => &empty,
            (GraphView::Whole(graph), Side::Followers) => &graph.followers,
            (GraphView::Whole(graph), Side::Following) => &graph.following,
        };
        Ok(View::MemberIds(self.ids_of(set, page, self.eye(viewer))))
    }

    pub(super) fn ids_of(&self, set: &OrdinalSet, page: &Page, eye: Eye) -> PageOf<MemberId> {
        let is_in = |member: &u32| self.directory.is_listed(*member) && self.sees(eye, *member);
        let rest: Box<dyn Iterator<Item = u32> + '_> = match &page.start {
            PageStart::Offset(offset) => Box::new(set.iter().filter(is_in).skip(*offset)),
            PageStart::After(Cursor::Ordinal(after) | Cursor::Nickname(_, after)) => {
                Box::new(set.iter_after(Some(*after)).filter(is_in))
            }
        };
        let found = cut(page.limit, self.listed_len(set), rest);
        let found = found.map(|member| self.counters.id(member));
        PageOf { hidden: self.hidden_len(eye, set), ..found }
    }

    /// How many of a set lists show: neither who is not approved nor whose edges are ending.
    pub(super) fn listed_len(&self, set: &OrdinalSet) -> usize {
        let ending = self.erasing.iter().filter(|member| set.contains(**member)).count();
        set.len() - ending - set.common_len(self.directory.unlisted())
    }

    fn connections(&self, member: u32, others: &[MemberId], viewer: Viewer) -> Seen {
        let (graph, eye) = (self.graph(member)?, self.eye(viewer));
        let connected = others.iter().map(|id| {
            let other = self.directory.find(*id, &self.counters);
            let is_in = |other: &u32| self.directory.is_listed(*other) && self.sees(eye, *other);
            let other = other.filter(is_in);
            Connection {
                connected_member: *id,
                followed_by_member: other.is_some_and(|other| graph.follows(other)),
                following_member: other.is_some_and(|other| graph.is_followed_by(other)),
            }
        });
        Ok(View::Connections(connected.collect()))
    }

    /// A member's counters, each app's apart, ordered by app and key.
    fn counters_of(&self, member: u32, private_of: &PrivateCounters) -> Vec<AppCounters> {
        let mut apps: std::collections::BTreeMap<&AppId, Vec<CounterView>> = Default::default();
        for counter in self.counters.of(member) {
            let (app, key) = self.keys.name(counter.key);
            let shown = match private_of {
                PrivateCounters::All => true,
                PrivateCounters::OfApp(own) => counter.public || own == app,
                PrivateCounters::None => counter.public,
            };
            if shown {
                let (key, public, count) = (key.to_owned(), counter.public, counter.count);
                apps.entry(app).or_default().push(CounterView { key, public, count });
            }
        }
        let member = self.counters.id(member);
        let each = apps.into_iter().map(|(app, mut counters)| {
            counters.sort_by(|one, other| one.key.cmp(&other.key));
            AppCounters { member, app: app.clone(), counters }
        });
        each.collect()
    }

    /// One entry for each app with public counters of each member that the viewer may see; total
    /// and page count entries.
    fn counters_page(
        &self,
        filter: &MemberFilter,
        page: &Page,
        viewer: Viewer,
    ) -> PageOf<AppCounters> {
        let order = MemberOrder::CreatedAscending;
        let everyone = Page { limit: usize::MAX, start: PageStart::Offset(0) };
        let members = self.select(filter, order, &everyone, viewer).items;
        let (offset, after) = match &page.start {
            PageStart::Offset(offset) => (*offset, None),
            PageStart::After(Cursor::Ordinal(member) | Cursor::Nickname(_, member)) => {
                (0, Some(*member))
            }
        };
        let (mut items, mut total, mut last, mut next) = (Vec::new(), 0, None, None);
        for member in members {
            let (first, apps) = (total, self.public_apps(member));
            total += apps;
            if apps == 0 || total <= offset || next.is_some() || Some(member) <= after {
                continue;
            }
            // A cursor stands behind a member, so its apps are not torn apart; an offset may.
            if items.len() >= page.limit || (after.is_some() && items.len() + apps > page.limit) {
                next = last.map(Cursor::Ordinal);
                continue;
            }
            let skip = offset.saturating_sub(first);
            let counters = self.counters_of(member, &PrivateCounters::None);
            let room = if items.is_empty() { page.limit.max(1) } else { page.limit - items.len() };
            items.extend(counters.into_iter().skip(skip).take(room));
            last = Some(member);
        }
        PageOf { items, total, hidden: 0, next }
    }

    /// How many apps keep public counters of a member.
    fn public_apps(&self, member: u32) -> usize {
        let counters = self.counters.of(member).into_iter().filter(|counter| counter.public);
        let mut apps: Vec<&AppId> = counters.map(|counter| self.keys.name(counter.key).0).collect();
        apps.sort_unstable();
        apps.dedup();
        apps.len()
    }

    pub(super) fn counters_of_app(&self, member: u32, app: &AppId) -> AppCounters {
        let all = self.counters_of(member, &PrivateCounters::OfApp(app.clone()));
        let own = all.into_iter().find(|counters| counters.app == *app);
        let member = self.counters.id(member);
        own.unwrap_or(AppCounters { member, app: app.clone(), counters: Vec::new() })
    }

    pub(super) fn item_view(&self, item: u32) -> ItemView {
        let item = self.items.whole(item).expect("a viewed item is in memory");
        let author = self.author_of(item);
        ItemView {
            item: (*item.key).clone(),
            details: ItemDetails { author, ..item.details.clone() },
            likes: self.listed_len(&item.likers),
            created_at: item.created_at,
        }
    }
}

fn no_own_about(member: MemberId) -> Refusal {
    let detail = format!("member {member} has no about");
    Refusal::NotFound { code: "MEMBER_ABOUT_NOT_FOUND", detail }
}

#[derive(Clone, Copy)]
enum Side {
    Followers,
    Following,
}

impl<T> PageOf<T> {
    pub(super) fn map<U>(self, change: impl FnMut(T) -> U) -> PageOf<U> {
        let items = self.items.into_iter().map(change).collect();
        PageOf { items, total: self.total, hidden: self.hidden, next: self.next }
    }
}

/// A page of an ascending list of ordinals.
pub(super) fn page_of(page: &Page, all: impl ExactSizeIterator<Item = u32> + Clone) -> PageOf<u32> {
    let total = all.len();
    let rest: Box<dyn Iterator<Item = u32> + '_> = match &page.start {
        PageStart::Offset(offset) => Box::new(all.skip(*offset)),
        PageStart::After(Cursor::Ordinal(after) | Cursor::Nickname(_, after)) => {
            let after = *after;
            Box::new(all.skip_while(move |ordinal| *ordinal <= after))
        }
    };
    cut(page.limit, total, rest)
}

pub(super) fn cut(
    limit: usize,
    total: usize,
    mut rest: Box<dyn Iterator<Item = u32> + '_>,
) -> PageOf<u32> {
    let items: Vec<u32> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next = items.last().filter(|_| more).map(|last| Cursor::Ordinal(*last));
    PageOf { items, total, hidden: 0, next }
}

//! What a question must be answered, told from the model alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use guildhall::core::query::{
    Connection, Cursor, ItemView, Page, PageOf, PageStart, Query, View, Viewer,
};
use guildhall::domain::command::ItemDetails;
use guildhall::domain::profile::{PrivacyStatus, Status};
use guildhall::domain::{AppId, ItemKey, MemberId};

use crate::model::{Count, CounterKey, Model, peers};

impl Model {
    pub fn is_shown(&self, member: MemberId, viewer: Viewer) -> bool {
        let Some(known) = self.members.get(&member) else { return false };
        let is_open =
            known.facts.status == Status::Approved && known.facts.privacy == PrivacyStatus::Public;
        let is_apart = matches!(viewer, Viewer::Member(own) if self.are_apart(own, member));
        let is_open = is_open && !self.is_closed_to(viewer) && !is_apart;
        viewer == Viewer::Owner || viewer == Viewer::Member(member) || is_open
    }

    /// The code of a question's refusal.
    pub fn refuses(&self, query: &Query) -> Option<&'static str> {
        let is_known = match query {
            Query::Member { id: member, viewer }
            | Query::Channel { member, viewer }
            | Query::Followers { member, viewer, .. }
            | Query::Following { member, viewer, .. }
            | Query::Connections { member, viewer, .. }
            | Query::Counters { member, viewer, .. } => {
                let is_shown = self.is_shown(*member, *viewer);
                return (!is_shown).then(|| self.unseen(*member, *viewer));
            }
            Query::Blocking { member, .. } | Query::Blocks { member, .. } => {
                self.members.contains_key(member)
            }
            Query::Standing { member } => self.members.contains_key(member),
            Query::Settings(asked) => return self.refuses_setting(asked),
            Query::Item { item } | Query::Likers { item, .. } => {
                return (!self.items.contains_key(item)).then_some("ITEM_NOT_FOUND");
            }
            Query::Badge { .. }
            | Query::Badges { .. }
            | Query::Assignments { .. }
            | Query::Assignment { .. }
            | Query::Holders { .. }
            | Query::HoldersCounts
            | Query::BadgesOfMembers { .. } => return self.refuses_badge(query),
            Query::About { .. } | Query::OwnAbout { .. } | Query::Abouts { .. } => {
                return self.refuses_about(query);
            }
            Query::Endpoint { id } => self.endpoints.contains_key(id),
            Query::Members { .. }
            | Query::CountersOfMembers { .. }
            | Query::RolesOf { .. }
            | Query::FieldsOfMembers { .. }
            | Query::FieldsOfRoles { .. }
            | Query::Endpoints { .. }
            | Query::Reports { .. }
            | Query::ReportedMembers { .. } => true,
        };
        (!is_known).then_some("MEMBER_NOT_FOUND")
    }

    pub fn check_view(&self, query: &Query, view: &View) {
        match (query, view) {
            (Query::Member { id, .. }, View::Member(facts)) => {
                assert_eq!(*facts, self.members[id].facts, "the facts of {id}");
            }
            (Query::Followers { member, page, viewer }, View::MemberIds(found)) => {
                self.check_people(peers(&self.followers, *member), page, *viewer, found);
            }
            (Query::Following { member, page, viewer }, View::MemberIds(found)) => {
                self.check_people(peers(&self.following, *member), page, *viewer, found);
            }
            (Query::Likers { item, page, viewer }, View::MemberIds(found)) => {
                let likers = self.likers_of(&Arc::new(item.clone()));
                self.check_people(likers, page, *viewer, found);
            }
            (Query::Connections { member, others, viewer }, View::Connections(found)) => {
                let lives =
                    |other: &MemberId| self.is_listed(*other) && self.is_shown(*other, *viewer);
                let follows = |pair| self.following.contains(&pair);
                let expected = others.iter().map(|other| Connection {
                    connected_member: *other,
                    followed_by_member: lives(other) && follows((*member, *other)),
                    following_member: lives(other) && follows((*other, *member)),
                });
                assert_eq!(*found, expected.collect::<Vec<_>>(), "connections of {member}");
            }
            (Query::Counters { member, .. }, View::Counters(found)) => {
                let told = found.iter().flat_map(|app| {
                    let key = |key: &String| (app.member, app.app.clone(), key.clone());
                    app.counters
                        .iter()
                        .map(move |c| (key(&c.key), Count { public: c.public, count: c.count }))
                });
                self.check_counters(*member, told.collect());
            }
            (
                Query::Badge { .. }
                | Query::Badges { .. }
                | Query::Assignments { .. }
                | Query::Assignment { .. }
                | Query::Holders { .. }
                | Query::HoldersCounts
                | Query::BadgesOfMembers { .. },
                view,
            ) => self.check_badges(query, view),
            (Query::Item { item }, View::Item(found)) => self.check_item(item, found),
            (Query::Members { page, viewer, .. }, View::Members(found)) => {
                let shown = |member: &MemberId| self.is_shown(*member, *viewer);
                let all: Vec<MemberId> = self.member_order.iter().copied().filter(shown).collect();
                let ids = found.items.iter().map(|facts| facts.id).collect();
                let (items, total, next) = (ids, found.total, found.next.clone());
                self.check_ids(all, page, &PageOf { items, total, hidden: 0, next });
            }
            (Query::Channel { member, .. }, View::Channel(found)) => {
                let last_seq = self.members[member].channel.last().copied().unwrap_or(0);
                assert_eq!(found.last_seq, last_seq, "the channel of {member}");
            }
            (query, view) => self.check_settings(query, view),
        }
    }

    pub fn check_item(&self, key: &ItemKey, found: &ItemView) {
        let key = Arc::new(key.clone());
        let details = ItemDetails { author: self.author_of(&key), ..self.items[&key].clone() };
        assert_eq!((&found.item, &found.details), (&*key, &details), "an item");
        let likers = self.listed(self.likers_of(&key));
        assert_eq!(found.likes, likers.len(), "likes of {}", key.item);
    }

    /// A page of a list in which not everybody sees everybody: who is hidden is counted alone.
    fn check_people(
        &self,
        all: Vec<MemberId>,
        page: &Page,
        viewer: Viewer,
        found: &PageOf<MemberId>,
    ) {
        let mut shown = self.listed(all);
        let total = shown.len();
        shown.retain(|member| self.is_shown(*member, viewer));
        let hidden = total - shown.len();
        assert_eq!((found.total, found.hidden), (total, hidden), "all, and hidden from {viewer:?}");
        let visible = PageOf { total: total - hidden, hidden: 0, ..found.clone() };
        self.check_ids(shown, page, &visible);
    }

    /// A page of members that are listed by ordinal.
    pub fn check_ids(&self, mut all: Vec<MemberId>, page: &Page, found: &PageOf<MemberId>) {
        let ordinals: BTreeMap<MemberId, u32> =
            self.member_order.iter().copied().zip(0..).collect();
        all.sort_by_key(|member| ordinals[member]);
        let placed: Vec<(u32, MemberId)> = all.iter().map(|one| (ordinals[one], *one)).collect();
        check_page(&placed, page, found);
    }

    /// All counters of a member; a built-in one that was never moved may be absent.
    pub fn check_counters(&self, member: MemberId, told: BTreeMap<CounterKey, Count>) {
        let least = (member, AppId::built_in(), String::new());
        let own = self.counters.iter().filter(|((of, _, _), _)| *of == least.0);
        for (key, count) in own {
            assert_eq!(told.get(key), Some(count), "counter {key:?}");
        }
        for built_in in ["likes.given", "likes.received"] {
            let key = (member, AppId::built_in(), built_in.to_owned());
            let shown = told.get(&key).map_or(0, |count| count.count);
            let counted = self.count(&key).map_or(0, |count| count.count);
            assert_eq!(shown, counted, "counter {key:?} equals its set");
        }
        let known = |key: &CounterKey| self.counters.contains_key(key);
        let strange = told.keys().find(|key| key.1 != AppId::built_in() && !known(key));
        assert_eq!(strange, None, "a counter that nobody made");
    }
}

pub fn check_page<T: Clone + PartialEq + std::fmt::Debug>(
    all: &[(u32, T)],
    page: &Page,
    found: &PageOf<T>,
) {
    assert_eq!(found.total, all.len(), "the total of a list is its length");
    let rest: Vec<T> = match &page.start {
        PageStart::Offset(offset) => all.iter().skip(*offset).map(|(_, one)| one.clone()).collect(),
        PageStart::After(Cursor::Ordinal(after) | Cursor::Nickname(_, after)) => {
            let rest = all.iter().filter(|(ordinal, _)| ordinal > after);
            rest.map(|(_, one)| one.clone()).collect()
        }
    };
    let shown = &rest[..page.limit.min(rest.len())];
    assert_eq!(found.items, shown, "a page of a list");
    assert_eq!(found.next.is_some(), rest.len() > shown.len(), "a page says whether more follows");
}

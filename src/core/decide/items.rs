//! Items and likes.

use std::sync::Arc;

use super::counters::Increase;
use super::refuse::{conflict, item_not_found, limit, too_many_counters};
use super::{Answering, Decided, Decision};
use crate::core::counters::KeyNumber;
use crate::core::items::Item;
use crate::core::site::{LIKES_GIVEN, LIKES_RECEIVED, Site};
use crate::core::turn::Stop;
use crate::domain::command::ItemDetails;
use crate::domain::id::ItemOrdinal;
use crate::domain::limits::{COUNTERS_PER_MEMBER_MAX, ITEMS_PER_SITE_MAX, LIKES_PER_MEMBER_MAX};
use crate::domain::{AppId, Change, Event, ItemKey, MemberId, MemberOrdinal, Refusal, Timestamp};

impl Site {
    pub(super) fn decide_put_item(
        &self,
        key: &ItemKey,
        details: &ItemDetails,
        now: Timestamp,
    ) -> Decided {
        if let Some(author) = details.author {
            self.member(author)?;
        }
        let Some(ordinal) = self.items.find(key) else {
            limit(self.items.len(), ITEMS_PER_SITE_MAX, "ITEM_LIMIT", "items of this site")?;
            let ordinal = ItemOrdinal(self.items.len() as u32);
            let (item, details) = (Arc::new(key.clone()), details.clone());
            let created = Event::ItemCreated { ordinal, item, details };
            return Ok(Decision::new(vec![created], Answering::Item(ordinal.0)));
        };
        let item = self.item(ordinal)?;
        let author = self.author_of(item);
        if item.details.author == author && item.details == *details {
            return Ok(Decision::already(Answering::Item(ordinal)));
        }
        let (events, changes) = match (author, details.author) {
            (None, Some(heir)) => self.likes_inherited(heir, item.likers.len(), now)?,
            (before, after) if before != after && !item.likers.is_empty() => {
                let detail = "an item that is liked keeps its author".to_owned();
                return Err(conflict("ITEM_AUTHOR_IMMUTABLE", detail).into());
            }
            _ => Default::default(),
        };
        let updated = Event::ItemUpdated { item: item.key.clone(), details: details.clone() };
        let events = std::iter::once(updated).chain(events).collect();
        Ok(Decision { events, changes, answering: Answering::Item(ordinal) })
    }

    /// The author, unless it was deleted.
    pub(in crate::core) fn author_of(&self, item: &Item) -> Option<MemberId> {
        item.details.author.filter(|author| self.find_member(*author).is_some())
    }

    /// An item that had no author gets one, and the author all the likes of it.
    fn likes_inherited(
        &self,
        heir: MemberId,
        likes: usize,
        now: Timestamp,
    ) -> Result<(Vec<Event>, Vec<Change>), Stop> {
        if likes == 0 {
            return Ok(Default::default());
        }
        let member = self.member(heir)?;
        let key = self.keys.find(&AppId::built_in(), LIKES_RECEIVED);
        let key = key.expect("the first like names the built-in counters");
        if !self.counters.has_room(member, key) {
            return Err(too_many_counters(heir).into());
        }
        let old = self.counters.get(member, key);
        let (public, old) = old.map_or((true, 0), |counter| (counter.public, counter.count));
        let count = old + likes as i64;
        let mut events = Vec::new();
        self.awards(Increase { member, key, old, new: count }, now, &mut events);
        let set = Change::CounterSet { member: MemberOrdinal(member), key, public, count };
        Ok((events, vec![set]))
    }

    pub(super) fn decide_like(&self, liker: MemberId, key: &ItemKey, now: Timestamp) -> Decided {
        let member = self.social_member(liker)?;
        let ordinal = self.items.find(key).ok_or_else(|| item_not_found(key))?;
        let (graph, item) = self.graph_and_item(member, ordinal)?;
        if graph.likes(ordinal) {
            return Ok(Decision::already(Answering::Item(ordinal)));
        }
        limit(graph.likes_len(), LIKES_PER_MEMBER_MAX, "LIKE_LIMIT", "likes")?;
        let author = self.author_of(item);
        let by = author.and_then(|author| self.find_member(author));
        if by.is_some_and(|by| self.ties.are_apart(member, by.0)) {
            return Err(item_not_found(key).into());
        }
        self.room_for_like(liker, author)?;
        let mut events = vec![Event::ItemLiked { item: item.key.clone(), liker, author }];
        self.built_in_awards(member, LIKES_GIVEN, now, &mut events);
        if let Some(author) = author.and_then(|author| self.find_member(author)) {
            self.built_in_awards(author.0, LIKES_RECEIVED, now, &mut events);
        }
        let changes = self.built_in_keys();
        Ok(Decision { events, changes, answering: Answering::Item(ordinal) })
    }

    pub(super) fn decide_unlike(&self, liker: MemberId, key: &ItemKey) -> Decided {
        let member = self.member(liker)?;
        let ordinal = self.items.find(key).ok_or_else(|| item_not_found(key))?;
        let (graph, item) = self.graph_and_item(member, ordinal)?;
        if !graph.likes(ordinal) {
            return Ok(Decision::already(Answering::Item(ordinal)));
        }
        let (item, author) = (item.key.clone(), self.author_of(item));
        let events = vec![Event::ItemUnliked { item, liker, author }];
        Ok(Decision::new(events, Answering::Item(ordinal)))
    }

    /// Names the built-in counters once, in the first commit that needs them.
    fn built_in_keys(&self) -> Vec<Change> {
        let app = AppId::built_in();
        let unnamed = [LIKES_GIVEN, LIKES_RECEIVED].into_iter();
        let unnamed = unnamed.filter(|key| self.keys.find(&app, key).is_none());
        let numbered = (self.keys.len() as KeyNumber..).zip(unnamed);
        let named = numbered.map(|(number, key)| {
            let (app, key) = (app.clone(), key.to_owned());
            Change::CounterKeyNamed { number, app, key }
        });
        named.collect()
    }

    /// Built-in counters count among those that a member may hold; who likes its own item may need
    /// two of them at once.
    fn room_for_like(&self, liker: MemberId, author: Option<MemberId>) -> Result<(), Stop> {
        let given = self.built_in_needed(liker, LIKES_GIVEN)?;
        let received = author.map_or(Ok(0), |id| self.built_in_needed(id, LIKES_RECEIVED))?;
        let own = if author == Some(liker) { given + received } else { given };
        if own > 0 && self.counters_free(liker)? < own {
            return Err(too_many_counters(liker).into());
        }
        match author {
            Some(author) if received > 0 && self.counters_free(author)? < received => {
                // The liker is not told who that is.
                let detail = "the author of this item holds as many counters as it may".to_owned();
                let (code, limit) = ("COUNTER_LIMIT", COUNTERS_PER_MEMBER_MAX as u64);
                Err(Refusal::LimitReached { code, detail, limit }.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn built_in_needed(&self, id: MemberId, key: &str) -> Result<usize, Stop> {
        let member = self.member(id)?;
        let key = self.keys.find(&AppId::built_in(), key);
        Ok(usize::from(key.is_none_or(|key| self.counters.get(member, key).is_none())))
    }

    fn counters_free(&self, id: MemberId) -> Result<usize, Stop> {
        let held = self.counters.of(self.member(id)?).len();
        Ok(COUNTERS_PER_MEMBER_MAX.saturating_sub(held))
    }

    fn built_in_awards(&self, member: u32, key: &str, now: Timestamp, into: &mut Vec<Event>) {
        if let Some(number) = self.keys.find(&AppId::built_in(), key) {
            let old = self.counters.count(member, number);
            self.awards(Increase { member, key: number, old, new: old + 1 }, now, into);
        }
    }
}

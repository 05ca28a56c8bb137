//! What must agree inside one site: a follow is known to both sides, a like to the item and to the
//! member, and the derived counters say how many likes there are. What spans two stretches is
//! compared by sums that do not depend on the order, once all stretches were read at one commit.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use super::findings::Findings;
use super::model::Model;
use crate::core::site::{LIKES_GIVEN, LIKES_RECEIVED};
use crate::domain::AppId;
use crate::domain::profile::Status;

/// Edges as each of their two sides tells them.
#[derive(Clone, Debug, Default)]
pub struct Symmetry {
    follows: Sides,
    likes: Sides,
    /// By author: likes of its items, and what its counter says; only what is not 0.
    received: BTreeMap<u32, i64>,
    /// Nothing is counted of them, whatever they liked or wrote.
    deleted: BTreeSet<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sides {
    from_count: u64,
    from_sum: u64,
    to_count: u64,
    to_sum: u64,
}

impl Sides {
    fn from(&mut self, from: u32, to: u32) {
        self.from_count += 1;
        self.from_sum = self.from_sum.wrapping_add(edge(from, to));
    }

    fn to(&mut self, from: u32, to: u32) {
        self.to_count += 1;
        self.to_sum = self.to_sum.wrapping_add(edge(from, to));
    }

    fn compare(&self, what: &str, into: &mut Findings) {
        let (one, other) = (self.from_count, self.to_count);
        if (one, self.from_sum) != (other, self.to_sum) {
            into.note(|| format!("log: {what}: {one} as their makers tell, {other} as the others"));
        }
    }
}

fn edge(from: u32, to: u32) -> u64 {
    xxh3_64(&(u64::from(from) << 32 | u64::from(to)).to_be_bytes())
}

impl Symmetry {
    /// Takes in a stretch, and tells what disagrees within it.
    pub fn add(&mut self, model: &Model, into: &mut Findings) {
        self.add_follows(model, into);
        self.add_likes(model, into);
        let key = |key| model.key_number(&AppId::built_in(), key);
        let (given, received) = (key(LIKES_GIVEN), key(LIKES_RECEIVED));
        for (ordinal, member) in &model.members {
            let count = |key: Option<u16>| {
                let counter = key.and_then(|key| member.counters.get(&key));
                counter.map_or(0, |(_, count)| *count)
            };
            let what = || format!("log: member {}: counter {LIKES_GIVEN}", member.id);
            if member.status == Status::Deleted {
                self.deleted.insert(*ordinal);
                continue;
            }
            into.compare(what, &(member.edges.likes.len() as i64), &count(given));
            *self.received.entry(*ordinal).or_default() -= count(received);
        }
        for item in model.items.values() {
            if let Some(author) = item.author {
                *self.received.entry(author).or_default() += item.likers.len() as i64;
            }
        }
        self.received.retain(|_, count| *count != 0);
    }

    fn add_follows(&mut self, model: &Model, into: &mut Findings) {
        for (ordinal, member) in &model.members {
            for followed in &member.edges.following {
                self.follows.from(*ordinal, *followed);
                let other = model.members.get(followed);
                if other.is_some_and(|other| !other.edges.followers.contains(ordinal)) {
                    let (id, name) = (member.id, model.member_name(*followed));
                    into.note(|| format!("log: member {id} follows, but is no follower of {name}"));
                }
            }
            for follower in &member.edges.followers {
                self.follows.to(*follower, *ordinal);
                let other = model.members.get(follower);
                if other.is_some_and(|other| !other.edges.following.contains(ordinal)) {
                    let (id, name) = (member.id, model.member_name(*follower));
                    into.note(|| {
                        format!("log: member {id} is not followed by its follower {name}")
                    });
                }
            }
        }
    }

    fn add_likes(&mut self, model: &Model, into: &mut Findings) {
        for (ordinal, member) in &model.members {
            for item in &member.edges.likes {
                self.likes.from(*ordinal, *item);
                let other = model.items.get(item);
                if other.is_some_and(|other| !other.likers.contains(ordinal)) {
                    let (id, name) = (member.id, model.item_name(*item));
                    into.note(|| format!("log: member {id} likes, but is no liker of {name}"));
                }
            }
        }
        for (ordinal, item) in &model.items {
            for liker in &item.likers {
                self.likes.to(*liker, *ordinal);
                let other = model.members.get(liker);
                if other.is_some_and(|other| !other.edges.likes.contains(ordinal)) {
                    let (item, name) = (model.item_name(*ordinal), model.member_name(*liker));
                    into.note(|| format!("log: {item} is not liked by its liker, {name}"));
                }
            }
        }
    }

    /// All stretches are in, at one commit: what is left over has no other side.
    pub fn finish(&self, into: &mut Findings) {
        self.follows.compare("follows", into);
        self.likes.compare("likes", into);
        let living = self.received.iter().filter(|(author, _)| !self.deleted.contains(author));
        for (author, count) in living {
            into.note(|| {
                format!("log: author number {author}: counter {LIKES_RECEIVED} is off by {count}")
            });
        }
    }
}

//! The rows that are always in memory: one per member, and the indexes over them.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_128;

use crate::domain::event::MemberFacts;
use crate::domain::profile::{ActivityStatus, PrivacyStatus, Status};
use crate::domain::{MemberId, Timestamp};

use super::chunked::Chunked;
use super::counters::Counters;
use super::fault::{Fault, planted};
use super::hash_index::{HashIndex, spread};
use super::ordinal_set::{OrdinalSet, Presence};

/// What is known of a member without reading its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Hash of the lower-case login e-mail; 0 for none.
    pub email: u128,
    /// Hash of the slug; 0 for none.
    pub slug: u128,
    /// The nickname in lower case, as it is sorted and searched.
    pub nickname: Option<Arc<str>>,
    pub created_at: Timestamp,
    /// Seq of the newest record in this member's channel.
    pub last_seq: u64,
    /// The member's own sequence.
    pub member_seq: u64,
    /// Commit of the last change of the facts, and of the graph (0: never had an edge).
    pub facts_commit: u64,
    pub graph_commit: u64,
    pub status: Status,
    pub privacy: PrivacyStatus,
    pub activity: ActivityStatus,
}

fn private_presence(row: &Row) -> Presence {
    match (row.status, row.privacy) {
        (Status::Approved, PrivacyStatus::Private) => Presence::In,
        (Status::Approved, PrivacyStatus::Public)
        | (Status::Pending | Status::Blocked | Status::Offline | Status::Deleted, _) => {
            Presence::Out
        }
    }
}

/// Hash under which an e-mail, slug or item is found; stable, because it is stored.
pub fn text_hash(text: &str) -> u128 {
    // Zero stands for "none".
    xxh3_128(text.as_bytes()).max(1)
}

pub fn email_hash(email: &str) -> u128 {
    text_hash(&email.to_lowercase())
}

impl Row {
    pub fn of(facts: &MemberFacts, commit: u64) -> Row {
        Row {
            email: facts.login_email.as_deref().map_or(0, email_hash),
            slug: facts.slug.as_deref().map_or(0, text_hash),
            nickname: facts.profile.nickname.as_ref().map(|name| name.to_lowercase().into()),
            created_at: facts.created_at,
            last_seq: 0,
            member_seq: 0,
            facts_commit: commit,
            graph_commit: 0,
            status: facts.status,
            privacy: facts.privacy,
            activity: facts.activity,
        }
    }
}

/// Ids that are looked up side by side.
const NEIGHBOURS: usize = 32;

#[derive(Debug, Default)]
pub struct Directory {
    rows: Chunked<Row>,
    ids: HashIndex,
    /// Ids of deleted members: only what tells of the past finds them.
    gone: HashIndex,
    emails: HashIndex,
    slugs: HashIndex,
    /// By nickname, then ordinal; members without a nickname are not in it.
    nicknames: BTreeSet<(Arc<str>, u32)>,
    /// Members that are there and not approved: no list of others shows them.
    unlisted: OrdinalSet,
    /// Members that lists name and that are private: others do not see them there.
    private: OrdinalSet,
}

impl Directory {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Members that are there: the deleted ones keep their rows.
    pub fn living_len(&self) -> usize {
        self.rows.len() - self.gone.len()
    }

    /// A member that is or was there.
    pub fn find_ever(&self, id: MemberId, counters: &Counters) -> Option<u32> {
        let found = self.find(id, counters);
        found.or_else(|| self.gone.find(spread(id.as_u128()), |ordinal| counters.id(ordinal) == id))
    }

    pub fn unlisted(&self) -> &OrdinalSet {
        &self.unlisted
    }

    pub fn private(&self) -> &OrdinalSet {
        &self.private
    }

    /// Whether lists of others show the member: likers, followers, whom somebody follows.
    pub fn is_listed(&self, member: u32) -> bool {
        match self.rows[member].status {
            Status::Approved => true,
            Status::Blocked => planted(Fault::BlockedAreListed),
            Status::Pending | Status::Offline | Status::Deleted => false,
        }
    }

    pub fn is_deleted(&self, member: u32) -> bool {
        self.rows[member].status == Status::Deleted
    }

    #[inline]
    pub fn find(&self, id: MemberId, counters: &Counters) -> Option<u32> {
        self.ids.find(spread(id.as_u128()), |ordinal| counters.id(ordinal) == id)
    }

    /// Looks thousands up. The steps of neighbours are taken together, so that what each must wait
    /// for in memory is waited for once.
    pub fn find_all(
        &self,
        ids: impl ExactSizeIterator<Item = MemberId>,
        counters: &Counters,
    ) -> Vec<Option<u32>> {
        let mut found = Vec::with_capacity(ids.len());
        let mut ids = ids.peekable();
        while ids.peek().is_some() {
            let near: SmallVec<[MemberId; NEIGHBOURS]> = ids.by_ref().take(NEIGHBOURS).collect();
            self.find_neighbours(&near, counters, &mut found);
        }
        found
    }

    fn find_neighbours(&self, ids: &[MemberId], counters: &Counters, into: &mut Vec<Option<u32>>) {
        let mut hashes = [0; NEIGHBOURS];
        let mut candidates = [None; NEIGHBOURS];
        let mut confirmed = [false; NEIGHBOURS];
        let mut warmed = 0;
        for (hash, id) in hashes.iter_mut().zip(ids) {
            *hash = spread(id.as_u128());
            warmed ^= self.ids.warm(*hash);
        }
        std::hint::black_box(warmed);
        for (candidate, hash) in candidates.iter_mut().zip(&hashes[..ids.len()]) {
            *candidate = self.ids.candidate(*hash);
        }
        for ((is_it, candidate), id) in confirmed.iter_mut().zip(&candidates).zip(ids) {
            *is_it = candidate.is_some_and(|ordinal| counters.id(ordinal) == *id);
        }
        for ((is_it, candidate), id) in confirmed.iter().zip(&candidates).zip(ids) {
            into.push(if *is_it { *candidate } else { self.find(*id, counters) });
        }
    }

    pub fn find_email(&self, email: u128) -> Option<u32> {
        self.emails.find(spread(email), |ordinal| self.rows[ordinal].email == email)
    }

    pub fn find_slug(&self, slug: u128) -> Option<u32> {
        self.slugs.find(spread(slug), |ordinal| self.rows[ordinal].slug == slug)
    }

    #[inline]
    pub fn row(&self, member: u32) -> &Row {
        &self.rows[member]
    }

    #[inline]
    pub fn row_mut(&mut self, member: u32) -> &mut Row {
        &mut self.rows[member]
    }

    /// Adds the next member; its ordinal is the number of rows before.
    pub fn push(&mut self, id: MemberId, row: Row) -> u32 {
        let member = u32::try_from(self.rows.len()).expect("members are limited far below u32");
        match row.status {
            Status::Deleted => self.gone.insert(spread(id.as_u128()), member),
            Status::Approved | Status::Pending | Status::Blocked | Status::Offline => {
                self.ids.insert(spread(id.as_u128()), member);
            }
        }
        self.index(member, &row);
        self.rows.push(row);
        member
    }

    /// Adds the next member of a stored block; nicknames are indexed together at the end.
    pub fn push_restored(&mut self, id: MemberId, mut row: Row) {
        let nickname = row.nickname.take();
        let member = self.push(id, row);
        self.rows[member].nickname = nickname;
    }

    /// Builds the nickname index of restored rows in one go.
    pub fn index_nicknames(&mut self) {
        let named = self.rows.iter().zip(0u32..);
        let mut names: Vec<(Arc<str>, u32)> = named
            .filter_map(|(row, member)| row.nickname.clone().map(|name| (name, member)))
            .collect();
        names.sort_unstable();
        self.nicknames = names.into_iter().collect();
    }

    fn index(&mut self, member: u32, row: &Row) {
        let presence = match row.status {
            Status::Approved | Status::Deleted => Presence::Out,
            Status::Pending | Status::Blocked | Status::Offline => Presence::In,
        };
        self.unlisted.put(member, presence);
        self.private.put(member, private_presence(row));
        if row.email != 0 {
            self.emails.insert(spread(row.email), member);
        }
        if row.slug != 0 {
            self.slugs.insert(spread(row.slug), member);
        }
        if let Some(name) = &row.nickname {
            self.nicknames.insert((name.clone(), member));
        }
    }

    /// Takes over changed facts; sequences and the graph's stamp stay.
    pub fn update(&mut self, member: u32, facts: &MemberFacts, commit: u64) {
        let old = self.rows[member].clone();
        if old.email != 0 {
            self.emails.remove(spread(old.email), member);
        }
        if old.slug != 0 {
            self.slugs.remove(spread(old.slug), member);
        }
        if let Some(name) = &old.nickname {
            self.nicknames.remove(&(name.clone(), member));
        }
        if facts.status == Status::Deleted && old.status != Status::Deleted {
            self.ids.remove(spread(facts.id.as_u128()), member);
            self.gone.insert(spread(facts.id.as_u128()), member);
        }
        let row = Row {
            last_seq: old.last_seq,
            member_seq: old.member_seq,
            graph_commit: old.graph_commit,
            ..Row::of(facts, commit)
        };
        self.index(member, &row);
        self.rows[member] = row;
    }

    /// Members by nickname from `after` on, ascending.
    pub fn by_nickname_after<'a>(
        &'a self,
        after: Option<&(Arc<str>, u32)>,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
        Box::new(self.nicknames.range((start, Bound::Unbounded)).map(|(_, member)| *member))
    }

    /// Members by nickname before `before`, descending.
    pub fn by_nickname_before<'a>(
        &'a self,
        before: Option<&(Arc<str>, u32)>,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        use std::ops::Bound;
        let end = before.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
        Box::new(self.nicknames.range((Bound::Unbounded, end)).rev().map(|(_, member)| *member))
    }

    /// Members whose nickname begins with `prefix` (in lower case), by nickname.
    pub fn with_nickname_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = u32> + 'a {
        let start = (Arc::<str>::from(prefix), 0);
        let from_here = self.nicknames.range(start..);
        from_here.take_while(move |(name, _)| name.starts_with(prefix)).map(|(_, member)| *member)
    }
}

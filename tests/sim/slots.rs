//! Two snapshot slots of one site as plain maps: the same keys and bytes as on disk, with damage
//! and loss on demand. The store's own proofs are tested elsewhere; here a damaged value is told.

use std::collections::{BTreeMap, BTreeSet};

use guildhall::core::checkpoint::{Begun, Copied};
use guildhall::core::graph::Graph;
use guildhall::core::items::Item;
use guildhall::core::parts::{Part, PartKey};
use guildhall::journal::codec;
use guildhall::snapshot::values::{
    self, ABOUT, CATALOGUE, FACTS, GRAPH, ITEM, ITEM_BLOCK, MEMBER_BLOCK, OPERATION_RUN,
};
use guildhall::snapshot::{Key, Slot};

/// Told instead of a value that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    pub slot: Slot,
    pub why: String,
}

/// What makes a slot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Complete {
    pub begin: u64,
    pub end: u64,
}

#[derive(Clone, Debug, Default)]
struct Held {
    entries: BTreeMap<Key, Vec<u8>>,
    damaged: BTreeSet<Key>,
    mark: Option<Complete>,
}

#[derive(Clone, Debug, Default)]
pub struct Slots {
    held: [Held; 2],
}

fn index(slot: Slot) -> usize {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
    }
}

impl Slots {
    pub fn mark(&self, slot: Slot) -> Option<Complete> {
        self.held[index(slot)].mark
    }

    /// The complete slot with the highest begin.
    pub fn current(&self) -> Option<Slot> {
        let marked = Slot::BOTH.into_iter().filter_map(|slot| Some((self.mark(slot)?, slot)));
        marked.max_by_key(|(mark, _)| (mark.begin, mark.end)).map(|(_, slot)| slot)
    }

    pub fn is_whole(&self, slot: Slot) -> bool {
        self.held[index(slot)].damaged.is_empty()
    }

    /// Gives up what the slot was; `void` empties it.
    pub fn begin(&mut self, slot: Slot, is_void: bool) {
        let held = &mut self.held[index(slot)];
        held.mark = None;
        if is_void {
            (held.entries, held.damaged) = (BTreeMap::new(), BTreeSet::new());
        }
    }

    pub fn complete(&mut self, slot: Slot, mark: Complete) {
        self.held[index(slot)].mark = Some(mark);
    }

    /// Moves a slot aside: an empty one takes its place.
    pub fn set_aside(&mut self, slot: Slot) {
        self.held[index(slot)] = Held::default();
    }

    /// From here on one of the values, the `position`th, is not what was written.
    pub fn damage(&mut self, slot: Slot, position: usize) {
        let held = &mut self.held[index(slot)];
        let key = held.entries.keys().nth(position % held.entries.len().max(1)).copied();
        held.damaged.extend(key);
    }

    pub fn get(&self, slot: Slot, key: Key) -> Result<Option<&[u8]>, Damaged> {
        let held = &self.held[index(slot)];
        let told = |why: &str| Damaged { slot, why: format!("{key:?} {why}") };
        if held.damaged.contains(&key) {
            return Err(told("is not what was written"));
        }
        match held.entries.get(&key) {
            Some(bytes) => Ok(Some(bytes)),
            None if held.mark.is_some() => Ok(None),
            None => Err(told("is absent, and the slot has no mark")),
        }
    }

    pub fn scan(&self, slot: Slot, kind: u8) -> Result<Vec<(Key, &[u8])>, Damaged> {
        let range = Key::new(kind, 0, 0)..Key::new(kind + 1, 0, 0);
        let keys = self.held[index(slot)].entries.range(range).map(|(key, _)| *key);
        let read = keys.map(|key| Ok((key, self.get(slot, key)?.unwrap_or_default())));
        read.collect()
    }

    pub fn part(&self, slot: Slot, part: PartKey) -> Result<(u64, Part), Damaged> {
        let told = |why: String| Damaged { slot, why };
        let bytes = self.get(slot, values::key_of(part))?;
        let bytes = bytes.ok_or_else(|| told(format!("{part:?} is missing")))?;
        values::read_part(part, bytes).map_err(|error| told(error.to_string()))
    }

    fn put(&mut self, slot: Slot, key: Key, bytes: Vec<u8>) {
        let held = &mut self.held[index(slot)];
        held.damaged.remove(&key);
        held.entries.insert(key, bytes);
    }

    pub fn put_catalogue(&mut self, slot: Slot, begun: &Begun) {
        self.put(slot, Key::new(CATALOGUE, 0, 0), codec::encode(&begun.catalogue));
        for (app, window) in (0..).zip(&begun.catalogue.windows) {
            let copy = begun.windows.iter().find(|(copied, _)| *copied == window.app);
            let runs = copy.into_iter().flat_map(|(_, copy)| &copy.runs);
            for (position, run) in (0..).zip(runs) {
                self.put(slot, Key::new(OPERATION_RUN, position, app), codec::encode(&**run));
            }
        }
    }

    /// Writes what a slice copied, with what is cold taken from the other slot.
    pub fn put_slice(&mut self, slot: Slot, copied: &[Copied]) -> Result<(), Damaged> {
        for one in copied {
            let (key, bytes) = self.entry(slot, one)?;
            self.put(slot, key, bytes);
        }
        Ok(())
    }

    fn entry(&self, slot: Slot, copied: &Copied) -> Result<(Key, Vec<u8>), Damaged> {
        let stamped = values::stamped;
        let number = |kind, number: u32| Key::new(kind, number.into(), 0);
        Ok(match copied {
            Copied::MemberBlock { block, value } => {
                (number(MEMBER_BLOCK, *block), codec::encode(value))
            }
            Copied::ItemBlock { block, value } => {
                (number(ITEM_BLOCK, *block), codec::encode(value))
            }
            Copied::Facts { member, commit, value } => {
                (number(FACTS, *member), stamped(*commit, &codec::encode(&**value)))
            }
            Copied::Graph { member, commit, value } => {
                (number(GRAPH, *member), stamped(*commit, &codec::encode(value)))
            }
            Copied::Item { item, commit, value } => {
                (number(ITEM, *item), stamped(*commit, &codec::encode(value)))
            }
            Copied::About { member, commit, value } => {
                (number(ABOUT, *member), stamped(*commit, &codec::encode(value)))
            }
            Copied::ColdAbout { member, commit } => self.carry(slot, ABOUT, *member, *commit)?,
            Copied::GraphDelta { member, base_commit, commit, operations } => {
                let key = number(GRAPH, *member);
                let mut graph: Graph = decoded(&self.cold(slot, key, *base_commit)?);
                graph.put_all(operations);
                (key, stamped(*commit, &codec::encode(&graph)))
            }
            Copied::ItemDelta { item, base_commit, commit, operations } => {
                let key = number(ITEM, *item);
                let mut item: Item = decoded(&self.cold(slot, key, *base_commit)?);
                operations.iter().for_each(|operation| item.put(operation));
                (key, stamped(*commit, &codec::encode(&item)))
            }
            Copied::ColdFacts { member, commit } => self.carry(slot, FACTS, *member, *commit)?,
            Copied::ColdGraph { member, commit } => self.carry(slot, GRAPH, *member, *commit)?,
            Copied::ColdItem { item, commit } => self.carry(slot, ITEM, *item, *commit)?,
        })
    }

    fn carry(
        &self,
        slot: Slot,
        kind: u8,
        number: u32,
        commit: u64,
    ) -> Result<(Key, Vec<u8>), Damaged> {
        let key = Key::new(kind, number.into(), 0);
        Ok((key, self.cold(slot, key, commit)?))
    }

    /// A part from the other slot, in exactly the state that the machine expects.
    fn cold(&self, slot: Slot, key: Key, commit: u64) -> Result<Vec<u8>, Damaged> {
        let current = slot.other();
        let bytes = self.get(current, key)?;
        let stamp = bytes.and_then(|bytes| values::split(bytes).ok()).map(|(stamp, _)| stamp);
        match (bytes, stamp) {
            (Some(bytes), Some(stamp)) if stamp == commit => Ok(bytes.to_vec()),
            (_, found) => {
                panic!("a checkpoint asks for cold {key:?} of commit {commit}, stored is {found:?}")
            }
        }
    }
}

fn decoded<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    let (_, value) = values::split(bytes).expect("a stored part has a stamp");
    codec::decode(value).expect("a stored part decodes")
}

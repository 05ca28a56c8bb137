//! Writing a checkpoint: what the machine copied out goes into the older slot, with what is cold
//! fetched from the current one.

use std::sync::Arc;

use super::values::{
    self, ABOUT, CATALOGUE, FACTS, FORMAT, GRAPH, ITEM, ITEM_BLOCK, MEMBER_BLOCK, OPERATION_RUN,
    ValueError,
};
use super::{Cause, Damaged, Key, Mark, Slot, SnapshotError, SnapshotStore};
use crate::core::checkpoint::{Begun, Copied};
use crate::core::graph::Graph;
use crate::core::items::Item;
use crate::core::parts::PartKey;
use crate::domain::SiteId;
use crate::domain::limits::SNAPSHOT_READ_BACK_MAX;
use crate::journal::codec;

/// Writes one checkpoint of one site. All calls block.
pub struct CheckpointWriter {
    store: Arc<SnapshotStore>,
    site: SiteId,
    slot: Slot,
    /// Where cold parts are read from.
    current: Option<Slot>,
    entries: u64,
}

/// What a slot can be built upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// It holds an older checkpoint: only what changed is written.
    Older,
    /// It holds nothing of worth: it is emptied first.
    Void,
}

impl CheckpointWriter {
    /// Gives up what the slot held, durably, before anything is written to it.
    pub fn begin(
        store: Arc<SnapshotStore>,
        site: SiteId,
        slot: Slot,
        ground: Ground,
    ) -> Result<CheckpointWriter, SnapshotError> {
        store.begin(site, slot)?;
        if ground == Ground::Void {
            store.wipe(site, slot)?;
        }
        let current = store.mark(site, slot.other()).map(|_| slot.other());
        Ok(CheckpointWriter { store, site, slot, current, entries: 0 })
    }

    pub fn catalogue(&mut self, begun: &Begun) -> Result<(), SnapshotError> {
        let mut entries = vec![(Key::new(CATALOGUE, 0, 0), codec::encode(&begun.catalogue))];
        for (app, window) in (0..).zip(&begun.catalogue.windows) {
            let copy = begun.windows.iter().find(|(copied, _)| *copied == window.app);
            let runs = copy.into_iter().flat_map(|(_, copy)| &copy.runs);
            for (position, run) in (0..).zip(runs) {
                entries.push((Key::new(OPERATION_RUN, position, app), codec::encode(&**run)));
            }
        }
        self.put(&entries)
    }

    pub fn slice(&mut self, copied: &[Copied]) -> Result<(), SnapshotError> {
        let mut entries = Vec::with_capacity(copied.len());
        for one in copied {
            entries.push(self.entry(one)?);
        }
        self.put(&entries)
    }

    fn put(&mut self, entries: &[(Key, Vec<u8>)]) -> Result<(), SnapshotError> {
        self.entries += entries.len() as u64;
        self.store.put(self.site, self.slot, entries)
    }

    fn entry(&self, copied: &Copied) -> Result<(Key, Vec<u8>), SnapshotError> {
        let stamped = values::stamped;
        Ok(match copied {
            Copied::MemberBlock { block, value } => {
                (Key::new(MEMBER_BLOCK, (*block).into(), 0), codec::encode(value))
            }
            Copied::ItemBlock { block, value } => {
                (Key::new(ITEM_BLOCK, (*block).into(), 0), codec::encode(value))
            }
            Copied::Facts { member, commit, value } => {
                let bytes = stamped(*commit, &codec::encode(&**value));
                (Key::new(FACTS, (*member).into(), 0), bytes)
            }
            Copied::Graph { member, commit, value } => {
                let bytes = stamped(*commit, &codec::encode(value));
                (Key::new(GRAPH, (*member).into(), 0), bytes)
            }
            Copied::Item { item, commit, value } => {
                let bytes = stamped(*commit, &codec::encode(value));
                (Key::new(ITEM, (*item).into(), 0), bytes)
            }
            Copied::About { member, commit, value } => {
                let bytes = stamped(*commit, &codec::encode(value));
                (Key::new(ABOUT, (*member).into(), 0), bytes)
            }
            Copied::ColdAbout { member, commit } => self.carry(PartKey::About(*member), *commit)?,
            Copied::GraphDelta { member, base_commit, commit, operations } => {
                let key = values::key_of(PartKey::Graph(*member));
                let mut graph: Graph = self.decode(key, &self.cold(key, *base_commit)?)?;
                graph.put_all(operations);
                (key, stamped(*commit, &codec::encode(&graph)))
            }
            Copied::ItemDelta { item, base_commit, commit, operations } => {
                let key = values::key_of(PartKey::Item(*item));
                let mut item: Item = self.decode(key, &self.cold(key, *base_commit)?)?;
                operations.iter().for_each(|operation| item.put(operation));
                (key, stamped(*commit, &codec::encode(&item)))
            }
            Copied::ColdFacts { member, commit } => self.carry(PartKey::Facts(*member), *commit)?,
            Copied::ColdGraph { member, commit } => self.carry(PartKey::Graph(*member), *commit)?,
            Copied::ColdItem { item, commit } => self.carry(PartKey::Item(*item), *commit)?,
        })
    }

    fn carry(&self, part: PartKey, commit: u64) -> Result<(Key, Vec<u8>), SnapshotError> {
        let key = values::key_of(part);
        Ok((key, self.cold(key, commit)?))
    }

    /// A part from the current slot, in exactly the state that the machine expects.
    fn cold(&self, key: Key, commit: u64) -> Result<Vec<u8>, SnapshotError> {
        let Some(current) = self.current else {
            return Err(self.damaged(self.slot, key, "no slot holds this part").into());
        };
        let bytes = self.store.get(self.site, current, key)?;
        let bytes = bytes.ok_or_else(|| self.damaged(current, key, "the part is missing"))?;
        match values::split(&bytes) {
            Ok((stamp, _)) if stamp == commit => Ok(bytes),
            Ok((stamp, _)) => {
                let why = format!("the part is of commit {stamp}, not of {commit}");
                Err(self.damaged(current, key, &why).into())
            }
            Err(error) => Err(self.damaged(current, key, &error.to_string()).into()),
        }
    }

    fn decode<T: serde::de::DeserializeOwned>(
        &self,
        key: Key,
        bytes: &[u8],
    ) -> Result<T, SnapshotError> {
        let read = values::split(bytes)
            .and_then(|(_, value)| codec::decode(value).map_err(ValueError::from));
        read.map_err(|error| {
            let slot = self.current.unwrap_or(self.slot);
            self.damaged(slot, key, &error.to_string()).into()
        })
    }

    fn damaged(&self, slot: Slot, key: Key, why: &str) -> Damaged {
        let incarnation = self.store.incarnation(slot);
        Damaged { slot, key: Some(key), why: why.to_owned(), cause: Cause::Database, incarnation }
    }

    /// Everything copied is durable in the journal: the slot becomes the current one.
    pub fn complete(self, mut mark: Mark) -> Result<(), SnapshotError> {
        mark.entries = self.entries;
        mark.format = FORMAT;
        self.store.complete(self.site, self.slot, mark, SNAPSHOT_READ_BACK_MAX)?;
        Ok(())
    }
}

//! Items: anything a member authored in some app, and who likes it. Rows are resident, the rest
//! is paged.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::command::ItemDetails;
use crate::domain::{ItemKey, Timestamp};

use super::chunked::Chunked;
use super::directory::text_hash;
use super::graph::{Delta, Paged, Taken};
use super::hash_index::{HashIndex, spread};
use super::ordinal_set::{OrdinalSet, Presence};

pub const NO_AUTHOR: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// Hash of app and item id, under which the item is found.
    pub hash: u128,
    /// Ordinal of the author, or [`NO_AUTHOR`].
    pub author: u32,
    /// Commit of the item's last change.
    pub commit: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub key: Arc<ItemKey>,
    pub details: ItemDetails,
    pub created_at: Timestamp,
    pub likers: OrdinalSet,
}

/// A change of an item that is not in memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ItemOperation {
    Liker { liker: u32, presence: Presence },
    Details(Box<ItemDetails>),
}

impl Item {
    pub fn put(&mut self, operation: &ItemOperation) {
        match operation {
            ItemOperation::Liker { liker, presence } => self.likers.put(*liker, *presence),
            ItemOperation::Details(details) => self.details = ItemDetails::clone(details),
        }
    }
}

#[derive(Debug, Default)]
pub struct Items {
    rows: Chunked<ItemRow>,
    index: HashIndex,
    parts: HashMap<u32, Paged<Item, ItemOperation>, foldhash::fast::RandomState>,
}

pub fn item_hash(key: &ItemKey) -> u128 {
    // App ids hold no slash, so the pair is told apart.
    text_hash(&format!("{}/{}", key.app, key.item))
}

impl Items {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn find(&self, key: &ItemKey) -> Option<u32> {
        let hash = item_hash(key);
        self.index.find(spread(hash), |item| self.rows[item].hash == hash)
    }

    pub fn row(&self, item: u32) -> &ItemRow {
        &self.rows[item]
    }

    pub fn row_mut(&mut self, item: u32) -> &mut ItemRow {
        &mut self.rows[item]
    }

    pub fn author(&self, item: u32) -> Option<u32> {
        Some(self.rows[item].author).filter(|author| *author != NO_AUTHOR)
    }

    pub fn push_row(&mut self, row: ItemRow) -> u32 {
        let item = u32::try_from(self.rows.len()).expect("items are limited far below u32");
        self.index.insert(spread(row.hash), item);
        self.rows.push(row);
        item
    }

    pub fn push(&mut self, item: Item, author: u32, commit: u64) -> u32 {
        let ordinal = self.push_row(ItemRow { hash: item_hash(&item.key), author, commit });
        self.parts.insert(ordinal, Paged::Whole(Box::new(item)));
        ordinal
    }

    pub fn part(&self, item: u32) -> Option<&Paged<Item, ItemOperation>> {
        self.parts.get(&item)
    }

    pub fn part_mut(&mut self, item: u32) -> Option<&mut Paged<Item, ItemOperation>> {
        self.parts.get_mut(&item)
    }

    pub fn whole(&self, item: u32) -> Option<&Item> {
        self.parts.get(&item)?.whole()
    }

    pub fn whole_mut(&mut self, item: u32) -> Option<&mut Item> {
        match self.parts.get_mut(&item)? {
            Paged::Whole(item) => Some(item),
            Paged::Stored | Paged::Delta(_) => None,
        }
    }

    /// Applies an operation, to the item itself or as a delta on the stored one.
    pub fn put(&mut self, item: u32, operation: ItemOperation) {
        let base_commit = self.rows[item].commit;
        match self.parts.entry(item).or_insert(Paged::Stored) {
            Paged::Whole(whole) => whole.put(&operation),
            Paged::Delta(delta) => delta.operations.push(operation),
            stored @ Paged::Stored => {
                let delta = Delta { base_commit, operations: vec![operation], copied: None };
                *stored = Paged::Delta(Box::new(delta));
            }
        }
    }

    /// Takes in a loaded item. Ignored when the stored value is another one by now.
    pub fn page_in(&mut self, item: u32, commit: u64, mut loaded: Item) -> Taken {
        let stored_commit = self.rows[item].commit;
        match self.parts.entry(item).or_insert(Paged::Stored) {
            Paged::Whole(_) => {}
            part @ Paged::Stored if stored_commit == commit => {
                *part = Paged::Whole(Box::new(loaded));
            }
            part @ Paged::Delta(_) => {
                let Paged::Delta(delta) = part else { return Taken::Stale };
                let Some(rest) = delta.beyond(commit) else { return Taken::Stale };
                rest.iter().for_each(|operation| loaded.put(operation));
                *part = Paged::Whole(Box::new(loaded));
            }
            Paged::Stored => return Taken::Stale,
        }
        Taken::In
    }

    /// Drops an item that the current snapshot holds too.
    pub fn release(&mut self, item: u32) {
        if self.parts.get(&item).is_some_and(|part| !matches!(part, Paged::Delta(_))) {
            self.parts.remove(&item);
        }
    }
}

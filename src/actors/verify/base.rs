//! Reading a complete snapshot slot into a model, stored value by stored value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;

use super::model::{
    AboutMark, Catalogue, Edges, FactsMark, Item, KnownBadge, Member, Model, Stretch,
};
use super::operations::SeenOperations;
use crate::core::abouts::AboutRow;
use crate::core::graph::Graph;
use crate::core::items::{Item as StoredItem, ItemRow, NO_AUTHOR};
use crate::core::operations::WindowCopy;
use crate::core::parts::{BLOCK, Catalogue as StoredCatalogue, ItemBlock, PartKey, ResidentMember};
use crate::core::standings::Standing;
use crate::core::ties::Tie;
use crate::domain::event::MemberFacts;
use crate::domain::{AppId, SiteId};
use crate::journal::codec::{self, CodecError};
use crate::snapshot::values::{
    self, CATALOGUE, ITEM_BLOCK, MEMBER_BLOCK, OPERATION_RUN, ValueError,
};
use crate::snapshot::{Damaged, Key, Mark, Slot, SnapshotStore};

/// Where a site's snapshots are read.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    pub store: &'a SnapshotStore,
    pub site: SiteId,
}

#[derive(Debug, Error)]
pub enum LoadError {
    #[error(transparent)]
    Damaged(#[from] Damaged),
    #[error("{what} is missing")]
    Missing { what: String },
    #[error("{what}: {error}")]
    Value { what: String, error: ValueError },
    #[error("{what} is of commit {found}, its row names {expected}")]
    Stale { what: String, expected: u64, found: u64 },
}

impl LoadError {
    fn codec(what: impl Into<String>, error: CodecError) -> LoadError {
        LoadError::Value { what: what.into(), error: ValueError::Codec(error) }
    }
}

/// Whether a model also takes in the operation ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operations {
    Seen,
    LeftOut,
}

impl Shelf<'_> {
    pub fn load(
        &self,
        slot: Slot,
        mark: Mark,
        stretch: Stretch,
        operations: Operations,
    ) -> Result<Model, LoadError> {
        let mut model = Model::empty(&format!("snapshot {slot}"), stretch);
        let stored = self.catalogue(slot)?;
        if stored.commit != mark.begin_commit {
            let (what, expected, found) =
                ("catalogue".to_owned(), mark.begin_commit, stored.commit);
            return Err(LoadError::Stale { what, expected, found });
        }
        (model.commit, model.seq, model.time) = (stored.commit, stored.seq, stored.time);
        if operations == Operations::Seen {
            model.operations = Some(SeenOperations::of(&self.windows(slot, &stored)?));
        }
        let (members, items) = (stored.members, stored.items);
        model.catalogue = Catalogue::of(stored);
        for block in 0..members.div_ceil(BLOCK) {
            self.load_members(slot, block, &mut model)?;
        }
        for block in 0..items.div_ceil(BLOCK) {
            self.load_items(slot, block, &mut model)?;
        }
        Ok(model)
    }

    fn catalogue(&self, slot: Slot) -> Result<StoredCatalogue, LoadError> {
        let what = "catalogue";
        let bytes = self.store.get(self.site, slot, Key::new(CATALOGUE, 0, 0))?;
        let bytes = bytes.ok_or_else(|| LoadError::Missing { what: what.to_owned() })?;
        values::read_catalogue(&bytes)
            .map_err(|error| LoadError::Value { what: what.to_owned(), error })
    }

    /// The windows of operation ids that lie in a slot.
    fn windows(
        &self,
        slot: Slot,
        catalogue: &StoredCatalogue,
    ) -> Result<Vec<(AppId, WindowCopy)>, LoadError> {
        let mut windows = Vec::new();
        for (position, stored) in (0..).zip(&catalogue.windows) {
            let mut runs = Vec::new();
            for run in 0..stored.runs {
                let what = format!("run {run} of operation ids of app {}", stored.app);
                runs.push(self.value(slot, Key::new(OPERATION_RUN, run, position), &what)?);
            }
            let (first_run, floor_ms) = (stored.first_run, stored.floor_ms);
            windows.push((stored.app.clone(), WindowCopy { first_run, floor_ms, runs }));
        }
        Ok(windows)
    }

    fn load_members(&self, slot: Slot, block: u32, model: &mut Model) -> Result<(), LoadError> {
        let what = format!("member block {block}");
        let bytes = self.store.get(self.site, slot, Key::new(MEMBER_BLOCK, block.into(), 0))?;
        let bytes = bytes.ok_or_else(|| LoadError::Missing { what: what.clone() })?;
        let stored = values::read_member_block(&bytes)
            .map_err(|error| LoadError::Value { what: what.clone(), error })?;
        model.member_stamps.insert(block, stored.stamp);
        for (ordinal, resident) in (block * BLOCK..).zip(&stored.members) {
            model.ids.insert(resident.id, ordinal);
            if model.stretch.members.contains(&ordinal) {
                let row = stored.abouts.iter().find(|(member, _)| *member == ordinal);
                let mut parts = self.parts(slot, ordinal, resident, row.map(|(_, row)| *row))?;
                let mut standings = stored.standings.iter();
                let standing = standings.find(|(member, _)| *member == ordinal);
                parts.standing = standing.map(|(_, standing)| standing.clone());
                let ties = stored.ties.iter().find(|(member, _)| *member == ordinal);
                parts.ties = ties.map(|(_, ties)| ties.clone()).unwrap_or_default();
                model.members.insert(ordinal, Member::stored(resident, parts));
            }
        }
        Ok(())
    }

    fn parts(
        &self,
        slot: Slot,
        ordinal: u32,
        resident: &ResidentMember,
        about: Option<AboutRow>,
    ) -> Result<Parts, LoadError> {
        let facts = self.facts(slot, ordinal, resident.facts_commit)?;
        let edges = match resident.graph_commit {
            0 => Edges::default(),
            commit => self.edges(slot, ordinal, commit)?,
        };
        let about = about.map(|row| self.about(slot, ordinal, row)).transpose()?;
        Ok(Parts { facts, edges, about, standing: None, ties: Vec::new() })
    }

    pub fn about(&self, slot: Slot, member: u32, row: AboutRow) -> Result<AboutMark, LoadError> {
        let content: Arc<str> = self.part(slot, PartKey::About(member), row.commit)?;
        Ok(AboutMark::of(row, &content))
    }

    fn load_items(&self, slot: Slot, block: u32, model: &mut Model) -> Result<(), LoadError> {
        let what = format!("item block {block}");
        let stored: ItemBlock = self.value(slot, Key::new(ITEM_BLOCK, block.into(), 0), &what)?;
        model.item_stamps.insert(block, stored.stamp);
        for (ordinal, row) in (block * BLOCK..).zip(&stored.rows) {
            model.item_ordinals.insert(row.hash, ordinal);
            if model.stretch.items.contains(&ordinal) {
                let item = self.item(slot, ordinal, row.commit)?;
                model.items.insert(ordinal, Item::stored(row, item, row.commit));
            }
        }
        Ok(())
    }

    pub fn facts(&self, slot: Slot, member: u32, commit: u64) -> Result<FactsMark, LoadError> {
        let facts: MemberFacts = self.part(slot, PartKey::Facts(member), commit)?;
        Ok(FactsMark::of(&facts, commit))
    }

    pub fn edges(&self, slot: Slot, member: u32, commit: u64) -> Result<Edges, LoadError> {
        let graph: Graph = self.part(slot, PartKey::Graph(member), commit)?;
        Ok(Edges::of(&graph))
    }

    pub fn item(&self, slot: Slot, item: u32, commit: u64) -> Result<StoredItem, LoadError> {
        self.part(slot, PartKey::Item(item), commit)
    }

    /// A part that carries its stamp in front, in exactly the state that its row names.
    fn part<T: serde::de::DeserializeOwned>(
        &self,
        slot: Slot,
        part: PartKey,
        expected: u64,
    ) -> Result<T, LoadError> {
        let what = format!("{part:?}");
        let bytes = self.store.get(self.site, slot, values::key_of(part))?;
        let bytes = bytes.ok_or_else(|| LoadError::Missing { what: what.clone() })?;
        let (found, value) = values::split(&bytes)
            .map_err(|error| LoadError::Value { what: what.clone(), error })?;
        if found != expected {
            return Err(LoadError::Stale { what, expected, found });
        }
        codec::decode(value).map_err(|error| LoadError::codec(what, error))
    }

    fn value<T: serde::de::DeserializeOwned>(
        &self,
        slot: Slot,
        key: Key,
        what: &str,
    ) -> Result<T, LoadError> {
        let bytes = self.store.get(self.site, slot, key)?;
        let bytes = bytes.ok_or_else(|| LoadError::Missing { what: what.to_owned() })?;
        codec::decode(&bytes).map_err(|error| LoadError::codec(what, error))
    }
}

/// What of a member is not in its row.
pub struct Parts {
    pub facts: FactsMark,
    pub edges: Edges,
    pub about: Option<AboutMark>,
    pub standing: Option<Standing>,
    pub ties: Vec<Tie>,
}

impl Catalogue {
    pub fn of(stored: StoredCatalogue) -> Catalogue {
        let badges = stored.badges.into_iter();
        let endpoints = stored.endpoints.into_iter();
        let producers = stored.producers.into_iter();
        let mut catalogue = Catalogue {
            keys: stored.keys,
            badges: badges
                .map(|stored| KnownBadge { badge: stored.badge, deleted: stored.deleted })
                .collect(),
            endpoints: endpoints.map(|endpoint| (endpoint.id, endpoint)).collect(),
            producers: producers.map(|(app, name, n)| ((app, name), n)).collect(),
            reports: stored.reports.reports.into_iter().map(|one| (one.id, one)).collect(),
            reviewed: stored.reports.reviewed.into_iter().collect(),
            settings: BTreeMap::new(),
            field_order: Vec::new(),
        };
        stored.settings.iter().for_each(|step| catalogue.setting_step(step));
        catalogue
    }
}

impl Member {
    /// A member from its row, with its parts.
    pub fn stored(resident: &ResidentMember, parts: Parts) -> Member {
        let Parts { facts, edges, about, standing, ties } = parts;
        let counters = resident.counters.iter();
        let badges = resident.badges.iter();
        Member {
            id: resident.id,
            email: resident.email,
            slug: resident.slug,
            nickname: resident.nickname.as_ref().map(|name| name.to_string()),
            created_at: resident.created_at,
            status: resident.status,
            privacy: resident.privacy,
            activity: resident.activity,
            facts,
            last_seq: resident.last_seq,
            member_seq: resident.member_seq,
            graph_commit: resident.graph_commit,
            edges,
            about,
            standing,
            ties: ties.into_iter().collect(),
            counters: counters
                .map(|counter| (counter.key, (counter.public, counter.count)))
                .collect::<BTreeMap<_, _>>(),
            badges: badges.map(|held| (held.badge, held.assigned_at)).collect(),
        }
    }
}

impl Item {
    /// An item from its row, with its part; `commit` is that of its last change.
    pub fn stored(row: &ItemRow, item: StoredItem, commit: u64) -> Item {
        Item {
            key: (*item.key).clone(),
            details: item.details,
            created_at: item.created_at,
            author: Some(row.author).filter(|author| *author != NO_AUTHOR),
            commit,
            likers: item.likers.iter().collect::<BTreeSet<u32>>(),
        }
    }
}

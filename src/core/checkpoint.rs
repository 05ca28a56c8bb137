//! Copying state out, block by block, each in one turn, into the older of two snapshot slots.
//!
//! A block holds the rows of 32 members and is copied together with those of their parts that the
//! slot has not got in their newest state. So one stamp covers all of a block, and recovery skips
//! by it exactly what the copy already holds.

use std::sync::Arc;

use crate::domain::AppId;
use crate::domain::event::MemberFacts;
use crate::domain::limits::CHECKPOINT_BLOCK_PARTS;

use super::counters::Counter;
use super::fault::{Fault, planted};
use super::graph::{EdgeOperation, Graph, Paged};
use super::items::{Item, ItemOperation};
use super::operations::WindowCopy;
use super::parts::{
    BLOCK, Catalogue, ItemBlock, MemberBlock, ResidentMember, StoredBadge, StoredCounter,
    StoredWindow,
};
use super::site::Site;

/// Which of the two snapshot databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotIndex {
    First,
    Second,
}

/// What each slot holds of each block, and when each block last changed.
#[derive(Debug, Default)]
pub struct Stamps {
    members: BlockStamps,
    items: BlockStamps,
    /// Begin commit of the slots' last complete checkpoint; 0 where there is none.
    begins: [u64; 2],
    current: Option<SlotIndex>,
    running: Option<Running>,
}

#[derive(Debug, Default)]
struct BlockStamps {
    changed: Vec<u64>,
    copied: [Vec<u64>; 2],
}

#[derive(Debug)]
struct Running {
    slot: SlotIndex,
    begin: u64,
    next_member_block: u32,
    member_blocks: u32,
    next_item_block: u32,
    item_blocks: u32,
    /// Parts that were copied, for settling and releasing once the slot is complete.
    members: Vec<u32>,
    items: Vec<u32>,
}

impl BlockStamps {
    #[inline]
    fn touch(&mut self, block: u32, commit: u64) {
        let block = block as usize;
        if self.changed.len() <= block {
            self.changed.resize(block + 1, 0);
        }
        self.changed[block] = commit;
    }

    fn changed(&self, block: u32) -> u64 {
        self.changed.get(block as usize).copied().unwrap_or(0)
    }

    fn copied(&self, slot: SlotIndex, block: u32) -> u64 {
        self.copied[slot as usize].get(block as usize).copied().unwrap_or(0)
    }

    fn set_copied(&mut self, slot: SlotIndex, block: u32, commit: u64) {
        let (copied, block) = (&mut self.copied[slot as usize], block as usize);
        if copied.len() <= block {
            copied.resize(block + 1, 0);
        }
        copied[block] = commit;
    }
}

impl Stamps {
    #[inline]
    pub fn touch_member(&mut self, member: u32, commit: u64) {
        self.members.touch(member / BLOCK, commit);
    }

    pub fn touch_item(&mut self, item: u32, commit: u64) {
        self.items.touch(item / BLOCK, commit);
    }

    /// Commit up to which the member's block is as it was restored; replay skips up to there.
    #[inline]
    pub fn restored_member(&self, member: u32) -> u64 {
        self.current.map_or(0, |slot| self.members.copied(slot, member / BLOCK))
    }

    pub fn restored_item(&self, item: u32) -> u64 {
        self.current.map_or(0, |slot| self.items.copied(slot, item / BLOCK))
    }

    pub fn restored_catalogue(&self) -> u64 {
        self.current.map_or(0, |slot| self.begins[slot as usize])
    }

    pub fn set_restored_member_block(&mut self, slot: SlotIndex, block: u32, of: &MemberBlock) {
        self.members.touch(block, of.changed);
        self.members.set_copied(slot, block, of.stamp);
    }

    pub fn set_restored_item_block(&mut self, slot: SlotIndex, block: u32, of: &ItemBlock) {
        self.items.touch(block, of.changed);
        self.items.set_copied(slot, block, of.stamp);
    }

    pub fn set_slots(&mut self, current: Option<SlotIndex>, begins: [u64; 2]) {
        (self.current, self.begins) = (current, begins);
    }

    fn holds(&self, slot: SlotIndex, block_copied: u64, commit: u64) -> bool {
        commit <= block_copied.max(self.begins[slot as usize])
    }

    pub(super) fn holds_member(&self, slot: SlotIndex, member: u32, commit: u64) -> bool {
        self.holds(slot, self.members.copied(slot, member / BLOCK), commit)
    }

    pub(super) fn holds_item(&self, slot: SlotIndex, item: u32, commit: u64) -> bool {
        self.holds(slot, self.items.copied(slot, item / BLOCK), commit)
    }
}

/// What the snapshot writer is to store. It fetches cold parts from the current slot itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Copied {
    MemberBlock { block: u32, value: MemberBlock },
    ItemBlock { block: u32, value: ItemBlock },
    Facts { member: u32, commit: u64, value: Arc<MemberFacts> },
    Graph { member: u32, commit: u64, value: Graph },
    GraphDelta { member: u32, base_commit: u64, commit: u64, operations: Vec<EdgeOperation> },
    Item { item: u32, commit: u64, value: Item },
    About { member: u32, commit: u64, value: Arc<str> },
    ColdAbout { member: u32, commit: u64 },
    ItemDelta { item: u32, base_commit: u64, commit: u64, operations: Vec<ItemOperation> },
    ColdFacts { member: u32, commit: u64 },
    ColdGraph { member: u32, commit: u64 },
    ColdItem { item: u32, commit: u64 },
}

/// The first turn of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    pub slot: SlotIndex,
    pub catalogue: Catalogue,
    pub windows: Vec<(AppId, WindowCopy)>,
}

/// One slice: may be stored at once, but no slot with it is complete before `commit` is durable.
/// `is_last` ends the copying.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    pub commit: u64,
    pub copied: Vec<Copied>,
    pub is_last: bool,
}

impl Site {
    /// The slot that the next checkpoint writes: the one that is not current.
    pub fn next_slot(&self) -> SlotIndex {
        match self.stamps.current {
            Some(SlotIndex::First) => SlotIndex::Second,
            Some(SlotIndex::Second) | None => SlotIndex::First,
        }
    }

    pub fn current_slot(&self) -> Option<SlotIndex> {
        self.stamps.current
    }

    /// The current slot and the commit that its checkpoint began at. The same slot comes round
    /// again with other values in it; this pair does not.
    pub fn current_snapshot(&self) -> Option<(SlotIndex, u64)> {
        self.stamps.current.map(|slot| (slot, self.stamps.begins[slot as usize]))
    }

    /// True when the slot holds nothing to build upon, so that it must be emptied first.
    pub fn slot_is_void(&self, slot: SlotIndex) -> bool {
        self.stamps.begins[slot as usize] == 0
    }

    /// True while one snapshot is complete and the other one is lost or was never made.
    pub fn has_one_snapshot(&self) -> bool {
        self.stamps.current.is_some() && self.slot_is_void(self.next_slot())
    }

    pub fn begin_checkpoint(&mut self) -> Begun {
        assert!(self.stamps.running.is_none(), "one checkpoint at a time");
        let slot = self.next_slot();
        let (members, items) = (self.directory.len() as u32, self.items.len() as u32);
        self.stamps.running = Some(Running {
            slot,
            begin: self.commit,
            next_member_block: 0,
            member_blocks: members.div_ceil(BLOCK),
            next_item_block: 0,
            item_blocks: items.div_ceil(BLOCK),
            members: Vec::new(),
            items: Vec::new(),
        });
        let windows = self.operations.windows();
        let windows = windows.map(|(app, window)| (app.clone(), window.runs())).collect();
        Begun { slot, catalogue: self.catalogue(members, items), windows }
    }

    pub(super) fn catalogue(&self, members: u32, items: u32) -> Catalogue {
        let badges = self.badges.slots().iter();
        let windows = self.operations.windows().map(|(app, window)| {
            let copy = window.runs();
            let (first_run, floor_ms) = (copy.first_run, copy.floor_ms);
            StoredWindow { app: app.clone(), first_run, runs: copy.runs.len() as u64, floor_ms }
        });
        let mut windows: Vec<StoredWindow> = windows.collect();
        windows.sort_by(|one, other| one.app.cmp(&other.app));
        Catalogue {
            commit: self.commit,
            seq: self.seq,
            time: self.time,
            members,
            items,
            keys: self.keys.names().to_vec(),
            badges: badges
                .map(|slot| StoredBadge { badge: slot.badge.clone(), deleted: slot.deleted })
                .collect(),
            endpoints: self.endpoints.values().cloned().collect(),
            producers: self.operations.producers(),
            windows,
            reports: self.member_reports.stored(),
            settings: self.settings.stored(),
        }
    }

    /// Copies what costs about as much as `parts_max` parts. Call in a turn of its own until the
    /// slice is the last one.
    pub fn copy_slice(&mut self, parts_max: usize) -> Slice {
        let mut running = self.stamps.running.take().expect("a checkpoint runs");
        let mut copied = Vec::new();
        let mut blocks = 0;
        let is_full = |copied: &Vec<Copied>, blocks: usize| {
            copied.len() + blocks * CHECKPOINT_BLOCK_PARTS >= parts_max
        };
        while !is_full(&copied, blocks) && running.next_member_block < running.member_blocks {
            let block = running.next_member_block;
            running.next_member_block += 1;
            let before = copied.len();
            self.copy_member_block(&mut running, block, &mut copied);
            blocks += usize::from(copied.len() > before);
        }
        while !is_full(&copied, blocks) && running.next_item_block < running.item_blocks {
            let block = running.next_item_block;
            running.next_item_block += 1;
            let before = copied.len();
            self.copy_item_block(&mut running, block, &mut copied);
            blocks += usize::from(copied.len() > before);
        }
        let is_last = running.next_member_block == running.member_blocks
            && running.next_item_block == running.item_blocks;
        self.stamps.running = Some(running);
        Slice { commit: self.commit, copied, is_last }
    }

    fn copy_member_block(&mut self, running: &mut Running, block: u32, into: &mut Vec<Copied>) {
        let changed = self.stamps.members.changed(block);
        let held = self.stamps.members.copied(running.slot, block);
        if self.stamps.holds(running.slot, held, changed) {
            return;
        }
        let members = block * BLOCK..((block + 1) * BLOCK).min(self.directory.len() as u32);
        for member in members.clone() {
            self.copy_facts(running, member, into);
            self.copy_graph(running, member, into);
            self.copy_about(running, member, into);
        }
        let abouts = self.abouts.range(members.clone()).collect();
        let standings = self.standings.range(members.clone()).collect();
        let ties = self.ties.range(members.clone()).collect();
        let members = members.map(|member| self.resident_member(member)).collect();
        let stamp = self.commit;
        let value = MemberBlock { stamp, changed, members, abouts, standings, ties };
        into.push(Copied::MemberBlock { block, value });
        self.stamps.members.set_copied(running.slot, block, self.commit);
    }

    fn copy_facts(&self, running: &mut Running, member: u32, into: &mut Vec<Copied>) {
        let commit = self.directory.row(member).facts_commit;
        if self.stamps.holds_member(running.slot, member, commit) {
            return;
        }
        running.members.push(member);
        into.push(match self.entries.facts(member) {
            Some(facts) => Copied::Facts { member, commit, value: facts.clone() },
            None => Copied::ColdFacts { member, commit },
        });
    }

    fn copy_graph(&mut self, running: &mut Running, member: u32, into: &mut Vec<Copied>) {
        let commit = self.directory.row(member).graph_commit;
        if self.stamps.holds_member(running.slot, member, commit) {
            return;
        }
        running.members.push(member);
        let graph = self.entries.get_mut(member).map(|entry| &mut entry.graph);
        into.push(match graph {
            Some(Paged::Whole(graph)) => {
                graph.shrink();
                Copied::Graph { member, commit, value: Graph::clone(graph) }
            }
            Some(Paged::Delta(delta)) => {
                delta.copied = Some((delta.operations.len(), commit));
                let operations = delta.operations.clone();
                Copied::GraphDelta { member, base_commit: delta.base_commit, commit, operations }
            }
            Some(Paged::Stored) | None => Copied::ColdGraph { member, commit },
        });
    }

    fn copy_about(&self, running: &mut Running, member: u32, into: &mut Vec<Copied>) {
        let Some(commit) = self.abouts.row(member).map(|row| row.commit) else { return };
        if self.stamps.holds_member(running.slot, member, commit) {
            return;
        }
        running.members.push(member);
        into.push(match self.abouts.content(member) {
            Some(content) => Copied::About { member, commit, value: content.clone() },
            None => Copied::ColdAbout { member, commit },
        });
    }

    fn copy_item_block(&mut self, running: &mut Running, block: u32, into: &mut Vec<Copied>) {
        let changed = self.stamps.items.changed(block);
        let held = self.stamps.items.copied(running.slot, block);
        if self.stamps.holds(running.slot, held, changed) {
            return;
        }
        let items = block * BLOCK..((block + 1) * BLOCK).min(self.items.len() as u32);
        for item in items.clone() {
            self.copy_item(running, item, into);
        }
        let rows = items.map(|item| self.items.row(item).clone()).collect();
        into.push(Copied::ItemBlock {
            block,
            value: ItemBlock { stamp: self.commit, changed, rows },
        });
        self.stamps.items.set_copied(running.slot, block, self.commit);
    }

    fn copy_item(&mut self, running: &mut Running, item: u32, into: &mut Vec<Copied>) {
        let commit = self.items.row(item).commit;
        if self.stamps.holds_item(running.slot, item, commit) {
            return;
        }
        running.items.push(item);
        into.push(match self.items.part_mut(item) {
            Some(Paged::Whole(whole)) => Copied::Item { item, commit, value: Item::clone(whole) },
            Some(Paged::Delta(delta)) => {
                delta.copied = Some((delta.operations.len(), commit));
                let operations = delta.operations.clone();
                Copied::ItemDelta { item, base_commit: delta.base_commit, commit, operations }
            }
            Some(Paged::Stored) | None => Copied::ColdItem { item, commit },
        });
    }

    pub(super) fn resident_member(&self, member: u32) -> ResidentMember {
        let row = self.directory.row(member);
        let counters = self.counters.of(member).into_iter().map(|counter| {
            let Counter { key, public, count } = counter;
            StoredCounter { key, public, count, reported: self.reports.of(member, key) }
        });
        ResidentMember {
            id: self.counters.id(member),
            email: row.email,
            slug: row.slug,
            nickname: row.nickname.clone(),
            created_at: row.created_at,
            last_seq: row.last_seq,
            member_seq: row.member_seq,
            facts_commit: row.facts_commit,
            graph_commit: row.graph_commit,
            status: row.status,
            privacy: row.privacy,
            activity: row.activity,
            counters: counters.collect(),
            badges: self.badges.held(member).to_vec(),
        }
    }

    /// The slot is complete and becomes the current one. Answers the commit up to which the log
    /// may go: what the slot that is now the older one holds.
    pub fn end_checkpoint(&mut self) -> EndedCheckpoint {
        let running = self.stamps.running.take().expect("a checkpoint runs");
        self.stamps.begins[running.slot as usize] = running.begin;
        self.stamps.current = Some(running.slot);
        let older = if planted(Fault::TrimTooFar) { running.slot } else { self.next_slot() };
        EndedCheckpoint {
            trim_up_to: self.stamps.begins[older as usize].min(running.begin),
            copied: CopiedParts { members: running.members, items: running.items, next: 0 },
        }
    }

    /// The checkpoint failed: what was written is worth nothing, the other slot stays current.
    pub fn abort_checkpoint(&mut self) {
        let Some(running) = self.stamps.running.take() else { return };
        if !planted(Fault::AbortKeepsStamps) {
            self.forget_slot(running.slot);
        }
        for member in running.members {
            if let Some(entry) = self.entries.get_mut(member)
                && let Paged::Delta(delta) = &mut entry.graph
            {
                delta.copied = None;
            }
        }
        for item in running.items {
            if let Some(Paged::Delta(delta)) = self.items.part_mut(item) {
                delta.copied = None;
            }
        }
    }

    /// A slot was lost: its next checkpoint copies everything.
    pub fn forget_slot(&mut self, slot: SlotIndex) {
        self.stamps.begins[slot as usize] = 0;
        self.stamps.members.copied[slot as usize].clear();
        self.stamps.items.copied[slot as usize].clear();
    }

    /// Settles and releases copied parts of a complete checkpoint, `limit` at a time; true at the
    /// end.
    pub fn settle_slice(&mut self, copied: &mut CopiedParts, limit: usize) -> bool {
        let total = copied.members.len() + copied.items.len();
        let end = (copied.next + limit).min(total);
        for position in copied.next..end {
            match copied.members.get(position) {
                Some(member) => {
                    if let Some(entry) = self.entries.get_mut(*member) {
                        entry.graph.settle();
                    }
                    self.release_member(*member);
                }
                None => {
                    let item = copied.items[position - copied.members.len()];
                    if let Some(part) = self.items.part_mut(item) {
                        part.settle();
                    }
                    self.release_item(item);
                }
            }
        }
        copied.next = end;
        if end == total {
            self.entries.shrink();
        }
        end == total
    }
}

/// What a complete checkpoint leaves to do.
#[derive(Debug)]
pub struct EndedCheckpoint {
    pub trim_up_to: u64,
    pub copied: CopiedParts,
}

#[derive(Debug)]
pub struct CopiedParts {
    members: Vec<u32>,
    items: Vec<u32>,
    next: usize,
}

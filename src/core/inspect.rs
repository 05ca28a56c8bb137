//! A site as it stands, block by block, for a check from outside. Reads, changes nothing.

use std::ops::Range;
use std::sync::Arc;

use crate::domain::AppId;
use crate::domain::event::MemberFacts;

use super::abouts::AboutRow;
use super::checkpoint::SlotIndex;
use super::graph::{EdgeOperation, Graph, Paged};
use super::items::{Item, ItemOperation, ItemRow};
use super::operations::WindowCopy;
use super::parts::{BLOCK, Catalogue, ResidentMember};
use super::site::Site;
use super::standings::Standing;
use super::ties::Tie;

/// A copy of up to [`BLOCK`] neighbours, all of one commit.
#[derive(Clone, Debug)]
pub struct InspectedBlock<T> {
    pub commit: u64,
    /// Where parts lie that are not in memory.
    pub current_slot: Option<SlotIndex>,
    pub entries: Vec<T>,
}

#[derive(Clone, Debug)]
pub struct InspectedMember {
    pub resident: ResidentMember,
    /// `None` where the current slot holds them.
    pub facts: Option<Arc<MemberFacts>>,
    pub graph: Paged<Graph, EdgeOperation>,
    /// With its document, where that is in memory.
    pub about: Option<(AboutRow, Option<Arc<str>>)>,
    pub standing: Option<Standing>,
    pub ties: Vec<Tie>,
}

#[derive(Clone, Debug)]
pub struct InspectedItem {
    pub row: ItemRow,
    pub part: Paged<Item, ItemOperation>,
}

/// All that is neither member nor item.
#[derive(Clone, Debug)]
pub struct InspectedCatalogue {
    pub catalogue: Catalogue,
    pub windows: Vec<(AppId, WindowCopy)>,
}

impl Site {
    pub fn inspect_catalogue(&self) -> InspectedCatalogue {
        let windows = self.operations.windows();
        InspectedCatalogue {
            catalogue: self.catalogue(self.directory.len() as u32, self.items.len() as u32),
            windows: windows.map(|(app, window)| (app.clone(), window.runs())).collect(),
        }
    }

    pub fn inspect_members(&self, block: u32) -> InspectedBlock<InspectedMember> {
        let members = range_of(block, self.directory.len());
        let entries = members.map(|member| InspectedMember {
            resident: self.resident_member(member),
            facts: self.entries.facts(member).cloned(),
            graph: self.entries.get(member).map_or(Paged::Stored, |entry| entry.graph.clone()),
            about: self.abouts.row(member).map(|row| (row, self.abouts.content(member).cloned())),
            standing: self.standings.get(member).cloned(),
            ties: self.ties.of(member).collect(),
        });
        InspectedBlock {
            commit: self.commit,
            current_slot: self.current_slot(),
            entries: entries.collect(),
        }
    }

    pub fn inspect_items(&self, block: u32) -> InspectedBlock<InspectedItem> {
        let items = range_of(block, self.items.len());
        let entries = items.map(|item| InspectedItem {
            row: self.items.row(item).clone(),
            part: self.items.part(item).cloned().unwrap_or(Paged::Stored),
        });
        InspectedBlock {
            commit: self.commit,
            current_slot: self.current_slot(),
            entries: entries.collect(),
        }
    }
}

/// Ordinals of a block; none beyond the end.
fn range_of(block: u32, len: usize) -> Range<u32> {
    let len = len as u32;
    let start = block.saturating_mul(BLOCK).min(len);
    start..start.saturating_add(BLOCK).min(len)
}

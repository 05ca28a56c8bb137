//! A site's whole state as plain, ordered values, whatever of it is in memory: two machines that
//! hold the same answer the same. For tests and inspection, never for storing.

use std::sync::Arc;

use thiserror::Error;

use super::abouts::AboutRow;
use super::entries::GraphView;
use super::graph::{Graph, Paged};
use super::items::{Item, ItemRow};
use super::member_reports::StoredReports;
use super::parts::{Part, PartKey, ResidentMember, StoredBadge};
use super::site::Site;
use super::standings::Standing;
use super::ties::Tie;
use crate::domain::event::{Endpoint, MemberFacts};
use crate::domain::settings::SettingStep;
use crate::domain::{AppId, OpId, Timestamp};

#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    pub commit: u64,
    pub seq: u64,
    pub time: Timestamp,
    pub keys: Vec<(AppId, String)>,
    /// By ordinal.
    pub members: Vec<DumpedMember>,
    /// By ordinal.
    pub items: Vec<DumpedItem>,
    pub badges: Vec<StoredBadge>,
    pub endpoints: Vec<Arc<Endpoint>>,
    pub producers: Vec<(AppId, String, u64)>,
    pub reports: StoredReports,
    pub settings: Vec<SettingStep>,
    /// By app: the floor of expired ids, then all that are remembered, oldest first.
    pub op_ids: Vec<(AppId, i64, Vec<OpId>)>,
    /// Ordinals by nickname.
    pub nicknames: Vec<u32>,
    /// Member, key number and last reported value of counters that changed since their report.
    pub unreported: Vec<(u32, u16, i64)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DumpedMember {
    /// With counters and badges in order, and no word of reports.
    pub resident: ResidentMember,
    pub facts: Arc<MemberFacts>,
    pub following: Vec<u32>,
    pub followers: Vec<u32>,
    pub likes: Vec<u32>,
    pub about: Option<(AboutRow, Arc<str>)>,
    pub standing: Option<Standing>,
    pub ties: Vec<Tie>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DumpedItem {
    pub row: ItemRow,
    pub item: Item,
}

/// A part that is not in memory and does not come back as it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{key:?} of commit {expected} is stored with stamp {found:?}")]
pub struct Misplaced {
    pub key: PartKey,
    pub expected: u64,
    pub found: Option<u64>,
}

/// Reads a part from the current slot, with its stamp.
pub type ReadPart<'a> = &'a mut dyn FnMut(PartKey) -> Option<(u64, Part)>;

impl Site {
    pub fn dump(&self, read: ReadPart<'_>) -> Result<Dump, Misplaced> {
        let members = (0..self.directory.len() as u32).map(|member| self.dump_member(member, read));
        let members = members.collect::<Result<_, _>>()?;
        let items = (0..self.items.len() as u32).map(|item| self.dump_item(item, read));
        let items = items.collect::<Result<_, _>>()?;
        let badges = self.badges.slots().iter();
        let windows = self.operations.windows().map(|(app, window)| {
            let runs = window.runs().runs;
            let op_ids = runs.iter().flat_map(|run| run.iter().copied()).collect();
            (app.clone(), window.floor_ms(), op_ids)
        });
        let mut op_ids: Vec<_> = windows.collect();
        op_ids.sort();
        Ok(Dump {
            commit: self.commit,
            seq: self.seq,
            time: self.time,
            keys: self.keys.names().to_vec(),
            members,
            items,
            badges: badges
                .map(|slot| StoredBadge { badge: slot.badge.clone(), deleted: slot.deleted })
                .collect(),
            endpoints: self.endpoints.values().cloned().collect(),
            producers: self.operations.producers(),
            reports: self.member_reports.stored(),
            settings: self.settings.stored(),
            op_ids,
            nicknames: self.directory.by_nickname_after(None).collect(),
            unreported: self.reports.take(usize::MAX),
        })
    }

    fn dump_member(&self, member: u32, read: ReadPart<'_>) -> Result<DumpedMember, Misplaced> {
        let mut resident = self.resident_member(member);
        resident.counters.iter_mut().for_each(|counter| counter.reported = None);
        resident.counters.sort();
        resident.badges.sort();
        let facts = match self.entries.facts(member) {
            Some(facts) => facts.clone(),
            None => dump_facts(member, resident.facts_commit, read)?,
        };
        let graph = self.dump_graph(member, resident.graph_commit, read)?;
        let (following, followers) = (graph.following.iter(), graph.followers.iter());
        Ok(DumpedMember {
            resident,
            facts,
            following: following.collect(),
            followers: followers.collect(),
            likes: graph.likes.iter().collect(),
            about: self.dump_about(member, read)?,
            standing: self.standings.get(member).cloned(),
            ties: self.ties.of(member).collect(),
        })
    }

    fn dump_about(
        &self,
        member: u32,
        read: ReadPart<'_>,
    ) -> Result<Option<(AboutRow, Arc<str>)>, Misplaced> {
        let Some(row) = self.abouts.row(member) else { return Ok(None) };
        if let Some(content) = self.abouts.content(member) {
            return Ok(Some((row, content.clone())));
        }
        let (key, expected) = (PartKey::About(member), row.commit);
        match read(key) {
            Some((stamp, Part::About(content))) if stamp == expected => Ok(Some((row, content))),
            found => {
                let found = found.map(|(stamp, _)| stamp);
                Err(Misplaced { key, expected, found })
            }
        }
    }

    fn dump_graph(&self, member: u32, commit: u64, read: ReadPart<'_>) -> Result<Graph, Misplaced> {
        let key = PartKey::Graph(member);
        match self.entries.graph(member, commit) {
            Some(GraphView::Empty) => return Ok(Graph::default()),
            Some(GraphView::Whole(graph)) => return Ok(graph.clone()),
            None => {}
        }
        let (stamp, mut graph) = match read(key) {
            Some((stamp, Part::Graph(graph))) => (stamp, graph),
            Some((_, Part::Facts(_) | Part::Item(_) | Part::About(_))) | None => {
                return Err(Misplaced { key, expected: commit, found: None });
            }
        };
        let misplaced = Misplaced { key, expected: commit, found: Some(stamp) };
        match self.entries.get(member).map(|entry| &entry.graph) {
            Some(Paged::Delta(delta)) => graph.put_all(delta.beyond(stamp).ok_or(misplaced)?),
            Some(Paged::Stored | Paged::Whole(_)) | None if stamp == commit => {}
            Some(Paged::Stored | Paged::Whole(_)) | None => return Err(misplaced),
        }
        Ok(graph)
    }

    fn dump_item(&self, ordinal: u32, read: ReadPart<'_>) -> Result<DumpedItem, Misplaced> {
        let (key, row) = (PartKey::Item(ordinal), self.items.row(ordinal).clone());
        if let Some(item) = self.items.whole(ordinal) {
            return Ok(DumpedItem { row, item: item.clone() });
        }
        let (stamp, mut item) = match read(key) {
            Some((stamp, Part::Item(item))) => (stamp, item),
            Some((_, Part::Facts(_) | Part::Graph(_) | Part::About(_))) | None => {
                return Err(Misplaced { key, expected: row.commit, found: None });
            }
        };
        let misplaced = Misplaced { key, expected: row.commit, found: Some(stamp) };
        match self.items.part(ordinal) {
            Some(Paged::Delta(delta)) => {
                let beyond = delta.beyond(stamp).ok_or(misplaced)?;
                beyond.iter().for_each(|operation| item.put(operation));
            }
            Some(Paged::Stored | Paged::Whole(_)) | None if stamp == row.commit => {}
            Some(Paged::Stored | Paged::Whole(_)) | None => return Err(misplaced),
        }
        Ok(DumpedItem { row, item })
    }
}

fn dump_facts(
    member: u32,
    expected: u64,
    read: ReadPart<'_>,
) -> Result<Arc<MemberFacts>, Misplaced> {
    let key = PartKey::Facts(member);
    match read(key) {
        Some((stamp, Part::Facts(facts))) if stamp == expected => Ok(facts),
        Some((stamp, Part::Facts(_) | Part::Graph(_) | Part::Item(_) | Part::About(_))) => {
            Err(Misplaced { key, expected, found: Some(stamp) })
        }
        None => Err(Misplaced { key, expected, found: None }),
    }
}

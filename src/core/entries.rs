//! The paged side of members: facts and graph of those that are hot or not yet in a snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::event::MemberFacts;
use crate::domain::limits::FACTS_OF_ACTIVE_MAX;

use super::fault::{Fault, planted};
use super::graph::{Delta, EdgeOperation, Graph, Paged, Taken};

/// What is in memory of one member beyond its row. No entry means: all of it as stored.
#[derive(Debug)]
pub struct Entry {
    pub facts: Option<Arc<MemberFacts>>,
    pub graph: Paged<Graph, EdgeOperation>,
    /// Its actor is active: it stays, whatever the snapshots hold; its facts while there is room.
    pub active: bool,
}

impl Default for Entry {
    fn default() -> Self {
        Entry { facts: None, graph: Paged::Stored, active: false }
    }
}

#[derive(Debug, Default)]
pub struct Entries {
    entries: HashMap<u32, Entry, foldhash::fast::RandomState>,
    /// How many of them hold facts.
    with_facts: usize,
}

impl Entries {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, member: u32) -> Option<&Entry> {
        self.entries.get(&member)
    }

    pub fn get_mut(&mut self, member: u32) -> Option<&mut Entry> {
        self.entries.get_mut(&member)
    }

    pub fn facts(&self, member: u32) -> Option<&Arc<MemberFacts>> {
        self.entries.get(&member)?.facts.as_ref()
    }

    pub fn put_facts(&mut self, member: u32, facts: Arc<MemberFacts>) {
        let before = self.entries.entry(member).or_default().facts.replace(facts);
        self.with_facts += usize::from(before.is_none());
    }

    pub fn set_active(&mut self, member: u32, active: Activity) {
        match active {
            Activity::Active => self.entries.entry(member).or_default().active = true,
            Activity::Passive => {
                if let Some(entry) = self.entries.get_mut(&member) {
                    entry.active = false;
                }
            }
        }
    }

    /// The graph in memory; `stored_commit` is its stamp, 0 where there never was one.
    pub fn graph(&self, member: u32, stored_commit: u64) -> Option<GraphView<'_>> {
        match self.entries.get(&member).map(|entry| &entry.graph) {
            Some(Paged::Whole(graph)) => Some(GraphView::Whole(graph)),
            Some(Paged::Stored) | None if stored_commit == 0 => Some(GraphView::Empty),
            Some(Paged::Stored | Paged::Delta(_)) | None => None,
        }
    }

    /// Applies an edge operation, to the graph itself or as a delta on the stored one.
    pub fn put_edge(&mut self, member: u32, stored_commit: u64, operation: EdgeOperation) {
        let entry = self.entries.entry(member).or_default();
        match &mut entry.graph {
            Paged::Whole(graph) => graph.put(operation),
            Paged::Delta(delta) => delta.operations.push(operation),
            Paged::Stored if stored_commit == 0 => {
                let mut graph = Graph::default();
                graph.put(operation);
                entry.graph = Paged::Whole(Box::new(graph));
            }
            Paged::Stored => {
                let base_commit = stored_commit;
                let delta = Delta { base_commit, operations: vec![operation], copied: None };
                entry.graph = Paged::Delta(Box::new(delta));
            }
        }
    }

    /// The member has no edge any more, and its stored graph is none of ours.
    pub fn forget_graph(&mut self, member: u32) {
        if let Some(entry) = self.entries.get_mut(&member) {
            entry.graph = Paged::Stored;
        }
    }

    /// Takes in a loaded graph; `stored_commit` is the stamp that the row names.
    pub fn page_in_graph(&mut self, member: u32, stored_commit: u64, loaded: Loaded) -> Taken {
        if stored_commit == 0 {
            // It was asked for before its last edge ended: there is nothing to take in any more.
            return Taken::In;
        }
        let Loaded { commit, mut graph } = loaded;
        let entry = self.entries.entry(member).or_default();
        match &mut entry.graph {
            Paged::Whole(_) => return Taken::In,
            Paged::Stored if stored_commit == commit || planted(Fault::PageInTakesStale) => {}
            Paged::Stored => return Taken::Stale,
            Paged::Delta(delta) => match delta.beyond(commit) {
                Some(_) if planted(Fault::PageInForgetsDelta) => {}
                Some(operations) => graph.put_all(operations),
                None => return Taken::Stale,
            },
        }
        entry.graph = Paged::Whole(Box::new(graph));
        Taken::In
    }

    /// Drops what the current snapshot holds too. Of an active member only the facts go, and only
    /// where those of many are in memory: its own decisions hardly ever need them.
    pub fn release(&mut self, member: u32, clean: CleanParts) {
        let has_room = self.with_facts <= FACTS_OF_ACTIVE_MAX;
        let Some(entry) = self.entries.get_mut(&member) else { return };
        let keeps_facts = !clean.facts || entry.active && has_room;
        if !keeps_facts && entry.facts.take().is_some() {
            self.with_facts -= 1;
        }
        if entry.active {
            return;
        }
        if clean.graph && matches!(entry.graph, Paged::Whole(_)) {
            entry.graph = Paged::Stored;
        }
        if entry.facts.is_none() && entry.graph.is_stored() {
            self.entries.remove(&member);
        }
    }
}

/// A table this many times larger than what it holds is made smaller.
const SPARE_FACTOR: usize = 8;
/// Tables up to here are not worth it.
const SPARE_ENTRIES: usize = 16_384;

impl Entries {
    /// Gives memory back that only a peak needed.
    pub fn shrink(&mut self) {
        let len = self.entries.len();
        if self.entries.capacity() > SPARE_ENTRIES.max(len * SPARE_FACTOR) {
            self.entries.shrink_to(len * 2);
        }
    }
}

/// A graph as it was stored.
#[derive(Debug)]
pub struct Loaded {
    pub commit: u64,
    pub graph: Graph,
}

/// Which parts of a member the current snapshot holds in their newest state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanParts {
    pub facts: bool,
    pub graph: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    Active,
    Passive,
}

/// A graph that can be read now.
#[derive(Clone, Copy, Debug)]
pub enum GraphView<'a> {
    Empty,
    Whole(&'a Graph),
}

impl GraphView<'_> {
    pub fn follows(&self, other: u32) -> bool {
        match self {
            GraphView::Empty => false,
            GraphView::Whole(graph) => graph.following.contains(other),
        }
    }

    pub fn is_followed_by(&self, other: u32) -> bool {
        match self {
            GraphView::Empty => false,
            GraphView::Whole(graph) => graph.followers.contains(other),
        }
    }

    pub fn likes(&self, item: u32) -> bool {
        match self {
            GraphView::Empty => false,
            GraphView::Whole(graph) => graph.likes.contains(item),
        }
    }

    pub fn following_len(&self) -> usize {
        match self {
            GraphView::Empty => 0,
            GraphView::Whole(graph) => graph.following.len(),
        }
    }

    pub fn likes_len(&self) -> usize {
        match self {
            GraphView::Empty => 0,
            GraphView::Whole(graph) => graph.likes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::profile::{ActivityStatus, PrivacyStatus, Profile, Status};
    use crate::domain::{MemberId, Timestamp};

    fn facts() -> Arc<MemberFacts> {
        Arc::new(MemberFacts {
            id: MemberId::from_u128(1),
            login_email: None,
            slug: None,
            status: Status::Approved,
            privacy: PrivacyStatus::Public,
            activity: ActivityStatus::Active,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            revision: 1,
            profile: Arc::new(Profile::default()),
        })
    }

    #[test]
    fn facts_of_active_members_go_where_they_are_many_and_only_once_they_are_stored() {
        let mut entries = Entries::default();
        let (all, shared) = (0..=FACTS_OF_ACTIVE_MAX as u32, facts());
        for member in all {
            entries.set_active(member, Activity::Active);
            entries.put_facts(member, shared.clone());
            entries.put_facts(member, shared.clone());
        }
        let clean = CleanParts { facts: true, graph: true };
        entries.release(0, CleanParts { facts: false, ..clean });
        assert!(entries.facts(0).is_some(), "no snapshot holds them yet");
        entries.release(0, clean);
        assert!(entries.facts(0).is_none() && entries.get(0).is_some());
        entries.release(1, clean);
        assert!(entries.facts(1).is_some(), "now there is room for the others");
        entries.set_active(1, Activity::Passive);
        entries.release(1, clean);
        assert!(entries.get(1).is_none());
    }
}

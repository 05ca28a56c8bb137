//! The live state, asked block by block: each in one turn of the site, of one commit, and compared
//! only once that commit is durable.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::oneshot;

use super::VerifyError;
use super::base::{LoadError, Parts, Shelf};
use super::model::{AboutMark, Edges, FactsMark, Item, Member};
use crate::actors::handle::SiteHandle;
use crate::actors::site::Inspect;
use crate::core::graph::{Delta, Paged};
use crate::core::inspect::{InspectedBlock, InspectedItem, InspectedMember};
use crate::core::items::ItemRow;
use crate::core::site::Site;
use crate::domain::limits::VERIFY_TRIES_MAX;
use crate::journal::{Lost, SiteLog};
use crate::snapshot::values::slot_of;

/// What is held against the journal.
#[derive(Clone, Copy)]
pub enum Live<'a> {
    /// A server goes on while it is asked.
    Running(&'a SiteHandle),
    /// What a start would make of the directory.
    Recovered(&'a Site),
}

type Waiting = Pin<Box<dyn Future<Output = Result<(), Lost>> + Send>>;

/// What a turn saw, and when it is durable.
pub struct Seen<T> {
    pub value: T,
    durable: Option<Waiting>,
}

impl<T> Seen<T> {
    /// Waits for the commit; `None` where it was undone, and what was seen with it.
    pub async fn durable(self) -> Option<T> {
        match self.durable {
            None => Some(self.value),
            Some(waiting) => waiting.await.ok().map(|()| self.value),
        }
    }
}

/// A pause before a site that is being rebuilt is asked again.
const REBUILD_PAUSE: Duration = Duration::from_millis(100);

impl Live<'_> {
    /// Runs `look` in one turn of the site.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl Fn(&Site) -> T + Clone + Send + 'static,
    ) -> Result<Seen<T>, VerifyError> {
        let handle = match self {
            Live::Recovered(site) => return Ok(Seen { value: look(site), durable: None }),
            Live::Running(handle) => handle,
        };
        for _ in 0..VERIFY_TRIES_MAX {
            if let Some(seen) = ask(handle, look.clone()).await? {
                return Ok(seen);
            }
            tokio::time::sleep(REBUILD_PAUSE).await;
        }
        Err(VerifyError::Restless)
    }
}

/// `None` while the site is being rebuilt.
async fn ask<T: Send + 'static>(
    handle: &SiteHandle,
    look: impl Fn(&Site) -> T + Send + 'static,
) -> Result<Option<Seen<T>>, VerifyError> {
    let (told, answer) = oneshot::channel();
    let log: SiteLog = handle.log().clone();
    let turn = move |site: Option<&Site>| {
        // Parked within the turn: a later generation's commit of the same number is another one.
        let seen = site.map(|site| Seen {
            value: look(site),
            durable: Some(Box::pin(log.wait(site.commit())) as Waiting),
        });
        // Whoever stopped waiting does not need it.
        told.send(seen).map_err(drop).unwrap_or_default();
    };
    let sent = handle.supervisor().send(Inspect(Box::new(turn))).await;
    sent.map_err(|_| VerifyError::Stopped)?;
    answer.await.map_err(|_| VerifyError::Stopped)
}

/// The members of a block, whole: what is not in memory is read from the slot that was current.
pub fn whole_members(
    shelf: Shelf<'_>,
    first: u32,
    block: InspectedBlock<InspectedMember>,
) -> Result<Vec<(u32, Member)>, LoadError> {
    let slot = block.current_slot.map(slot_of);
    let mut members = Vec::with_capacity(block.entries.len());
    for (ordinal, inspected) in (first..).zip(block.entries) {
        let InspectedMember { resident, facts, graph, about, standing, ties } = inspected;
        let lost = || LoadError::Missing { what: format!("a part of member {}", resident.id) };
        let facts = match facts {
            Some(facts) => FactsMark::of(&facts, resident.facts_commit),
            None => shelf.facts(slot.ok_or_else(lost)?, ordinal, resident.facts_commit)?,
        };
        let edges = match graph {
            Paged::Whole(graph) => Edges::of(&graph),
            Paged::Stored if resident.graph_commit == 0 => Edges::default(),
            Paged::Stored => shelf.edges(slot.ok_or_else(lost)?, ordinal, resident.graph_commit)?,
            Paged::Delta(delta) => {
                let slot = slot.ok_or_else(lost)?;
                let (mut edges, rest) = under(&delta, |commit| shelf.edges(slot, ordinal, commit))?;
                rest.iter().for_each(|operation| edges.put(operation));
                edges
            }
        };
        let about = match about {
            Some((row, Some(content))) => Some(AboutMark::of(row, &content)),
            Some((row, None)) => Some(shelf.about(slot.ok_or_else(lost)?, ordinal, row)?),
            None => None,
        };
        let parts = Parts { facts, edges, about, standing, ties };
        members.push((ordinal, Member::stored(&resident, parts)));
    }
    Ok(members)
}

/// The same for items.
pub fn whole_items(
    shelf: Shelf<'_>,
    first: u32,
    block: InspectedBlock<InspectedItem>,
) -> Result<Vec<(u32, Item)>, LoadError> {
    let slot = block.current_slot.map(slot_of);
    let mut items = Vec::with_capacity(block.entries.len());
    for (ordinal, InspectedItem { row, part }) in (first..).zip(block.entries) {
        let lost = || LoadError::Missing { what: format!("item number {ordinal}") };
        let stored = |item, row: &ItemRow| Item::stored(row, item, row.commit);
        let item = match part {
            Paged::Whole(item) => stored(*item, &row),
            Paged::Stored => stored(shelf.item(slot.ok_or_else(lost)?, ordinal, row.commit)?, &row),
            Paged::Delta(delta) => {
                let slot = slot.ok_or_else(lost)?;
                let (item, rest) = under(&delta, |commit| shelf.item(slot, ordinal, commit))?;
                let mut item = stored(item, &row);
                rest.iter().for_each(|operation| item.put(operation));
                item
            }
        };
        items.push((ordinal, item));
    }
    Ok(items)
}

/// The stored value under a delta, with the operations it has not got: a checkpoint that ended
/// a moment ago may already have stored some.
fn under<T, O>(
    delta: &Delta<O>,
    read: impl Fn(u64) -> Result<T, LoadError>,
) -> Result<(T, &[O]), LoadError> {
    match (read(delta.base_commit), delta.copied) {
        (Err(LoadError::Stale { .. }), Some((copied, commit))) => {
            Ok((read(commit)?, &delta.operations[copied..]))
        }
        (read, _) => Ok((read?, &delta.operations)),
    }
}

//! Parts that are read late: between the question and the answer the site goes on, slots change
//! places, and what was read may be of yesterday. Members' actors come and go here too.

use guildhall::core::checkpoint::SlotIndex;
use guildhall::core::entries::Activity;
use guildhall::core::graph::Taken;
use guildhall::core::parts::{Part, PartKey};
use guildhall::core::site::Site;
use guildhall::snapshot::values::slot_of;

use crate::requests::Request;
use crate::shell::{Operation, Outside, Shell};
use crate::slots::Damaged;
use crate::trace;

/// Rounds in which a request may ask for parts, as in the product.
const ROUNDS_MAX: usize = 8;

type ReadParts = Result<Vec<(PartKey, u64, Part)>, Damaged>;

/// Parts that a request waits for.
pub struct Load {
    pub operation: Operation,
    keys: Vec<PartKey>,
    brought: Vec<PartKey>,
    rounds: usize,
    asked: (SlotIndex, u64),
    generation: u64,
    read: Option<ReadParts>,
}

impl Shell {
    pub fn load(
        &mut self,
        operation: Operation,
        keys: Vec<PartKey>,
        rounds: usize,
        brought: Vec<PartKey>,
        outside: &mut Outside<'_>,
    ) {
        if rounds >= ROUNDS_MAX {
            return self.undone(operation);
        }
        let asked = self.site.as_ref().and_then(Site::current_snapshot);
        let asked = asked.expect("parts are missing only where a snapshot was taken");
        let generation = self.generation;
        let rounds = rounds + 1;
        let read = None;
        trace::note(|| format!("{} loads {keys:?} for {}", self.id, operation.number));
        self.loads.push(Load { operation, keys, brought, rounds, asked, generation, read });
        if outside.random.chance(500) {
            let newest = self.loads.len() - 1;
            self.load_goes_on(newest, outside);
        }
    }

    pub fn loads_len(&self) -> usize {
        self.loads.len()
    }

    /// A load is read, or what was read earlier arrives.
    pub fn load_goes_on(&mut self, position: usize, outside: &mut Outside<'_>) {
        let load = &mut self.loads[position];
        if load.read.is_none() {
            let slot = slot_of(load.asked.0);
            let read = load.keys.iter().map(|key| {
                let (stamp, part) = self.slots.part(slot, *key)?;
                Ok((*key, stamp, part))
            });
            load.read = Some(read.collect());
            if outside.random.chance(400) {
                return;
            }
        }
        let load = self.loads.swap_remove(position);
        self.parts_arrive(load, outside);
    }

    fn parts_arrive(&mut self, load: Load, outside: &mut Outside<'_>) {
        let Load { operation, mut keys, mut brought, rounds, asked, generation, read } = load;
        let Some(site) = self.site.as_mut() else { return self.undone(operation) };
        let moved_on = self.generation != generation || site.current_snapshot() != Some(asked);
        match read.unwrap_or(Ok(Vec::new())) {
            Err(_) if moved_on => self.tally.reads_too_late += 1,
            Err(damaged) => {
                self.give_up(damaged.slot);
                return self.undone(operation);
            }
            Ok(parts) => {
                for (key, stamp, part) in parts {
                    let taken = site.page_in(key, stamp, part);
                    let is_fine = taken == Taken::In || moved_on;
                    match taken {
                        Taken::In => self.tally.page_ins += 1,
                        Taken::Stale => self.tally.reads_too_late += 1,
                    }
                    assert!(
                        is_fine,
                        "{key:?} of {stamp} is stale in the slot that it was asked of"
                    );
                }
            }
        }
        if matches!(*operation.request, Request::Query(_)) {
            brought.append(&mut keys);
        }
        self.attempt(operation, rounds, brought, outside);
    }

    /// The acting member's actor keeps its entry in memory for a while.
    pub fn activate(&mut self, operation: &Operation, outside: &mut Outside<'_>) {
        let (Some(site), Request::Command(command)) = (&mut self.site, &*operation.request) else {
            return;
        };
        let member = command.acting_member().and_then(|member| site.find_member(member));
        if let Some(member) = member.filter(|_| outside.random.chance(300)) {
            site.set_active(member, Activity::Active);
            self.active.push(member);
        }
    }

    pub fn passivate(&mut self, outside: &mut Outside<'_>) {
        if self.active.is_empty() {
            return;
        }
        let member = self.active.swap_remove(outside.random.below(self.active.len()));
        if let Some(site) = self.site.as_mut() {
            site.set_active(member, Activity::Passive);
        }
    }
}

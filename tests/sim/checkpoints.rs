//! A checkpoint, one step at a time: turns that copy, a slot that is complete once what was copied
//! is durable, the log trimmed behind the older slot. May fail or be overtaken anywhere.

use guildhall::core::checkpoint::{Begun, CopiedParts, EndedCheckpoint, Slice};
use guildhall::snapshot::Slot;
use guildhall::snapshot::values::slot_of;

use crate::shell::{Outside, Shell};
use crate::slots::Complete;
use crate::trace;

pub struct Checkpoint {
    slot: Slot,
    mark: Complete,
    stage: Stage,
}

enum Stage {
    Opened,
    Begun(Box<Begun>),
    Copying,
    Copied(Slice),
    Written,
    Marked,
    Trimming { up_to: u64, copied: CopiedParts },
    Settling(CopiedParts),
}

impl Shell {
    pub fn checkpoint_goes_on(&mut self, outside: &mut Outside<'_>) {
        let durable = self.gate.durable();
        let Some(running) = self.checkpoint.take() else { return self.open_slot() };
        let Checkpoint { slot, mut mark, stage } = running;
        let fails = outside.random.chance(4);
        let Some(site) = self.site.as_mut() else { return };
        let next = match stage {
            Stage::Opened => {
                let begun = Box::new(site.begin_checkpoint());
                (mark.begin, mark.end) = (begun.catalogue.commit, begun.catalogue.commit);
                Some(Stage::Begun(begun))
            }
            Stage::Begun(begun) => {
                self.slots.put_catalogue(slot, &begun);
                Some(Stage::Copying)
            }
            Stage::Copying => {
                let slice = site.copy_slice(outside.random.between(1, 60) as usize);
                mark.end = mark.end.max(slice.commit);
                Some(Stage::Copied(slice))
            }
            Stage::Copied(slice) => {
                let written = self.slots.put_slice(slot, &slice.copied);
                let next = if slice.is_last { Stage::Written } else { Stage::Copying };
                written.is_ok().then_some(next)
            }
            Stage::Written if durable >= mark.end => {
                self.slots.complete(slot, mark);
                Some(Stage::Marked)
            }
            Stage::Marked => {
                let EndedCheckpoint { trim_up_to: up_to, copied } = site.end_checkpoint();
                trace::note(|| format!("{} is in slot {slot} of {mark:?}", self.id));
                Some(Stage::Trimming { up_to, copied })
            }
            Stage::Trimming { up_to, copied } => {
                outside.journal.trim_now(self.id, up_to).expect("the site is open");
                trace::note(|| format!("{} is trimmed up to {up_to}", self.id));
                self.tally.checkpoints += 1;
                Some(Stage::Settling(copied))
            }
            Stage::Settling(mut copied) => {
                let limit = outside.random.between(1, 50) as usize;
                match site.settle_slice(&mut copied, limit) {
                    true => return,
                    false => Some(Stage::Settling(copied)),
                }
            }
            Stage::Written => Some(Stage::Written),
        };
        let is_before_mark = matches!(
            next,
            Some(Stage::Begun(_) | Stage::Copying | Stage::Copied(_) | Stage::Written) | None
        );
        match next.filter(|_| !(fails && is_before_mark)) {
            Some(stage) => self.checkpoint = Some(Checkpoint { slot, mark, stage }),
            None => {
                trace::note(|| format!("{} gives a checkpoint up", self.id));
                self.tally.checkpoints_given_up += 1;
                site.abort_checkpoint();
            }
        }
    }

    /// The current slot is proven whole before the other one is given up.
    fn open_slot(&mut self) {
        let Some(site) = &self.site else { return };
        let slot = slot_of(site.next_slot());
        let current = slot.other();
        if self.slots.mark(current).is_some() && !self.slots.is_whole(current) {
            return self.give_up(current);
        }
        self.slots.begin(slot, site.slot_is_void(site.next_slot()));
        let mark = Complete { begin: 0, end: 0 };
        self.checkpoint = Some(Checkpoint { slot, mark, stage: Stage::Opened });
    }
}

//! What one append is about to do, while the log stands still: judged first, written once, and only
//! then taken over.

use std::collections::HashMap;
use std::sync::Arc;

use super::log::{Step, WriteFault};
use super::site::Head;
use super::store::Site;
use crate::domain::SiteId;
use crate::journal::admit::Verdict;
use crate::journal::{Appended, Batch, JournalError, Position};

#[derive(Default)]
pub struct Plan {
    steps: Vec<Step>,
    /// Where each site will stand.
    heads: HashMap<SiteId, Head>,
    /// The heads that the batches lead to, in order.
    advances: Vec<(Arc<Site>, Head)>,
    judged: Vec<Judged>,
}

/// What will be said about one batch.
enum Judged {
    Known(Appended),
    /// Stored up to here if the write succeeds.
    Planned(Position),
}

impl Plan {
    pub fn add(&mut self, site: Result<Arc<Site>, JournalError>, batch: &Batch) {
        let judged = match site {
            Ok(site) => self.judge(site, batch),
            Err(error) => Judged::Known(Appended::Unavailable(error.to_string())),
        };
        self.judged.push(judged);
    }

    fn judge(&mut self, site: Arc<Site>, batch: &Batch) -> Judged {
        let planned = self.heads.get(&batch.site);
        let head = planned.cloned().unwrap_or_else(|| site.entries.head());
        match head.fence.judge(batch) {
            // The same batch twice in one call: stored once, and only if the write succeeds.
            Verdict::Answer(Appended::Stored(position)) if planned.is_some() => {
                Judged::Planned(position)
            }
            Verdict::Answer(answer) => Judged::Known(answer),
            Verdict::Store => {
                let (steps, after) = site.entries.steps(&head, batch);
                self.steps.extend(steps);
                let position = after.fence.position;
                self.heads.insert(batch.site, after.clone());
                self.advances.push((site, after));
                Judged::Planned(position)
            }
        }
    }

    /// What to write, and its bytes.
    pub fn take_steps(&mut self) -> (Vec<Step>, u64) {
        let steps = std::mem::take(&mut self.steps);
        let sizes = steps.iter().map(|step| match step {
            Step::Append { bytes, .. } => bytes.len(),
            Step::Put { key, value, .. } => key.len() + value.len(),
            Step::Compact { .. } => 0,
        });
        let bytes = sizes.sum::<usize>() as u64;
        (steps, bytes)
    }

    /// It is on disk.
    pub fn advance(&mut self) {
        for (site, head) in self.advances.drain(..) {
            site.entries.advance(&head);
        }
    }

    pub fn outcomes(self, written: &Result<(), WriteFault>) -> Vec<Appended> {
        let said = self.judged.into_iter().map(|judged| match (judged, written) {
            (Judged::Known(answer), _) => answer,
            (Judged::Planned(position), Ok(())) => Appended::Stored(position),
            (Judged::Planned(_), Err(fault)) => fault.clone().into(),
        });
        said.collect()
    }
}

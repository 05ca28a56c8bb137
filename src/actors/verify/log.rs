//! The journal's commits, read on and on and folded into models.

use std::collections::VecDeque;

use super::model::Model;
use crate::domain::limits::RECOVERY_READ_BYTES;
use crate::domain::{Commit, SiteId};
use crate::journal::{Journal, JournalError};

pub struct LogReader<'a> {
    journal: &'a dyn Journal,
    site: SiteId,
    /// The last commit that was read, and those of the last read that nobody wanted yet.
    read_up_to: u64,
    ahead: VecDeque<Commit>,
}

impl<'a> LogReader<'a> {
    pub fn after(journal: &'a dyn Journal, site: SiteId, commit: u64) -> LogReader<'a> {
        LogReader { journal, site, read_up_to: commit, ahead: VecDeque::new() }
    }

    /// Folds everything up to and with `commit`, which must be durable.
    pub async fn fold_to(&mut self, models: &mut [Model], commit: u64) -> Result<(), JournalError> {
        loop {
            while let Some(next) = self.ahead.pop_front_if(|next| next.number <= commit) {
                models.iter_mut().for_each(|model| model.fold(&next));
            }
            if !self.ahead.is_empty() || self.read_up_to >= commit {
                return Ok(());
            }
            let (site, after) = (self.site, self.read_up_to);
            let read = self.journal.read_commits(site, after, RECOVERY_READ_BYTES).await?;
            let Some(last) = read.last() else {
                let detail = format!("no commit follows {after}, though {commit} exists");
                return Err(JournalError::Damaged { site, detail });
            };
            self.read_up_to = last.number;
            self.ahead.extend(read);
        }
    }
}

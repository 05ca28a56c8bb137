//! Without a gap: commits and seqs that are read back must follow one another. Pure.

use crate::domain::Commit;

/// Follows commits in order and tells the first one that does not fit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dense {
    commit: Option<u64>,
    seq: Option<u64>,
}

impl Dense {
    /// What is missing before this commit or inside it, if anything.
    pub fn fault(&mut self, commit: &Commit) -> Option<String> {
        if let Some(before) = self.commit
            && commit.number != before + 1
        {
            let (number, wanted) = (commit.number, before + 1);
            return Some(format!("commit {number} stands where {wanted} must"));
        }
        self.commit = Some(commit.number);
        for record in &commit.records {
            if let Some(before) = self.seq
                && record.seq != before + 1
            {
                let (seq, wanted) = (record.seq, before + 1);
                return Some(format!("record {seq} stands where {wanted} must"));
            }
            self.seq = Some(record.seq);
        }
        None
    }
}

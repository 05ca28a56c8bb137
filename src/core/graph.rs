//! A member's edges: whom it follows, who follows it, what it likes. Paged: a graph that is not in
//! memory takes incoming edges as a list of operations on the stored one.

use serde::{Deserialize, Serialize};

use super::fault::{Fault, planted};
use super::ordinal_set::{OrdinalSet, Presence};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    pub following: OrdinalSet,
    pub followers: OrdinalSet,
    pub likes: OrdinalSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeKind {
    Following,
    Follower,
    Like,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeOperation {
    pub kind: EdgeKind,
    pub presence: Presence,
    pub peer: u32,
}

impl Graph {
    pub fn put(&mut self, operation: EdgeOperation) {
        let set = match operation.kind {
            EdgeKind::Following => &mut self.following,
            EdgeKind::Follower => &mut self.followers,
            EdgeKind::Like => &mut self.likes,
        };
        set.put(operation.peer, operation.presence);
    }

    pub fn put_all(&mut self, operations: &[EdgeOperation]) {
        for operation in operations {
            self.put(*operation);
        }
    }

    pub fn shrink(&mut self) {
        self.following.shrink();
        self.followers.shrink();
        self.likes.shrink();
    }
}

/// Operations on a stored value that is not in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta<O> {
    /// Commit stamp of the stored value; never 0.
    pub base_commit: u64,
    pub operations: Vec<O>,
    /// How many of the operations the running checkpoint has copied, and under which stamp.
    pub copied: Option<(usize, u64)>,
}

impl<O> Delta<O> {
    /// The operations that a stored value with this stamp has not got; `None` for another value.
    pub fn beyond(&self, commit: u64) -> Option<&[O]> {
        match self.copied {
            Some((copied, copied_commit)) if copied_commit == commit => {
                Some(&self.operations[copied..])
            }
            Some(_) | None => (self.base_commit == commit).then_some(&self.operations),
        }
    }
}

/// What became of a value that was read for the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    In,
    /// The value has another stamp than the machine expects: read again, or the store is damaged.
    Stale,
}

/// A paged value: as stored, in memory, or stored with operations on top.
#[derive(Clone, Debug, PartialEq)]
pub enum Paged<T, O> {
    Stored,
    Whole(Box<T>),
    Delta(Box<Delta<O>>),
}

impl<T, O> Paged<T, O> {
    pub fn whole(&self) -> Option<&T> {
        match self {
            Paged::Whole(value) => Some(value),
            Paged::Stored | Paged::Delta(_) => None,
        }
    }

    pub fn is_stored(&self) -> bool {
        matches!(self, Paged::Stored)
    }

    /// The checkpoint that copied this value is complete: what it holds need not be kept twice.
    pub fn settle(&mut self) {
        let Paged::Delta(delta) = self else { return };
        let Some((copied, commit)) = delta.copied.take() else { return };
        let all = planted(Fault::SettleDropsUncopied).then_some(delta.operations.len());
        delta.operations.drain(..all.unwrap_or(copied));
        delta.base_commit = commit;
        if delta.operations.is_empty() {
            *self = Paged::Stored;
        }
    }
}

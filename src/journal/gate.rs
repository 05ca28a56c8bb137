//! The gate: who waits for which commit. Pure, so that the simulator runs the very same code.

use std::collections::VecDeque;

use crate::core::fault::{Fault, planted};

/// Things that wait for commits to become durable, in the order of their commits.
#[derive(Debug)]
pub struct Gate<T> {
    durable: u64,
    waiting: VecDeque<(u64, T)>,
}

/// What became of something that was brought to the gate.
#[derive(Debug, PartialEq, Eq)]
pub enum Parked<T> {
    Waiting,
    /// The commit is durable already: the caller keeps the thing and goes on.
    Open(T),
}

impl<T> Gate<T> {
    pub fn new(durable: u64) -> Gate<T> {
        Gate { durable, waiting: VecDeque::new() }
    }

    pub fn durable(&self) -> u64 {
        self.durable
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Holds `thing` until `commit` is durable. Things of one commit leave in the order they came.
    pub fn park(&mut self, commit: u64, thing: T) -> Parked<T> {
        if commit <= self.durable || planted(Fault::GateOpensEarly) {
            return Parked::Open(thing);
        }
        let place = match self.waiting.back() {
            Some((last, _)) if *last > commit => {
                self.waiting.partition_point(|(parked, _)| *parked <= commit)
            }
            Some(_) | None => self.waiting.len(),
        };
        self.waiting.insert(place, (commit, thing));
        Parked::Waiting
    }

    /// Everything up to `durable` is on disk: answers what waited for it, oldest first.
    pub fn release(&mut self, durable: u64) -> Vec<T> {
        assert!(durable >= self.durable, "durable commit {durable} is behind {}", self.durable);
        self.durable = durable;
        let freed = self.waiting.partition_point(|(commit, _)| *commit <= durable);
        self.waiting.drain(..freed).map(|(_, thing)| thing).collect()
    }

    /// What was waited for will never be: answers all that waits.
    pub fn fail(&mut self) -> Vec<T> {
        self.waiting.drain(..).map(|(_, thing)| thing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_before_its_commit_and_everything_with_it() {
        let mut gate = Gate::new(3);
        assert_eq!(gate.park(3, "already"), Parked::Open("already"));
        for (commit, thing) in [(5, "c"), (4, "a"), (4, "b"), (7, "e"), (5, "d")] {
            assert_eq!(gate.park(commit, thing), Parked::Waiting);
        }
        assert_eq!(gate.release(4), ["a", "b"]);
        assert_eq!(gate.release(4), [""; 0]);
        assert_eq!(gate.release(6), ["c", "d"]);
        assert_eq!(gate.len(), 1);
        assert_eq!(gate.durable(), 6);
    }

    #[test]
    fn a_failure_answers_all_that_waits_and_moves_nothing() {
        let mut gate = Gate::new(1);
        gate.park(2, "a");
        gate.park(9, "b");
        assert_eq!(gate.fail(), ["a", "b"]);
        assert!(gate.is_empty());
        assert_eq!(gate.durable(), 1);
    }
}

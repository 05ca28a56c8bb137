//! What makes increments exactly-once, per app: remembered operation ids, and producers' last
//! numbers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::domain::limits::OP_IDS_PER_APP_MAX;
use crate::domain::{AppId, OpId};

/// Ids are kept, stored and forgotten in runs of this many.
pub const RUN: usize = 4_096;

/// The last operation ids of one app, exact within the window.
#[derive(Debug, Default)]
pub struct OperationWindow {
    seen: HashSet<u128, foldhash::fast::RandomState>,
    /// Full runs, oldest first, with the number of the first one.
    sealed: VecDeque<Arc<Vec<OpId>>>,
    first_run: u64,
    open: Vec<OpId>,
    /// Newest time of an evicted UUIDv7: at or below it nothing can be told from a repeat.
    floor_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    New,
    Duplicate,
    Expired { floor_ms: i64 },
}

impl OperationWindow {
    pub fn judge(&self, op_id: OpId) -> Judgement {
        if self.seen.contains(&op_id.as_u128()) {
            return Judgement::Duplicate;
        }
        match op_id.time_ms() {
            Some(time_ms) if self.first_run > 0 && time_ms <= self.floor_ms => {
                Judgement::Expired { floor_ms: self.floor_ms }
            }
            Some(_) | None => Judgement::New,
        }
    }

    pub fn remember(&mut self, op_id: OpId) {
        self.seen.insert(op_id.as_u128());
        self.open.push(op_id);
        if self.open.len() < RUN {
            return;
        }
        self.sealed.push_back(Arc::new(std::mem::take(&mut self.open)));
        if self.sealed.len() * RUN > OP_IDS_PER_APP_MAX {
            self.forget_oldest_run();
        }
    }

    fn forget_oldest_run(&mut self) {
        let Some(run) = self.sealed.pop_front() else { return };
        self.first_run += 1;
        for op_id in run.iter() {
            self.seen.remove(&op_id.as_u128());
            self.floor_ms = self.floor_ms.max(op_id.time_ms().unwrap_or(0));
        }
    }

    pub fn floor_ms(&self) -> i64 {
        self.floor_ms
    }

    /// Everything remembered, by run number; the last run is the open one.
    pub fn runs(&self) -> WindowCopy {
        let mut runs: Vec<Arc<Vec<OpId>>> = self.sealed.iter().cloned().collect();
        runs.push(Arc::new(self.open.clone()));
        WindowCopy { first_run: self.first_run, floor_ms: self.floor_ms, runs }
    }

    pub fn restore(copy: WindowCopy) -> OperationWindow {
        let mut window = OperationWindow {
            first_run: copy.first_run,
            floor_ms: copy.floor_ms,
            ..OperationWindow::default()
        };
        for run in copy.runs {
            for op_id in run.iter() {
                window.remember(*op_id);
            }
        }
        window
    }
}

/// A window as it is copied into a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowCopy {
    pub first_run: u64,
    pub floor_ms: i64,
    pub runs: Vec<Arc<Vec<OpId>>>,
}

/// Operation windows and producers of all apps of a site.
#[derive(Debug, Default)]
pub struct Operations {
    windows: HashMap<AppId, OperationWindow>,
    producers: HashMap<AppId, HashMap<String, u64>>,
}

impl Operations {
    pub fn window(&self, app: &AppId) -> Option<&OperationWindow> {
        self.windows.get(app)
    }

    pub fn judge(&self, app: &AppId, op_id: OpId) -> Judgement {
        self.windows.get(app).map_or(Judgement::New, |window| window.judge(op_id))
    }

    pub fn remember(&mut self, app: &AppId, op_ids: &[OpId]) {
        let window = self.windows.entry(app.clone()).or_default();
        for op_id in op_ids {
            window.remember(*op_id);
        }
    }

    /// The producer's last number; 0 before its first batch.
    pub fn producer_n(&self, app: &AppId, producer: &str) -> u64 {
        self.producers.get(app).and_then(|all| all.get(producer)).copied().unwrap_or(0)
    }

    pub fn producers_len(&self, app: &AppId) -> usize {
        self.producers.get(app).map_or(0, HashMap::len)
    }

    pub fn knows_producer(&self, app: &AppId, producer: &str) -> bool {
        self.producers.get(app).is_some_and(|all| all.contains_key(producer))
    }

    pub fn advance_producer(&mut self, app: &AppId, producer: &str, n: u64) {
        let all = self.producers.entry(app.clone()).or_default();
        match all.get_mut(producer) {
            Some(last) => *last = n,
            None => {
                all.insert(producer.to_owned(), n);
            }
        }
    }

    pub fn windows(&self) -> impl Iterator<Item = (&AppId, &OperationWindow)> {
        self.windows.iter()
    }

    pub fn restore_window(&mut self, app: AppId, copy: WindowCopy) {
        self.windows.insert(app, OperationWindow::restore(copy));
    }

    /// All producers, ordered, for the snapshot.
    pub fn producers(&self) -> Vec<(AppId, String, u64)> {
        let each = self
            .producers
            .iter()
            .flat_map(|(app, all)| all.iter().map(|(name, n)| (app.clone(), name.clone(), *n)));
        let mut producers: Vec<_> = each.collect();
        producers.sort();
        producers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v7(time_ms: i64, tail: u64) -> OpId {
        let value = (time_ms as u128) << 80 | 7 << 76 | 0b10 << 62 | u128::from(tail);
        OpId(value.to_be_bytes())
    }

    #[test]
    fn an_evicted_uuid_v7_is_expired_and_never_counted_again() {
        let mut window = OperationWindow::default();
        let total = OP_IDS_PER_APP_MAX + RUN;
        for n in 0..total as i64 {
            assert_eq!(window.judge(v7(1_000 + n, 1)), Judgement::New);
            window.remember(v7(1_000 + n, 1));
        }
        assert_eq!(
            window.judge(v7(1_000, 1)),
            Judgement::Expired { floor_ms: 1_000 + RUN as i64 - 1 }
        );
        assert_eq!(window.judge(v7(1_000 + RUN as i64, 1)), Judgement::Duplicate);
        let again = OperationWindow::restore(window.runs());
        assert_eq!(again.judge(v7(1_000, 1)), window.judge(v7(1_000, 1)));
        assert_eq!(again.judge(v7(1_000 + total as i64 - 1, 1)), Judgement::Duplicate);
    }
}

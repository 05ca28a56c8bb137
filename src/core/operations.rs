//! What makes increments exactly-once, per app: remembered operation ids, and producers' last
//! numbers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::hash_index::spread;
use super::place_index::{PLACES, PlaceIndex};
use crate::domain::limits::OP_IDS_PER_APP_MAX;
use crate::domain::{AppId, OpId};

/// Ids are kept, stored and forgotten in runs of this many.
pub const RUN: usize = 4_096;

// Places in the index are told apart as long as no more ids are remembered.
const _: () = assert!(OP_IDS_PER_APP_MAX + 2 * RUN < PLACES as usize);

/// The last operation ids of one app, exact within the window.
#[derive(Debug, Default)]
pub struct OperationWindow {
    ring: Ring,
    index: PlaceIndex,
    /// Ids whose bucket of the index was full; with ids that nobody chose on purpose, a handful.
    crowded: HashSet<u128, foldhash::fast::RandomState>,
    /// Newest time of an evicted UUIDv7: at or below it nothing can be told from a repeat.
    floor_ms: i64,
}

/// The ids that are remembered, in the order in which they came.
#[derive(Debug, Default)]
struct Ring {
    /// Full runs, oldest first, with the number of the first one.
    sealed: VecDeque<Arc<Vec<OpId>>>,
    first_run: u64,
    open: Vec<OpId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    New,
    Duplicate,
    Expired { floor_ms: i64 },
}

impl Ring {
    #[inline]
    fn len(&self) -> usize {
        self.sealed.len() * RUN + self.open.len()
    }

    /// Where the next id will stand, counted from the first one that ever came.
    #[inline]
    fn next_place(&self) -> u32 {
        (self.first_run as u32).wrapping_mul(RUN as u32).wrapping_add(self.len() as u32)
    }

    /// How far back a place of the index lies; 0 or more than [`Ring::len`] if it is forgotten.
    #[inline]
    fn age(&self, place: u32) -> usize {
        (self.next_place().wrapping_sub(place) & (PLACES - 1)) as usize
    }

    #[inline]
    fn remembers(&self, place: u32) -> bool {
        (1..=self.len()).contains(&self.age(place))
    }

    fn get(&self, place: u32) -> Option<OpId> {
        let from_oldest = self.len().checked_sub(self.age(place))?;
        let run = match self.sealed.get(from_oldest / RUN) {
            Some(sealed) => sealed,
            None => &self.open,
        };
        run.get(from_oldest % RUN).copied()
    }
}

impl OperationWindow {
    #[inline]
    pub fn judge(&self, op_id: OpId) -> Judgement {
        if self.contains(op_id) {
            return Judgement::Duplicate;
        }
        match op_id.time_ms() {
            Some(time_ms) if self.ring.first_run > 0 && time_ms <= self.floor_ms => {
                Judgement::Expired { floor_ms: self.floor_ms }
            }
            Some(_) | None => Judgement::New,
        }
    }

    #[inline]
    fn contains(&self, op_id: OpId) -> bool {
        let hash = spread(op_id.as_u128());
        self.index.any(hash, |place| self.ring.get(place) == Some(op_id))
            || !self.crowded.is_empty() && self.crowded.contains(&op_id.as_u128())
    }

    /// Brings what judging these ids will read near, all at once.
    pub fn warm<'a>(&self, op_ids: impl Iterator<Item = &'a OpId>) {
        let read = op_ids.map(|op_id| self.index.warm(spread(op_id.as_u128())));
        std::hint::black_box(read.fold(0, |all, slot| all ^ slot));
    }

    #[inline]
    pub fn remember(&mut self, op_id: OpId) {
        let hash = spread(op_id.as_u128());
        if self.index.must_grow(hash, self.ring.len()) {
            self.grow(hash);
        }
        if !self.index.put(hash, self.ring.next_place(), |place| self.ring.remembers(place)) {
            self.crowded.insert(op_id.as_u128());
        }
        self.ring.open.push(op_id);
        if self.ring.open.len() == RUN {
            self.seal_run();
        }
    }

    #[cold]
    fn grow(&mut self, hash: u64) {
        let ring = &self.ring;
        let hash_at = |place| ring.get(place).map(|op_id| spread(op_id.as_u128()));
        for place in self.index.grow(hash, hash_at) {
            self.crowded.extend(ring.get(place).map(|op_id| op_id.as_u128()));
        }
    }

    fn seal_run(&mut self) {
        let full = std::mem::replace(&mut self.ring.open, Vec::with_capacity(RUN));
        self.ring.sealed.push_back(Arc::new(full));
        if self.ring.sealed.len() * RUN > OP_IDS_PER_APP_MAX {
            self.forget_oldest_run();
        }
    }

    fn forget_oldest_run(&mut self) {
        let Some(run) = self.ring.sealed.pop_front() else { return };
        self.ring.first_run += 1;
        for op_id in run.iter() {
            self.floor_ms = self.floor_ms.max(op_id.time_ms().unwrap_or(0));
        }
        if !self.crowded.is_empty() {
            for op_id in run.iter() {
                self.crowded.remove(&op_id.as_u128());
            }
        }
    }

    pub fn floor_ms(&self) -> i64 {
        self.floor_ms
    }

    /// Everything remembered, by run number; the last run is the open one.
    pub fn runs(&self) -> WindowCopy {
        let mut runs: Vec<Arc<Vec<OpId>>> = self.ring.sealed.iter().cloned().collect();
        runs.push(Arc::new(self.ring.open.clone()));
        WindowCopy { first_run: self.ring.first_run, floor_ms: self.floor_ms, runs }
    }

    pub fn restore(copy: WindowCopy) -> OperationWindow {
        let ring = Ring { first_run: copy.first_run, ..Ring::default() };
        let floor_ms = copy.floor_ms;
        let mut window = OperationWindow { ring, floor_ms, ..OperationWindow::default() };
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

    /// Lends the app's window to a batch that judges and remembers thousands; it must come back.
    pub fn lend_window(&mut self, app: &AppId) -> OperationWindow {
        self.windows.get_mut(app).map(std::mem::take).unwrap_or_default()
    }

    pub fn return_window(&mut self, app: &AppId, window: OperationWindow) {
        match self.windows.get_mut(app) {
            Some(place) => *place = window,
            // A window begins with the first id that is counted.
            None if window.ring.len() == 0 => {}
            None => drop(self.windows.insert(app.clone(), window)),
        }
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

    /// Ids that fall into one bucket, as somebody could choose them.
    fn colliding(n: u128) -> OpId {
        // The high half is chosen such that it folds away the low half.
        let low = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        OpId((n << 64 | u128::from(low)).to_be_bytes())
    }

    #[test]
    fn ids_that_share_a_bucket_are_told_apart() {
        let mut window = OperationWindow::default();
        for n in 1..=1_000 {
            assert_eq!(window.judge(colliding(n)), Judgement::New, "{n}");
            window.remember(colliding(n));
        }
        assert!(window.crowded.len() > 900, "{}", window.crowded.len());
        assert!((1..=1_000).all(|n| window.judge(colliding(n)) == Judgement::Duplicate));
        assert_eq!(window.judge(colliding(1_001)), Judgement::New);
        (0..(OP_IDS_PER_APP_MAX + 2 * RUN) as i64).for_each(|n| window.remember(v7(n, 9)));
        assert!(window.crowded.len() < OP_IDS_PER_APP_MAX / 100, "{}", window.crowded.len());
        assert!((1..=1_000).all(|n| window.judge(colliding(n)) == Judgement::New));
    }

    #[test]
    fn a_window_that_came_round_many_times_knows_just_the_last_ids() {
        let mut window = OperationWindow::default();
        let id =
            |n: u64| OpId(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c).to_be_bytes());
        let total = 5 * (OP_IDS_PER_APP_MAX as u64) / 2 + 77;
        for n in 0..total {
            window.remember(id(n));
            let back = n.wrapping_mul(0x2545_f491_4f6c_dd1d) % (2 * PLACES as u64);
            if let Some(asked) = n.checked_sub(back) {
                let known = (back as usize) < window.ring.len();
                assert_eq!(window.judge(id(asked)) == Judgement::Duplicate, known, "{n} - {back}");
            }
        }
        assert!(window.ring.len() >= OP_IDS_PER_APP_MAX);
    }
}

//! Operation ids as the journal tells them: the newest ones of each app, in the order in which they
//! were counted. None of them may come twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::findings::Findings;
use crate::core::operations::WindowCopy;
use crate::domain::limits::OP_IDS_PER_APP_MAX;
use crate::domain::{AppId, OpId};

#[derive(Debug, Default)]
pub struct SeenOperations {
    apps: BTreeMap<AppId, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    order: VecDeque<OpId>,
    ids: BTreeSet<OpId>,
}

impl SeenOperations {
    /// Takes an id in; false where it is remembered already.
    pub fn see(&mut self, app: &AppId, op_id: OpId) -> bool {
        let seen = self.apps.entry(app.clone()).or_default();
        if !seen.ids.insert(op_id) {
            return false;
        }
        seen.order.push_back(op_id);
        if seen.order.len() > OP_IDS_PER_APP_MAX
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.ids.remove(&oldest);
        }
        true
    }

    /// What windows hold that were stored or are in memory.
    pub fn of(windows: &[(AppId, WindowCopy)]) -> SeenOperations {
        let mut seen = SeenOperations::default();
        for (app, window) in windows {
            for op_id in window.runs.iter().flat_map(|run| run.iter()) {
                seen.see(app, *op_id);
            }
        }
        seen
    }

    /// The newest ids of each app must be the same, in the same order.
    pub fn compare(&self, place: &str, found: &SeenOperations, into: &mut Findings) {
        let apps: BTreeSet<&AppId> = self.apps.keys().chain(found.apps.keys()).collect();
        for app in apps {
            let (expected, found) = (self.order(app), found.order(app));
            let same = expected.iter().rev().zip(found.iter().rev()).take_while(|(a, b)| a == b);
            let (same, expected, found) = (same.count(), expected.len(), found.len());
            if same < expected.max(found) {
                into.note(|| {
                    format!(
                        "{place}: operation ids of app {app}: expected {expected}, found {found}, \
                         the newest {same} are the same"
                    )
                });
            }
        }
    }

    fn order(&self, app: &AppId) -> Vec<OpId> {
        self.apps.get(app).map_or(Vec::new(), |seen| seen.order.iter().copied().collect())
    }
}

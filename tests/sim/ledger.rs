//! The oldest check of all: what was acknowledged, at most what is there, at most what was sent;
//! and what was sent twice under one name counts once. Keeps only sums, for the one key that only
//! grows.

use std::collections::BTreeMap;

use guildhall::domain::{Command, OpId};

use crate::model::{CounterKey, Model};
use crate::requests::{KEYS, Request};

/// Under which name an increment may be repeated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    OpId(String, OpId),
    /// The request too: a client may break its promise and use a number for something else.
    Producer(String, String, u64, u64, u32),
    /// Never repeated: request and line.
    None(u64, u32),
}

#[derive(Clone, Debug)]
struct Sent {
    counter: CounterKey,
    delta: i64,
    acknowledged: bool,
}

#[derive(Default)]
pub struct Ledger {
    sent: BTreeMap<Name, Sent>,
}

impl Ledger {
    /// A request leaves for the site, for the first time or again.
    pub fn sending(&mut self, request: &Request, number: u64) {
        for (name, counter, delta, _) in lines(request, number) {
            let sent = Sent { counter, delta, acknowledged: false };
            self.sent.entry(name).or_insert(sent);
        }
    }

    /// Its answer came, with lines that were not taken.
    pub fn acknowledged(&mut self, request: &Request, number: u64, refused: &[u32]) {
        for (name, _, _, index) in lines(request, number) {
            if let Some(sent) = self.sent.get_mut(&name).filter(|_| !refused.contains(&index)) {
                sent.acknowledged = true;
            }
        }
    }

    pub fn judge(&self, model: &Model) {
        let mut sums: BTreeMap<&CounterKey, (i64, i64)> = BTreeMap::new();
        for sent in self.sent.values() {
            let (acknowledged, all) = sums.entry(&sent.counter).or_default();
            *all += sent.delta;
            *acknowledged += if sent.acknowledged { sent.delta } else { 0 };
        }
        // Counters of a deleted member are gone with it.
        let living = sums.into_iter().filter(|(counter, _)| !model.gone.contains_key(&counter.0));
        for (counter, (acknowledged, sent)) in living {
            let value = model.count(counter).map_or(0, |count| count.count);
            assert!(
                acknowledged <= value && value <= sent,
                "{counter:?}: {acknowledged} acknowledged, {value} there, {sent} sent"
            );
        }
    }
}

/// Each increment of the growing key: name, counter, delta, line.
fn lines(request: &Request, number: u64) -> Vec<(Name, CounterKey, i64, u32)> {
    match request {
        Request::Command(Command::IncrementCounter { app, member, key, delta, op_id })
            if key == KEYS[0] =>
        {
            let named = op_id.map(|op_id| Name::OpId(app.to_string(), op_id));
            let counter = (*member, app.clone(), key.clone());
            vec![(named.unwrap_or(Name::None(number, 0)), counter, *delta, 0)]
        }
        Request::Ingest(batch) => {
            let Some(app) = &batch.app else { return Vec::new() };
            let lines = batch.lines.iter().enumerate().filter(|(_, line)| line.key == 0);
            let named = lines.map(|(position, line)| {
                let op_id = batch.op_ids.get(position).copied().flatten();
                let name = match (&batch.producer, op_id) {
                    (Some(at), _) => {
                        let (producer, n) = (at.producer.clone(), at.n);
                        Name::Producer(app.to_string(), producer, n, number, line.index)
                    }
                    (None, Some(op_id)) => Name::OpId(app.to_string(), op_id),
                    (None, None) => Name::None(number, line.index),
                };
                let counter = (line.member, app.clone(), batch.keys[0].clone());
                (name, counter, line.delta, line.index)
            });
            named.collect()
        }
        Request::Command(_)
        | Request::ImportMembers(_)
        | Request::ImportFollows(_)
        | Request::Query(_)
        | Request::Report
        | Request::WorkOff => Vec::new(),
    }
}

//! The events as anybody reads them: dense, never lost, never changed, and adding up to the state.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::api::{Answer, Api, Fault, text_at};

/// Every event that was ever shown, as a fingerprint by position: entry 0 is seq 1.
#[derive(Default)]
pub struct EventLog {
    fingerprints: Vec<u64>,
    ids: BTreeSet<String>,
    /// What the events so far add up to: `follow a b`, `like a item`, `badge a badge`, `member a`.
    facts: BTreeMap<String, bool>,
}

impl EventLog {
    pub fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// Reads one page of news; tells whether there was any.
    pub fn read_on(&mut self, api: &mut Api) -> Answer<bool> {
        let events = api.events(self.len() as u64)?;
        for event in &events {
            self.take(event)?;
        }
        Ok(!events.is_empty())
    }

    /// Reads from the first event on: nothing that was shown may be missing or different.
    pub fn read_again(&mut self, api: &mut Api) -> Answer<()> {
        let mut seen = 0;
        while seen < self.len() {
            let events = api.events(seen as u64)?;
            if events.is_empty() {
                let shown = self.len();
                return Err(Fault::Wrong(format!("the log ends at {seen}, shown were {shown}")));
            }
            for event in events.iter().take(self.len() - seen) {
                expect_seq(event, seen as u64 + 1)?;
                if self.fingerprints[seen] != fingerprint(event) {
                    return Err(Fault::Wrong(format!("another event than was shown: {event}")));
                }
                seen += 1;
            }
        }
        while self.read_on(api)? {}
        Ok(())
    }

    fn take(&mut self, event: &Value) -> Answer<()> {
        expect_seq(event, self.len() as u64 + 1)?;
        let id = text_at(event, "/id")?;
        if !self.ids.insert(id) {
            return Err(Fault::Wrong(format!("an id twice: {event}")));
        }
        self.fingerprints.push(fingerprint(event));
        if let Some((name, holds)) = fact_of(event)? {
            let before = self.facts.insert(name, holds);
            if before == Some(holds) {
                return Err(Fault::Wrong(format!("says what was so already: {event}")));
            }
        }
        Ok(())
    }

    pub fn holds(&self, fact: &str) -> bool {
        self.facts.get(fact).copied().unwrap_or(false)
    }

    pub fn members(&self) -> usize {
        self.facts.keys().filter(|name| name.starts_with("member ")).count()
    }
}

fn expect_seq(event: &Value, expected: u64) -> Answer<()> {
    // A seq may stand as a number or, as the wire writes 64-bit numbers, as text.
    let seq = &event["seq"];
    let seq = seq.as_u64().or_else(|| seq.as_str().and_then(|text| text.parse().ok()));
    if seq == Some(expected) {
        return Ok(());
    }
    Err(Fault::Wrong(format!("event {expected} was expected, not {event}")))
}

fn fingerprint(event: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.to_string().hash(&mut hasher);
    hasher.finish()
}

fn fact_of(event: &Value) -> Answer<Option<(String, bool)>> {
    let kind = text_at(event, "/type")?;
    let member = || text_at(event, "/memberId");
    let fact = match kind.as_str() {
        "member.created" => (format!("member {}", member()?), true),
        "follow.created" | "follow.deleted" => {
            let followed = text_at(event, "/data/affectedMemberId")?;
            (format!("follow {} {followed}", member()?), kind.ends_with("created"))
        }
        "item.liked" | "item.unliked" => {
            let item = text_at(event, "/data/item/itemId")?;
            (format!("like {} {item}", member()?), kind == "item.liked")
        }
        "badge.assigned" | "badge.unassigned" => {
            let badge = text_at(event, "/data/badgeId")?;
            (format!("badge {} {badge}", member()?), kind == "badge.assigned")
        }
        _ => return Ok(None),
    };
    Ok(Some(fact))
}

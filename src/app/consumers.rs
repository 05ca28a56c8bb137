//! Named consumers of the event log, as values beside it.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::hook_desk::{HookDesk, failed};
use super::sites::OpenSite;
use crate::actors::handle::CallError;
use crate::domain::limits::CONSUMERS_PER_SITE_MAX;
use crate::domain::{Refusal, SiteId, Timestamp, Violation};
use crate::http::hook_front::{Consumer, ConsumerStep, Consumers};
use crate::journal::codec;

const CONSUMERS: &[u8] = b"events/consumer/";

#[derive(Serialize, Deserialize)]
struct Stored {
    after: u64,
    updated_at: Timestamp,
}

/// Counters are reported while a site has consumers: they listen like anybody who is connected.
/// `changed` tells that some site got its first consumer or lost one.
pub async fn listen_while_there_are_any(site: OpenSite, mut changed: watch::Receiver<u64>) {
    let mut listening = None;
    loop {
        match site.journal.scan(Some(site.id()), CONSUMERS.to_vec()).await {
            Ok(entries) if entries.is_empty() => listening = None,
            Ok(_) => listening = listening.or_else(|| Some(site.handle.listen())),
            Err(error) => tracing::warn!("consumers cannot be looked up: {error}"),
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

impl HookDesk {
    pub(super) async fn all_consumers(&self, site: SiteId) -> Result<Consumers, CallError> {
        let site = self.site(site)?;
        let durable_seq = site.log().durable().seq;
        let entries = site.journal.scan(Some(site.id()), CONSUMERS.to_vec()).await;
        let mut consumers = Vec::new();
        for (key, value) in entries.map_err(failed)? {
            let name = String::from_utf8_lossy(&key[CONSUMERS.len()..]).into_owned();
            let stored: Stored = codec::decode(&value).map_err(failed)?;
            let Stored { after, updated_at } = stored;
            consumers.push(Consumer { name, after, updated_at });
        }
        Ok(Consumers { consumers, durable_seq })
    }

    /// The consumer after a step; `None` where there is none to be acknowledged for.
    pub(super) async fn step(
        &self,
        site: SiteId,
        name: String,
        step: ConsumerStep,
    ) -> Result<Option<(Consumer, u64)>, CallError> {
        // Never closed; without it a late acknowledgement might undo a later one.
        let _one_at_a_time = self.consuming.acquire().await.map_err(failed)?;
        let Consumers { consumers, durable_seq } = self.all_consumers(site).await?;
        let count = consumers.len();
        let known = consumers.into_iter().find(|consumer| consumer.name == name);
        let after = match (&known, step) {
            (None, ConsumerStep::Acknowledge(_)) => return Ok(None),
            (_, ConsumerStep::Seek(after)) => after.unwrap_or(durable_seq),
            (Some(known), ConsumerStep::Acknowledge(seq)) => seq.max(known.after),
        };
        if after > durable_seq {
            return Err(CallError::Refused(beyond(step, durable_seq)));
        }
        if known.is_none() && count >= CONSUMERS_PER_SITE_MAX {
            return Err(CallError::Refused(too_many()));
        }
        let consumer = Consumer { name, after, updated_at: self.clock.now() };
        self.store(&self.site(site)?, &consumer).await?;
        Ok(Some((consumer, durable_seq)))
    }

    async fn store(&self, site: &OpenSite, consumer: &Consumer) -> Result<(), CallError> {
        let stored = Stored { after: consumer.after, updated_at: consumer.updated_at };
        let entry = vec![(key_of(&consumer.name), Some(codec::encode(&stored)))];
        site.journal.put(Some(site.id()), entry).await.map_err(failed)?;
        self.consumers_changed.send_modify(|count| *count += 1);
        Ok(())
    }

    pub(super) async fn remove(&self, site: SiteId, name: String) -> Result<Option<()>, CallError> {
        let _one_at_a_time = self.consuming.acquire().await.map_err(failed)?;
        let site = self.site(site)?;
        let known = site.journal.get(Some(site.id()), key_of(&name)).await.map_err(failed)?;
        if known.is_none() {
            return Ok(None);
        }
        let entry = vec![(key_of(&name), None)];
        site.journal.put(Some(site.id()), entry).await.map_err(failed)?;
        self.consumers_changed.send_modify(|count| *count += 1);
        Ok(Some(()))
    }
}

fn key_of(name: &str) -> Vec<u8> {
    [CONSUMERS, name.as_bytes()].concat()
}

fn beyond(step: ConsumerStep, durable_seq: u64) -> Refusal {
    let field = match step {
        ConsumerStep::Seek(_) => "after",
        ConsumerStep::Acknowledge(_) => "seq",
    };
    Refusal::Invalid(vec![Violation {
        field: field.to_owned(),
        rule: "MAX_VALUE",
        detail: format!("the newest event is {durable_seq}"),
        threshold: Some(durable_seq as i64),
    }])
}

fn too_many() -> Refusal {
    let limit = CONSUMERS_PER_SITE_MAX as u64;
    let detail = format!("a site has at most {limit} consumers");
    Refusal::LimitReached { code: "CONSUMER_LIMIT", detail, limit }
}

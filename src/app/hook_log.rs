//! What the doors ask of the log on behalf of one endpoint: how far it is, what a replay would
//! send, one event sent once.

use std::sync::Arc;

use super::deliveries::body_of;
use super::hook_desk::{HookDesk, failed, told};
use super::sites::OpenSite;
use crate::actors::handle::CallError;
use crate::core::delivery::Progress;
use crate::core::event_pattern::EventFilter;
use crate::domain::endpoint::Replayed;
use crate::domain::event::Endpoint;
use crate::domain::limits::{LAG_SCAN_MAX, REPLAY_SCAN_MAX, WEBHOOK_PAGE_RECORDS_MAX};
use crate::domain::{MemberId, WrittenRecord};
use crate::http::hook_front::{Counted, DeliveryState, Tried};
use crate::webhook::once::try_once;
use crate::webhook::port::{ProgressStore, RecordSource};
use crate::webhook::receiver::Receiver;
use crate::wire::event::EventSource;

/// Which records of a scan count.
type Counts<'a> = &'a dyn Fn(&WrittenRecord) -> bool;

/// What a scan came to.
#[derive(Default)]
struct Scanned {
    count: u64,
    first: Option<WrittenRecord>,
    capped: bool,
}

impl HookDesk {
    pub(super) fn source(&self, site: &OpenSite) -> EventSource {
        EventSource { site: site.id(), incarnation: site.journal.incarnation() }
    }

    pub(super) async fn state_of(
        &self,
        site: &OpenSite,
        endpoint: &Endpoint,
    ) -> Result<DeliveryState, CallError> {
        let stored = site.load(endpoint.id).await.map_err(failed)?;
        let progress = stored.unwrap_or(Progress::starting_after(endpoint.after_seq));
        let receiver = Receiver::open(endpoint, &self.vault).map_err(failed)?;
        let body_of = body_of(self.source(site));
        let is_pending = |record: &WrittenRecord| {
            !progress.done_above.contains(&record.seq) && receiver.taken(record, &body_of).is_some()
        };
        let newest = site.log().durable().seq;
        let pending = scan(site, (progress.cursor + 1, newest), LAG_SCAN_MAX, &is_pending).await?;
        let now = self.clock.now();
        let oldest = pending.first.map(|record| record.time);
        Ok(DeliveryState {
            cursor: progress.cursor,
            pending: pending.count,
            pending_capped: pending.capped,
            lag_seconds: oldest.map_or(0, |time| (now.unix_ms - time.unix_ms).max(0) / 1_000),
            parked: progress.parked.len(),
            dead_letters: site.shelf().dead_letters(endpoint.id).await.map_err(failed)?.len(),
            failing_since: progress.failing_since,
            held_until: progress.next_try_at,
        })
    }

    pub(super) async fn count(
        &self,
        site: &OpenSite,
        endpoint: &Endpoint,
        what: &Replayed,
    ) -> Result<Counted, CallError> {
        match what {
            Replayed::Events(seqs) => {
                let mut events = 0;
                for seq in seqs {
                    events += u64::from(record(site, *seq).await?.is_some());
                }
                Ok(Counted { events, capped: false })
            }
            Replayed::Range { first_seq, last_seq, event_types, member } => {
                let filter = EventFilter::parse(event_types).map_err(failed)?;
                let receiver = Receiver::open(endpoint, &self.vault).map_err(failed)?;
                let body_of = body_of(self.source(site));
                let is_replayed = |record: &WrittenRecord| {
                    let concerns = member.is_none_or(|member| concerns(record, member));
                    filter.takes(&record.event)
                        && concerns
                        && receiver.taken(record, &body_of).is_some()
                };
                let range = (*first_seq, *last_seq);
                let scanned = scan(site, range, REPLAY_SCAN_MAX, &is_replayed).await?;
                Ok(Counted { events: scanned.count, capped: scanned.capped })
            }
        }
    }

    pub(super) async fn send_event(
        &self,
        site: &OpenSite,
        endpoint: Arc<Endpoint>,
        seq: u64,
    ) -> Result<Option<Tried>, CallError> {
        let _place = self.tries.try_acquire().map_err(|_| CallError::Busy)?;
        let receiver = Receiver::open(&endpoint, &self.vault).map_err(failed)?;
        let Some(record) = record(site, seq).await? else { return Ok(None) };
        let body_of = body_of(self.source(site));
        let Some(body) = receiver.body(&record, &body_of) else { return Ok(None) };
        let (event_id, event_type) = (body.id.clone(), record.event.type_name().to_owned());
        let tried = try_once(&self.client, &receiver, body, self.clock.now()).await;
        Ok(Some(told(event_id.to_string(), event_type, tried)))
    }
}

fn concerns(record: &WrittenRecord, member: MemberId) -> bool {
    let event = &record.event;
    event.member() == Some(member) || event.affected_member() == Some(member)
}

async fn record(site: &OpenSite, seq: u64) -> Result<Option<WrittenRecord>, CallError> {
    let records = site.records_after(seq.saturating_sub(1), 1).await.map_err(failed)?;
    Ok(records.into_iter().find(|record| record.seq == seq))
}

/// Counts records from the first seq to the last one, of the first `scan_max` of them.
async fn scan(
    site: &OpenSite,
    (first_seq, last_seq): (u64, u64),
    scan_max: usize,
    counts: Counts<'_>,
) -> Result<Scanned, CallError> {
    let mut scanned = Scanned::default();
    let mut after = first_seq.saturating_sub(1);
    let mut looked_at = 0;
    while after < last_seq {
        if looked_at >= scan_max {
            scanned.capped = true;
            break;
        }
        let page = site.records_after(after, WEBHOOK_PAGE_RECORDS_MAX).await.map_err(failed)?;
        let Some(last) = page.last() else { break };
        (after, looked_at) = (last.seq, looked_at + page.len());
        for record in page.into_iter().filter(|record| record.seq <= last_seq && counts(record)) {
            scanned.count += 1;
            scanned.first.get_or_insert(record);
        }
    }
    Ok(scanned)
}

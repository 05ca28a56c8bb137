//! Counter events that go out together, read again whenever they are sent: a batch is known by its
//! first and its last seq alone.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::sleep;

use super::port::{EventBody, Ports};
use super::receiver::Receiver;
use crate::domain::{WrittenRecord, limits};

/// The body of the batch between two seqs, of what the endpoint takes of it; `None` where retention
/// took all of it.
pub(super) async fn body(
    ports: &Ports,
    receiver: &Receiver,
    seqs: RangeInclusive<u64>,
) -> Option<EventBody> {
    let mut counters: Vec<WrittenRecord> = Vec::new();
    let last_seq = *seqs.end();
    let mut after = seqs.start().saturating_sub(1);
    while after < last_seq {
        match ports.records.records_after(after, limits::WEBHOOK_KEPT_PAGE_RECORDS).await {
            Ok(page) => {
                let Some(last) = page.last() else { break };
                after = last.seq;
                let within = page.into_iter().filter(|record| record.seq <= last_seq);
                counters.extend(within.filter(|record| {
                    record.event.is_counter() && receiver.takes(record, &ports.body_of)
                }));
            }
            Err(error) => {
                tracing::warn!("records {after} to {last_seq} cannot be read again yet: {error}");
                sleep(Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS)).await;
            }
        }
    }
    (ports.batch_of)(&seqs, &counters, &receiver.format)
}

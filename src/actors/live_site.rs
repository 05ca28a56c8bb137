//! A site for live connections: its handle for questions, its log for records.

use std::future::pending;

use super::handle::{Answer, CallError, Listening, SiteHandle};
use super::live::{ChannelFault, LiveFuture, LiveSite};
use crate::core::query::{ChannelView, Ingested, Query, View, Viewer};
use crate::core::recovery::Barrier;
use crate::domain::command::IncrementBatch;
use crate::domain::{MemberId, WrittenRecord};
use crate::journal::{JournalError, SiteLog};

const UNAVAILABLE: Result<Barrier, ChannelFault> = Err(ChannelFault::Unavailable);

/// A running site and what is durable of it.
pub struct LoggedSite {
    pub handle: SiteHandle,
    pub log: SiteLog,
    /// Of the journal that the log is in.
    pub incarnation: u128,
    /// Counters are reported as they change while anybody follows the site.
    pub listening: Listening,
}

impl LoggedSite {
    pub fn new(handle: SiteHandle, incarnation: u128) -> LoggedSite {
        let (log, listening) = (handle.log().clone(), handle.listen());
        LoggedSite { handle, log, incarnation, listening }
    }
}

impl LiveSite for LoggedSite {
    fn incarnation(&self) -> u128 {
        self.incarnation
    }

    fn durable_seq(&self) -> u64 {
        self.log.durable().seq
    }

    fn wait_after(&self, seq: u64) -> LiveFuture<'_, ()> {
        let mut durable = self.log.watch();
        Box::pin(async move {
            if durable.wait_for(|durable| durable.seq > seq).await.is_err() {
                pending().await
            }
        })
    }

    fn records_after(
        &self,
        seq: u64,
        limit: usize,
    ) -> LiveFuture<'_, Result<Vec<WrittenRecord>, JournalError>> {
        Box::pin(self.log.records_after(seq, limit))
    }

    fn record(&self, seq: u64) -> LiveFuture<'_, Result<Option<WrittenRecord>, JournalError>> {
        Box::pin(async move {
            match self.log.record(seq).await {
                Err(JournalError::Trimmed { .. }) => Ok(None),
                // The next one that is kept is not the one that was asked for.
                answer => Ok(answer?.filter(|record| record.seq == seq)),
            }
        })
    }

    fn channel(
        &self,
        member: MemberId,
        viewer: Viewer,
    ) -> LiveFuture<'_, Result<Barrier, ChannelFault>> {
        Box::pin(async move {
            let reader = match viewer {
                Viewer::Member(reader) => Some(reader),
                Viewer::Owner | Viewer::Visitor => None,
            };
            let answer = self.handle.query_by(reader, Query::Channel { member, viewer }).await;
            match answer {
                Ok(Answer { value: View::Channel(ChannelView { last_seq }), seq }) => {
                    // What the channel stands at is shown only once it is durable.
                    if last_seq <= seq { Ok(Barrier { seq, last_seq }) } else { UNAVAILABLE }
                }
                Err(CallError::Refused(_)) => Err(ChannelFault::Unknown),
                Ok(_) | Err(_) => UNAVAILABLE,
            }
        })
    }

    fn ingest(&self, batch: IncrementBatch) -> LiveFuture<'_, Result<Answer<Ingested>, CallError>> {
        Box::pin(self.handle.ingest(batch))
    }
}

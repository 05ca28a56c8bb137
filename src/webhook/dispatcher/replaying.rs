//! Replays: events that are set aside once more, a few at a time, beside what is delivered anyway.

use std::time::Duration;

use actix::prelude::*;

use super::{Busy, Dispatcher, Ending};
use crate::core::delivery::Wanted;
use crate::core::event_pattern::EventFilter;
use crate::domain::endpoint::{ReplayJob, Replayed};
use crate::domain::{MemberId, WrittenRecord, limits};
use crate::webhook::port::PortError;

/// What of a stretch of the log is replayed.
struct Stretch {
    filter: EventFilter,
    member: Option<MemberId>,
    last_seq: u64,
}

impl Dispatcher {
    /// Goes on with the first replay that is under way, while there is room.
    pub(super) fn replay_on(&mut self, ctx: &mut Context<Self>) {
        let may = self.ending == Ending::No && self.replaying == Busy::No;
        if !may || !self.delivery.has_room_for_replay() {
            return;
        }
        let receiver = self.told.receiver();
        self.replays_ended.retain(|id| receiver.replays.iter().any(|job| job.id == *id));
        let is_open = |job: &&ReplayJob| !self.replays_ended.contains(&job.id);
        let Some(job) = receiver.replays.iter().find(is_open) else { return };
        match &job.what {
            Replayed::Events(seqs) => self.replay_events(job.id, seqs, ctx),
            Replayed::Range { first_seq, last_seq, event_types, member } => {
                // Checked when the replay was asked for; one that cannot be read takes nothing.
                let Ok(filter) = EventFilter::parse(event_types) else {
                    return self.end_replay(job.id, ctx);
                };
                let stretch = Stretch { filter, member: *member, last_seq: *last_seq };
                self.replay_range(job.id, *first_seq, stretch, ctx);
            }
        }
    }

    fn replay_events(&mut self, id: u64, seqs: &[u64], ctx: &mut Context<Self>) {
        let position = self.delivery.replay_position(id) as usize;
        let room = limits::REPLAY_AHEAD.saturating_sub(self.delivery.parked());
        let next: Vec<Wanted> =
            seqs.iter().skip(position).take(room).map(|seq| Wanted::free(*seq)).collect();
        let now = self.now();
        self.delivery.replay(&next, now);
        let position = position + next.len();
        if position >= seqs.len() {
            return self.end_replay(id, ctx);
        }
        self.delivery.replay_goes_on(id, position as u64, now);
    }

    fn replay_range(&mut self, id: u64, first_seq: u64, stretch: Stretch, ctx: &mut Context<Self>) {
        let next_seq = self.delivery.replay_position(id).max(first_seq);
        self.replaying = Busy::Yes;
        let records = self.ports.records.clone();
        let page = async move {
            let before = next_seq.saturating_sub(1);
            records.records_after(before, limits::WEBHOOK_PAGE_RECORDS_MAX).await
        };
        let page = page.into_actor(self);
        ctx.spawn(page.map(move |page, dispatcher, ctx| {
            dispatcher.have_replay(id, &stretch, page, ctx);
        }));
    }

    fn have_replay(
        &mut self,
        id: u64,
        stretch: &Stretch,
        page: Result<Vec<WrittenRecord>, PortError>,
        ctx: &mut Context<Self>,
    ) {
        let records = match page {
            Ok(records) => records,
            Err(error) => {
                let endpoint = self.endpoint;
                tracing::warn!(%endpoint, "a replay for {endpoint} cannot read on: {error}");
                let pause = Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS);
                ctx.run_later(pause, |dispatcher, ctx| {
                    dispatcher.replaying = Busy::No;
                    dispatcher.turn(ctx);
                });
                return;
            }
        };
        self.replaying = Busy::No;
        let receiver = self.told.receiver();
        let body_of = self.ports.body_of.clone();
        let within = records.iter().take_while(|record| record.seq <= stretch.last_seq);
        // What it has not come to yet is delivered anyway.
        let within = within.filter(|record| self.delivery.has_passed(record.seq));
        let chosen = within
            .filter(|record| stretch.takes(record) && receiver.taken(record, &body_of).is_some());
        let wanted: Vec<Wanted> = chosen.map(|record| receiver.wanted(record)).collect();
        let now = self.now();
        self.delivery.replay(&wanted, now);
        match records.last() {
            Some(last) if last.seq < stretch.last_seq => {
                self.delivery.replay_goes_on(id, last.seq + 1, now);
            }
            Some(_) | None => self.end_replay(id, ctx),
        }
        self.turn(ctx);
    }

    fn end_replay(&mut self, id: u64, ctx: &mut Context<Self>) {
        let now = self.now();
        self.delivery.end_replay(id, now);
        self.replays_ended.insert(id);
        let (endpoint, ports) = (self.endpoint, self.ports.clone());
        let told = async move {
            while let Err(error) = ports.endpoints.finish_replay(endpoint, id).await {
                tracing::warn!(%endpoint, "the end of a replay for {endpoint} waits: {error}");
                tokio::time::sleep(Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS)).await;
            }
        };
        ctx.spawn(told.into_actor(self));
    }
}

impl Stretch {
    fn takes(&self, record: &WrittenRecord) -> bool {
        let event = &record.event;
        let concerns = |member: MemberId| {
            event.member() == Some(member) || event.affected_member() == Some(member)
        };
        self.filter.takes(event) && self.member.is_none_or(concerns)
    }
}

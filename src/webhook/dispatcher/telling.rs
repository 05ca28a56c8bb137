//! What a dispatcher writes down and tells the owner: attempts, what was given up, and reports as
//! records of the log. Deliveries of such records are never reported on themselves.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::{Busy, Dispatcher};
use crate::core::delivery::{AttemptLine, DeadLetter, Notice};
use crate::domain::endpoint::EndpointReport;
use crate::domain::{EndpointId, Timestamp, limits};
use crate::webhook::attempt::Told;
use crate::webhook::port::Ports;

/// Reports that wait for the site, one at a time on their way.
#[derive(Default)]
pub(super) struct Reports {
    waiting: VecDeque<EndpointReport>,
    busy: Busy,
}

/// Attempts.
impl Dispatcher {
    /// Writes down how one try went. `Told` is of the try, the next time of the machine.
    pub(super) fn note_attempt(&mut self, seq: u64, told: Told, now: Timestamp) {
        self.last_status = told.status;
        let line = AttemptLine {
            seq,
            at: told.at,
            latency_ms: told.latency_ms,
            status: told.status,
            result: told.result.into(),
            fault: told.fault,
            snippet: told.snippet,
            next_try_at: self.delivery.next_try_of(seq),
        };
        self.attempts.note(line, now);
    }

    pub(super) fn store_attempts(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        let is_due = self.attempts.due_at().is_some_and(|due| due <= now || self.is_ending());
        if !is_due || self.storing_attempts == Busy::Yes {
            return;
        }
        let Some(attempts) = self.attempts.take() else { return };
        self.storing_attempts = Busy::Yes;
        let (endpoint, store) = (self.endpoint, self.ports.attempts.clone());
        let stored = async move {
            if let Err(error) = store.store(vec![(endpoint, attempts)]).await {
                tracing::warn!(%endpoint, "attempts of {endpoint} are not written down: {error}");
            }
        };
        ctx.spawn(stored.into_actor(self).map(|(), dispatcher, ctx| {
            dispatcher.storing_attempts = Busy::No;
            dispatcher.turn(ctx);
        }));
    }

    /// When attempts are to be stored, unless they are just being stored.
    pub(super) fn attempts_due_at(&self) -> Option<Timestamp> {
        self.attempts.due_at().filter(|_| self.storing_attempts == Busy::No)
    }

    /// Nothing of what is to be written down or told is only in memory.
    pub(super) fn all_is_told(&self) -> bool {
        let attempts = self.attempts.due_at().is_none() && self.storing_attempts == Busy::No;
        let reports = self.reports.waiting.is_empty() && self.reports.busy == Busy::No;
        attempts && reports && self.keeping == 0
    }

    pub(super) fn give_up(&mut self, seqs: &[u64], ctx: &mut Context<Self>) {
        if seqs.is_empty() {
            return;
        }
        let (endpoint, tries) = (self.endpoint, self.ports.settings.schedule.tries_max());
        let (given_up_at, status) = (self.now(), self.last_status);
        metrics::counter!("webhook_dead_letters_total").increment(seqs.len() as u64);
        let letters = seqs.iter().map(|seq| {
            tracing::warn!(%endpoint, seq, "endpoint {endpoint} never took event {seq}");
            DeadLetter { seq: *seq, tries, given_up_at, status }
        });
        let letters: Vec<DeadLetter> = letters.collect();
        let store = self.ports.attempts.clone();
        let kept = async move {
            if let Err(error) = store.give_up(endpoint, letters).await {
                tracing::warn!(%endpoint, "what {endpoint} never took is not listed: {error}");
            }
        };
        self.keeping += 1;
        ctx.spawn(kept.into_actor(self).map(|(), dispatcher, ctx| {
            dispatcher.keeping -= 1;
            dispatcher.turn(ctx);
        }));
        for event_seq in seqs {
            self.report(EndpointReport::Exhausted { event_seq: *event_seq, tries }, ctx);
        }
    }
}

/// Reports.
impl Dispatcher {
    pub(super) fn tell(&mut self, notices: Vec<Notice>, ctx: &mut Context<Self>) {
        for notice in notices {
            match notice {
                Notice::Failing { seq, tries } => {
                    self.report(EndpointReport::Failing { event_seq: seq, tries }, ctx);
                }
                Notice::Recovered { failing_since, .. } => {
                    self.report(EndpointReport::Recovered { failing_since }, ctx);
                }
            }
        }
    }

    pub(super) fn report(&mut self, report: EndpointReport, ctx: &mut Context<Self>) {
        if self.reports.waiting.len() >= limits::WEBHOOK_REPORTS_WAITING_MAX {
            metrics::counter!("webhook_reports_left_out_total").increment(1);
            return;
        }
        self.reports.waiting.push_back(report);
        self.report_next(ctx);
    }

    fn report_next(&mut self, ctx: &mut Context<Self>) {
        if self.reports.busy == Busy::Yes {
            return;
        }
        let Some(report) = self.reports.waiting.pop_front() else { return };
        self.reports.busy = Busy::Yes;
        let told = tell_site(self.ports.clone(), self.endpoint, report);
        ctx.spawn(told.into_actor(self).map(|(), dispatcher, ctx| {
            dispatcher.reports.busy = Busy::No;
            dispatcher.report_next(ctx);
            dispatcher.turn(ctx);
        }));
    }
}

async fn tell_site(ports: Arc<Ports>, endpoint: EndpointId, report: EndpointReport) {
    if is_about_the_plumbing(&ports, report).await {
        return;
    }
    metrics::counter!("webhook_reports_total", "type" => report.type_name()).increment(1);
    while let Err(error) = ports.endpoints.report(endpoint, report).await {
        tracing::warn!(%endpoint, "a report on {endpoint} is not in the log yet: {error}");
        tokio::time::sleep(Duration::from_millis(limits::WEBHOOK_PORT_RETRY_MS)).await;
    }
}

/// A report on the delivery of a report would lead to the next one.
async fn is_about_the_plumbing(ports: &Ports, report: EndpointReport) -> bool {
    let event_seq = match report {
        EndpointReport::Failing { event_seq, .. } | EndpointReport::Exhausted { event_seq, .. } => {
            event_seq
        }
        EndpointReport::Lagged { .. } | EndpointReport::Recovered { .. } => return false,
    };
    let records = ports.records.records_after(event_seq.saturating_sub(1), 1).await;
    let record = records.ok().and_then(|records| records.into_iter().next());
    record.is_none_or(|record| record.seq != event_seq || record.event.is_operational())
}

//! One site's durable records, followed by one task a worker: what waits is taken, encoded once for
//! each channel and audience, and written to every reader's socket.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::drive::drive;
use super::frame::LineWriter;
use super::measure;
use super::worker::Worker;
use crate::actors::live::LiveSite;
use crate::core::hub::{Delivery, Hub, SessionKey};
use crate::core::session::CloseReason;
use crate::domain::limits::LIVE_RECORDS_PER_ROUND_MAX;
use crate::domain::{SiteId, WrittenRecord};
use crate::journal::JournalError;
use crate::wire::event::EventSource;

const RETRY_DELAY: Duration = Duration::from_millis(200);

/// One site's live side on one worker.
pub(crate) struct SiteLive {
    pub(crate) site: SiteId,
    pub(crate) port: Arc<dyn LiveSite>,
    pub(crate) hub: RefCell<Hub>,
    pub(crate) writer: LineWriter,
    /// Sessions of this worker that have proven themselves for the site.
    pub(crate) sessions: Cell<usize>,
}

impl SiteLive {
    pub(crate) fn new(site: SiteId, port: Arc<dyn LiveSite>) -> SiteLive {
        let hub = RefCell::new(Hub::new(port.durable_seq()));
        let writer = LineWriter::new(EventSource { site, incarnation: port.incarnation() });
        SiteLive { site, port, hub, writer, sessions: Cell::new(0) }
    }

    fn position(&self) -> u64 {
        self.hub.borrow().position()
    }
}

/// Follows the site until the worker has no session of it left.
pub(crate) async fn follow(worker: Rc<Worker>, live: Rc<SiteLive>) {
    loop {
        live.port.wait_after(live.position()).await;
        if live.sessions.get() == 0 {
            return worker.forget_site(live.site);
        }
        let round = live.port.records_after(live.position(), LIVE_RECORDS_PER_ROUND_MAX).await;
        match round {
            Ok(records) if records.is_empty() => {
                // The word came before the record; a moment later both are there.
                tokio::time::sleep(RETRY_DELAY).await;
            }
            Ok(records) if !is_dense(live.position(), &records) => {
                tracing::error!(site = %live.site, "live feed was given records with a gap");
                return worker.abandon_site(live.site);
            }
            Ok(records) => publish(&worker, &live, &records),
            Err(JournalError::Unavailable(detail)) => {
                tracing::warn!(site = %live.site, detail, "live feed waits for the journal");
                tokio::time::sleep(RETRY_DELAY).await;
            }
            Err(error @ (JournalError::Trimmed { .. } | JournalError::Damaged { .. })) => {
                tracing::error!(site = %live.site, %error, "live feed lost its place");
                return worker.abandon_site(live.site);
            }
        }
        // Reads and other sites have their turn between two rounds.
        tokio::task::yield_now().await;
    }
}

/// A gap would end in silence: whoever made it, the readers are told to come back and recover.
fn is_dense(position: u64, records: &[WrittenRecord]) -> bool {
    records.iter().zip(position + 1..).all(|(record, seq)| record.seq == seq)
}

/// One round, without a pause: nobody comes or goes between the hub's word and the frames.
fn publish(worker: &Rc<Worker>, live: &SiteLive, records: &[WrittenRecord]) {
    metrics::counter!(measure::RECORDS).increment(records.len() as u64);
    let deliveries = live.hub.borrow_mut().publish(records);
    for delivery in deliveries {
        match delivery {
            Delivery::Publish { channel, audience, records, sessions } => {
                let frames = live.writer.frames(channel, audience, &records);
                let now_ms = worker.now_ms();
                let sent = frames.len() * sessions.len();
                metrics::counter!(measure::FRAMES).increment(sent as u64);
                each(worker, &sessions, |socket| {
                    for frame in &frames {
                        socket.send(frame, now_ms);
                    }
                });
            }
            Delivery::Cut { channel, sessions } => each(worker, &sessions, |socket| {
                let outputs = socket.session.borrow_mut().cut(channel);
                drive(worker, socket, outputs);
            }),
            Delivery::Expel { sessions } => {
                each(worker, &sessions, |socket| worker.refuse(socket, CloseReason::Revoked));
            }
        }
    }
}

fn each(
    worker: &Rc<Worker>,
    sessions: &[SessionKey],
    mut act: impl FnMut(&Rc<super::socket::Socket>),
) {
    for session in sessions {
        if let Some(socket) = worker.socket(*session) {
            act(&socket);
        }
    }
}

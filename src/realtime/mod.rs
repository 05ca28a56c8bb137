//! Live connections: sockets of browsers and of producers, and the text they speak. The rules are
//! in `core::{session, hub, recovery}`; here are bytes, tasks and deadlines.

mod drive;
mod feed;
pub mod frame;
pub mod ingest_frame;
mod ingest_gate;
mod ingest_stream;
mod live;
mod outbox;
mod socket;
mod upgrade;
mod worker;

pub use live::{Live, LiveSettings};
pub use upgrade::upgrade_service;

/// Names of what is measured here.
pub(crate) mod measure {
    /// Connections that are open now, of all kinds.
    pub const SESSIONS: &str = "live_sessions_count";
    /// Connections that the server ended, by reason.
    pub const CLOSED: &str = "live_sessions_closed_total";
    /// Bytes that wait for sockets which do not take them now.
    pub const OUTBOX: &str = "live_outbox_bytes";
    /// Frames of publications, one for each socket that they went to.
    pub const FRAMES: &str = "live_frames_sent_total";
    /// Durable records that a worker's hub has published.
    pub const RECORDS: &str = "live_records_published_total";
}

//! What all workers share about live connections: where they ask, what they allow, how many there
//! are, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::measure;
use crate::actors::live::LiveSource;
use crate::domain::limits::LIVE_SESSIONS_MAX;

/// What an operator decides about live connections.
#[derive(Clone, Debug)]
pub struct LiveSettings {
    /// Sockets of all kinds, of the whole process; one more is answered 503.
    pub sessions_max: usize,
    /// Origins besides the server's own host that pages may connect from: `https://example.com`.
    pub allowed_origins: Vec<String>,
    /// Over how long the closing of all sockets is spread at shutdown.
    pub drain_spread: Duration,
}

impl Default for LiveSettings {
    fn default() -> Self {
        LiveSettings {
            sessions_max: LIVE_SESSIONS_MAX,
            allowed_origins: Vec::new(),
            drain_spread: Duration::from_secs(2),
        }
    }
}

/// The live side of the process: cheap to clone, one for all workers.
#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

struct Shared {
    source: Arc<dyn LiveSource>,
    settings: LiveSettings,
    sessions: AtomicUsize,
    left: Notify,
    draining: watch::Sender<bool>,
}

/// A place among the sessions of the process, given back when dropped.
pub(crate) struct Seat {
    shared: Arc<Shared>,
}

impl Live {
    pub fn new(source: Arc<dyn LiveSource>, settings: LiveSettings) -> Live {
        let (draining, _) = watch::channel(false);
        let (sessions, left) = (AtomicUsize::new(0), Notify::new());
        Live { shared: Arc::new(Shared { source, settings, sessions, left, draining }) }
    }

    pub(crate) fn source(&self) -> &Arc<dyn LiveSource> {
        &self.shared.source
    }

    pub(crate) fn settings(&self) -> &LiveSettings {
        &self.shared.settings
    }

    /// Connections that are open now.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.load(Ordering::Acquire)
    }

    /// Takes a place; `None` when all are taken or the server is going down.
    pub(crate) fn take_seat(&self) -> Option<Seat> {
        if self.is_draining() {
            return None;
        }
        let shared = Arc::clone(&self.shared);
        let taken = shared.sessions.fetch_add(1, Ordering::AcqRel);
        let seat = Seat { shared };
        metrics::gauge!(measure::SESSIONS).increment(1.0);
        (taken < self.shared.settings.sessions_max).then_some(seat)
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.shared.draining.borrow()
    }

    /// Resolves when the server begins to go down.
    pub(crate) async fn draining(&self) {
        let mut draining = self.shared.draining.subscribe();
        // The sender lives as long as `self`, so the wait ends only with the answer.
        let _ended = draining.wait_for(|draining| *draining).await;
    }

    /// Closes every socket with the code for shutdown, spread over the set time, and waits until
    /// all are gone or `patience` is over. Call it before the server is stopped: sockets are not
    /// among the connections that the server waits for.
    pub async fn shutdown(&self, patience: Duration) {
        self.shared.draining.send_replace(true);
        let all_gone = async {
            loop {
                let left = self.shared.left.notified();
                if self.sessions() == 0 {
                    break;
                }
                left.await;
            }
        };
        if tokio::time::timeout(patience, all_gone).await.is_err() {
            tracing::warn!(sessions = self.sessions(), "live sockets outlast the shutdown");
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::gauge!(measure::SESSIONS).decrement(1.0);
        if self.shared.sessions.fetch_sub(1, Ordering::AcqRel) == 1 {
            // One waiter at most; a permit is kept for one who is about to wait.
            self.shared.left.notify_one();
        }
    }
}

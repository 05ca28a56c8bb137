//! Progress of many dispatchers in few writes: what waits while one write is under way goes into
//! the next one together.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::port::{PortError, PortFuture, ProgressEntry, ProgressStore};
use crate::core::delivery::Progress;
use crate::domain::{EndpointId, limits};

/// A store in front of another one.
pub(super) struct Gathered {
    store: Arc<dyn ProgressStore>,
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    entries: Vec<ProgressEntry>,
    done: oneshot::Sender<Result<(), PortError>>,
}

impl Gathered {
    /// Writes on the current arbiter, until it is dropped.
    pub(super) fn over(store: Arc<dyn ProgressStore>) -> Gathered {
        let (queue, waiting) = mpsc::channel(limits::WEBHOOK_PROGRESS_WAITING_MAX);
        actix::spawn(write(store.clone(), waiting));
        Gathered { store, queue }
    }
}

async fn write(store: Arc<dyn ProgressStore>, mut queue: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, limits::WEBHOOK_PROGRESS_WAITING_MAX).await > 0 {
        let entries = waiting.iter_mut().flat_map(|one| std::mem::take(&mut one.entries));
        let stored = store.store(entries.collect()).await;
        for one in waiting.drain(..) {
            // A dispatcher that has ended does not want to know.
            one.done.send(stored.clone()).unwrap_or_default();
        }
    }
}

impl ProgressStore for Gathered {
    fn load(&self, endpoint: EndpointId) -> PortFuture<'_, Option<Progress>> {
        self.store.load(endpoint)
    }

    fn store(&self, entries: Vec<ProgressEntry>) -> PortFuture<'_, ()> {
        Box::pin(async move {
            let ended = || PortError("progress is no longer stored".to_owned());
            let (done, stored) = oneshot::channel();
            self.queue.send(Waiting { entries, done }).await.map_err(|_| ended())?;
            stored.await.unwrap_or_else(|_| Err(ended()))
        })
    }
}

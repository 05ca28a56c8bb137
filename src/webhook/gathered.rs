//! Progress and attempts of many dispatchers in few writes: what waits while one write is under way
//! goes into the next one together.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::port::{
    AttemptEntry, AttemptStore, PortError, PortFuture, ProgressEntry, ProgressStore,
};
use crate::core::delivery::{AttemptChunk, DeadLetter, Progress};
use crate::domain::{EndpointId, limits};

/// A store of progress in front of another one.
pub(super) struct GatheredProgress {
    store: Arc<dyn ProgressStore>,
    line: Line<ProgressEntry>,
}

/// A store of attempts in front of another one.
pub(super) struct GatheredAttempts {
    store: Arc<dyn AttemptStore>,
    line: Line<AttemptEntry>,
}

/// Those who wait to be stored.
struct Line<T> {
    queue: mpsc::Sender<Waiting<T>>,
}

struct Waiting<T> {
    entries: Vec<T>,
    done: oneshot::Sender<Result<(), PortError>>,
}

impl<T: Send + 'static> Line<T> {
    /// Writes on the current arbiter, until it is dropped.
    fn to(store: impl AsyncFn(Vec<T>) -> Result<(), PortError> + 'static) -> Line<T> {
        let (queue, waiting) = mpsc::channel(limits::WEBHOOK_PROGRESS_WAITING_MAX);
        actix::spawn(write(store, waiting));
        Line { queue }
    }

    async fn store(&self, entries: Vec<T>) -> Result<(), PortError> {
        let ended = || PortError("nothing is stored any longer".to_owned());
        let (done, stored) = oneshot::channel();
        self.queue.send(Waiting { entries, done }).await.map_err(|_| ended())?;
        stored.await.unwrap_or_else(|_| Err(ended()))
    }
}

async fn write<T>(
    store: impl AsyncFn(Vec<T>) -> Result<(), PortError>,
    mut queue: mpsc::Receiver<Waiting<T>>,
) {
    let mut waiting = Vec::new();
    while queue.recv_many(&mut waiting, limits::WEBHOOK_PROGRESS_WAITING_MAX).await > 0 {
        let entries = waiting.iter_mut().flat_map(|one| std::mem::take(&mut one.entries));
        let entries: Vec<T> = entries.collect();
        let stored = if entries.is_empty() { Ok(()) } else { store(entries).await };
        for one in waiting.drain(..) {
            // A dispatcher that has ended does not want to know.
            one.done.send(stored.clone()).unwrap_or_default();
        }
    }
}

impl GatheredProgress {
    pub(super) fn over(store: Arc<dyn ProgressStore>) -> GatheredProgress {
        let target = store.clone();
        let line = Line::to(async move |entries| target.store(entries).await);
        GatheredProgress { store, line }
    }
}

impl GatheredAttempts {
    pub(super) fn over(store: Arc<dyn AttemptStore>) -> GatheredAttempts {
        let target = store.clone();
        let line = Line::to(async move |entries| target.store(entries).await);
        GatheredAttempts { store, line }
    }
}

impl ProgressStore for GatheredProgress {
    fn load(&self, endpoint: EndpointId) -> PortFuture<'_, Option<Progress>> {
        self.store.load(endpoint)
    }

    fn store(&self, entries: Vec<ProgressEntry>) -> PortFuture<'_, ()> {
        Box::pin(self.line.store(entries))
    }
}

impl AttemptStore for GatheredAttempts {
    fn last(&self, endpoint: EndpointId) -> PortFuture<'_, Option<AttemptChunk>> {
        self.store.last(endpoint)
    }

    fn store(&self, entries: Vec<AttemptEntry>) -> PortFuture<'_, ()> {
        Box::pin(self.line.store(entries))
    }

    fn give_up(&self, endpoint: EndpointId, letters: Vec<DeadLetter>) -> PortFuture<'_, ()> {
        self.store.give_up(endpoint, letters)
    }

    fn forget(&self, endpoint: EndpointId) -> PortFuture<'_, ()> {
        Box::pin(async move {
            // Behind all that waits, or some of it would stay.
            self.line.store(Vec::new()).await?;
            self.store.forget(endpoint).await
        })
    }
}

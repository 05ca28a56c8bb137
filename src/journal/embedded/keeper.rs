//! The keeper: a thread that lets the engine give back files, because it never does by itself.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use metrics::gauge;

use super::store::Store;
use crate::journal::site_log::lock;

pub struct Keeper {
    shared: Arc<Shared>,
    store: Arc<Store>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: bool,
    stopping: bool,
}

impl Keeper {
    pub fn start(store: Arc<Store>) -> Keeper {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let (own, worked) = (shared.clone(), store.clone());
        let thread = thread::Builder::new().name("journal-keeper".to_owned());
        let thread = thread.spawn(move || run(&own, &worked));
        let thread = thread.expect("the system starts a thread at start-up");
        Keeper { shared, store, thread: Mutex::new(Some(thread)) }
    }

    pub fn wake(&self) {
        lock(&self.shared.state).due = true;
        self.shared.changed.notify_one();
    }

    /// After appends: only once enough was written for files to have been filled.
    pub fn wake_if_due(&self) {
        if self.store.take_purge_due() {
            self.wake();
        }
    }

    /// Ends the thread after what it is doing.
    pub fn stop(&self) {
        lock(&self.shared.state).stopping = true;
        self.shared.changed.notify_one();
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's keeper panicked");
        }
    }
}

fn run(shared: &Shared, store: &Store) {
    while shared.next() {
        if let Err(error) = store.purge() {
            tracing::error!(%error, "files of the log could not be given back");
        }
        gauge!("journal_log_bytes").set(store.used_bytes() as f64);
    }
}

impl Shared {
    fn next(&self) -> bool {
        let mut state = lock(&self.state);
        while !state.due && !state.stopping {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.due = false;
        !state.stopping
    }
}

//! Guards round code that may panic or never return. Knows nothing of databases.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use thiserror::Error;

/// Threads that the database starts on its own are named so.
const OWN_THREAD_PREFIX: &str = "sled-";
const GUARDED_THREAD_PREFIX: &str = "snapshot-";

/// Why guarded work gave no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Escape {
    #[error("panicked: {0}")]
    Panicked(String),
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error("no thread: {0}")]
    NoThread(String),
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>;

/// How often quiet was asked for; the hook of before is put back when it falls to zero.
static QUIET_DEPTH: Mutex<usize> = Mutex::new(0);
static HOOK_BEFORE: RwLock<Option<Hook>> = RwLock::new(None);

/// Runs what may panic. The panic's message becomes the error.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Escape> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .map_err(|payload| Escape::Panicked(message(payload.as_ref())))
}

/// Runs what may panic or hang on a thread of its own. After the deadline the thread is left
/// behind; what it still returns is dropped there.
pub(super) fn caught_within<T: Send + 'static>(
    deadline: Duration,
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Escape> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let body = move || {
        // When nobody waits any more, the result is dropped here, and that may panic as well.
        if let Err(mpsc::SendError(late)) = sender.send(caught(work)) {
            tracing::warn!("a guarded call came back after its deadline");
            drop(caught(|| drop(late)));
        }
    };
    let spawned = thread::Builder::new().name(format!("{GUARDED_THREAD_PREFIX}{name}")).spawn(body);
    if let Err(error) = spawned {
        return Err(Escape::NoThread(error.to_string()));
    }
    match receiver.recv_timeout(deadline) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => Err(Escape::Silent(deadline)),
        Err(RecvTimeoutError::Disconnected) => Err(Escape::Panicked("its thread ended".to_owned())),
    }
}

/// While one lives, panics on guarded threads and on the database's own print nothing; their
/// messages travel as errors. Every other thread's panics go to the hook of before.
pub(super) struct QuietPanics;

impl QuietPanics {
    pub fn new() -> QuietPanics {
        let mut depth = QUIET_DEPTH.lock().unwrap_or_else(PoisonError::into_inner);
        *depth += 1;
        if *depth == 1 {
            let before = panic::take_hook();
            *HOOK_BEFORE.write().unwrap_or_else(PoisonError::into_inner) = Some(before);
            panic::set_hook(Box::new(print_unless_guarded));
        }
        QuietPanics
    }
}

impl Drop for QuietPanics {
    fn drop(&mut self) {
        let mut depth = QUIET_DEPTH.lock().unwrap_or_else(PoisonError::into_inner);
        *depth -= 1;
        // Hooks cannot be exchanged on a thread that unwinds; ours then forwards until next time.
        if *depth > 0 || thread::panicking() {
            return;
        }
        let before = HOOK_BEFORE.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(before) = before {
            panic::set_hook(before);
        }
    }
}

fn print_unless_guarded(info: &PanicHookInfo<'_>) {
    let current = thread::current();
    let name = current.name().unwrap_or_default();
    if name.starts_with(OWN_THREAD_PREFIX) || name.starts_with(GUARDED_THREAD_PREFIX) {
        return;
    }
    if let Some(before) = &*HOOK_BEFORE.read().unwrap_or_else(PoisonError::into_inner) {
        before(info);
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let quiet = QuietPanics::new();
        let deadline = Duration::from_secs(10);
        let outcome = caught_within(deadline, "test", || panic!("broken page {}", 7));
        assert_eq!(outcome, Err::<(), _>(Escape::Panicked("broken page 7".to_owned())));
        drop(quiet);
    }

    #[test]
    fn a_hang_becomes_an_error_after_the_deadline() {
        let (release, wait) = mpsc::channel::<()>();
        let deadline = Duration::from_millis(20);
        let outcome = caught_within(deadline, "test", move || wait.recv().is_ok());
        assert_eq!(outcome, Err(Escape::Silent(deadline)));
        drop(release);
    }

    #[test]
    fn what_goes_well_comes_back() {
        assert_eq!(caught_within(Duration::from_secs(10), "test", || 7), Ok(7));
    }
}

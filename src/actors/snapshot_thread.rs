//! The one thread that writes snapshots, trims the journal and recovers, for all sites in turn.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&Runtime) + Send>;

/// Jobs that may wait; every site has at most a few.
const JOBS_MAX: usize = 4_096;

#[derive(Clone)]
pub struct SnapshotThread {
    jobs: SyncSender<Job>,
}

/// The job panicked, or the thread is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot thread did not finish the job")]
pub struct JobLost;

impl SnapshotThread {
    pub fn start() -> std::io::Result<SnapshotThread> {
        let (jobs, waiting) = sync_channel::<Job>(JOBS_MAX);
        let runtime = Builder::new_current_thread().build()?;
        std::thread::Builder::new().name("snapshots".to_owned()).spawn(move || {
            for job in waiting {
                job(&runtime);
            }
        })?;
        Ok(SnapshotThread { jobs })
    }

    /// Runs `job` after those that wait already, whether or not its outcome is waited for at once.
    pub fn run<T, J>(&self, job: J) -> impl Future<Output = Result<T, JobLost>> + use<T, J>
    where
        T: Send + 'static,
        J: FnOnce(&Runtime) -> T + Send + 'static,
    {
        let (done, told) = oneshot::channel();
        let boxed: Job = Box::new(move |runtime| {
            if let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| job(runtime))) {
                // Whoever stopped waiting does not need the outcome.
                done.send(outcome).map_err(drop).unwrap_or_default();
            }
        });
        let sent = self.jobs.try_send(boxed);
        async move {
            sent.map_err(|_| JobLost)?;
            told.await.map_err(|_| JobLost)
        }
    }
}

//! Where the process is between start and end, and what tells it to end.

use std::io;
use std::process;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::domain::limits::DRAIN_SECONDS_MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Starting,
    Serving,
    Draining,
}

/// The stage, for everybody to see.
#[derive(Clone, Debug)]
pub struct Life {
    stage: Arc<watch::Sender<Stage>>,
}

impl Default for Life {
    fn default() -> Self {
        Life { stage: Arc::new(watch::Sender::new(Stage::Starting)) }
    }
}

impl Life {
    pub fn serve(&self) {
        self.stage.send_replace(Stage::Serving);
        tracing::info!("serving");
    }

    pub fn drain(&self) {
        self.stage.send_replace(Stage::Draining);
        tracing::info!("draining");
    }

    pub fn stage(&self) -> Stage {
        *self.stage.borrow()
    }
}

/// SIGTERM and SIGINT, which both mean: finish and go.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Resolves when draining has taken as long as it may: what was acknowledged is on the disk.
pub async fn patience_ends() {
    tokio::time::sleep(Duration::from_secs(DRAIN_SECONDS_MAX)).await;
}

/// Ends the process. What still runs then, a look-up of a name for instance, nobody waits for.
pub fn end() -> ! {
    process::exit(0)
}

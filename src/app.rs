//! Wiring: which part gets which, in which order they start and stop. Decides nothing of its own.
//!
//! Starting: settings are read, the data directory is claimed and the address reserved before
//! anything is written. Stopping: doors first, then sockets, then sites, then the writer.

mod address;
pub mod admin;
pub mod admin_socket;
mod attempts;
mod consumers;
mod deliveries;
mod descriptors;
mod door;
mod engine;
mod first_start;
mod front;
mod health;
mod hook_desk;
mod hook_log;
mod life;
mod live_ports;
mod sites;
mod verifier;

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_rt::System;
use thiserror::Error;

use self::address::Reserved;
use self::admin::{AdminAnswer, AdminRequest};
use self::admin_socket::AdminServer;
use self::engine::{Engine, Purpose};
use self::life::{Life, Signals};
use crate::actors::data_dir::{self, Claim, DataDir, DataDirError};
use crate::actors::registry::RegistryError;
use crate::config::Config;
use crate::realtime::{Live, LiveSettings};
use crate::telemetry::{self, Metrics, TelemetryError};

/// Why nothing is served. Each is one line: what, where, what to do.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("cannot listen on {address}: {reason}: choose another --listen")]
    Address { address: SocketAddr, reason: io::Error },
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: io::Error },
    #[error(
        "no data directory at {path}: start `guildhall serve` once, or name it with --data-dir"
    )]
    NoDataDir { path: String },
    #[error("{place}: {reason}: restore the data directory from a backup")]
    Journal { place: String, reason: String },
    #[error("{place}: {reason}")]
    Snapshots { place: String, reason: String },
    #[error("{place}: {reason}: restore seal.key, or the whole directory, from a backup")]
    Vault { place: String, reason: String },
    #[error("{place} has a journal but no site in it: restore the directory from a backup")]
    NoSite { place: String },
    #[error("{place}: {reason}")]
    Registry { place: String, reason: RegistryError },
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}

/// A server's whole life. Ends the process once it has drained; answers only why it did not start.
pub fn serve(config: Config) -> Result<Infallible, StartError> {
    telemetry::start_logging(&config.log);
    descriptors::raise_limit();
    let metrics = Metrics::install()?;
    let claim = data_dir::claim(&config.data_dir)?;
    let reserved = address::reserve(config.listen)?;
    let data_dir = match claim {
        Claim::Held(data_dir) => data_dir,
        Claim::Vacant(vacant) => vacant.create()?,
    };
    System::new().block_on(live(config, metrics, data_dir, reserved))
}

/// Never comes back from a life that began; the error says why it did not.
async fn live(
    config: Config,
    metrics: Metrics,
    data_dir: DataDir,
    reserved: Reserved,
) -> Result<Infallible, StartError> {
    let mut signals = Signals::listen()?;
    let life = Life::default();
    let mut engine = tokio::select! {
        opened = Engine::open(&config, data_dir, Purpose::Serve) => opened?,
        () = signals.next() => life::end(),
    };
    first_start::complete(&config, &mut engine).await?;
    let socket = engine.data_dir.admin_socket();
    let admin = AdminServer::start(&socket, engine.admin())
        .map_err(|reason| StartError::File { path: socket, reason })?;
    let address = reserved.address;
    let front = Arc::new(engine.front(metrics, life.clone()));
    front.resume_jobs().await;
    let live = Live::new(Arc::new(engine.live_ports()), LiveSettings::default());
    let door = door::open(reserved.listen()?, config.worker_count(), front, live)?;
    life.serve();
    say(&format!("guildhall listening on http://{address}"))?;
    signals.next().await;
    life.drain();
    let closing = async {
        door.close().await;
        engine.close().await;
    };
    tokio::select! {
        () = closing => tracing::info!("stopped"),
        () = signals.next() => tracing::warn!("stopped at once by a second signal"),
        () = life::patience_ends() => tracing::warn!("stopped before everything had ended"),
    }
    drop(admin);
    life::end()
}

/// A line on stdout, which is there for scripts. A broken pipe is an error, not a panic.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Answers an admin request from the data directory of a stopped server.
pub fn answer_stopped(config: &Config, request: AdminRequest) -> Result<AdminAnswer, StartError> {
    telemetry::start_logging("warn");
    let data_dir = match data_dir::claim(&config.data_dir)? {
        Claim::Held(data_dir) => data_dir,
        Claim::Vacant(_) => {
            return Err(StartError::NoDataDir { path: config.data_dir.display().to_string() });
        }
    };
    let purpose = match request {
        AdminRequest::Verify { .. } => Purpose::Verify,
        AdminRequest::CreateKey { .. }
        | AdminRequest::ListKeys { .. }
        | AdminRequest::RevokeKey { .. }
        | AdminRequest::CreateSite { .. }
        | AdminRequest::ListSites {} => Purpose::LookAfter,
    };
    System::new().block_on(async {
        let engine = Engine::open(config, data_dir, purpose).await?;
        let answer = engine.admin().answer(request).await;
        engine.close().await;
        Ok(answer)
    })
}

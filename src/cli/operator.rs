//! How `key`, `site` and `verify` reach their data: through a running server's admin socket, else by
//! opening the data directory themselves. Prints no answer.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{EXIT_CONFIG, EXIT_REFUSED, fail};
use crate::actors::data_dir;
use crate::app;
use crate::app::admin::{AdminAnswer, AdminRequest};
use crate::app::admin_socket;
use crate::config::{Config, ConfigFlags, process_environment};

/// Where the data is. The other settings come from the same places as for `serve`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PlaceFlags {
    /// Directory that holds everything
    #[arg(long, value_name = "DIRECTORY")]
    pub data_dir: Option<PathBuf>,
    /// TOML file with settings
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The answer, or the exit code of what has been told on stderr.
pub fn ask(place: PlaceFlags, request: AdminRequest) -> Result<AdminAnswer, ExitCode> {
    let PlaceFlags { data_dir, config } = place;
    let flags = ConfigFlags { data_dir, config, ..ConfigFlags::default() };
    let config =
        Config::load(&flags, &process_environment).map_err(|error| fail(EXIT_CONFIG, &error))?;
    let socket = data_dir::admin_socket(&config.data_dir);
    let asked = admin_socket::ask(&socket, &request)
        .map_err(|error| fail(EXIT_REFUSED, &format!("{}: {error}", socket.display())))?;
    let answer = match asked {
        Some(answer) => answer,
        None => app::answer_stopped(&config, request).map_err(|error| fail(EXIT_CONFIG, &error))?,
    };
    match answer {
        AdminAnswer::Refused { detail } => Err(fail(EXIT_REFUSED, &detail)),
        other => Ok(other),
    }
}

/// What to say when an answer belongs to another request: server and program differ.
pub fn unexpected() -> ExitCode {
    fail(EXIT_REFUSED, &"the server is of another version and answered something else")
}

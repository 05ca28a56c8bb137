//! The command line: what was asked, and what the shell is told. Without a sub-command it serves.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, ConfigFlags, process_environment};

/// A configuration or a data directory that cannot be used; nothing was touched (EX_CONFIG).
pub const EXIT_CONFIG: u8 = 78;
/// The disk could not promise what it must (EX_IOERR).
pub const EXIT_DISK: u8 = 74;

#[derive(Debug, Parser)]
#[command(name = "guildhall", version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    serve: ConfigFlags,
    #[command(subcommand)]
    command: Option<CliCommand>,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Serve members, live updates and webhooks (the default)
    Serve(ConfigFlags),
}

/// Runs what the arguments ask for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(CliCommand::Serve(cli.serve)) {
        CliCommand::Serve(flags) => serve(&flags),
    }
}

fn serve(flags: &ConfigFlags) -> ExitCode {
    match Config::load(flags, &process_environment) {
        Ok(_config) => ExitCode::SUCCESS,
        Err(error) => refused(&error),
    }
}

/// Says why nothing was done.
fn refused(error: &ConfigError) -> ExitCode {
    eprintln!("guildhall: {error}");
    ExitCode::from(EXIT_CONFIG)
}

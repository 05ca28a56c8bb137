//! The command line: what was asked, and what the shell is told. Without a sub-command it serves.

mod key;
pub mod load;
mod operator;
mod serve;
mod site;
mod verify;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigFlags;

/// A configuration or a data directory that cannot be used; nothing was touched (EX_CONFIG).
pub const EXIT_CONFIG: u8 = 78;
/// The check found differences, or a request was refused.
pub const EXIT_REFUSED: u8 = 1;

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
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make and list sites
    #[command(subcommand)]
    Site(site::SiteCommand),
    /// Put load on a running server, and check what it counted
    Load(Box<load::LoadArgs>),
    /// Recompute everything from the journal and compare
    Verify(verify::VerifyArgs),
}

/// Runs what the arguments ask for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.unwrap_or(CliCommand::Serve(cli.serve)) {
        CliCommand::Serve(flags) => serve::run(&flags),
        CliCommand::Key(command) => key::run(command),
        CliCommand::Site(command) => site::run(command),
        CliCommand::Load(args) => load::run(*args),
        CliCommand::Verify(args) => verify::run(args),
    }
}

/// Says in one line why nothing was done.
fn fail(code: u8, reason: &dyn fmt::Display) -> ExitCode {
    eprintln!("guildhall: {reason}");
    ExitCode::from(code)
}

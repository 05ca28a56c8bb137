//! `guildhall serve`: reads the settings and hands the process over to the app.

use std::process::ExitCode;

use super::{EXIT_CONFIG, fail};
use crate::app;
use crate::config::{Config, ConfigFlags, process_environment};

pub fn run(flags: &ConfigFlags) -> ExitCode {
    let config = match Config::load(flags, &process_environment) {
        Ok(config) => config,
        Err(error) => return fail(EXIT_CONFIG, &error),
    };
    match app::serve(config) {
        Err(error) => fail(EXIT_CONFIG, &error),
    }
}

//! The program. Everything is in the library; here are only the allocator and the exit code.

// Tests may unwrap; the program may not.
#![deny(clippy::unwrap_used)]

use std::process::ExitCode;

// Members are made of many small pieces; this allocator keeps them small and off each other's lock.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    guildhall::cli::run()
}

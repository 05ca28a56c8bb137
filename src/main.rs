//! The program. Everything is in the library; here are only the allocator and the exit code.

// Tests may unwrap; the program may not.
#![deny(clippy::unwrap_used)]

use std::process::ExitCode;

// Members are made of many small pieces that come and go with the hot ones; this allocator packs
// them closest and gives pages back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    guildhall::cli::run()
}

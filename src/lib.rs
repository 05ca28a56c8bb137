//! Guildhall: a members engine. See ARCHITECTURE.md for the map.

// Tests may unwrap; the program may not.
#![deny(clippy::unwrap_used)]

pub mod actors;
pub mod app;
pub mod cli;
pub mod config;
pub mod core;
pub mod domain;
pub mod http;
pub mod journal;
pub mod realtime;
pub mod snapshot;
pub mod telemetry;
pub mod webhook;
pub mod wire;

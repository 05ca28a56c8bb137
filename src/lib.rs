//! Guildhall: a members engine. See ARCHITECTURE.md for the map.

pub mod actors;
pub mod cli;
pub mod core;
pub mod domain;
pub mod journal;
pub mod wire;

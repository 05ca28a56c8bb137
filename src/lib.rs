//! Guildhall: a members engine. See ARCHITECTURE.md for the map.

pub mod actors;
pub mod core;
pub mod domain;
pub mod http;
pub mod journal;
pub mod realtime;
pub mod snapshot;
pub mod wire;

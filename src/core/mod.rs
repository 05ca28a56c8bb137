//! The rules, pure: state in, values out. No clock, no I/O, no await, no randomness.

pub mod channel;
pub mod hub;
pub mod increments;
pub mod query;
pub mod recovery;
pub mod session;
pub mod visibility;

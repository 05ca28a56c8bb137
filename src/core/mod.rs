//! The rules, pure: state in, values out. No clock, no I/O, no await, no randomness.

pub mod delivery;
pub mod event_pattern;
pub mod query;

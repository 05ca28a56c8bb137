//! Delivery of events to endpoints: signed, at least once, each endpoint for itself.

pub mod client;
pub mod guard;
pub mod signature;
pub mod vault;

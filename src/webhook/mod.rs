//! Delivery of events to endpoints: signed, at least once, each endpoint for itself. The decisions
//! are `core::delivery`; here are the actors, the HTTP call and what guards it.

mod attempt;
pub mod client;
pub mod dispatcher;
pub mod dispatchers;
pub mod guard;
pub mod port;
pub mod receiver;
pub mod signature;
pub mod site_endpoints;
pub mod vault;

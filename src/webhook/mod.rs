//! Delivery of events to endpoints: signed, at least once, each endpoint for itself. The decisions
//! are `core::delivery`; here are the actors, the HTTP call and what guards it.

pub mod app_key;
mod attempt;
mod batch;
mod board;
mod bodies;
pub mod bounds;
pub mod client;
mod condition;
pub mod dispatcher;
pub mod dispatchers;
mod gathered;
pub mod guard;
mod meters;
pub mod once;
mod pages;
pub mod port;
pub mod receiver;
pub mod signature;
pub mod site_endpoints;
pub mod vault;

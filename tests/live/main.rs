//! Live sockets, over real connections to a real server. The site behind them is a stand-in that
//! keeps its records in memory.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

mod client;
mod ingest;
mod misbehaviour;
mod server;
mod session;
mod site;
mod slow;

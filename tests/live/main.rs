//! Live sockets, over real connections to a real server. The site behind them is a stand-in that
//! keeps its records in memory.

mod client;
mod idle;
mod ingest;
mod misbehaviour;
mod server;
mod session;
mod site;
mod slow;

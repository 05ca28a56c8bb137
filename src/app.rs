//! Wiring: which part gets which, in which order they start and stop. Decides nothing of its own.

pub mod admin;
pub mod admin_socket;

//! Live connections.

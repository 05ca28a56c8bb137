//! The JSON shapes of things that leave the process in more than one way: members, badges, events.
//! Routes and their envelopes are the HTTP floor's; the live protocol's frames are `realtime`'s.

pub mod badge;
pub mod event;
pub mod member;
pub mod time;
//! JSON shapes: how events and batches look outside. Shapes only; what they do is decided below.

pub mod ingest;
mod ingest_canonical;
mod ingest_lines;

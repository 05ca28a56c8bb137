//! The JSON shapes of things that leave the process in more than one way: members, badges, events,
//! increment batches. Routes and their envelopes are the HTTP floor's; the live protocol's frames
//! are `realtime`'s.

pub mod about;
pub mod badge;
pub mod cloud_event;
pub mod counter_batch;
pub mod custom_field;
pub mod endpoint_event;
pub mod event;
pub mod example;
pub mod ingest;
mod ingest_canonical;
mod ingest_lines;
pub mod jwt_event;
pub mod member;
pub mod moderation;
pub mod report;
pub mod settings;
pub mod time;

//! JSON shapes: how events and batches look outside. Shapes only; what they do is decided below.

pub mod ingest;
mod ingest_canonical;
mod ingest_lines;

//! The actors: registry, site supervisors, member actors. Thin: the rules are in `core`.

pub mod handle;
pub mod live;
pub mod live_site;

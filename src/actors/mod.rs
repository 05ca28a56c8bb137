//! The actors: registry, site supervisors, member actors. Thin: the rules are in `core`.

pub mod data_dir;
pub mod handle;
pub mod keys;
pub mod live;
pub mod registry;
pub mod tokens;

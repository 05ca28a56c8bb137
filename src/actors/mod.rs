//! The actors: registry, site supervisors, member actors. Thin: the rules are in `core`.

pub mod checkpointer;
pub mod clock;
pub mod data_dir;
pub mod disk;
pub mod ended_logins;
pub mod handle;
pub mod identity;
pub mod import;
pub mod jobs;
pub mod keys;
pub mod live;
pub mod live_site;
pub mod loader;
pub mod log_tail;
pub mod machine;
pub mod member;
pub mod registry;
pub mod runtime;
pub mod shared;
pub mod site;
pub mod snapshot_thread;
pub mod tokens;
pub mod verify;

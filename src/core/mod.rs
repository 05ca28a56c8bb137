//! The rules, pure: state in, values out. No clock, no I/O, no await, no randomness.
//!
//! Start at [`site`]: one deterministic machine per site. `decide` looks, `apply` changes, `turn`
//! joins them; `views` answers questions; `checkpoint` copies state out, `recovery` takes it in.

pub mod abouts;
pub mod apply;
pub mod badge_views;
pub mod badges;
pub mod channel;
pub mod checkpoint;
pub mod chunked;
pub mod counters;
pub mod custom_fields;
pub mod decide;
pub mod delivery;
pub mod directory;
pub mod dump;
pub mod entries;
pub mod erasure;
pub mod event_channels;
pub mod event_pattern;
pub mod fault;
pub mod graph;
pub mod hash_index;
pub mod hub;
pub mod increments;
pub mod ingest;
pub mod inspect;
pub mod items;
pub mod member_reports;
pub mod operations;
pub mod ordinal_set;
pub mod paging;
pub mod parts;
pub mod place_index;
pub mod profile_edit;
pub mod query;
pub mod recovery;
pub mod report_views;
pub mod restore;
pub mod select;
pub mod session;
pub mod setting_views;
pub mod settings;
mod sight;
pub mod site;
pub mod standings;
pub mod text_filter;
pub mod ties;
pub mod turn;
pub mod views;
pub mod visibility;

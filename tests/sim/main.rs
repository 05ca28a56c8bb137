//! The seeded simulation: one thread, one source of chance, virtual time. It drives the product's
//! own pure parts through everything that may happen to them, against a naive auditor.
//!
//! `SIM_RUNS=n` runs the first n seeds, `SIM_SEED=k` replays one and shows its last steps.

mod about_rules;
mod auditor;
mod badge_requests;
mod badge_rules;
mod checkpoints;
mod clients;
mod deliveries;
mod endpoint_rules;
mod field_rules;
mod ledger;
mod live;
mod loads;
mod model;
mod moderation_rules;
mod packed;
mod planted;
mod profile_requests;
mod random;
mod recovering;
mod report_rules;
mod requests;
mod rest;
mod rules;
mod runs;
mod setting_rules;
mod shell;
mod slots;
mod tally;
mod trace;
mod viewing;
mod views;
mod world;

//! The doors of a running server, as a client meets them: shapes, paging, privacy, refusals.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "cli/program.rs"]
mod program;

#[allow(dead_code, reason = "shared with the crash loop")]
#[path = "crash/http.rs"]
mod http;

#[path = "http_doors/abouts.rs"]
mod abouts;
#[path = "http_doors/badges.rs"]
mod badges;
#[path = "http_doors/blocks.rs"]
mod blocks;
#[path = "http_doors/client.rs"]
mod client;

#[path = "http_doors/bulk.rs"]
mod bulk;
#[path = "http_doors/custom_fields.rs"]
mod custom_fields;
#[path = "http_doors/deletion.rs"]
mod deletion;
#[path = "http_doors/identity.rs"]
mod identity;
#[path = "http_doors/jobs.rs"]
mod jobs;
#[path = "http_doors/live_socket.rs"]
mod live_socket;
#[path = "http_doors/members.rs"]
mod members;
#[path = "http_doors/moderation.rs"]
mod moderation;
#[path = "http_doors/receiver.rs"]
mod receiver;
#[path = "http_doors/replays.rs"]
mod replays;
#[path = "http_doors/reports.rs"]
mod reports;
#[path = "http_doors/settings.rs"]
mod settings;
#[path = "http_doors/site_auth.rs"]
mod site_auth;
#[path = "http_doors/social.rs"]
mod social;
#[path = "http_doors/webhooks.rs"]
mod webhooks;

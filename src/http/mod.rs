//! The doors: HTTP in, typed commands and queries down, JSON out. The whole surface is the table in
//! [`routes`]; one resource lives in each file. No rule lives here, and no socket.

mod abouts;
mod access;
mod app_keys;
mod assignments;
pub mod asyncapi;
mod attempts;
mod auth;
mod badge_input;
mod badges;
mod badges_v3;
mod call;
mod community;
mod condition_input;
mod connections;
mod consumers;
mod counters;
mod cursor;
mod custom_fields;
mod dispatch;
mod endpoint_input;
mod endpoints;
mod error;
mod event_catalogue;
mod event_patterns;
mod events;
mod field_applications;
mod field_suggestions;
mod fields;
mod filter;
mod filter_grammar;
mod followers;
pub mod front;
mod health;
pub mod hook_front;
mod id_filter;
mod id_window;
mod imports;
mod ingest;
mod items;
mod jobs;
mod json;
mod likes;
mod member_blocks;
mod member_deletion;
mod member_input;
mod members;
mod moderation;
mod names;
mod oauth;
mod oauth_clients;
pub mod openapi;
mod openapi_badges;
mod openapi_fields;
mod openapi_identity;
mod openapi_operations;
mod openapi_schemas;
mod openapi_settings;
mod page;
mod privacy;
mod query_string;
mod redirects;
mod replays;
mod reports;
mod roles;
mod route;
mod router;
mod routes;
mod shape_counter;
mod shape_endpoint;
mod shape_item;
mod sign_on;
mod sign_on_policy;
mod site_auth;
mod text_filter;
mod tokens;
mod ui;
mod user_members;
mod verification;

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::{self, ServiceConfig};

pub use self::error::Problem;
pub use self::front::Front;

/// Everything that this floor serves, as an App's configuration. Register routes of other floors
/// (the counter stream) before it; nothing has to be wrapped around it: the headers and the error
/// bodies of all replies are made inside.
pub fn configure(front: Arc<dyn Front>) -> impl Fn(&mut ServiceConfig) + Clone {
    let doors = dispatch::Doors::new(front, router::Router::new(routes::table()));
    move |config: &mut ServiceConfig| {
        let doors = doors.clone();
        let serve = move |request: HttpRequest, payload: web::Payload| {
            let doors = doors.clone();
            async move { doors.serve(request, payload).await }
        };
        config.default_service(web::to(serve));
    }
}

#[cfg(test)]
#[path = "edge_tests.rs"]
mod edge_tests;

//! The public keys of apps: what receivers verify deliveries in the format `jwt` with.

use serde_json::json;

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::hook_front::KeyNeed;
use crate::actors::handle::Role;
use crate::domain::AppId;

/// A JSON Web Key Set with the same key as PEM beside it. An app sees its own key only.
pub async fn get(call: Call) -> Result<Reply, Problem> {
    let unknown = || Problem::not_found("APP_KEY_NOT_FOUND", "key of an app");
    let app = AppId::parse(call.param(0)).ok_or_else(unknown)?;
    let caller = call.caller()?;
    let is_own = match &caller.role {
        Role::Owner { .. } => true,
        Role::App { app: own, .. } => *own == app,
        Role::Member { .. } | Role::Visitor => false,
    };
    let key = match is_own {
        true => call.front.hooks().app_key(caller.site, app.clone(), KeyNeed::Known).await?,
        false => None,
    };
    let key = key.ok_or_else(unknown)?;
    let body = json!({"appId": app, "keys": [key.public_jwk], "publicKeyPem": key.public_pem});
    Reply::stateless(Kind::Json, body.to_string())
}

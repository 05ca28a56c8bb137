//! OAuth clients: the applications of a site that let visitors and members in.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use crate::actors::registry::{ClientRecord, ClientWish, RegistryError};
use crate::domain::ClientId;
use crate::domain::limits::{IMAGE_URL_BYTES_MAX, NAME_BYTES_MAX, REDIRECT_URIS_PER_CLIENT_MAX};
use crate::wire::time::time_text;

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let name = faults.needed_text(&root.child("name"), NAME_BYTES_MAX);
    let redirect_uris = redirect_uris(&root.child("redirectUris"), &mut faults);
    faults.done()?;
    let (id, site) = (ClientId::from(call.front.new_uuid()), call.caller()?.site);
    let name = name.unwrap_or_default().to_owned();
    let wish = ClientWish { id, site, name, redirect_uris };
    let client = call.desk()?.registry.create_client(wish).await.map_err(refused)?;
    Reply::stateless(Kind::Json, json!({"client": shape(&client)}).to_string())
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let clients = call.desk()?.registry.clients(call.caller()?.site);
    let clients: Vec<Value> = clients.iter().map(shape).collect();
    Reply::stateless(Kind::Json, json!({ "clients": clients }).to_string())
}

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let id = call.id("OAUTH_CLIENT_NOT_FOUND", "OAuth client")?;
    let site = call.caller()?.site;
    call.desk()?.registry.delete_client(site, id).await.map_err(refused)?;
    Reply::stateless(Kind::Json, "{}")
}

fn redirect_uris(node: &Node<'_>, faults: &mut Faults) -> Vec<String> {
    let uris = faults.texts(node, REDIRECT_URIS_PER_CLIENT_MAX, IMAGE_URL_BYTES_MAX);
    for (position, uri) in uris.iter().enumerate() {
        if let Err(why) = check_redirect(uri) {
            faults.add_at(format!("{}.{position}", node.path()), "FORMAT", why.to_owned(), None);
        }
    }
    let unique: BTreeSet<&String> = uris.iter().collect();
    if unique.len() < uris.len() {
        faults.add(node, "UNIQUE", "a redirect URI is named twice");
    }
    uris
}

/// What a code may be sent to: nothing that another application on the way could read.
fn check_redirect(text: &str) -> Result<(), &'static str> {
    let uri = Url::parse(text).map_err(|_| "a redirect URI is a whole URL")?;
    if uri.fragment().is_some() {
        return Err("a redirect URI has no fragment");
    }
    if !uri.username().is_empty() || uri.password().is_some() {
        return Err("a redirect URI has no user in it");
    }
    let is_local = matches!(uri.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match uri.scheme() {
        "https" => Ok(()),
        "http" if is_local => Ok(()),
        _ => Err("a redirect URI begins with https://, or with http:// on this machine"),
    }
}

fn refused(error: RegistryError) -> Problem {
    match error {
        RegistryError::ClientsFull { .. } => {
            let status = actix_web::http::StatusCode::TOO_MANY_REQUESTS;
            Problem::new(status, "OAUTH_CLIENT_LIMIT", error.to_string())
        }
        RegistryError::UnknownClient(_) => {
            Problem::not_found("OAUTH_CLIENT_NOT_FOUND", "OAuth client")
        }
        RegistryError::BadName => Problem::field("name", "FORMAT", error.to_string()),
        error => {
            tracing::error!("the registry did not change an OAuth client: {error}");
            Problem::unavailable("UNDONE", "the client could not be stored: try again")
        }
    }
}

fn shape(client: &ClientRecord) -> Value {
    json!({
        "id": client.id,
        "name": client.name,
        "redirectUris": client.redirect_uris,
        "createdDate": time_text(client.created),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_where_nobody_else_can_read_them() {
        for good in [
            "https://app.example/back",
            "https://app.example/back?keep=1",
            "http://localhost:3000/callback",
            "http://127.0.0.1/",
            "http://[::1]:8080/",
        ] {
            assert_eq!(check_redirect(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/back",
            "http://app.example/back",
            "http://localhost.example/back",
            "https://app.example/back#here",
            "https://ann@app.example/",
            "javascript:alert(1)",
            "app.example/back",
        ] {
            assert!(check_redirect(bad).is_err(), "{bad}");
        }
    }
}

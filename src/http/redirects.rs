//! Where a browser goes to log in and out: the platform's clients ask for an address, the browser
//! is sent there and comes back with a code.

use serde_json::{Map, Value, json};
use url::Url;

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::oauth;
use super::query_string;
use crate::actors::handle::Role;
use crate::actors::identity::PendingCode;
use crate::actors::registry::ClientRecord;
use crate::actors::tokens::TokenUse;
use crate::domain::ClientId;
use crate::domain::limits::{IMAGE_URL_BYTES_MAX, TOKEN_BYTES_MAX};

const AUTHORIZE: &str = "/oauth2/authorize";
const LOGOUT: &str = "/_api/iam/authentication/v1/logout";
/// SHA-256 in URL-safe base64.
const CHALLENGE_BYTES: usize = 43;

/// Where the code goes: behind `?`, which servers see, or behind `#`, which only the page does.
#[derive(Clone, Copy)]
enum ResponseMode {
    Query,
    Fragment,
}

const RESPONSE_MODES: &[(&str, ResponseMode)] =
    &[("query", ResponseMode::Query), ("fragment", ResponseMode::Fragment)];
const METHODS: &[(&str, ())] = &[("S256", ())];
const RESPONSE_TYPES: &[(&str, ())] = &[("code", ())];

/// `POST .../redirect-session`: the address to send a browser to.
pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let (auth, logout) = (root.child("auth"), root.child("logout"));
    let url = match (auth.is_there(), logout.is_there()) {
        (true, false) => authorize_url(&call, &auth.child("authRequest"))?,
        (false, true) => {
            let back = root.child("callbacks");
            log_out(&call, &logout, &back.child("postFlowUrl")).await?
        }
        (true, true) | (false, false) => {
            let detail = "one of auth and logout says what the browser is to do";
            return Err(Problem::field("", "ONE_OF", detail));
        }
    };
    let search: Map<String, Value> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), json!(value))).collect();
    let mut endpoint = url.clone();
    endpoint.set_query(None);
    let session = json!({
        "id": call.front.new_uuid(),
        "fullUrl": url.as_str(),
        "urlDetails": {"endpoint": endpoint.as_str(), "searchParams": search},
    });
    Reply::stateless(Kind::Json, json!({ "redirectSession": session }).to_string())
}

fn authorize_url(call: &Call, request: &Node<'_>) -> Result<Url, Problem> {
    const FIELDS: [(&str, &str); 8] = [
        ("clientId", "client_id"),
        ("redirectUri", "redirect_uri"),
        ("codeChallenge", "code_challenge"),
        ("codeChallengeMethod", "code_challenge_method"),
        ("responseMode", "response_mode"),
        ("responseType", "response_type"),
        ("state", "state"),
        ("sessionToken", "session_token"),
    ];
    let mut faults = Faults::new();
    faults.needed_text(&request.child("clientId"), TOKEN_BYTES_MAX);
    faults.needed_text(&request.child("redirectUri"), IMAGE_URL_BYTES_MAX);
    let mut url = here(call, AUTHORIZE)?;
    for (field, parameter) in FIELDS {
        if let Some(text) = faults.text(&request.child(field), TOKEN_BYTES_MAX) {
            url.query_pairs_mut().append_pair(parameter, text);
        }
    }
    faults.done()?;
    Ok(url)
}

/// The member's logins through the client end now; the browser only has to come back.
async fn log_out(call: &Call, logout: &Node<'_>, back: &Node<'_>) -> Result<Url, Problem> {
    let mut faults = Faults::new();
    let client: Option<ClientId> = faults.needed_id(&logout.child("clientId"));
    let back = faults.text(back, IMAGE_URL_BYTES_MAX);
    faults.done()?;
    end_logins(call, client).await?;
    let mut url = here(call, LOGOUT)?;
    let client = client.map(|client| client.to_string()).unwrap_or_default();
    url.query_pairs_mut().append_pair("clientId", &client);
    if let Some(back) = back {
        url.query_pairs_mut().append_pair("postLogoutRedirectUri", back);
    }
    Ok(url)
}

async fn end_logins(call: &Call, client: Option<ClientId>) -> Result<(), Problem> {
    let Ok(caller) = call.caller() else { return Ok(()) };
    let Role::Member { member } = caller.role else { return Ok(()) };
    Ok(call
        .desk()?
        .identity
        .accounts
        .end_logins(caller.site, member, client, call.front.now())
        .await?)
}

/// `GET .../logout`: ends the logins of the member whose token comes along, and sends a browser
/// back to the application, if it is one of the client's own addresses.
pub async fn logout(call: Call) -> Result<Reply, Problem> {
    let query = call.query()?;
    let root = Node::root(&query);
    let mut faults = Faults::new();
    let client: Option<ClientId> = faults.id(&root.child("clientId"));
    let back = faults.text(&root.child("postLogoutRedirectUri"), IMAGE_URL_BYTES_MAX);
    faults.done()?;
    end_logins(&call, client).await?;
    let client = client.map(|id| oauth::client(&call, id)).transpose()?;
    match (client, back) {
        (Some(client), Some(back)) if is_of(&client, back) => {
            Reply::stateless(Kind::Redirect, back.to_owned())
        }
        (_, Some(_)) => {
            let detail = "an address of the client named by clientId is needed";
            Err(Problem::field("postLogoutRedirectUri", "NOT_ALLOWED", detail))
        }
        (_, None) => Reply::stateless(Kind::Json, "{}"),
    }
}

/// A page of the application, wherever on it: nothing secret goes there.
pub(super) fn is_of(client: &ClientRecord, back: &str) -> bool {
    let Ok(back) = Url::parse(back) else { return false };
    let own = client.redirect_uris.iter().filter_map(|own| Url::parse(own).ok());
    back.has_host() && own.into_iter().any(|own| own.origin() == back.origin())
}

/// `GET /oauth2/authorize`: back to the application with a code for the session that is shown.
pub async fn authorize(call: Call) -> Result<Reply, Problem> {
    let query = query_string::parse(&call.query)?;
    let root = Node::root(&query);
    let mut faults = Faults::new();
    let client: Option<ClientId> = faults.needed_id(&root.child("client_id"));
    let redirect_uri = faults.needed_text(&root.child("redirect_uri"), IMAGE_URL_BYTES_MAX);
    faults.done()?;
    let Some((client, redirect_uri)) = client.zip(redirect_uri) else {
        return Err(Problem::internal());
    };
    let client = oauth::client(&call, client)?;
    // Before anything is sent there, an error not either.
    if !client.redirect_uris.iter().any(|own| own == redirect_uri) {
        let detail = "the OAuth client does not name this redirect URI";
        return Err(Problem::field("redirect_uri", "NOT_ALLOWED", detail));
    }
    let mut faults = Faults::new();
    let mode = faults.choice(&root.child("response_mode"), RESPONSE_MODES);
    faults.choice(&root.child("response_type"), RESPONSE_TYPES);
    faults.choice(&root.child("code_challenge_method"), METHODS);
    let challenge = faults.needed_text(&root.child("code_challenge"), CHALLENGE_BYTES);
    let state = faults.text(&root.child("state"), TOKEN_BYTES_MAX);
    let session = faults.text(&root.child("session_token"), TOKEN_BYTES_MAX);
    faults.done()?;
    let pending = Pending { client: &client, redirect_uri, challenge: challenge.unwrap_or("") };
    let answer = match code(&call, pending, session) {
        Ok(code) => [("code", code), ("state", state.unwrap_or("").to_owned())],
        Err(error) => [("error", error.to_owned()), ("state", state.unwrap_or("").to_owned())],
    };
    let back = with(redirect_uri, mode.unwrap_or(ResponseMode::Query), &answer)?;
    Reply::stateless(Kind::Redirect, back)
}

struct Pending<'a> {
    client: &'a ClientRecord,
    redirect_uri: &'a str,
    challenge: &'a str,
}

/// A code, or the error of the standard that says why not.
fn code(call: &Call, pending: Pending<'_>, session: Option<&str>) -> Result<String, &'static str> {
    let Pending { client, redirect_uri, challenge } = pending;
    let (desk, now) = (call.desk().map_err(|_| "temporarily_unavailable")?, call.front.now());
    let session = session.ok_or("login_required")?;
    let proven = desk.registry.prove_token(session, now).ok_or("login_required")?;
    if proven.grant.token_use != TokenUse::Session || proven.site != client.site {
        return Err("login_required");
    }
    let pending = PendingCode {
        site: client.site,
        member: proven.member(),
        client: client.id,
        redirect_uri: redirect_uri.to_owned(),
        challenge: challenge.to_owned(),
    };
    desk.identity.codes.add(pending, now).map_err(|_| "temporarily_unavailable")
}

fn with(
    redirect_uri: &str,
    mode: ResponseMode,
    answer: &[(&str, String)],
) -> Result<String, Problem> {
    let mut url = Url::parse(redirect_uri).map_err(|_| Problem::internal())?;
    match mode {
        ResponseMode::Query => {
            url.query_pairs_mut().extend_pairs(answer);
        }
        ResponseMode::Fragment => {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            url.set_fragment(Some(&pairs.extend_pairs(answer).finish()));
        }
    }
    Ok(url.into())
}

/// An address of this process as the caller reaches it.
fn here(call: &Call, path: &str) -> Result<Url, Problem> {
    let host = Url::parse(&format!("http://{}", call.host)).ok().filter(Url::has_host);
    let host = host.filter(|url| url.path() == "/" && url.username().is_empty());
    let host =
        host.ok_or_else(|| Problem::bad_request("BAD_HOST", "the Host header is no host"))?;
    host.join(path).map_err(|_| Problem::internal())
}

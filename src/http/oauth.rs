//! Tokens of OAuth 2.0: for visitors, for members with a code, renewed; and what a token is.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::call::{Call, Kind, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::tokens::check_status;
use crate::actors::identity::{IdentityDesk, PendingCode};
use crate::actors::registry::ClientRecord;
use crate::actors::tokens::{Grant, ProvenToken, TokenUse};
use crate::core::query::{Query, View, Viewer};
use crate::domain::limits::{IMAGE_URL_BYTES_MAX, TOKEN_BYTES_MAX};
use crate::domain::{ClientId, MemberId, SiteId};

/// `POST /oauth2/token`: what is granted depends on `grantType`.
pub async fn token(call: Call) -> Result<Reply, Problem> {
    let body = unpacked(call.json()?)?;
    let mut faults = Faults::new();
    let wish = wish(&Node::root(&body), &mut faults);
    faults.done()?;
    let Some(wish) = wish else { return unexpected() };
    let granted = match wish {
        Wish::Anonymous { client } => visitor(&call, client)?,
        Wish::Refresh { token } => renewed(&call, &token).await?,
        Wish::Code(shown) => member(&call, shown).await?,
    };
    Reply::stateless(Kind::Json, granted.to_string())
}

enum Wish {
    Anonymous { client: ClientId },
    Refresh { token: String },
    Code(ShownCode),
}

/// A code, and what proves that it was meant for whoever shows it.
struct ShownCode {
    client: ClientId,
    code: String,
    redirect_uri: String,
    verifier: String,
}

#[derive(Clone, Copy)]
enum GrantType {
    Anonymous,
    Refresh,
    Code,
}

const GRANT_TYPES: &[(&str, GrantType)] = &[
    ("anonymous", GrantType::Anonymous),
    ("refresh_token", GrantType::Refresh),
    ("authorization_code", GrantType::Code),
];

/// Clients of the platform write `grantType`, the standard `grant_type`: both are taken.
fn wish(root: &Node<'_>, faults: &mut Faults) -> Option<Wish> {
    let grant_type = either(root, "grantType", "grant_type");
    if !grant_type.is_there() {
        faults.needed_text(&grant_type, TOKEN_BYTES_MAX);
        return None;
    }
    match faults.choice(&grant_type, GRANT_TYPES)? {
        GrantType::Anonymous => {
            let client = faults.needed_id(&either(root, "clientId", "client_id"));
            client.map(|client| Wish::Anonymous { client })
        }
        GrantType::Refresh => {
            let token = either(root, "refreshToken", "refresh_token");
            let token = faults.needed_text(&token, TOKEN_BYTES_MAX)?.to_owned();
            Some(Wish::Refresh { token })
        }
        GrantType::Code => {
            let client = faults.needed_id(&either(root, "clientId", "client_id"));
            let mut text = |one, other, bytes_max| -> Option<String> {
                faults.needed_text(&either(root, one, other), bytes_max).map(str::to_owned)
            };
            let code = text("code", "code", TOKEN_BYTES_MAX);
            let redirect_uri = text("redirectUri", "redirect_uri", IMAGE_URL_BYTES_MAX);
            let verifier = text("codeVerifier", "code_verifier", TOKEN_BYTES_MAX);
            let (client, code, redirect_uri, verifier) = (client?, code?, redirect_uri?, verifier?);
            Some(Wish::Code(ShownCode { client, code, redirect_uri, verifier }))
        }
    }
}

fn either<'a>(root: &'a Node<'a>, one: &'a str, other: &'a str) -> Node<'a> {
    let node = root.child(one);
    if node.is_there() { node } else { root.child(other) }
}

fn visitor(call: &Call, id: ClientId) -> Result<Value, Problem> {
    let client = client(call, id)?;
    let subject = call.front.new_uuid();
    let grant = |token_use| Grant { token_use, subject, client: Some(id), login: None };
    let refresh = issue(call, client.site, grant(TokenUse::VisitorRefresh))?.0;
    granted(call, client.site, grant(TokenUse::Visitor), refresh)
}

/// The refresh token stays what it is: the platform's clients keep the first one for ever.
async fn renewed(call: &Call, token: &str) -> Result<Value, Problem> {
    let desk = call.desk()?;
    let proven = desk.registry.prove_token(token, call.front.now()).ok_or_else(invalid_grant)?;
    let Grant { token_use, subject, client: id, login } = proven.grant;
    client(call, id.ok_or_else(invalid_grant)?).map_err(|_| invalid_grant())?;
    let token_use = match token_use {
        TokenUse::VisitorRefresh => TokenUse::Visitor,
        TokenUse::MemberRefresh => {
            let login = login.ok_or_else(invalid_grant)?;
            check_login(call, desk, &proven, login).await?;
            TokenUse::Member
        }
        TokenUse::Member
        | TokenUse::Visitor
        | TokenUse::Session
        | TokenUse::Approval
        | TokenUse::Recovery => {
            return Err(invalid_grant());
        }
    };
    let grant = Grant { token_use, subject, client: id, login };
    granted(call, proven.site, grant, token.to_owned())
}

async fn check_login(
    call: &Call,
    desk: &IdentityDesk,
    proven: &ProvenToken,
    login: Uuid,
) -> Result<(), Problem> {
    if !desk.identity.accounts.has_login(proven.site, proven.member(), login).await? {
        return Err(invalid_grant());
    }
    check_member(call, proven.site, proven.member()).await
}

async fn member(call: &Call, shown: ShownCode) -> Result<Value, Problem> {
    let (desk, now) = (call.desk()?, call.front.now());
    let ShownCode { client: id, code, redirect_uri, verifier } = shown;
    // Taken whatever comes of it: nobody may try twice.
    let pending = desk.identity.codes.take(&code, now).map_err(|_| invalid_grant())?;
    let PendingCode { site, member, client: meant, redirect_uri: told, challenge } = pending;
    let shown = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let is_proven: bool = shown.as_bytes().ct_eq(challenge.as_bytes()).into();
    if meant != id || told != redirect_uri || !is_proven {
        return Err(invalid_grant());
    }
    client(call, id).map_err(|_| invalid_grant())?;
    check_member(call, site, member).await?;
    let login = desk.identity.accounts.begin_login(site, member, id, now).await?;
    let (subject, client, login) = (member.uuid(), Some(id), Some(login));
    let grant = |token_use| Grant { token_use, subject, client, login };
    let refresh = issue(call, site, grant(TokenUse::MemberRefresh))?.0;
    granted(call, site, grant(TokenUse::Member), refresh)
}

/// Whether a member may log in as things are now.
async fn check_member(call: &Call, site: SiteId, id: MemberId) -> Result<(), Problem> {
    let stopped = || Problem::from(crate::actors::handle::CallError::Stopped);
    let site = call.front.site(site).ok_or_else(stopped)?;
    let query = Query::Member { id, viewer: Viewer::Owner };
    let answer = site.query(query).await.map_err(|_| invalid_grant())?;
    let View::Member(facts) = answer.value else { return unexpected() };
    check_status(facts.status)
}

pub(super) fn client(call: &Call, id: ClientId) -> Result<ClientRecord, Problem> {
    let unknown = || Problem::bad_request("invalid_client", "there is no such OAuth client");
    call.desk()?.registry.client(id).ok_or_else(unknown)
}

pub(super) fn issue(call: &Call, site: SiteId, grant: Grant) -> Result<(String, i64), Problem> {
    call.desk()?.registry.issue_token(site, grant, call.front.now()).map_err(|error| {
        tracing::error!(%site, "no token was issued: {error}");
        Problem::internal()
    })
}

fn granted(call: &Call, site: SiteId, grant: Grant, refresh: String) -> Result<Value, Problem> {
    let (access, expires_in) = issue(call, site, grant)?;
    Ok(json!({
        "access_token": access,
        "refresh_token": refresh,
        "expires_in": expires_in,
        "token_type": "Bearer",
    }))
}

/// Wrong, old, used, ended, of somebody else: which of these is nobody's business.
fn invalid_grant() -> Problem {
    Problem::bad_request("invalid_grant", "the code or the refresh token does not hold")
}

/// `POST /oauth2/token-info`: what the token in the body is, to whoever has it.
pub async fn token_info(call: Call) -> Result<Reply, Problem> {
    let body = unpacked(call.json()?)?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let token = faults.needed_text(&root.child("token"), TOKEN_BYTES_MAX);
    faults.done()?;
    let proven = call.desk()?.registry.prove_token(token.unwrap_or_default(), call.front.now());
    let info = proven.map_or_else(|| json!({"active": false, "subjectType": "UNKNOWN"}), info);
    Reply::stateless(Kind::Json, info.to_string())
}

/// The platform's module for these routes packs a whole request into its own: what counts is its
/// `body`, in base64.
fn unpacked(body: Value) -> Result<Value, Problem> {
    let Some(packed) = body.get("body").and_then(Value::as_str) else { return Ok(body) };
    let bytes = STANDARD.decode(packed).ok();
    let inner = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    inner.ok_or_else(|| Problem::field("body", "FORMAT", "body is a JSON object in base64"))
}

fn info(proven: ProvenToken) -> Value {
    let Grant { token_use, subject, client, .. } = proven.grant;
    let subject_type = match token_use {
        TokenUse::Member
        | TokenUse::MemberRefresh
        | TokenUse::Session
        | TokenUse::Approval
        | TokenUse::Recovery => "MEMBER",
        TokenUse::Visitor | TokenUse::VisitorRefresh => "VISITOR",
    };
    let mut info = json!({
        "active": true,
        "subjectType": subject_type,
        "subjectId": subject,
        "iat": proven.issued.unix_ms.div_euclid(1_000).to_string(),
        "exp": proven.expires.unix_ms.div_euclid(1_000).to_string(),
        "siteId": proven.site,
    });
    if let Some(client) = client {
        info["clientId"] = json!(client);
    }
    info
}

/// `GET /oauth2/jwks`: tokens are signed with a secret of the site, so there is no key to publish;
/// `token-info` says what one is.
pub async fn jwks(_: Call) -> Result<Reply, Problem> {
    Reply::stateless(Kind::Json, json!({"keys": []}).to_string())
}

/// `GET /oauth2/user-info`: the member of the token, as OpenID Connect names things.
pub async fn user_info(call: Call) -> Result<Reply, Problem> {
    let id = call.acting_member()?;
    let answer = call.ask(Query::Member { id, viewer: Viewer::Member(id) }).await?;
    let View::Member(facts) = answer.value else { return unexpected() };
    let profile = &facts.profile;
    let claims = [
        ("sub", Some(id.to_string())),
        ("email", facts.login_email.clone()),
        ("givenName", profile.contact.first_name.clone()),
        ("familyName", profile.contact.last_name.clone()),
        ("name", profile.nickname.clone()),
        ("picture", profile.photo.as_ref().map(|photo| photo.url.clone())),
    ];
    let known = claims.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut body: Value = known.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let site = call.caller()?.site;
    body["emailVerified"] = json!(call.desk()?.identity.accounts.is_verified(site, id).await?);
    Reply::json(answer.seq, &body)
}

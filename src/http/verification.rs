//! What goes through a mailbox: codes that verify an address, and tokens that set a new password.

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::call::{Call, Kind, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::oauth::{client, issue};
use super::redirects::is_of;
use super::sign_on::{Enrolment, enrol, facts_of, member_of, new_password, state};
use crate::actors::identity::{EmailProof, Letter, Mail, Verified};
use crate::actors::tokens::{Grant, TokenUse};
use crate::core::query::{Query, View, Viewer};
use crate::domain::limits::{
    EMAIL_BYTES_MAX, IMAGE_URL_BYTES_MAX, TOKEN_BYTES_MAX, VERIFICATION_CODE_CHARS,
};
use crate::domain::{ClientId, MemberId};
use crate::wire::time::time_text;

/// `POST .../start`: mails a code to the member of the token.
pub async fn start(call: Call) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    let query = Query::Member { id: member, viewer: Viewer::Member(member) };
    let View::Member(facts) = call.ask(query).await?.value else { return unexpected() };
    let Some(email) = &facts.login_email else {
        return Err(Problem::bad_request("NO_LOGIN_EMAIL", "the member has no login e-mail"));
    };
    let (identity, now) = (&call.desk()?.identity, call.front.now());
    let verified = Verified::Member(member);
    let id = identity.begin_verification(call.caller()?.site, email, verified, now).await?;
    Reply::stateless(Kind::Json, json!({ "verificationId": id }).to_string())
}

/// `POST .../auth/verify`: the code of a mail, and what was answered when it was sent.
pub async fn verify(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let code = faults.needed_text(&root.child("code"), VERIFICATION_CODE_CHARS);
    let token = faults.needed_text(&root.child("stateToken"), TOKEN_BYTES_MAX);
    faults.done()?;
    let (code, token) = (code.unwrap_or_default(), token.unwrap_or_default());
    let (identity, site) = (&call.desk()?.identity, call.caller()?.site);
    let verified = identity.verifications.end(site, token, code, call.front.now());
    match verified.ok_or_else(failed)? {
        Verified::Registration { new, password } => {
            let enrolment = Enrolment { new: *new, password, proof: EmailProof::Given };
            enrol(&call, enrolment).await
        }
        Verified::Member(member) => {
            identity.accounts.set_verified(site, member).await?;
            let (seq, facts) = facts_of(&call, member).await?;
            state(&call, seq, &facts).await
        }
    }
}

pub(super) fn failed() -> Problem {
    let detail = "the code is wrong, was used, or is too old";
    Problem::new(StatusCode::BAD_REQUEST, "VERIFICATION_FAILED", detail)
}

/// `POST .../send-email`: answered alike and as soon whether anybody has the address.
pub async fn send_recovery(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let email = faults.needed_text(&root.child("email"), EMAIL_BYTES_MAX);
    let back = Back::read(&root.child("redirect"), &mut faults);
    faults.done()?;
    let email = email.unwrap_or_default();
    let link = back.checked(&call)?;
    call.desk()?.identity.count_mail(call.caller()?.site, email, call.front.now())?;
    if let Some(member) = member_of(&call, email).await? {
        mail_later(&call, member, email.to_owned(), link).await?;
    }
    Reply::stateless(Kind::Json, "{}")
}

/// `POST .../activation-email`: the same to a member that an application names.
pub async fn send_activation(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let member: Option<MemberId> = faults.needed_id(&root.child("identityId"));
    let options = root.child("emailOptions");
    let back = Back::read(&options.child("redirect"), &mut faults);
    faults.done()?;
    let Some(member) = member else { return unexpected() };
    let link = back.checked(&call)?;
    let (_, facts) = facts_of(&call, member).await?;
    let Some(email) = facts.login_email.clone() else {
        return Err(Problem::bad_request("NO_LOGIN_EMAIL", "the member has no login e-mail"));
    };
    call.desk()?.identity.count_mail(call.caller()?.site, &email, call.front.now())?;
    mail_later(&call, member, email, link).await?;
    Reply::stateless(Kind::Json, "{}")
}

/// Where the application wants to be shown the token.
struct Back {
    url: Option<String>,
    client: Option<ClientId>,
}

impl Back {
    fn read(node: &Node<'_>, faults: &mut Faults) -> Back {
        let url = faults.text(&node.child("url"), IMAGE_URL_BYTES_MAX).map(str::to_owned);
        Back { url, client: faults.id(&node.child("clientId")) }
    }

    /// Only an address of the client may get a token.
    fn checked(self, call: &Call) -> Result<Option<Url>, Problem> {
        let Some(url) = self.url else { return Ok(None) };
        let site = call.caller()?.site;
        let client = self.client.map(|id| client(call, id)).transpose()?;
        let own = client.filter(|client| client.site == site);
        match (own, Url::parse(&url)) {
            (Some(client), Ok(parsed)) if is_of(&client, &url) => Ok(Some(parsed)),
            (_, _) => {
                let detail = "an address of the client named by redirect.clientId is needed";
                Err(Problem::field("redirect.url", "NOT_ALLOWED", detail))
            }
        }
    }
}

/// Behind the answer: how long it takes would tell that there is somebody.
pub(super) async fn mail_later(
    call: &Call,
    member: MemberId,
    email: String,
    link: Option<Url>,
) -> Result<(), Problem> {
    let (site, now) = (call.caller()?.site, call.front.now());
    let identity = call.desk()?.identity.clone();
    let mark = identity.accounts.mark(site, member).await?;
    let grant = Grant { token_use: TokenUse::Recovery, login: Some(mark), ..Grant::member(member) };
    let token = issue(call, site, grant)?.0;
    actix_web::rt::spawn(async move {
        let link = link.map(|mut link| {
            link.query_pairs_mut().append_pair("recoveryToken", &token);
            String::from(link)
        });
        let letter = Letter::with_recovery(&email, link.as_deref(), &token);
        if let Err(error) = identity.mails.send(site, letter, now).await {
            tracing::error!(%site, %member, "no mail went to member {member}: {error}");
        }
    });
    Ok(())
}

/// `POST .../recover`: a new password for the token of a mail, once.
pub async fn recover(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let token = faults.needed_text(&root.child("recoveryToken"), TOKEN_BYTES_MAX);
    let password = new_password(&root.child("password"), &mut faults);
    faults.done()?;
    let (desk, site) = (call.desk()?, call.caller()?.site);
    let proven = desk.registry.prove_token(token.unwrap_or_default(), call.front.now());
    let proven =
        proven.filter(|proven| proven.site == site && proven.grant.token_use == TokenUse::Recovery);
    let proven = proven.ok_or_else(not_recovered)?;
    let member = proven.member();
    let (seq, facts) = facts_of(&call, member).await.map_err(|_| not_recovered())?;
    let password = desk.identity.passwords.hash(password).await?;
    let mark = proven.grant.login.ok_or_else(not_recovered)?;
    if !desk
        .identity
        .accounts
        .replace_password(site, member, mark, password, call.front.now())
        .await?
    {
        return Err(not_recovered());
    }
    state(&call, seq, &facts).await
}

fn not_recovered() -> Problem {
    let detail = "the recovery token is wrong, was used, or is too old";
    Problem::new(StatusCode::BAD_REQUEST, "RECOVERY_FAILED", detail)
}

/// `GET /v1/outbox`: what would have been mailed. It holds codes and tokens, so it is the owner's.
pub async fn outbox(call: Call) -> Result<Reply, Problem> {
    let mails = call.desk()?.identity.mails.list(call.caller()?.site).await?;
    let shape = |mail: &Mail| {
        json!({
            "id": Uuid::from_bytes(mail.id),
            "to": mail.to,
            "subject": mail.subject,
            "text": mail.text,
            "createdDate": time_text(mail.created),
        })
    };
    let mails: Vec<Value> = mails.iter().map(shape).collect();
    Reply::stateless(Kind::Json, json!({ "mails": mails }).to_string())
}

/// `DELETE /v1/outbox`.
pub async fn clear_outbox(call: Call) -> Result<Reply, Problem> {
    let count = call.desk()?.identity.mails.clear(call.caller()?.site).await?;
    Reply::stateless(Kind::Json, json!({ "deleted": count }).to_string())
}

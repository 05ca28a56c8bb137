//! Registering, logging in and letting in as clients of the platform's older module spell it, on
//! the same accounts and rules.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::call::{Call, Kind, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::member_input::{MemberReader, Source};
use super::oauth::issue;
use super::sign_on::{
    EMAIL_TAKEN, Enrolment, enrolled, judged, member_of, new_password, session, taken,
};
use super::tokens::check_status;
use super::verification::{failed, mail_later};
use crate::actors::identity::{EmailProof, Verified};
use crate::actors::tokens::{Grant, TokenUse};
use crate::core::query::Outcome;
use crate::domain::command::{NewMember, ProfilePatch};
use crate::domain::event::{MemberFacts, MemberOrigin};
use crate::domain::limits::{
    EMAIL_BYTES_MAX, PASSWORD_BYTES_MAX, PROFILE_TEXT_BYTES_MAX, TOKEN_BYTES_MAX,
    VERIFICATION_CODE_CHARS,
};
use crate::domain::moderation::{Act, Terms};
use crate::domain::profile::{PrivacyStatus, Status};
use crate::domain::{Command, MemberId};
use crate::wire::time::time_text;

/// Lets a member in that its id, its e-mail or its approval token names. For the owner's key alone:
/// what it answers with lets in as that member.
pub async fn approve(call: Call) -> Result<Reply, Problem> {
    let member = named(&call, Named::WithToken).await?;
    moderate(&call, member, Act::Approve).await?;
    let body = json!({"session": {"token": session(&call, member)?}});
    Reply::stateless(Kind::Json, body.to_string())
}

pub async fn block(call: Call) -> Result<Reply, Problem> {
    let member = named(&call, Named::WithoutToken).await?;
    Reply::empty(moderate(&call, member, Act::Block).await?)
}

pub async fn change_login_email(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let (node, new_uuid) = (root.child("newEmail"), || call.front.new_uuid());
    faults.needed_text(&node, EMAIL_BYTES_MAX);
    let email = MemberReader { faults: &mut faults, new_uuid: &new_uuid }.email(&node);
    let ends_logins = faults.flag(&root.child("revokeCurrentSessions")).unwrap_or(false);
    faults.done()?;
    let patch = Box::new(ProfilePatch { login_email: email, ..ProfilePatch::default() });
    let answer = call.command(Command::UpdateProfile { member, patch }).await?;
    let Outcome::Member(facts) = answer.value else { return unexpected() };
    let (accounts, site) = (&call.desk()?.identity.accounts, call.caller()?.site);
    if ends_logins {
        accounts.end_logins(site, member, None, call.front.now()).await?;
    }
    Reply::json(answer.seq, &json!({"member": shape(&call, &facts).await?}))
}

pub async fn login(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let email = faults.needed_text(&root.child("email"), EMAIL_BYTES_MAX);
    let password = faults.needed_text(&root.child("password"), PASSWORD_BYTES_MAX);
    faults.done()?;
    let (email, password) = (email.unwrap_or_default(), password.unwrap_or_default());
    let (seq, facts) = judged(&call, email, password).await?;
    check_status(facts.status)?;
    let session = json!({"token": session(&call, facts.id)?});
    Reply::json(seq, &json!({"session": session, "member": shape(&call, &facts).await?}))
}

/// Where the address is to be verified, the first call is refused with what belongs to the code
/// that was mailed; the second brings both.
pub async fn register(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let new = new_member(&call, &root, &mut faults);
    let password = new_password(&root.child("password"), &mut faults);
    let proof = proof(&root.child("emailVerification"), &mut faults);
    faults.done()?;
    let (identity, site) = (&call.desk()?.identity, call.caller()?.site);
    if let Some((id, code)) = proof {
        let verified = identity.verifications.end(site, &id, &code, call.front.now());
        let Some(Verified::Registration { new, password }) = verified else { return Err(failed()) };
        let enrolment = Enrolment { new: *new, password, proof: EmailProof::Given };
        return registered(&call, enrolment).await;
    }
    let password = identity.passwords.hash(password).await?;
    if !identity.accounts.policy(site).await?.require_email_verification {
        let proof = EmailProof::Missing;
        return registered(&call, Enrolment { new, password, proof }).await;
    }
    let email = new.login_email.clone().unwrap_or_default();
    if member_of(&call, &email).await?.is_some() {
        return Err(taken(Problem::bad_request(EMAIL_TAKEN, "the e-mail is a member's already")));
    }
    let verified = Verified::Registration { new: Box::new(new), password };
    let id = identity.begin_verification(site, &email, verified, call.front.now()).await?;
    let detail = "a code was mailed: register again with it and with verificationId";
    let required = Problem::new(StatusCode::FORBIDDEN, "EMAIL_VERIFICATION_REQUIRED", detail);
    Err(required.with("verificationId", json!(id)))
}

/// A mail that lets a member set a password; answered alike whether anybody has the address.
pub async fn send_set_password(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let email = faults.needed_text(&root.child("email"), EMAIL_BYTES_MAX);
    faults.done()?;
    let email = email.unwrap_or_default();
    call.desk()?.identity.count_mail(call.caller()?.site, email, call.front.now())?;
    if let Some(member) = member_of(&call, email).await? {
        mail_later(&call, member, email.to_owned(), None).await?;
    }
    Reply::stateless(Kind::Json, json!({"accepted": true}).to_string())
}

async fn registered(call: &Call, enrolment: Enrolment) -> Result<Reply, Problem> {
    let (seq, facts) = enrolled(call, enrolment).await?;
    let mut body = json!({"member": shape(call, &facts).await?});
    match facts.status {
        Status::Pending => {
            let grant = Grant { token_use: TokenUse::Approval, ..Grant::member(facts.id) };
            body["approvalToken"] = json!(issue(call, call.caller()?.site, grant)?.0);
        }
        Status::Approved | Status::Blocked | Status::Offline | Status::Deleted => {
            body["session"] = json!({"token": session(call, facts.id)?});
        }
    }
    Reply::json(seq, &body)
}

async fn moderate(call: &Call, member: MemberId, act: Act) -> Result<u64, Problem> {
    let by = call.app().ok().map(|app| app.to_string());
    let terms = Terms { by, ..Terms::default() };
    Ok(call.command(Command::Moderate { member, act, terms }).await?.seq)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    WithToken,
    WithoutToken,
}

/// The member whom the body names in one of several ways.
async fn named(call: &Call, by: Named) -> Result<MemberId, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let id: Option<MemberId> = faults.id(&root.child("id"));
    let email = faults.text(&root.child("email"), EMAIL_BYTES_MAX);
    let token = faults.text(&root.child("token"), TOKEN_BYTES_MAX);
    if !["id", "email", "token"].iter().any(|name| root.child(name).is_there()) {
        faults.add(&root.child("id"), "REQUIRED", "a member is named by id or email");
    }
    faults.done()?;
    let site = call.caller()?.site;
    let found = match (id, email, token) {
        (Some(id), _, _) => Some(id),
        (None, Some(email), _) => member_of(call, email).await?,
        (None, None, Some(token)) if by == Named::WithToken => {
            let proven = call.desk()?.registry.prove_token(token, call.front.now());
            let is_it = |proven: &crate::actors::tokens::ProvenToken| {
                proven.site == site && proven.grant.token_use == TokenUse::Approval
            };
            proven.filter(is_it).map(|proven| proven.member())
        }
        (None, None, _) => None,
    };
    found.ok_or_else(|| Problem::not_found("MEMBER_NOT_FOUND", "member"))
}

fn new_member(call: &Call, root: &Node<'_>, faults: &mut Faults) -> NewMember {
    let (email, contact) = (root.child("email"), root.child("contactInfo"));
    faults.needed_text(&email, EMAIL_BYTES_MAX);
    let privacy = faults.choice(&root.child("profilePrivacyStatus"), PRIVACY_NAMES);
    let new_uuid = || call.front.new_uuid();
    let mut reader = MemberReader { faults, new_uuid: &new_uuid };
    let nothing = Value::Null;
    let mut new = reader.new_member(&Node::root(&nothing), Source::Creation);
    new.login_email = reader.email(&email);
    let into = &mut new.profile.contact;
    into.first_name = reader.filled(&contact.child("firstName"), PROFILE_TEXT_BYTES_MAX);
    into.last_name = reader.filled(&contact.child("lastName"), PROFILE_TEXT_BYTES_MAX);
    NewMember { privacy: privacy.flatten(), origin: MemberOrigin::SignUp, ..new }
}

/// `UNDEFINED` leaves it to the site.
const PRIVACY_NAMES: &[(&str, Option<PrivacyStatus>)] = &[
    ("UNDEFINED", None),
    ("PUBLIC", Some(PrivacyStatus::Public)),
    ("PRIVATE", Some(PrivacyStatus::Private)),
    ("COMMUNITY", Some(PrivacyStatus::Public)),
];

/// What was answered when a code was mailed, and the code.
fn proof(node: &Node<'_>, faults: &mut Faults) -> Option<(String, String)> {
    node.value()?;
    let id = faults.needed_text(&node.child("verificationId"), TOKEN_BYTES_MAX)?;
    let code = faults.needed_text(&node.child("otp"), VERIFICATION_CODE_CHARS)?;
    Some((id.to_owned(), code.to_owned()))
}

async fn shape(call: &Call, facts: &MemberFacts) -> Result<Value, Problem> {
    let site = call.caller()?.site;
    let is_verified = call.desk()?.identity.accounts.is_verified(site, facts.id).await?;
    let contact = &facts.profile.contact;
    let status = match facts.status {
        Status::Pending => "APPLICANT",
        Status::Approved => "ACTIVE",
        Status::Blocked => "BLOCKED",
        Status::Offline | Status::Deleted => "OFFLINE_ONLY",
    };
    let privacy = match facts.privacy {
        PrivacyStatus::Private => "PRIVATE",
        PrivacyStatus::Public => "PUBLIC",
    };
    Ok(json!({
        "id": facts.id,
        "contactId": facts.id,
        "emailVerified": is_verified,
        "role": "MEMBER",
        "loginEmail": facts.login_email,
        "memberName": facts.profile.nickname,
        "nickname": facts.profile.nickname,
        "firstName": contact.first_name,
        "lastName": contact.last_name,
        "profilePrivacyStatus": privacy,
        "slug": facts.slug,
        "status": status,
        "creationDate": time_text(facts.created_at),
        "lastUpdateDate": time_text(facts.updated_at),
        "emails": contact.emails,
        "phones": contact.phones,
    }))
}

//! Registering and logging in, as the platform's clients do it: a state machine whose steps answer
//! with a session token once nothing is missing.

use std::sync::Arc;

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::call::{Call, Kind, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::member_input::{MemberReader, Source, is_email};
use super::names::PRIVACY_NAMES;
use super::oauth::issue;
use super::tokens::check_status;
use crate::actors::identity::{EmailProof, Offer, PasswordHash, Verified};
use crate::actors::tokens::{Grant, TokenUse};
use crate::core::query::{
    MemberFilter, MemberOrder, Outcome, Page, PageStart, Query, View, Viewer,
};
use crate::domain::command::NewMember;
use crate::domain::event::{MemberFacts, MemberOrigin};
use crate::domain::limits::{
    EMAIL_BYTES_MAX, NICKNAME_BYTES_MAX, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN,
    PROFILE_TEXT_BYTES_MAX,
};
use crate::domain::profile::Status;
use crate::domain::{Command, MemberId};
use crate::wire::time::time_text;

/// The code by which the platform's clients know that an e-mail is taken.
const EMAIL_EXISTS: &str = "-19995";
/// And the code by which the site does.
pub(super) const EMAIL_TAKEN: &str = "LOGIN_EMAIL_ALREADY_EXISTS";

/// `POST .../register`: a member with a password; pending where the owner wants to see it first,
/// and nobody yet where its address is to be verified.
pub async fn register(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let new = new_member(&call, &root, &mut faults);
    let password = new_password(&root.child("password"), &mut faults);
    faults.done()?;
    let (identity, site) = (&call.desk()?.identity, call.caller()?.site);
    let policy = identity.accounts.policy(site).await?;
    // An e-mail that is taken costs as much time as one that is free.
    let password = identity.passwords.hash(password).await?;
    if !policy.require_email_verification {
        return enrol(&call, Enrolment { new, password, proof: EmailProof::Missing }).await;
    }
    let email = new.login_email.clone().unwrap_or_default();
    if member_of(&call, &email).await?.is_some() {
        return Err(taken(Problem::bad_request(EMAIL_TAKEN, "the e-mail is a member's already")));
    }
    let waiting = json!({
        "id": new.id,
        "email": {"address": email, "isVerified": false},
        "status": {"name": "PENDING", "reasons": ["PENDING_EMAIL_VERIFICATION_REQUIRED"]},
    });
    let verified = Verified::Registration { new: Box::new(new), password };
    let now = call.front.now();
    let token = identity.begin_verification(site, &email, verified, now).await?;
    let body = json!({
        "state": "REQUIRE_EMAIL_VERIFICATION", "stateToken": token, "identity": waiting,
    });
    Reply::stateless(Kind::Json, body.to_string())
}

/// A member that is to be, with what proves it.
pub(super) struct Enrolment {
    pub new: NewMember,
    pub password: PasswordHash,
    pub proof: EmailProof,
}

pub(super) async fn enrol(call: &Call, enrolment: Enrolment) -> Result<Reply, Problem> {
    let (seq, facts) = enrolled(call, enrolment).await?;
    state(call, seq, &facts).await
}

pub(super) async fn enrolled(
    call: &Call,
    enrolment: Enrolment,
) -> Result<(u64, Arc<MemberFacts>), Problem> {
    let Enrolment { mut new, password, proof } = enrolment;
    let (identity, site, id) = (&call.desk()?.identity, call.caller()?.site, new.id);
    new.status = Some(match identity.accounts.policy(site).await?.require_owner_approval {
        true => Status::Pending,
        false => Status::Approved,
    });
    // First, so that no member is without the password that it was told it has.
    identity.accounts.set_password(site, id, password, proof, call.front.now()).await?;
    match call.command(Command::CreateMember(Box::new(new))).await {
        Ok(answer) => match answer.value {
            Outcome::Member(facts) => Ok((answer.seq, facts)),
            _ => unexpected(),
        },
        Err(problem) => {
            identity.accounts.forget(site, id).await?;
            Err(taken(problem))
        }
    }
}

pub(super) fn taken(problem: Problem) -> Problem {
    match problem.code() {
        EMAIL_TAKEN => {
            Problem::new(StatusCode::CONFLICT, EMAIL_EXISTS, problem.detail().to_owned())
        }
        _ => problem,
    }
}

/// `POST .../login`.
pub async fn login(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let login_id = root.child("loginId");
    let email = faults.needed_text(&login_id.child("email"), EMAIL_BYTES_MAX);
    let password = faults.needed_text(&root.child("password"), PASSWORD_BYTES_MAX);
    faults.done()?;
    let (email, password) = (email.unwrap_or_default(), password.unwrap_or_default());
    let (seq, facts) = judged(&call, email, password).await?;
    state(&call, seq, &facts).await
}

/// Whose e-mail and password these are.
pub(super) async fn judged(
    call: &Call,
    email: &str,
    password: &str,
) -> Result<(u64, Arc<MemberFacts>), Problem> {
    let (desk, site) = (call.desk()?, call.caller()?.site);
    let (member, password) = (member_of(call, email).await?, password.to_owned());
    let offer = Offer { site, email, member, password };
    let id = desk.identity.judge(offer, call.front.now()).await?;
    facts_of(call, id).await
}

pub(super) async fn facts_of(
    call: &Call,
    id: MemberId,
) -> Result<(u64, Arc<MemberFacts>), Problem> {
    let answer = call.site()?.query(Query::Member { id, viewer: Viewer::Owner }).await?;
    let View::Member(facts) = answer.value else { return unexpected() };
    Ok((answer.seq, facts))
}

/// `POST .../sign-on`: the site itself vouches for somebody, who becomes a member if there is none.
/// For the owner's key alone: it lets in as anybody, as a member token does.
pub async fn sign_on(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let new = new_member(&call, &root, &mut faults);
    faults.done()?;
    let email = new.login_email.clone().unwrap_or_default();
    let facts = match member_of(&call, &email).await? {
        Some(id) => facts_of(&call, id).await?.1,
        None => match call.command(Command::CreateMember(Box::new(new))).await?.value {
            Outcome::Member(facts) => facts,
            _ => return unexpected(),
        },
    };
    check_status(facts.status)?;
    let (token, identity) = (session(&call, facts.id)?, identity(&call, &facts).await?);
    let body = json!({"sessionToken": token, "identity": identity});
    Reply::stateless(Kind::Json, body.to_string())
}

/// `POST .../change-password`: all logins end, with this one.
pub async fn change_password(call: Call) -> Result<Reply, Problem> {
    let member = call.acting_member()?;
    let body = call.json()?;
    let mut faults = Faults::new();
    let password = new_password(&Node::root(&body).child("newPassword"), &mut faults);
    faults.done()?;
    // In the turn of this question it is judged whether the member still is one.
    call.ask(Query::Member { id: member, viewer: Viewer::Member(member) }).await?;
    let (identity, site) = (&call.desk()?.identity, call.caller()?.site);
    let password = identity.passwords.hash(password).await?;
    let (proof, now) = (EmailProof::Missing, call.front.now());
    identity.accounts.set_password(site, member, password, proof, now).await?;
    Reply::stateless(Kind::Json, "{}")
}

/// `POST .../validate-email`: its form alone. Whether mail arrives there is not asked of anybody.
pub async fn validate_email(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let email = faults.needed_text(&root.child("email"), EMAIL_BYTES_MAX);
    faults.done()?;
    let body = match email.is_some_and(is_email) {
        true => json!({"valid": true, "formatInvalid": false}),
        false => json!({"valid": false, "formatInvalid": true}),
    };
    Reply::stateless(Kind::Json, body.to_string())
}

fn new_member(call: &Call, root: &Node<'_>, faults: &mut Faults) -> NewMember {
    let (profile, login_id) = (root.child("profile"), root.child("loginId"));
    let login_email = login_id.child("email");
    faults.needed_text(&login_email, EMAIL_BYTES_MAX);
    let privacy = faults.choice(&profile.child("privacyStatus"), PRIVACY_NAMES);
    let new_uuid = || call.front.new_uuid();
    let mut reader = MemberReader { faults, new_uuid: &new_uuid };
    let nothing = Value::Null;
    let mut new = reader.new_member(&Node::root(&nothing), Source::Creation);
    new.login_email = reader.email(&login_email);
    let contact = &mut new.profile.contact;
    contact.first_name = reader.filled(&profile.child("firstName"), PROFILE_TEXT_BYTES_MAX);
    contact.last_name = reader.filled(&profile.child("lastName"), PROFILE_TEXT_BYTES_MAX);
    new.profile.nickname = reader.filled(&profile.child("nickname"), NICKNAME_BYTES_MAX);
    NewMember { privacy, origin: MemberOrigin::SignUp, ..new }
}

pub(super) fn new_password(node: &Node<'_>, faults: &mut Faults) -> String {
    let Some(password) = faults.needed_text(node, PASSWORD_BYTES_MAX) else {
        return String::new();
    };
    if password.chars().count() < PASSWORD_CHARS_MIN {
        let detail = format!("a password has at least {PASSWORD_CHARS_MIN} characters");
        let threshold = Some(PASSWORD_CHARS_MIN as i64);
        faults.add_at(node.path(), "VALUE_TOO_SHORT", detail, threshold);
    }
    password.to_owned()
}

pub(super) async fn member_of(call: &Call, email: &str) -> Result<Option<MemberId>, Problem> {
    let query = Query::Members {
        filter: MemberFilter::Emails(vec![email.to_owned()]),
        order: MemberOrder::CreatedAscending,
        page: Page { start: PageStart::Offset(0), limit: 1 },
        viewer: Viewer::Owner,
    };
    let View::Members(page) = call.site()?.query(query).await?.value else { return unexpected() };
    Ok(page.items.first().map(|facts| facts.id))
}

/// Where somebody stands whose password is right.
pub(super) async fn state(call: &Call, seq: u64, facts: &MemberFacts) -> Result<Reply, Problem> {
    let identity = identity(call, facts).await?;
    if facts.status == Status::Pending {
        let body = json!({"state": "REQUIRE_OWNER_APPROVAL", "identity": identity});
        return Reply::json(seq, &body);
    }
    check_status(facts.status)?;
    let token = session(call, facts.id)?;
    Reply::json(seq, &json!({"state": "SUCCESS", "sessionToken": token, "identity": identity}))
}

pub(super) fn session(call: &Call, member: MemberId) -> Result<String, Problem> {
    let grant = Grant { token_use: TokenUse::Session, ..Grant::member(member) };
    Ok(issue(call, call.caller()?.site, grant)?.0)
}

async fn identity(call: &Call, facts: &MemberFacts) -> Result<Value, Problem> {
    let site = call.caller()?.site;
    let is_verified = call.desk()?.identity.accounts.is_verified(site, facts.id).await?;
    let (name, reasons) = match facts.status {
        Status::Approved => ("ACTIVE", json!([])),
        Status::Pending => ("PENDING", json!(["PENDING_ADMIN_APPROVAL_REQUIRED"])),
        Status::Blocked => ("BLOCKED", json!([])),
        Status::Offline => ("OFFLINE", json!([])),
        Status::Deleted => ("DELETED", json!([])),
    };
    let contact = &facts.profile.contact;
    Ok(json!({
        "id": facts.id,
        "revision": facts.revision.to_string(),
        "createdDate": time_text(facts.created_at),
        "updatedDate": time_text(facts.updated_at),
        "email": {"address": facts.login_email, "isVerified": is_verified},
        "identityProfile": {
            "nickname": facts.profile.nickname,
            "firstName": contact.first_name,
            "lastName": contact.last_name,
            "slug": facts.slug,
        },
        "status": {"name": name, "reasons": reasons},
    }))
}

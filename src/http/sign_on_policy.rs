//! How a site takes in those who register.

use serde_json::json;

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use crate::actors::identity::{PolicyPatch, SignOnPolicy};
use crate::wire::time::time_text;

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let site = call.caller()?.site;
    shape(&call, call.desk()?.identity.accounts.policy(site).await?)
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let policy = root.child("signOnPolicy");
    let mut faults = Faults::new();
    let patch = PolicyPatch {
        require_owner_approval: faults.flag(&policy.child("requireOwnerApproval")),
        require_email_verification: faults.flag(&policy.child("requireEmailVerification")),
    };
    faults.done()?;
    let site = call.caller()?.site;
    let policy = call.desk()?.identity.accounts.set_policy(site, patch, call.front.now()).await?;
    shape(&call, policy)
}

fn shape(call: &Call, policy: SignOnPolicy) -> Result<Reply, Problem> {
    let policy = json!({
        "id": call.caller()?.site,
        "revision": policy.revision.to_string(),
        "updatedDate": time_text(policy.updated),
        "requireOwnerApproval": policy.require_owner_approval,
        "requireEmailVerification": policy.require_email_verification,
    });
    Reply::stateless(Kind::Json, json!({ "signOnPolicy": policy }).to_string())
}

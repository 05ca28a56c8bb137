//! How a site takes in those who register.

use serde_json::json;

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use crate::actors::identity::SignOnPolicy;
use crate::wire::time::time_text;

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let site = call.caller()?.site;
    shape(&call, call.desk()?.identity.policy(site).await?)
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let policy = root.child("signOnPolicy");
    let mut faults = Faults::new();
    let require_owner_approval = faults.flag(&policy.child("requireOwnerApproval"));
    let verification = policy.child("requireEmailVerification");
    if faults.flag(&verification) == Some(true) {
        let detail = "no mail is sent, so that no e-mail address can be verified";
        faults.add(&verification, "UNSUPPORTED_FIELD", detail);
    }
    faults.done()?;
    let (site, identity) = (call.caller()?.site, &call.desk()?.identity);
    let policy = match require_owner_approval {
        Some(required) => identity.set_policy(site, required, call.front.now()).await?,
        None => identity.policy(site).await?,
    };
    shape(&call, policy)
}

fn shape(call: &Call, policy: SignOnPolicy) -> Result<Reply, Problem> {
    let policy = json!({
        "id": call.caller()?.site,
        "revision": policy.revision.to_string(),
        "updatedDate": time_text(policy.updated),
        "requireOwnerApproval": policy.require_owner_approval,
        "requireEmailVerification": false,
    });
    Reply::stateless(Kind::Json, json!({ "signOnPolicy": policy }).to_string())
}

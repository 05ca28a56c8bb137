//! Jobs over all members that a filter names: begun here, done behind the answer.

use actix_web::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::call::{Call, Kind, Reply};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::filter::{self, Vocabulary};
use crate::actors::handle::CallError;
use crate::actors::jobs::{Job, JobAct, JobError, JobWish, Jobs};
use crate::wire::time::time_text;

pub async fn delete(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let mut faults = Faults::new();
    let content_assignee = faults.id(&Node::root(&body).child("contentAssigneeId"));
    faults.done()?;
    start(call, JobAct::Delete { content_assignee }).await
}

pub async fn approve(call: Call) -> Result<Reply, Problem> {
    start(call, JobAct::Approve).await
}

pub async fn block(call: Call) -> Result<Reply, Problem> {
    start(call, JobAct::Block).await
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let unknown = || Problem::not_found("JOB_NOT_FOUND", "job");
    let id: Uuid = call.param(0).parse().map_err(|_| unknown())?;
    let job = jobs(&call)?.get(call.caller()?.site, id).await.map_err(failed)?;
    let body = json!({"job": shape(&job.ok_or_else(unknown)?)});
    Reply::stateless(Kind::Json, body.to_string())
}

pub async fn list(call: Call) -> Result<Reply, Problem> {
    let jobs = jobs(&call)?.list(call.caller()?.site).await.map_err(failed)?;
    let jobs: Vec<Value> = jobs.iter().map(shape).collect();
    Reply::stateless(Kind::Json, json!({ "jobs": jobs }).to_string())
}

/// Everybody has to be asked for by a filter that says so: an absent one is a mistake.
async fn start(call: Call, act: JobAct) -> Result<Reply, Problem> {
    let body = call.json()?;
    let (root, mut faults) = (Node::root(&body), Faults::new());
    let place = root.child("filter");
    if !place.is_there() {
        faults.add(&place, "REQUIRED", "filter is required; {} asks for all members");
    }
    let search = root.child("search");
    if search.is_there() {
        faults.add(&search, "UNSUPPORTED_FIELD", "members are named by filter alone");
    }
    let filter = filter::read(&place, Vocabulary::Members, &mut faults);
    faults.done()?;
    let by = call.app().ok().map(|app| app.to_string());
    let wish = JobWish { id: call.front.new_uuid(), act, filter, by };
    let job = jobs(&call)?.start(call.site()?.clone(), wish).await.map_err(failed)?;
    let body = json!({"jobId": Uuid::from_bytes(job.id)});
    Reply::stateless(Kind::Json, body.to_string())
}

fn jobs(call: &Call) -> Result<&Jobs, Problem> {
    call.front.jobs().ok_or_else(|| Problem::from(CallError::Stopped))
}

fn failed(error: JobError) -> Problem {
    match error {
        JobError::TooMany => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "JOB_LIMIT", error.to_string())
        }
        JobError::Store(reason) => {
            tracing::error!("jobs cannot be read or stored: {reason}");
            Problem::internal()
        }
    }
}

fn shape(job: &Job) -> Value {
    let failure = |one: &crate::actors::jobs::JobFailure| {
        let error = json!({"code": one.code, "description": one.detail});
        json!({"memberId": one.member, "error": error})
    };
    let failures: Vec<Value> = job.failures.iter().map(failure).collect();
    json!({
        "id": Uuid::from_bytes(job.id),
        "action": match job.act {
            JobAct::Delete { .. } => "DELETE",
            JobAct::Approve => "APPROVE",
            JobAct::Block => "BLOCK",
        },
        "status": if job.ended.is_some() { "ENDED" } else { "RUNNING" },
        "createdDate": time_text(job.created),
        "endedDate": job.ended.map(time_text),
        "bulkActionMetadata": {
            "totalSuccesses": job.succeeded,
            "totalFailures": job.failed,
            "undetailedFailures": job.failed - job.failures.len() as u64,
        },
        "failures": failures,
    })
}

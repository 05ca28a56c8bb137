//! What a handler is given and what it gives back.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use serde::Serialize;
use serde_json::{Value, json};

use super::cursor::Binding;
use super::error::Problem;
use super::front::Front;
use super::router::Params;
use super::{json as json_body, query_string};
use crate::actors::handle::{Answer, Caller, Role, SiteHandle};
use crate::actors::identity::IdentityDesk;
use crate::core::query::{Outcome, Query, View, Viewer};
use crate::domain::id::Id;
use crate::domain::{AppId, Command, MemberId};

pub type Answering = LocalBoxFuture<'static, Result<Reply, Problem>>;

/// One request that passed its row's access.
pub struct Call {
    pub front: Arc<dyn Front>,
    /// Absent on public routes only.
    pub proof: Option<Proof>,
    pub params: Params,
    pub query: String,
    pub body: Bytes,
    /// Where the caller reached this process, as it says itself.
    pub host: String,
}

pub struct Proof {
    pub caller: Caller,
    pub site: SiteHandle,
}

impl Call {
    fn proof(&self) -> Result<&Proof, Problem> {
        self.proof.as_ref().ok_or_else(|| Problem::unauthenticated("a credential is needed"))
    }

    /// Who members are, and the applications that let them in.
    pub fn desk(&self) -> Result<&IdentityDesk, Problem> {
        let stopped = || Problem::from(crate::actors::handle::CallError::Stopped);
        self.front.identity().ok_or_else(stopped)
    }

    pub fn caller(&self) -> Result<&Caller, Problem> {
        Ok(&self.proof()?.caller)
    }

    pub fn site(&self) -> Result<&SiteHandle, Problem> {
        Ok(&self.proof()?.site)
    }

    pub async fn command(&self, command: Command) -> Result<Answer<Outcome>, Problem> {
        Ok(self.site()?.command_by(self.token_member()?, command).await?)
    }

    pub async fn ask(&self, query: Query) -> Result<Answer<View>, Problem> {
        Ok(self.site()?.query_by(self.token_member()?, query).await?)
    }

    /// The member whose token this is; none where a key asks, or a visitor.
    fn token_member(&self) -> Result<Option<MemberId>, Problem> {
        Ok(match self.caller()?.role {
            Role::Member { member } => Some(member),
            Role::Owner { .. } | Role::App { .. } | Role::Visitor => None,
        })
    }

    /// The member who acts, or none where a key does. Visitors only read.
    pub fn member_or_key(&self) -> Result<Option<MemberId>, Problem> {
        match self.caller()?.role {
            Role::Visitor => Err(Problem::forbidden("visitors read only: log in as a member")),
            Role::Owner { .. } | Role::App { .. } | Role::Member { .. } => self.token_member(),
        }
    }

    /// The same on routes for members only.
    pub fn acting_member(&self) -> Result<MemberId, Problem> {
        let wanted = || Problem::forbidden(super::access::Access::Member.wanted());
        self.token_member()?.ok_or_else(wanted)
    }

    /// The app whose counters, items and rules this caller writes.
    pub fn app(&self) -> Result<AppId, Problem> {
        let app = self.caller()?.app();
        app.ok_or_else(|| Problem::forbidden(super::access::Access::Keys.wanted()))
    }

    pub fn viewer(&self) -> Result<Viewer, Problem> {
        Ok(match self.caller()?.role {
            Role::Owner { .. } | Role::App { .. } => Viewer::Owner,
            Role::Member { member } => Viewer::Member(member),
            Role::Visitor => Viewer::Visitor,
        })
    }

    pub fn param(&self, position: usize) -> &str {
        self.params.get(position).map(String::as_str).unwrap_or_default()
    }

    /// An id in the path; what is no id at all looks like one that nobody has.
    pub fn id<K>(&self, code: &'static str, what: &str) -> Result<Id<K>, Problem> {
        self.param(0).parse().map_err(|_| Problem::not_found(code, what))
    }

    pub fn member_id(&self) -> Result<MemberId, Problem> {
        self.id("MEMBER_NOT_FOUND", "member")
    }

    pub fn json(&self) -> Result<Value, Problem> {
        json_body::parse(&self.body)
    }

    pub fn query(&self) -> Result<Value, Problem> {
        query_string::parse(&self.query)
    }

    /// The binding of cursors of one of the site's lists.
    pub fn list(&self, name: impl Into<String>) -> Result<Binding, Problem> {
        Ok(Binding::new(self.caller()?.site, name))
    }
}

/// An answer: always 200.
#[derive(Debug)]
pub struct Reply {
    pub body: Bytes,
    pub seq: Option<u64>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Json,
    Metrics,
    /// A file of the embedded page, with its content type.
    Page(&'static str),
    /// A browser is sent on to the address in the body.
    Redirect,
}

impl Reply {
    pub fn json(seq: u64, body: &impl Serialize) -> Result<Reply, Problem> {
        let body = serde_json::to_vec(body).map_err(|_| Problem::internal())?;
        Ok(Reply { body: Bytes::from(body), seq: Some(seq), kind: Kind::Json })
    }

    /// A body under `/v1`: it says itself which state it shows.
    pub fn with_seq(seq: u64, mut body: Value) -> Result<Reply, Problem> {
        body["seq"] = json!(seq);
        Reply::json(seq, &body)
    }

    /// The answer of deletes, follows and whatever else has nothing to tell.
    pub fn empty(seq: u64) -> Result<Reply, Problem> {
        Ok(Reply { body: Bytes::from_static(b"{}"), seq: Some(seq), kind: Kind::Json })
    }

    /// An answer that shows no site's state.
    pub fn stateless(kind: Kind, body: impl Into<Bytes>) -> Result<Reply, Problem> {
        Ok(Reply { body: body.into(), seq: None, kind })
    }
}

/// A site that answers with another kind of view than was asked for is our mistake.
pub fn unexpected<T>() -> Result<T, Problem> {
    tracing::error!("a site answered with another kind of value than was asked for");
    Err(Problem::internal())
}

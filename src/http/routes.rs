//! The route table, on one screen: method, path, who may call, name, handler. There is no other way
//! to add a route, so none can be without its access.

use actix_web::http::Method;
use futures_util::FutureExt;

use super::access::Access::{self, Anyone, Keys, KeysOrSelf, Member, Owner, Public};
use super::call::{Answering, Call, Reply};
use super::error::Problem;
use super::{
    assignments, badges, connections, counters, endpoints, events, followers, health, imports,
    ingest, items, likes, members, tokens, ui,
};
use crate::domain::limits::{BATCH_BODY_BYTES_MAX, BODY_BYTES_MAX};

type Handler = fn(Call) -> Answering;

/// The whole surface. Paths that other spellings of the wire lead to are in [`Alias`].
#[rustfmt::skip]
pub fn table() -> Vec<Row> {
    vec![
        post("/members/v1/activity-counters/{memberId}/increment", Keys, "incrementActivityCounter", |c| run(counters::increment(c))).api(),
        put("/members/v1/activity-counters/{memberId}", Keys, "putActivityCounter", |c| run(counters::put(c))).api(),
        get("/members/v1/activity-counters/{memberId}", Anyone, "getActivityCounters", |c| run(counters::get(c))).api(),
        post("/members/v1/activity-counters/query", Anyone, "queryActivityCounters", |c| run(counters::query(c))).api(),

        post("/members/v1/members", Keys, "createMember", |c| run(members::create(c))).api(),
        get("/members/v1/members", Anyone, "listMembers", |c| run(members::list(c))).api(),
        post("/members/v1/members/query", Anyone, "queryMembers", |c| run(members::query(c))).api(),
        get("/members/v1/members/my", Member, "getMyMember", |c| run(members::get_my(c))).api(),
        get("/members/v1/members/{id}", Anyone, "getMember", |c| run(members::get(c))).api(),
        patch("/members/v1/members/{memberId}", KeysOrSelf, "updateMember", |c| run(members::update(c))).api(),

        get("/members/v3/followers/my", Member, "listMyFollowers", |c| run(followers::list_my_followers(c))).api(),
        get("/members/v3/followers/my/following", Member, "listMyFollowing", |c| run(followers::list_my_following(c))).api(),
        post("/members/v3/followers/my/connections", Member, "queryMyConnections", |c| run(connections::query_my(c))).api(),
        post("/members/v3/followers/{memberId}", Member, "followMember", |c| run(followers::follow(c))).api(),
        delete("/members/v3/followers/{memberId}", Member, "unfollowMember", |c| run(followers::unfollow(c))).api(),
        get("/members/v3/followers/{memberId}", Anyone, "listFollowers", |c| run(followers::list_followers(c))).api(),
        get("/members/v3/followers/{memberId}/following", Anyone, "listFollowing", |c| run(followers::list_following(c))).api(),
        post("/members/v3/followers/{memberId}/connections", KeysOrSelf, "queryConnections", |c| run(connections::query(c))).api(),

        post("/badges/v4/badges", Keys, "createBadge", |c| run(badges::create(c))).api(),
        post("/badges/v4/badges/query", Anyone, "queryBadges", |c| run(badges::query(c))).api(),
        get("/badges/v4/badges/{badgeId}", Anyone, "getBadge", |c| run(badges::get(c))).api(),
        delete("/badges/v4/badges/{badgeId}", Keys, "deleteBadge", |c| run(badges::delete(c))).api(),
        post("/badges/v4/assignments", Keys, "createBadgeAssignment", |c| run(assignments::create(c))).named("/badges/v4/badge-assignments"),
        post("/badges/v4/assignments/query", Keys, "queryBadgeAssignments", |c| run(assignments::query(c))).named("/badges/v4/badge-assignments/query"),
        delete("/badges/v4/assignments/{badgeAssignmentId}", Keys, "deleteBadgeAssignment", |c| run(assignments::delete(c))).named("/badges/v4/badge-assignments/{badgeAssignmentId}"),

        put("/v1/items/{appId}/{itemId}", Keys, "putItem", |c| run(items::put(c))),
        get("/v1/items/{appId}/{itemId}", Anyone, "getItem", |c| run(items::get(c))),
        post("/v1/items/{appId}/{itemId}/likes", Member, "likeItem", |c| run(likes::like(c))),
        delete("/v1/items/{appId}/{itemId}/likes", Member, "unlikeItem", |c| run(likes::unlike(c))),
        get("/v1/items/{appId}/{itemId}/likes", Anyone, "listLikes", |c| run(likes::list(c))),

        post("/v1/activity-counters/ingest", Keys, "ingestActivityCounters", |c| run(ingest::ingest(c))).batch(),
        post("/v1/members/import", Owner, "importMembers", |c| run(imports::members(c))).batch(),
        post("/v1/follows/import", Owner, "importFollows", |c| run(imports::follows(c))).batch(),
        post("/v1/member-tokens", Owner, "createMemberToken", |c| run(tokens::create(c))),

        get("/v1/events", Owner, "listEvents", |c| run(events::list(c))),
        post("/v1/webhook-endpoints", Owner, "createWebhookEndpoint", |c| run(endpoints::create(c))),
        get("/v1/webhook-endpoints", Owner, "listWebhookEndpoints", |c| run(endpoints::list(c))),
        get("/v1/webhook-endpoints/{endpointId}", Owner, "getWebhookEndpoint", |c| run(endpoints::get(c))),
        delete("/v1/webhook-endpoints/{endpointId}", Owner, "deleteWebhookEndpoint", |c| run(endpoints::delete(c))),
        post("/v1/webhook-endpoints/{endpointId}/rotate", Owner, "rotateWebhookEndpoint", |c| run(endpoints::rotate(c))),

        get("/livez", Public, "livez", |c| run(health::live(c))),
        get("/readyz", Public, "readyz", |c| run(health::ready(c))),
        get("/metrics", Public, "metrics", |c| run(health::metrics(c))),
        get("/openapi.json", Public, "openapi", |c| run(health::openapi(c))),
        get("/", Public, "page", |c| run(ui::page(c))),
        get("/ui/{file}", Public, "pageFile", |c| run(ui::file(c))),
    ]
}

/// How else a row's path is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alias {
    None,
    /// `/_api` in front: what clients send to a host that is not their default.
    Api,
    /// Another path; its parameters stand at the same places from the end.
    Named(&'static str),
}

/// One route: the registration itself is the row.
#[derive(Debug)]
pub struct Row {
    pub method: Method,
    pub path: &'static str,
    pub alias: Alias,
    pub access: Access,
    /// The name of the operation in the API document.
    pub operation: &'static str,
    pub handler: Handler,
    /// 0 where no body is read.
    pub body_bytes_max: usize,
}

impl Row {
    /// Every path that leads here.
    pub fn paths(&self) -> Vec<String> {
        match self.alias {
            Alias::None => vec![self.path.to_owned()],
            Alias::Api => vec![self.path.to_owned(), format!("/_api{}", self.path)],
            Alias::Named(other) => {
                vec![self.path.to_owned(), other.to_owned(), format!("/_api{other}")]
            }
        }
    }

    fn api(mut self) -> Row {
        self.alias = Alias::Api;
        self
    }

    fn named(mut self, other: &'static str) -> Row {
        self.alias = Alias::Named(other);
        self
    }

    fn batch(mut self) -> Row {
        self.body_bytes_max = BATCH_BODY_BYTES_MAX;
        self
    }
}

fn row(
    method: Method,
    path: &'static str,
    access: Access,
    operation: &'static str,
    handler: Handler,
) -> Row {
    let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    let body_bytes_max = if takes_body { BODY_BYTES_MAX } else { 0 };
    Row { method, path, alias: Alias::None, access, operation, handler, body_bytes_max }
}

fn get(path: &'static str, access: Access, operation: &'static str, handler: Handler) -> Row {
    row(Method::GET, path, access, operation, handler)
}

fn post(path: &'static str, access: Access, operation: &'static str, handler: Handler) -> Row {
    row(Method::POST, path, access, operation, handler)
}

fn put(path: &'static str, access: Access, operation: &'static str, handler: Handler) -> Row {
    row(Method::PUT, path, access, operation, handler)
}

fn patch(path: &'static str, access: Access, operation: &'static str, handler: Handler) -> Row {
    row(Method::PATCH, path, access, operation, handler)
}

fn delete(path: &'static str, access: Access, operation: &'static str, handler: Handler) -> Row {
    row(Method::DELETE, path, access, operation, handler)
}

fn run(handling: impl Future<Output = Result<Reply, Problem>> + 'static) -> Answering {
    handling.boxed_local()
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;

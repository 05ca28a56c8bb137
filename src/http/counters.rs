//! Activity counters: set, read, query, increment one.

use serde_json::json;

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::filter::{self, Vocabulary};
use super::page::Window;
use super::shape_counter::{ActivityCounter, key, parse_increment};
use crate::actors::handle::{Answer, Role};
use crate::core::query::{Outcome, PrivateCounters, Query, View};
use crate::domain::limits::COUNTERS_PER_PUT_MAX;
use crate::domain::{Command, MemberId};

pub async fn increment(call: Call) -> Result<Reply, Problem> {
    let (app, member) = (call.app()?, call.member_id()?);
    let increment = parse_increment(&call.body)?;
    let (key, delta, op_id) = (increment.key, increment.delta, increment.op_id);
    let command = Command::IncrementCounter { app, member, key, delta, op_id };
    written(call.command(command).await?)
}

/// Sets one counter; a list of counters is set one after the other.
pub async fn put(call: Call) -> Result<Reply, Problem> {
    let (app, member) = (call.app()?, call.member_id()?);
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let settings = settings(&root, &mut faults);
    faults.done()?;
    let mut last = None;
    for Setting { key, public, count } in settings {
        let app = app.clone();
        last = Some(call.command(Command::SetCounter { app, member, key, public, count }).await?);
    }
    written(last.ok_or_else(|| Problem::field("counter", "REQUIRED", "counter is required"))?)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let (viewer, private_of) = (call.viewer()?, private_counters(&call, member)?);
    let answer = call.ask(Query::Counters { member, private_of, viewer }).await?;
    let View::Counters(counters) = answer.value else { return unexpected() };
    let shown: Vec<ActivityCounter<'_>> =
        counters.iter().map(|counters| ActivityCounter::new(counters, answer.seq)).collect();
    Reply::json(answer.seq, &json!({"activityCounters": shown}))
}

pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let place = root.child("query");
    let mut faults = Faults::new();
    let window = Window::read(&place, &mut faults);
    let filter = filter::read(&place.child("filter"), Vocabulary::MemberIdOnly, &mut faults);
    faults.done()?;
    let scope = place.child("filter").value().map(ToString::to_string).unwrap_or_default();
    let list = call.list("counters")?;
    let bound = window.bind(&list, scope.clone())?;
    let filter = if scope == bound.scope { filter } else { carried_filter(&bound.scope)? };
    let (page, viewer) = (bound.page.clone(), call.viewer()?);
    let query = Query::CountersOfMembers { filter, page, viewer };
    let answer = call.ask(query).await?;
    let View::CountersPage(page) = answer.value else { return unexpected() };
    let shown: Vec<ActivityCounter<'_>> =
        page.items.iter().map(|counters| ActivityCounter::new(counters, answer.seq)).collect();
    let metadata = bound.metadata(&page, &list);
    Reply::json(answer.seq, &json!({"activityCounters": shown, "metadata": metadata}))
}

fn carried_filter(scope: &str) -> Result<crate::core::query::MemberFilter, Problem> {
    let value = serde_json::from_str(scope).map_err(|_| Problem::internal())?;
    let mut faults = Faults::new();
    let filter = filter::read(&Node::root(&value), Vocabulary::MemberIdOnly, &mut faults);
    faults.done().map(|()| filter)
}

/// A private counter is read by its app, its member and the owner.
fn private_counters(call: &Call, of: MemberId) -> Result<PrivateCounters, Problem> {
    Ok(match &call.caller()?.role {
        Role::Owner { .. } => PrivateCounters::All,
        Role::App { app, .. } => PrivateCounters::OfApp(app.clone()),
        Role::Member { member } if *member == of => PrivateCounters::All,
        Role::Member { .. } | Role::Visitor => PrivateCounters::None,
    })
}

struct Setting {
    key: String,
    public: bool,
    count: i64,
}

/// `{counter: {key, public, count}}`, or the other spelling that is in use:
/// `{activityCounters: {counters: [{key, value}]}}`.
fn settings(root: &Node<'_>, faults: &mut Faults) -> Vec<Setting> {
    let counter = root.child("counter");
    let plural = root.child("activityCounters");
    let list = plural.child("counters");
    if counter.is_there() || !list.is_there() {
        return setting(&counter, faults).into_iter().collect();
    }
    let mut settings = Vec::new();
    for (position, value) in faults.list(&list, COUNTERS_PER_PUT_MAX).iter().enumerate() {
        let position = position.to_string();
        settings.extend(setting(&list.element(&position, value), faults));
    }
    settings
}

fn setting(counter: &Node<'_>, faults: &mut Faults) -> Option<Setting> {
    let key = key(&counter.child("key"), faults);
    let public = faults.flag(&counter.child("public")).unwrap_or(false);
    let (count, value) = (counter.child("count"), counter.child("value"));
    let number = if value.is_there() { value } else { count };
    let count = faults.needed_integer(&number);
    Some(Setting { key: key?, public, count: count? })
}

fn written(answer: Answer<Outcome>) -> Result<Reply, Problem> {
    let Outcome::Counters { counters, duplicate } = &answer.value else { return unexpected() };
    let body = Written {
        activity_counter: ActivityCounter::new(counters, answer.seq),
        duplicate: *duplicate,
    };
    Reply::json(answer.seq, &body)
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'c> {
    activity_counter: ActivityCounter<'c>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: serde_json::Value, expected: &[(&str, bool, i64)]) {
        let mut faults = Faults::new();
        let settings = settings(&Node::root(&body), &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
        let found: Vec<(&str, bool, i64)> =
            settings.iter().map(|s| (s.key.as_str(), s.public, s.count)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn both_spellings_of_a_setting_are_read() {
        check(json!({"counter": {"key": "a", "public": true, "count": 5}}), &[("a", true, 5)]);
        check(
            json!({"activityCounters": {"counters": [
                {"key": "a", "value": 1}, {"key": "b", "public": true, "count": "2"},
            ]}}),
            &[("a", false, 1), ("b", true, 2)],
        );
    }

    #[test]
    fn a_setting_needs_a_key_and_a_number() {
        let mut faults = Faults::new();
        settings(&Node::root(&json!({})), &mut faults);
        let found: Vec<String> = faults.into_violations().into_iter().map(|v| v.field).collect();
        assert_eq!(found, ["counter.key", "counter.count"]);
    }
}

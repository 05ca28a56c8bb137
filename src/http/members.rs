//! Members: create, get, list, query, update.

use std::sync::Arc;

use serde_json::{Value, json};

use super::call::{Call, Reply, unexpected};
use super::error::Problem;
use super::fields::{Faults, Node};
use super::filter::{self, Vocabulary};
use super::member_input::{MemberReader, Source};
use super::page::Window;
use crate::actors::handle::Answer;
use crate::core::query::{MemberFilter, MemberOrder, Outcome, Query, View, Viewer};
use crate::domain::event::MemberFacts;
use crate::domain::limits::FIELDSETS_MAX;
use crate::domain::{Command, MemberId};
use crate::wire::member::{Fieldset, MemberBody, member_json};

pub async fn create(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let new_uuid = || call.front.new_uuid();
    let new = MemberReader { faults: &mut faults, new_uuid: &new_uuid }
        .new_member(&root.child("member"), Source::Creation);
    faults.done()?;
    changed(call.command(Command::CreateMember(Box::new(new))).await?)
}

pub async fn update(call: Call) -> Result<Reply, Problem> {
    let member = call.member_id()?;
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    let new_uuid = || call.front.new_uuid();
    let patch =
        MemberReader { faults: &mut faults, new_uuid: &new_uuid }.patch(&root.child("member"));
    faults.done()?;
    changed(call.command(Command::UpdateProfile { member, patch: Box::new(patch) }).await?)
}

pub async fn get(call: Call) -> Result<Reply, Problem> {
    one(&call, call.member_id()?).await
}

pub async fn get_my(call: Call) -> Result<Reply, Problem> {
    one(&call, call.acting_member()?).await
}

/// `POST .../query`: the list stands under `query`, the fieldsets beside it.
pub async fn query(call: Call) -> Result<Reply, Problem> {
    let body = call.json()?;
    let root = Node::root(&body);
    let mut faults = Faults::new();
    if root.child("search").child("expression").is_there() {
        let detail = "searching is not supported yet: filter by profile.nickname with $startsWith";
        faults.add(&root.child("search"), "UNSUPPORTED_FIELD", detail);
    }
    many(&call, &root, &root.child("query"), faults).await
}

/// `GET ...`: everything stands in the query string.
pub async fn list(call: Call) -> Result<Reply, Problem> {
    let input = call.query()?;
    let root = Node::root(&input);
    many(&call, &root, &root, Faults::new()).await
}

async fn one(call: &Call, id: MemberId) -> Result<Reply, Problem> {
    let input = call.query()?;
    let mut faults = Faults::new();
    let fieldset = fieldset(&Node::root(&input), &mut faults);
    faults.done()?;
    let viewer = call.viewer()?;
    let answer = call.ask(Query::Member { id, viewer }).await?;
    match answer.value {
        View::Member(facts) => {
            let body = json!({"member": shown(&facts, viewer, fieldset)});
            Reply::json(answer.seq, &body)
        }
        _ => unexpected(),
    }
}

async fn many(
    call: &Call,
    root: &Node<'_>,
    place: &Node<'_>,
    mut faults: Faults,
) -> Result<Reply, Problem> {
    let fieldset = fieldset(root, &mut faults);
    let window = Window::read(place, &mut faults);
    let wish = Wish::read(place, &mut faults);
    faults.done()?;
    let list = call.list("members")?;
    let bound = window.bind(&list, wish.scope.clone())?;
    let Wish { filter, order, .. } = wish.or_carried(&bound.scope)?;
    let viewer = call.viewer()?;
    let query = Query::Members { filter, order, page: bound.page.clone(), viewer };
    let answer = call.ask(query).await?;
    let View::Members(page) = answer.value else { return unexpected() };
    let members: Vec<MemberBody> =
        page.items.iter().map(|facts| shown(facts, viewer, fieldset)).collect();
    let body = json!({"members": members, "metadata": bound.metadata(&page, &list)});
    Reply::json(answer.seq, &body)
}

/// Which members, in which order; as text, it is what a cursor is bound to.
struct Wish {
    filter: MemberFilter,
    order: MemberOrder,
    scope: String,
}

impl Wish {
    fn read(place: &Node<'_>, faults: &mut Faults) -> Wish {
        let sent = |name| place.child(name).value().filter(|value| !is_empty(value)).cloned();
        let (filter, sort) = (sent("filter"), sent("sort").or_else(|| sent("sorting")));
        let scope = match (&filter, &sort) {
            (None, None) => String::new(),
            (filter, sort) => json!({"filter": filter, "sort": sort}).to_string(),
        };
        Wish {
            filter: filter::read(&place.child("filter"), Vocabulary::Members, faults),
            order: filter::read_order(place, faults),
            scope,
        }
    }

    /// A next page may be asked for by its cursor alone: then the cursor tells the rest.
    fn or_carried(self, carried: &str) -> Result<Wish, Problem> {
        if self.scope == carried {
            return Ok(self);
        }
        let value: Value = serde_json::from_str(carried).map_err(|_| Problem::internal())?;
        let mut faults = Faults::new();
        let wish = Wish::read(&Node::root(&value), &mut faults);
        faults.done().map(|()| wish)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The largest of the wanted fieldsets.
fn fieldset(root: &Node<'_>, faults: &mut Faults) -> Fieldset {
    let names =
        [("PUBLIC", Fieldset::Public), ("EXTENDED", Fieldset::Extended), ("FULL", Fieldset::Full)];
    let place = root.child("fieldsets");
    let mut largest = Fieldset::Public;
    for (position, value) in faults.list(&place, FIELDSETS_MAX).iter().enumerate() {
        let position = position.to_string();
        let wanted = faults.choice(&place.element(&position, value), &names);
        largest = largest.max(wanted.unwrap_or_default());
    }
    largest
}

/// What is beyond the public fieldset is for keys and for the member itself.
fn shown(facts: &MemberFacts, viewer: Viewer, wanted: Fieldset) -> MemberBody {
    let fieldset = match viewer {
        Viewer::Owner => wanted,
        Viewer::Member(member) if member == facts.id => wanted,
        Viewer::Member(_) | Viewer::Visitor => Fieldset::Public,
    };
    member_json(facts, fieldset)
}

pub(super) fn changed(answer: Answer<Outcome>) -> Result<Reply, Problem> {
    match answer.value {
        Outcome::Member(facts) => whole(answer.seq, facts),
        _ => unexpected(),
    }
}

fn whole(seq: u64, facts: Arc<MemberFacts>) -> Result<Reply, Problem> {
    Reply::json(seq, &json!({"member": member_json(&facts, Fieldset::Full)}))
}

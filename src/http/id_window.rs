//! A window into a list that is filtered by ids, the filter as sent or as the cursor carries it.

use serde_json::{Value, json};

use super::call::Call;
use super::error::Problem;
use super::fields::{Faults, Node};
use super::id_filter::{self, Narrow};
use super::page::{Bound, Window};

pub fn window<N: Narrow + Default>(
    call: &Call,
    place: &Node<'_>,
    list: &str,
) -> Result<(Bound, N), Problem> {
    let mut faults = Faults::new();
    let window = Window::read(place, &mut faults);
    let filter = place.child("filter");
    let wanted = id_filter::read(&filter, &mut faults);
    faults.done()?;
    let scope = filter.value().filter(|value| **value != json!({}));
    let scope = scope.map(Value::to_string).unwrap_or_default();
    let bound = window.bind(&call.list(list)?, scope.clone())?;
    if scope == bound.scope {
        return Ok((bound, wanted));
    }
    let carried: Value = serde_json::from_str(&bound.scope).map_err(|_| Problem::internal())?;
    let mut faults = Faults::new();
    let wanted = id_filter::read(&Node::root(&carried), &mut faults);
    faults.done().map(|()| (bound, wanted))
}

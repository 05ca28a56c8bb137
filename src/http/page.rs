//! Windows into lists: offset and cursor paging as all of the wire's spellings ask for them, and
//! the one metadata object that answers both.

use serde_json::{Map, Value, json};

use super::cursor::{Binding, carried_scope};
use super::error::Problem;
use super::fields::{Faults, Node};
use crate::core::query::{Page, PageOf, PageStart};
use crate::domain::limits::{CURSOR_BYTES_MAX, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};

/// What the caller asked for, not yet bound to a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Window {
    limit: usize,
    offset: Option<usize>,
    cursor: Option<String>,
}

/// A window bound to its list: what to ask the site, and what the next cursor must carry.
#[derive(Debug)]
pub struct Bound {
    pub page: Page,
    /// Filter and order as text: what was sent, or what the cursor carried.
    pub scope: String,
    offset: Option<usize>,
}

impl Window {
    /// Reads `paging`, `cursorPaging` or the bare `limit`, `offset`, `cursor` of `node`.
    pub fn read(node: &Node<'_>, faults: &mut Faults) -> Window {
        let (paging, cursor_paging) = (node.child("paging"), node.child("cursorPaging"));
        let place = [cursor_paging, paging].into_iter().find(Node::is_there).unwrap_or(*node);
        let limit = faults.bounded(&place.child("limit"), 1..=PAGE_LIMIT_MAX as i64);
        let offset = faults.bounded(&place.child("offset"), 0..=i64::from(u32::MAX));
        let cursor = faults.text(&place.child("cursor"), CURSOR_BYTES_MAX);
        Window {
            limit: limit.map_or(PAGE_LIMIT_DEFAULT, |limit| limit as usize),
            offset: offset.map(|offset| offset as usize),
            cursor: cursor.filter(|cursor| !cursor.is_empty()).map(str::to_owned),
        }
    }

    /// Opens the cursor, if there is one. An empty `scope` takes over what the cursor carries.
    pub fn bind(self, binding: &Binding, scope: String) -> Result<Bound, Problem> {
        let Some(text) = &self.cursor else {
            let page =
                Page { limit: self.limit, start: PageStart::Offset(self.offset.unwrap_or(0)) };
            return Ok(Bound { page, scope, offset: Some(self.offset.unwrap_or(0)) });
        };
        let opened = binding.open(text).ok_or_else(invalid_cursor)?;
        let is_fingerprint = opened.scope.starts_with('#');
        let scope = match scope.is_empty() {
            true if is_fingerprint => return Err(invalid_cursor()),
            true => opened.scope,
            false if carried_scope(&scope) == opened.scope => scope,
            false => return Err(invalid_cursor()),
        };
        let page = Page { limit: self.limit, start: PageStart::After(opened.position) };
        Ok(Bound { page, scope, offset: None })
    }
}

fn invalid_cursor() -> Problem {
    let detail = "the cursor was not made for this list, filter and order";
    Problem::bad_request("INVALID_CURSOR", detail)
}

impl Bound {
    /// The paging metadata of every list: what offset readers need and what cursor readers need.
    pub fn metadata<T>(&self, page: &PageOf<T>, binding: &Binding) -> Value {
        let mut cursors = Map::new();
        if let Some(next) = &page.next {
            cursors.insert("next".to_owned(), json!(binding.seal(next, &self.scope)));
        }
        let mut metadata = json!({
            "count": page.items.len(),
            "total": page.total,
            "tooManyToCount": false,
            "cursors": cursors,
            "hasNext": page.next.is_some(),
        });
        if let Some(offset) = self.offset {
            metadata["offset"] = json!(offset);
        }
        metadata
    }

    /// The same of a list of members in which the viewer may not see all.
    pub fn metadata_of_people<T>(&self, page: &PageOf<T>, binding: &Binding) -> Value {
        let mut metadata = self.metadata(page, binding);
        metadata["visible"] = json!(page.total - page.hidden);
        metadata["hidden"] = json!(page.hidden);
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::query::Cursor;
    use crate::domain::SiteId;

    fn read(input: Value) -> Result<Window, Problem> {
        let mut faults = Faults::new();
        let window = Window::read(&Node::root(&input), &mut faults);
        faults.done().map(|()| window)
    }

    fn window(limit: usize, offset: Option<usize>, cursor: Option<&str>) -> Window {
        Window { limit, offset, cursor: cursor.map(str::to_owned) }
    }

    fn members() -> Binding {
        Binding::new(SiteId::from_u128(1), "members")
    }

    #[test]
    fn all_spellings_of_paging_are_read() {
        let offset = read(json!({"paging": {"limit": "5", "offset": 10}}));
        assert_eq!(offset.ok(), Some(window(5, Some(10), None)));
        let cursor = read(json!({"cursorPaging": {"limit": 2, "cursor": "abc"}}));
        assert_eq!(cursor.ok(), Some(window(2, None, Some("abc"))));
        let dotted = read(json!({"paging": {"limit": "5", "cursor": "abc"}}));
        assert_eq!(dotted.ok(), Some(window(5, None, Some("abc"))));
        assert_eq!(read(json!({"limit": 7})).ok(), Some(window(7, None, None)));
        assert_eq!(read(json!({})).ok(), Some(window(PAGE_LIMIT_DEFAULT, None, None)));
    }

    #[test]
    fn one_over_the_page_limit_is_refused() {
        let problem = read(json!({"paging": {"limit": PAGE_LIMIT_MAX + 1, "offset": -1}}));
        let rules: Vec<&str> =
            problem.expect_err("too large").violations().iter().map(|v| v.rule).collect();
        assert_eq!(rules, ["MAX_VALUE", "MIN_VALUE"]);
    }

    #[test]
    fn a_cursor_alone_keeps_its_filter_and_another_filter_is_refused() {
        let text = members().seal(&Cursor::Ordinal(3), "{\"a\":1}");
        let bind = |scope: &str| {
            window(5, None, Some(&text)).bind(&members(), scope.to_owned()).map(|b| b.scope)
        };
        assert_eq!(bind("").ok().as_deref(), Some("{\"a\":1}"));
        assert_eq!(bind("{\"a\":1}").ok().as_deref(), Some("{\"a\":1}"));
        assert_eq!(bind("{\"a\":2}").map_err(|p| p.code()).err(), Some("INVALID_CURSOR"));
    }

    #[test]
    fn metadata_serves_both_kinds_of_paging() {
        let bound = window(2, Some(4), None).bind(&members(), String::new()).expect("no cursor");
        let page =
            PageOf { items: vec![1, 2], total: 9, hidden: 0, next: Some(Cursor::Ordinal(6)) };
        let metadata = bound.metadata(&page, &members());
        assert_eq!(metadata["count"], 2);
        assert_eq!(metadata["offset"], 4);
        assert_eq!(metadata["total"], 9);
        assert_eq!(metadata["tooManyToCount"], false);
        assert_eq!(metadata["hasNext"], true);
        let next = metadata["cursors"]["next"].as_str().and_then(|text| members().open(text));
        assert_eq!(next.map(|opened| opened.position), Some(Cursor::Ordinal(6)));
        let last = PageOf { items: vec![1], total: 9, hidden: 0, next: None };
        assert_eq!(bound.metadata(&last, &members())["cursors"], json!({}));
    }
}

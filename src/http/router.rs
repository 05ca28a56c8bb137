//! From a path to a row of the table: a tree of segments, literal ones first, so that `my` wins
//! over an id. Knows nothing of what rows do.

use std::collections::HashMap;

use actix_web::http::Method;

use super::route::Row;

/// Parameters of a path in their order, percent-decoded.
pub type Params = smallvec::SmallVec<[String; 2]>;

pub enum Found<'r> {
    Row(&'r Row, Params),
    /// The path is known, the method is not; these are.
    WrongMethod(String),
    Nothing,
}

pub struct Router {
    rows: Vec<Row>,
    root: Branch,
}

#[derive(Default)]
struct Branch {
    literals: HashMap<String, Branch>,
    parameter: Option<Box<Branch>>,
    /// Positions in the table of the rows that end here.
    rows: Vec<usize>,
}

impl Router {
    pub fn new(rows: Vec<Row>) -> Router {
        let mut root = Branch::default();
        for (position, row) in rows.iter().enumerate() {
            for path in row.paths() {
                root.insert(segments(path), position);
            }
        }
        Router { rows, root }
    }

    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let wanted: smallvec::SmallVec<[&str; 8]> = segments(path).collect();
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let mut other_methods = Vec::new();
        let found = self.walk(&self.root, &wanted, method, &mut other_methods);
        match found {
            Some(row) => match parameters(row, &wanted) {
                Some(params) => Found::Row(row, params),
                None => Found::Nothing,
            },
            None if other_methods.is_empty() => Found::Nothing,
            None => {
                other_methods.sort_unstable();
                other_methods.dedup();
                Found::WrongMethod(other_methods.join(", "))
            }
        }
    }

    fn walk<'r>(
        &'r self,
        branch: &Branch,
        wanted: &[&str],
        method: &Method,
        other_methods: &mut Vec<&'r str>,
    ) -> Option<&'r Row> {
        let Some((first, rest)) = wanted.split_first() else {
            let mut rows = branch.rows.iter().map(|position| &self.rows[*position]);
            let found = rows.clone().find(|row| row.method == method);
            if found.is_none() {
                other_methods.extend(rows.by_ref().map(|row| row.method.as_str()));
            }
            return found;
        };
        let literal = branch.literals.get(*first);
        let parameter = branch.parameter.as_deref().filter(|_| !first.is_empty());
        for next in [literal, parameter].into_iter().flatten() {
            if let Some(row) = self.walk(next, rest, method, other_methods) {
                return Some(row);
            }
        }
        None
    }
}

impl Branch {
    fn insert<'p>(&mut self, mut path: impl Iterator<Item = &'p str>, position: usize) {
        let Some(segment) = path.next() else {
            self.rows.push(position);
            return;
        };
        let next = match is_parameter(segment) {
            true => self.parameter.get_or_insert_default(),
            false => self.literals.entry(segment.to_owned()).or_default(),
        };
        next.insert(path, position);
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('/').unwrap_or(path).split('/')
}

pub fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

/// What stands where the row has parameters. The row may have been reached by a longer or shorter
/// alias, but parameters are counted from the end in all of its spellings.
fn parameters(row: &Row, wanted: &[&str]) -> Option<Params> {
    let pattern: smallvec::SmallVec<[&str; 8]> = segments(&row.path).collect();
    let mut params = Params::new();
    for (place, segment) in pattern.iter().rev().zip(wanted.iter().rev()) {
        if is_parameter(place) {
            params.push(percent_decoded(segment)?);
        }
    }
    params.reverse();
    Some(params)
}

fn percent_decoded(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => (hex(*high)? * 16 + hex(*low)?, after),
            (b'%', _) => return None,
            (byte, after) => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::table;

    fn check(method: Method, path: &str, expected: &str) {
        let router = Router::new(table());
        let found = match router.find(&method, path) {
            Found::Row(row, params) => format!("{} {}", row.operation, params.join(" ")),
            Found::WrongMethod(allow) => format!("405 {allow}"),
            Found::Nothing => "404".to_owned(),
        };
        assert_eq!(found.trim_end(), expected, "{method} {path}");
    }

    #[test]
    fn my_wins_over_an_id() {
        check(Method::GET, "/members/v1/members/my", "getMyMember");
        check(Method::GET, "/members/v1/members/abc", "getMember abc");
        check(Method::POST, "/members/v1/members/query", "queryMembers");
        check(Method::GET, "/members/v3/followers/my", "listMyFollowers");
        check(Method::GET, "/members/v3/followers/x/following", "listFollowing x");
        check(Method::POST, "/members/v3/followers/x", "followMember x");
    }

    #[test]
    fn every_spelling_of_a_path_leads_to_its_row() {
        check(Method::GET, "/_api/members/v1/members/abc", "getMember abc");
        check(Method::GET, "/v1/default-privacy-status", "getDefaultPrivacyStatus");
        check(Method::POST, "/badges/v4/assignments", "createBadgeAssignment");
        check(Method::POST, "/badges/v4/badge-assignments", "createBadgeAssignment");
        check(Method::DELETE, "/badges/v4/badge-assignments/x", "deleteBadgeAssignment x");
        check(Method::HEAD, "/livez", "livez");
    }

    #[test]
    fn parameters_are_decoded() {
        check(Method::GET, "/v1/items/shop/a%2Fb%20c", "getItem shop a/b c");
        check(Method::GET, "/v1/items/shop/%FF", "404");
        check(Method::GET, "/v1/items/shop/%f", "404");
        check(Method::GET, "/v1/items//x", "404");
    }

    #[test]
    fn unknown_paths_and_methods_are_told_apart() {
        check(Method::GET, "/nothing", "404");
        check(Method::GET, "/members/v1/members/", "404");
        check(Method::PUT, "/members/v1/members/abc", "405 DELETE, GET, PATCH");
        check(Method::DELETE, "/livez", "405 GET");
    }
}

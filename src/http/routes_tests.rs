//! The table as a whole: nothing twice, nothing without its place in the API document.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::http::openapi;

#[test]
fn no_two_rows_share_a_method_and_path_or_a_name() {
    let mut seen = BTreeSet::new();
    let mut names = BTreeSet::new();
    for row in table() {
        for path in row.paths() {
            assert!(
                seen.insert((row.method.to_string(), path.to_owned())),
                "{} {path}",
                row.method
            );
        }
        assert!(names.insert(row.operation), "{}", row.operation);
    }
}

#[test]
fn every_alias_has_the_parameters_of_its_row() {
    for row in table() {
        for path in row.paths() {
            let parameters = |path: &str| -> Vec<String> {
                path.split('/').rev().map(|s| s.starts_with('{').to_string()).collect()
            };
            let (own, other) = (parameters(&row.path), parameters(path));
            // From the end, as far as both reach; what is above holds no parameter.
            let both = own.len().min(other.len()) - 1;
            assert_eq!(own[..both], other[..both], "{path}");
            let above = own[both..].iter().chain(&other[both..]);
            assert!(above.into_iter().all(|is_one| is_one == "false"), "{path}");
        }
    }
}

/// What each kind of caller may reach, written down a second time on purpose: whoever opens a route
/// has to say so here too.
#[test]
fn every_route_has_the_access_that_is_written_down() {
    let expected = [
        ("anyone", Anyone, 27),
        ("members or keys", MembersOrKeys, 4),
        ("keys", Keys, 66),
        ("keys or self", KeysOrSelf, 6),
        ("member", Member, 19),
        ("owner", Owner, 43),
        ("public", Public, 9),
        ("optional", Optional, 3),
    ];
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for row in table() {
        let name = expected.iter().find(|(_, access, _)| *access == row.access).map(|e| e.0);
        *found.entry(name.expect("a known access")).or_default() += 1;
    }
    let expected: BTreeMap<&str, usize> = expected.iter().map(|e| (e.0, e.2)).collect();
    assert_eq!(found, expected);
    let public: Vec<String> =
        table().into_iter().filter(|row| row.access == Public).map(|row| row.path).collect();
    assert_eq!(
        public,
        [
            "/oauth2/token",
            "/oauth2/authorize",
            "/livez",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/asyncapi.json",
            "/",
            "/ui/{file}"
        ]
    );
}

#[test]
fn every_route_is_documented_and_nothing_else_is() {
    let document = openapi::document();
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let name = operation["operationId"].as_str().expect("a name").to_owned();
            documented.insert((method.to_uppercase(), path.clone(), name));
        }
    }
    let registered: BTreeSet<(String, String, String)> = table()
        .iter()
        .map(|row| (row.method.to_string(), row.path.clone(), row.operation.to_owned()))
        .collect();
    assert_eq!(documented, registered);
}

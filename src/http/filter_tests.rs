//! Filters and orders as clients send them.

use serde_json::json;

use super::*;
use crate::domain::MemberId;
use crate::domain::limits::{FILTER_CONDITIONS_MAX, FILTER_DEPTH_MAX};
use crate::domain::profile::{PrivacyStatus, Status};

fn parse(filter: Value) -> Result<MemberFilter, Vec<(String, &'static str)>> {
    let mut faults = Faults::new();
    let body = json!({ "filter": filter });
    let root = Node::root(&body);
    let read = read(&root.child("filter"), Vocabulary::Members, &mut faults);
    if faults.is_empty() {
        return Ok(read);
    }
    Err(faults.into_violations().into_iter().map(|v| (v.field, v.rule)).collect())
}

fn check(filter: Value, expected: MemberFilter) {
    assert_eq!(parse(filter.clone()), Ok(expected), "{filter}");
}

fn check_refused(filter: Value, field: &str, rule: &'static str) {
    assert_eq!(parse(filter.clone()), Err(vec![(field.to_owned(), rule)]), "{filter}");
}

fn not(filter: MemberFilter) -> MemberFilter {
    Vocabulary::not(filter)
}

fn nicknames(names: &[&str]) -> MemberFilter {
    MemberFilter::Nicknames(names.iter().map(|name| name.to_string()).collect())
}

#[test]
fn no_filter_means_everyone() {
    check(json!(null), MemberFilter::Everyone);
    check(json!({}), MemberFilter::Everyone);
    check(json!({"$and": []}), MemberFilter::Everyone);
}

#[test]
fn bare_and_explicit_equality_are_the_same() {
    check(json!({"profile.nickname": "Ann"}), nicknames(&["Ann"]));
    check(json!({"profile.nickname": {"$eq": "Ann"}}), nicknames(&["Ann"]));
    let id = MemberId::from_u128(7);
    check(json!({"_id": id.to_string()}), MemberFilter::Ids(vec![id]));
    check(
        json!({"loginEmail": {"$in": ["a@x.org", "b@x.org"]}}),
        MemberFilter::Emails(vec!["a@x.org".to_owned(), "b@x.org".to_owned()]),
    );
}

#[test]
fn states_are_read_by_name() {
    check(
        json!({"status": {"$hasSome": ["PENDING", "BLOCKED"]}}),
        MemberFilter::Statuses(vec![Status::Pending, Status::Blocked]),
    );
    check(
        json!({"privacyStatus": {"$ne": "PUBLIC"}}),
        not(MemberFilter::Privacy(vec![PrivacyStatus::Public])),
    );
    check_refused(json!({"status": "GONE"}), "filter.status.0", "ENUM");
}

#[test]
fn conditions_combine() {
    check(
        json!({"$or": [{"profile.nickname": {"$startsWith": "A"}}, {"status": "PENDING"}]}),
        MemberFilter::Any(vec![
            MemberFilter::NicknamePrefix("A".to_owned()),
            MemberFilter::Statuses(vec![Status::Pending]),
        ]),
    );
    check(
        json!({"$not": {"profile.nickname": "Ann"}, "status": {"$nin": ["OFFLINE"]}}),
        MemberFilter::All(vec![
            not(nicknames(&["Ann"])),
            not(MemberFilter::Statuses(vec![Status::Offline])),
        ]),
    );
}

#[test]
fn nothing_is_in_an_empty_list_and_ids_are_always_there() {
    check(json!({"id": {"$in": []}}), nobody());
    check(json!({"id": null}), nobody());
    check(json!({"status": {"$exists": true}}), MemberFilter::Everyone);
    check(json!({"status": {"$exists": false}}), nobody());
}

#[test]
fn what_cannot_be_answered_is_refused_by_name() {
    let unsupported = "UNSUPPORTED_OPERATOR";
    check_refused(
        json!({"loginEmail": {"$startsWith": "a"}}),
        "filter.loginEmail.$startsWith",
        unsupported,
    );
    check_refused(json!({"status": {"$gt": "A"}}), "filter.status.$gt", unsupported);
    check_refused(json!({"$nor": []}), "filter.$nor", unsupported);
    check_refused(json!({"profile.nickname": null}), "filter.profile.nickname", unsupported);
    check_refused(
        json!({"contact.firstName": "Ann"}),
        "filter.contact.firstName",
        "UNSUPPORTED_FIELD",
    );
    check_refused(json!({"id": "nonsense"}), "filter.id.0", "FORMAT");
    check_refused(json!("text"), "filter", "TYPE");
}

#[test]
fn filters_are_bounded() {
    let mut deep = json!({"status": "PENDING"});
    for _ in 0..=FILTER_DEPTH_MAX {
        deep = json!({ "$not": deep });
    }
    let faults = parse(deep).expect_err("too deep");
    assert_eq!(faults[0].1, "FILTER_TOO_DEEP");
    let wide: Vec<Value> =
        (0..=FILTER_CONDITIONS_MAX).map(|_| json!({"status": "PENDING"})).collect();
    let faults = parse(json!({ "$or": wide })).expect_err("too wide");
    assert_eq!(faults[0].1, "FILTER_TOO_LARGE");
}

#[test]
fn counters_are_filtered_by_member_only() {
    let mut faults = Faults::new();
    let body = json!({"filter": {"memberId": MemberId::from_u128(7).to_string()}});
    let root = Node::root(&body);
    let found = read(&root.child("filter"), Vocabulary::MemberIdOnly, &mut faults);
    assert_eq!(found, MemberFilter::Ids(vec![MemberId::from_u128(7)]));
    let body = json!({"filter": {"id": "x"}});
    let root = Node::root(&body);
    read(&root.child("filter"), Vocabulary::MemberIdOnly, &mut faults);
    assert_eq!(faults.into_violations()[0].rule, "UNSUPPORTED_FIELD");
}

fn order(query: Value) -> Result<MemberOrder, &'static str> {
    let mut faults = Faults::new();
    let order = read_order(&Node::root(&query), &mut faults);
    if faults.is_empty() { Ok(order) } else { Err(faults.into_violations()[0].rule) }
}

#[test]
fn both_spellings_of_the_order_are_read() {
    assert_eq!(order(json!({})), Ok(MemberOrder::CreatedAscending));
    let sort = json!({"sort": [{"fieldName": "profile.nickname", "order": "DESC"}]});
    assert_eq!(order(sort), Ok(MemberOrder::NicknameDescending));
    let sorting = json!({"sorting": [{"fieldName": "_createdDate", "order": "DESC"}]});
    assert_eq!(order(sorting), Ok(MemberOrder::CreatedDescending));
    let unknown = json!({"sorting": [{"fieldName": "lastLoginDate"}]});
    assert_eq!(order(unknown), Err("UNSUPPORTED_SORT"));
}

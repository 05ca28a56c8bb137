//! Members as clients send them.

use serde_json::json;

use super::*;
use crate::domain::profile::{ActivityStatus, PrivacyStatus, Status};

const NEW_ID: Uuid = Uuid::from_u128(9);

fn read<T>(body: Value, read: impl FnOnce(&mut MemberReader<'_>, &Node<'_>) -> T) -> (T, Faults) {
    let mut faults = Faults::new();
    let body = json!({ "member": body });
    let root = Node::root(&body);
    let mut reader = MemberReader { faults: &mut faults, new_uuid: &|| NEW_ID };
    let value = read(&mut reader, &root.child("member"));
    (value, faults)
}

fn new_member(body: Value, source: Source) -> NewMember {
    let (new, faults) = read(body, |reader, member| reader.new_member(member, source));
    assert!(faults.is_empty(), "{faults:?}");
    new
}

fn patch(body: Value) -> ProfilePatch {
    let (patch, faults) = read(body, MemberReader::patch);
    assert!(faults.is_empty(), "{faults:?}");
    patch
}

#[test]
fn a_whole_member_is_read() {
    let new = new_member(
        json!({
            "id": "ignored", "unknown": [1, 2],
            "loginEmail": "ann@example.org",
            "privacyStatus": "PUBLIC",
            "profile": {"nickname": "Ann", "title": "", "photo": {"url": "http://x/y", "width": 3}},
            "contact": {
                "firstName": "Ann", "phones": ["1", "2"], "emails": ["a@b.org"],
                "addresses": [{"streetAddress": {"number": "7", "name": "Elm"}, "city": "Rome"}],
                "customFields": {"size": {"name": "Size", "value": [1, "x"]}},
            },
        }),
        Source::Creation,
    );
    assert_eq!(new.id, MemberId::from(NEW_ID));
    assert_eq!(new.login_email.as_deref(), Some("ann@example.org"));
    assert_eq!(new.privacy, Some(PrivacyStatus::Public));
    assert_eq!(new.profile.nickname.as_deref(), Some("Ann"));
    assert_eq!(new.profile.title, None);
    assert_eq!(new.profile.photo.map(|photo| (photo.url, photo.width)), Some(("http://x/y".to_owned(), 3)));
    let contact = new.profile.contact;
    assert_eq!(contact.phones, ["1", "2"]);
    assert_eq!(contact.addresses[0].street_name.as_deref(), Some("Elm"));
    assert_eq!(contact.addresses[0].id, *NEW_ID.as_bytes());
    assert_eq!(contact.custom_fields[0].value_json, "[1,\"x\"]");
}

#[test]
fn only_an_import_tells_status_and_age() {
    let body = json!({
        "status": "PENDING", "activityStatus": "MUTED", "createdDate": "2020-01-01T00:00:00.000Z",
    });
    let imported = new_member(body.clone(), Source::Import);
    assert_eq!(imported.status, Some(Status::Pending));
    assert_eq!(imported.activity, Some(ActivityStatus::Muted));
    assert_eq!(imported.created_at, Some(Timestamp::from_unix_ms(1_577_836_800_000)));
    let created = new_member(body, Source::Creation);
    assert_eq!((created.status, created.activity, created.created_at), (None, None, None));
}

#[test]
fn all_faults_of_a_member_are_told_at_once() {
    let (_, faults) = read(
        json!({
            "loginEmail": "nobody",
            "privacyStatus": "SECRET",
            "profile": {"nickname": "x".repeat(NICKNAME_BYTES_MAX + 1), "photo": 7},
            "contact": {"emails": ["a@b.org", "@"], "addresses": [{"id": "x"}]},
        }),
        |reader, member| reader.new_member(member, Source::Creation),
    );
    let found: Vec<(String, &str)> =
        faults.into_violations().into_iter().map(|v| (v.field, v.rule)).collect();
    let expected = [
        ("member.loginEmail", "FORMAT"),
        ("member.profile.nickname", "MAX_LENGTH"),
        ("member.profile.photo", "TYPE"),
        ("member.contact.emails.1", "FORMAT"),
        ("member.contact.addresses.0.id", "FORMAT"),
        ("member.privacyStatus", "ENUM"),
    ];
    assert_eq!(found, expected.map(|(field, rule)| (field.to_owned(), rule)));
}

#[test]
fn an_edit_keeps_what_was_not_sent_and_clears_what_was_sent_empty() {
    let edit = patch(json!({
        "id": "x",
        "profile": {"nickname": "Zoë", "title": "", "cover": {}},
        "contact": {"phones": [], "emails": ["a@b.org"], "company": null},
    }));
    let expected = ProfilePatch {
        nickname: Some(Some("Zoë".to_owned())),
        title: Some(None),
        cover: Some(None),
        emails: Some(vec!["a@b.org".to_owned()]),
        ..ProfilePatch::default()
    };
    assert_eq!(edit, expected);
}

#[test]
fn an_address_looks_like_one() {
    for good in ["a@b", "ann.b+c@example.org", "é@ü.example"] {
        assert!(is_email(good), "{good}");
    }
    for bad in ["", "@", "a@", "@b", "a b@c", "a@b@c", "a@.b", "a@b.", "<a@b>", "a@b\n"] {
        assert!(!is_email(bad), "{bad:?}");
    }
}

//! The public form of events: what each audience sees of each type, and that ids never change.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use guildhall::core::visibility::Audience;
use guildhall::domain::about::{About, AboutStep};
use guildhall::domain::command::{ItemDetails, ItemKey};
use guildhall::domain::endpoint::EndpointSettings;
use guildhall::domain::event::{
    AssignmentReason, Badge, BadgeRule, Endpoint, FieldChange, MemberFacts, MemberOrigin, Record,
    UnassignmentReason,
};
use guildhall::domain::profile::{
    ActivityStatus, Address, Contact, CustomField, Image, PrivacyStatus, Profile, Status,
};
use guildhall::domain::{
    AboutId, AppId, AssignmentId, BadgeId, EndpointId, Event, ItemOrdinal, MemberId, MemberOrdinal,
    SiteId, Timestamp,
};
use guildhall::wire::event::{EventSource, channel_event_json, event_id, event_json};
use guildhall::wire::member::{Fieldset, member_json};
use serde_json::{Value, json};

const SITE: SiteId = SiteId::from_u128(5);
const INCARNATION: u128 = 0xabc;
const ANN: MemberId = MemberId::from_u128(0xa);
const BOB: MemberId = MemberId::from_u128(0xb);
const SECRET: &str = "canary";

fn record(event: Event) -> Record {
    let time = Timestamp::from_unix_ms(1_795_426_200_123);
    Record { seq: 7, time, member_seq: 3, touches: Default::default(), event }
}

/// What `audience` sees, as JSON; `null` where it sees nothing.
fn seen(event: &Event, audience: Audience) -> Value {
    let json = event_json(&record(event.clone()), SITE, INCARNATION, audience);
    json.map_or(Value::Null, |json| serde_json::from_slice(&json).unwrap())
}

/// What a stranger sees in a member's channel.
fn seen_in_channel_of(event: &Event, member: MemberId) -> Value {
    let source = EventSource { site: SITE, incarnation: INCARNATION };
    let record = record(event.clone());
    let json = channel_event_json(&record, source, Audience::Public, Some(member));
    json.map_or(Value::Null, |json| serde_json::from_slice(&json).unwrap())
}

fn facts(privacy: PrivacyStatus) -> Arc<MemberFacts> {
    let image = Image { id: "i1".into(), url: "https://e/i".into(), ..Image::default() };
    let contact = Contact {
        first_name: Some(SECRET.into()),
        phones: vec![SECRET.into()],
        addresses: vec![Address { street_name: Some(SECRET.into()), ..Address::default() }],
        custom_fields: vec![CustomField {
            key: "k".into(),
            name: Some("K".into()),
            value_json: "[1]".into(),
        }],
        ..Contact::default()
    };
    let nickname = Some("Ann".to_owned());
    let profile = Profile { nickname, photo: Some(image), contact, ..Profile::default() };
    Arc::new(MemberFacts {
        id: ANN,
        login_email: Some(format!("{SECRET}@example.com")),
        slug: Some("ann".into()),
        status: Status::Approved,
        privacy,
        activity: ActivityStatus::Muted,
        created_at: Timestamp::from_unix_ms(0),
        updated_at: Timestamp::from_unix_ms(1),
        revision: 4,
        profile: Arc::new(profile),
    })
}

fn item() -> Arc<ItemKey> {
    Arc::new(ItemKey { app: AppId::site_code(), item: "p1".into() })
}

fn endpoint() -> Arc<Endpoint> {
    Arc::new(Endpoint {
        id: EndpointId::from_u128(1),
        url: "https://e/hook".into(),
        event_types: vec!["follow.*".into()],
        sealed_secret: SECRET.as_bytes().to_vec(),
        previous_secret: None,
        after_seq: 0,
        created_at: Timestamp::from_unix_ms(0),
        disabled: None,
        settings: EndpointSettings::default(),
    })
}

#[test]
fn an_event_has_its_public_form() {
    let follow = Event::FollowCreated { follower: ANN, followed: BOB };
    let id = event_id(EventSource { site: SITE, incarnation: INCARNATION }, 7);
    let expected = json!({
        "id": id,
        "type": "follow.created",
        "timestamp": "2026-11-23T09:30:00.123Z",
        "siteId": SITE.to_string(),
        "memberId": ANN.to_string(),
        "seq": 7,
        "memberSeq": 3,
        "data": {"memberId": ANN.to_string(), "affectedMemberId": BOB.to_string()},
    });
    assert_eq!(seen(&follow, Audience::App), expected);
    assert_eq!(seen(&follow, Audience::SelfMember), expected);
}

#[test]
fn an_event_id_is_stable_and_of_its_site_journal_and_seq() {
    let source = EventSource { site: SITE, incarnation: INCARNATION };
    let id = event_id(source, 7);
    assert_eq!(id, "evt_cf3Hx0-v-kin9ltL_7");
    assert!(!id.contains('.'));
    assert_ne!(id, event_id(source, 8));
    assert_ne!(id, event_id(EventSource { incarnation: 1, ..source }, 7));
    assert_ne!(id, event_id(EventSource { site: SiteId::from_u128(6), ..source }, 7));
}

#[test]
fn personal_data_is_for_the_member_and_the_keys() {
    let changes =
        ["contact.firstName", "loginEmail", "profile.nickname"].map(|field| FieldChange {
            field: field.into(),
            old_json: format!("\"{field}\""),
            new_json: "null".into(),
        });
    let created = |privacy| Event::MemberCreated {
        ordinal: MemberOrdinal(1),
        facts: facts(privacy),
        origin: MemberOrigin::SignUp,
    };
    let updated =
        |privacy| Event::MemberUpdated { facts: facts(privacy), changes: changes.to_vec() };
    for event in [created(PrivacyStatus::Public), updated(PrivacyStatus::Public)] {
        for audience in [Audience::App, Audience::SelfMember] {
            let shown = seen(&event, audience);
            assert_eq!(shown["data"]["member"]["contact"]["firstName"], SECRET);
            assert_eq!(shown["data"]["member"]["activityStatus"], "MUTED");
        }
        for audience in [Audience::Public, Audience::Follower] {
            let shown = seen(&event, audience);
            assert_eq!(shown["data"]["member"]["profile"]["nickname"], "Ann");
            assert_eq!(shown["memberId"], ANN.to_string());
            assert!(!shown.to_string().contains(SECRET), "{shown}");
            assert!(!shown.to_string().contains("MUTED"), "{shown}");
        }
    }
    let changes = &seen(&updated(PrivacyStatus::Public), Audience::Public)["data"]["changes"];
    assert_eq!(
        *changes,
        json!([
            {"field": "profile.nickname", "old": "profile.nickname", "new": null}
        ])
    );
    for event in [created(PrivacyStatus::Private), updated(PrivacyStatus::Private)] {
        assert_eq!(seen(&event, Audience::Public), Value::Null);
        assert_eq!(seen(&event, Audience::App)["data"]["member"]["privacyStatus"], "PRIVATE");
    }
}

#[test]
fn private_counters_are_for_the_member_and_the_keys() {
    let counted = |public| Event::CounterUpdated {
        member: ANN,
        app: AppId::site_code(),
        key: "views".into(),
        public,
        old: 1,
        new: 2,
    };
    assert_eq!(seen(&counted(false), Audience::Public), Value::Null);
    assert_eq!(seen(&counted(false), Audience::Follower), Value::Null);
    assert_eq!(seen(&counted(false), Audience::SelfMember)["data"]["new"], 2);
    assert_eq!(seen(&counted(true), Audience::Public)["data"]["key"], "views");
}

#[test]
fn strangers_are_told_of_an_about_but_not_what_it_says() {
    let about = Arc::new(About {
        id: AboutId::from_u128(7),
        member: ANN,
        revision: 2,
        content: format!("{{\"nodes\":[\"{SECRET}\"]}}").into(),
        created_at: Timestamp::from_unix_ms(1),
    });
    for step in [AboutStep::Created(about.clone()), AboutStep::Updated(about)] {
        let event = Event::About { step };
        let told = seen_in_channel_of(&event, ANN)["data"]["memberAbout"].clone();
        assert_eq!(told["revision"], "2");
        assert!(!told.to_string().contains(SECRET), "{told}");
        assert!(seen(&event, Audience::App).to_string().contains(SECRET));
        assert!(seen(&event, Audience::SelfMember).to_string().contains(SECRET));
    }
}

#[test]
fn a_stranger_learns_no_second_member() {
    let item = item();
    let details = ItemDetails {
        author: Some(BOB),
        item_type: Some("post".into()),
        title: Some(SECRET.into()),
        url: None,
    };
    let events = [
        Event::FollowCreated { follower: BOB, followed: ANN },
        Event::FollowDeleted { follower: BOB, followed: ANN },
        Event::ItemLiked { item: item.clone(), liker: BOB, author: Some(ANN) },
        Event::ItemUnliked { item: item.clone(), liker: ANN, author: Some(BOB) },
        Event::ItemCreated { ordinal: ItemOrdinal(1), item, details },
    ];
    for event in events {
        let shown = seen_in_channel_of(&event, ANN).to_string();
        assert!(!shown.contains(&BOB.to_string()), "{shown}");
        assert!(!shown.contains(SECRET), "{shown}");
        let close = seen(&event, Audience::SelfMember).to_string();
        assert!(close.contains(&BOB.to_string()), "{close}");
    }
    let liked = Event::ItemLiked { item: self::item(), liker: BOB, author: Some(ANN) };
    let shown = seen_in_channel_of(&liked, ANN);
    assert_eq!(shown["data"]["item"]["authorId"], ANN.to_string());
    assert_eq!(shown["memberId"], Value::Null);
    assert_eq!(shown["memberSeq"], Value::Null);
}

#[test]
fn endpoints_are_for_keys_and_never_with_secrets() {
    let id = EndpointId::from_u128(1);
    let sealed_secret = SECRET.as_bytes().to_vec();
    let overlap_until = Timestamp::from_unix_ms(0);
    let events = [
        Event::EndpointCreated { endpoint: endpoint() },
        Event::EndpointDeleted { endpoint: id },
        Event::EndpointSecretRotated { endpoint: id, sealed_secret, overlap_until },
        Event::EndpointDisabled { endpoint: id, reason: "410".into() },
    ];
    let bytes = format!("{:?}", SECRET.as_bytes()).replace(' ', "");
    for event in events {
        for audience in [Audience::Public, Audience::Follower, Audience::SelfMember] {
            assert_eq!(seen(&event, audience), Value::Null);
        }
        let shown = seen(&event, Audience::App).to_string();
        assert!(shown.contains(&id.to_string()), "{shown}");
        assert!(!shown.contains(SECRET) && !shown.contains(&bytes), "{shown}");
    }
}

#[test]
fn badges_show_their_rule_and_reason_to_those_concerned() {
    let (badge, assignment) = (BadgeId::from_u128(1), AssignmentId::from_u128(2));
    let rule = BadgeRule { app: AppId::site_code(), key: SECRET.into(), reaches: 10 };
    let created = Event::BadgeCreated {
        badge: Arc::new(Badge {
            id: badge,
            title: "Ten".into(),
            description: None,
            background_color: "#FFFFFF".into(),
            text_color: "#000000".into(),
            icon: None,
            permissions_enabled: false,
            slug: "ten".into(),
            revision: 1,
            created_at: Timestamp::from_unix_ms(0),
            updated_at: Timestamp::from_unix_ms(0),
            rule: Some(rule),
            position: None,
        }),
    };
    assert_eq!(seen(&created, Audience::App)["data"]["rule"]["reaches"], 10);
    assert_eq!(seen(&created, Audience::Public)["data"]["badge"]["revision"], "1");
    assert!(!seen(&created, Audience::Public).to_string().contains(SECRET));
    let reason =
        AssignmentReason::RuleReached { app: AppId::site_code(), key: SECRET.into(), count: 10 };
    let assigned = Event::BadgeAssigned { badge, member: ANN, assignment, reason };
    let shown = seen(&assigned, Audience::SelfMember);
    assert_eq!(shown["data"]["reason"]["type"], "RULE_REACHED");
    assert_eq!(shown["data"]["reason"]["count"], 10);
    assert!(!seen_in_channel_of(&assigned, ANN).to_string().contains(SECRET));
    assert_eq!(seen_in_channel_of(&assigned, ANN)["data"]["memberId"], ANN.to_string());
    let reason = UnassignmentReason::BadgeDeleted;
    let taken = Event::BadgeUnassigned { badge, member: ANN, assignment, reason };
    assert_eq!(seen(&taken, Audience::App)["data"]["reason"], json!({"type": "BADGE_DELETED"}));
}

#[test]
fn a_member_has_three_fieldsets() {
    let facts = facts(PrivacyStatus::Private);
    let shown = |fieldset| serde_json::to_value(member_json(&facts, fieldset)).unwrap();
    let public = shown(Fieldset::Public);
    let expected = json!({
        "id": ANN.to_string(),
        "contactId": ANN.to_string(),
        "status": "UNKNOWN",
        "privacyStatus": "UNKNOWN",
        "activityStatus": "UNKNOWN",
        "profile": {
            "nickname": "Ann",
            "slug": "ann",
            "photo": {"id": "i1", "url": "https://e/i", "height": 0, "width": 0},
        },
        "createdDate": "1970-01-01T00:00:00.000Z",
        "updatedDate": "1970-01-01T00:00:00.001Z",
    });
    assert_eq!(public, expected);
    let extended = shown(Fieldset::Extended);
    assert_eq!(extended["loginEmail"], format!("{SECRET}@example.com"));
    assert_eq!(extended["privacyStatus"], "PRIVATE");
    assert_eq!(extended["contact"], Value::Null);
    let full = shown(Fieldset::Full);
    assert_eq!(full["contact"]["addresses"][0]["streetAddress"]["name"], SECRET);
    assert_eq!(full["contact"]["customFields"]["k"], json!({"name": "K", "value": [1]}));
}

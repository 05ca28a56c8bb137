//! One example of every event that receivers may get: for the catalogue, and to try an endpoint
//! out. The names and ids in them are nobody's.

use std::sync::Arc;

use crate::domain::about::{About, AboutStep};
use crate::domain::batch::Touches;
use crate::domain::command::{ItemDetails, ItemKey};
use crate::domain::custom_field::{
    FieldApplication, FieldDefinition, FieldKind, FieldStep, Scope, ScopeKind,
};
use crate::domain::endpoint::{EndpointReport, EndpointSettings, ReplayJob, ReplayStep, Replayed};
use crate::domain::event::{
    AssignmentReason, Badge, BadgeIcon, BadgeRule, CommunityStep, Endpoint, FieldChange,
    MemberFacts, MemberOrigin, UnassignmentReason,
};
use crate::domain::moderation::{Ruling, Terms, Verdict};
use crate::domain::profile::{ActivityStatus, Contact, Image, PrivacyStatus, Profile, Status};
use crate::domain::report::{MemberReport, ReportCategory, ReportStep};
use crate::domain::settings::{
    DefaultPrivacy, MemberPrivacy, RoleDefinition, SettingStep, Visibility,
};
use crate::domain::ties::TieStep;
use crate::domain::{
    AboutId, AppId, AssignmentId, BadgeId, EndpointId, Event, FieldId, ItemOrdinal, MemberId,
    MemberOrdinal, Record, ReportId, RoleId, Timestamp, WrittenRecord,
};

const ANN: MemberId = MemberId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0001);
const BOB: MemberId = MemberId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0002);
const BADGE: BadgeId = BadgeId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0003);
const ASSIGNMENT: AssignmentId = AssignmentId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0004);
const ENDPOINT: EndpointId = EndpointId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0005);
const REPORT: ReportId = ReportId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0006);
const ABOUT: AboutId = AboutId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0007);
const ROLE: RoleId = RoleId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0008);
const FIELD: FieldId = FieldId::from_u128(0x6a1d_0000_0000_4000_8000_0000_0000_0009);
pub const TIME: Timestamp = Timestamp::from_unix_ms(1_767_323_045_678);

/// An example of each event, every type once.
pub fn events() -> Vec<Event> {
    let mut events = members();
    events.extend(items());
    events.extend(badges());
    events.extend(abouts());
    events.extend(rulings());
    events.extend(reports());
    events.extend(settings());
    events.extend(endpoints());
    events
}

/// The example of one type as a record with this place and time.
pub fn record(type_name: &str, seq: u64, time: Timestamp) -> Option<Record> {
    let event = events().into_iter().find(|event| event.type_name() == type_name)?;
    let member_seq = u64::from(event.member().is_some());
    Some(Record { seq, time, member_seq, touches: Touches::new(), event })
}

/// Counter events that go out together; the last has this place and time.
pub fn counters(seq: u64, time: Timestamp) -> Vec<WrittenRecord> {
    let at = |seq| record("counter.updated", seq, time).map(Arc::new);
    [seq.saturating_sub(1), seq].into_iter().filter_map(at).collect()
}

fn members() -> Vec<Event> {
    let change = FieldChange {
        field: "profile.nickname".to_owned(),
        old_json: "\"Anne\"".to_owned(),
        new_json: "\"Ann\"".to_owned(),
    };
    let (follower, followed) = (ANN, BOB);
    vec![
        Event::MemberCreated {
            ordinal: MemberOrdinal(0),
            facts: facts(),
            origin: MemberOrigin::SignUp,
        },
        Event::MemberUpdated { facts: facts(), changes: vec![change] },
        Event::MemberDeleted { member: ANN, content_assignee: Some(BOB) },
        Event::FollowCreated { follower, followed },
        Event::FollowDeleted { follower, followed },
    ]
}

fn facts() -> Arc<MemberFacts> {
    let photo = Image {
        id: "ann.jpg".to_owned(),
        url: "https://images.example/ann.jpg".to_owned(),
        height: 200,
        width: 200,
        offset_x: None,
        offset_y: None,
    };
    let contact = Contact {
        first_name: Some("Ann".to_owned()),
        last_name: Some("Example".to_owned()),
        emails: vec!["ann@example.com".to_owned()],
        ..Contact::default()
    };
    let nickname = Some("Ann".to_owned());
    let profile = Profile { nickname, photo: Some(photo), contact, ..Profile::default() };
    Arc::new(MemberFacts {
        id: ANN,
        login_email: Some("ann@example.com".to_owned()),
        slug: Some("ann".to_owned()),
        status: Status::Approved,
        privacy: PrivacyStatus::Public,
        activity: ActivityStatus::Active,
        created_at: TIME,
        updated_at: TIME,
        revision: 1,
        profile: Arc::new(profile),
    })
}

fn items() -> Vec<Event> {
    let item = Arc::new(ItemKey { app: AppId::site_code(), item: "post-1".to_owned() });
    let details = ItemDetails {
        author: Some(BOB),
        item_type: Some("post".to_owned()),
        title: Some("Hello".to_owned()),
        url: Some("https://example.com/post-1".to_owned()),
    };
    let (liker, author) = (ANN, Some(BOB));
    vec![
        Event::ItemCreated {
            ordinal: ItemOrdinal(0),
            item: item.clone(),
            details: details.clone(),
        },
        Event::ItemUpdated { item: item.clone(), details },
        Event::ItemLiked { item: item.clone(), liker, author },
        Event::ItemUnliked { item, liker, author },
        Event::CounterUpdated {
            member: ANN,
            app: AppId::site_code(),
            key: "posts".to_owned(),
            public: true,
            old: 9,
            new: 10,
        },
    ]
}

fn abouts() -> Vec<Event> {
    let text = r#"{"nodes":[{"type":"PARAGRAPH","id":"p1","nodes":[]}]}"#;
    let about = Arc::new(About {
        id: ABOUT,
        member: ANN,
        revision: 2,
        content: text.into(),
        created_at: TIME,
    });
    let steps = [
        AboutStep::Created(about.clone()),
        AboutStep::Updated(about),
        AboutStep::Deleted { about: ABOUT, member: ANN },
    ];
    steps.map(|step| Event::About { step }).into()
}

fn settings() -> Vec<Event> {
    let role = Arc::new(RoleDefinition {
        id: ROLE,
        key: "editor".to_owned(),
        title: "Editor".to_owned(),
        blockable: false,
        revision: 1,
    });
    let privacy = MemberPrivacy {
        visibility: Visibility::MembersOnly,
        revision: 2,
        updated_at: TIME,
        ..MemberPrivacy::default()
    };
    let default = DefaultPrivacy { privacy: PrivacyStatus::Public, revision: 2 };
    let edited = Arc::new(RoleDefinition { blockable: true, revision: 2, ..(*role).clone() });
    let steps = [
        SettingStep::DefaultPrivacy(default),
        SettingStep::MemberPrivacy(privacy),
        SettingStep::Role { role: role.clone(), is_new: true },
        SettingStep::Role { role: edited, is_new: false },
        SettingStep::RoleDeleted { role: role.clone() },
    ];
    let fields = fields().map(|step| SettingStep::Field(Arc::new(step)));
    let ties = [
        TieStep::RoleAssigned { member: ANN, role: role.clone() },
        TieStep::RoleUnassigned { member: ANN, role },
        TieStep::Blocked { member: ANN, blocked: BOB },
        TieStep::Unblocked { member: ANN, blocked: BOB },
    ];
    let community = [
        CommunityStep::PrivacyChanged { privacy: PrivacyStatus::Public },
        CommunityStep::Joined,
        CommunityStep::Left,
    ];
    let community = community.map(|step| Event::Community { member: ANN, step });
    let steps = steps.into_iter().chain(fields).map(|step| Event::Setting { step });
    let ties = ties.into_iter().map(|step| Event::Tie { step });
    steps.chain(ties).chain(community).collect()
}

fn fields() -> [FieldStep; 7] {
    let field = FieldDefinition {
        id: FIELD,
        name: "Favourite colour".to_owned(),
        key: "favourite-colour".to_owned(),
        default_privacy: PrivacyStatus::Public,
        kind: FieldKind::Text,
        social: None,
        hidden: false,
        created_at: TIME,
        updated_at: TIME,
        revision: 1,
    };
    let scope = |kind, entity: &[u8; 16]| Scope { kind, entity: *entity };
    let application = FieldApplication {
        field: FIELD,
        applies: vec![scope(ScopeKind::Badge, BADGE.as_bytes())],
        excludes: vec![scope(ScopeKind::Member, BOB.as_bytes())],
        revision: 1,
    };
    [
        FieldStep::Created(field.clone()),
        FieldStep::Updated(FieldDefinition { revision: 2, ..field.clone() }),
        FieldStep::Deleted(field),
        FieldStep::Ordered(vec![FIELD]),
        FieldStep::ApplicationCreated(application.clone()),
        FieldStep::ApplicationUpdated(FieldApplication { revision: 2, ..application.clone() }),
        FieldStep::ApplicationDeleted(application),
    ]
}

fn rulings() -> Vec<Event> {
    let ruling = |verdict, status, activity| {
        let facts = Arc::new(MemberFacts { status, activity, ..(*facts()).clone() });
        let terms = Terms {
            reason: Some("Sells watches in every comment".to_owned()),
            until: Some(TIME.plus_ms(86_400_000)),
            by: Some("site".to_owned()),
        };
        let ruling = Arc::new(Ruling { facts, verdict, terms, was: Status::Approved });
        Event::Moderated { ruling }
    };
    let (active, muted) = (ActivityStatus::Active, ActivityStatus::Muted);
    vec![
        ruling(Verdict::Approved, Status::Approved, active),
        ruling(Verdict::Rejected, Status::Blocked, active),
        ruling(Verdict::Blocked, Status::Blocked, active),
        ruling(Verdict::Unblocked, Status::Approved, active),
        ruling(Verdict::Muted, Status::Approved, muted),
        ruling(Verdict::Unmuted, Status::Approved, active),
        ruling(Verdict::Disconnected, Status::Offline, active),
    ]
}

fn reports() -> Vec<Event> {
    let report = Arc::new(MemberReport {
        id: REPORT,
        number: 0,
        reported: BOB,
        reporter: Some(ANN),
        category: ReportCategory::Spam,
        description: Some("Sells watches in every comment".to_owned()),
        created_at: TIME,
    });
    let member = BOB;
    let steps = [
        ReportStep::Created(report),
        ReportStep::Deleted { report: REPORT, reported: BOB },
        ReportStep::MemberAdded { member, last_report_at: TIME },
        ReportStep::MemberRemoved { member },
        ReportStep::MemberReviewed { member },
    ];
    steps.map(|step| Event::Reported { step }).into()
}

fn badges() -> Vec<Event> {
    let badge = Arc::new(badge());
    let (member, assignment) = (ANN, ASSIGNMENT);
    let (app, key) = (AppId::site_code(), "posts".to_owned());
    vec![
        Event::BadgeCreated { badge: badge.clone() },
        Event::BadgeUpdated { badge },
        Event::BadgeDeleted { badge: BADGE },
        Event::BadgeAssigned {
            badge: BADGE,
            member,
            assignment,
            reason: AssignmentReason::RuleReached { app, key, count: 10 },
        },
        Event::BadgeUnassigned {
            badge: BADGE,
            member,
            assignment,
            reason: UnassignmentReason::Unassigned,
        },
    ]
}

fn badge() -> Badge {
    let icon = BadgeIcon {
        id: Some("writer.png".to_owned()),
        url: "https://images.example/writer.png".to_owned(),
        height: 64,
        width: 64,
        alt_text: Some("A pen".to_owned()),
        filename: None,
    };
    Badge {
        id: BADGE,
        title: "Writer".to_owned(),
        description: Some("Wrote ten posts".to_owned()),
        background_color: "#112233".to_owned(),
        text_color: "#FFFFFF".to_owned(),
        icon: Some(icon),
        permissions_enabled: false,
        slug: "writer".to_owned(),
        revision: 1,
        created_at: TIME,
        updated_at: TIME,
        rule: Some(BadgeRule { app: AppId::site_code(), key: "posts".to_owned(), reaches: 10 }),
        position: None,
    }
}

fn endpoints() -> Vec<Event> {
    let endpoint = Arc::new(Endpoint {
        id: ENDPOINT,
        url: "https://example.com/hook".to_owned(),
        event_types: vec!["follow.*".to_owned()],
        sealed_secret: Vec::new(),
        previous_secret: None,
        after_seq: 0,
        created_at: TIME,
        disabled: None,
        settings: EndpointSettings::default(),
    });
    let mut events = vec![
        Event::EndpointCreated { endpoint: endpoint.clone() },
        Event::EndpointUpdated { endpoint },
        Event::EndpointDeleted { endpoint: ENDPOINT },
        Event::EndpointSecretRotated {
            endpoint: ENDPOINT,
            sealed_secret: Vec::new(),
            overlap_until: TIME,
        },
        Event::EndpointDisabled {
            endpoint: ENDPOINT,
            reason: "the receiver answered 410 Gone".to_owned(),
        },
        Event::EndpointEnabled { endpoint: ENDPOINT },
    ];
    let range = Replayed::Range {
        first_seq: 100,
        last_seq: 200,
        event_types: vec!["follow.*".to_owned()],
        member: None,
    };
    let steps =
        [ReplayStep::Started(ReplayJob { id: 301, what: range }), ReplayStep::Finished { id: 301 }];
    let endpoint = ENDPOINT;
    events.extend(steps.map(|step| Event::EndpointReplay { endpoint, step }));
    let reports = [
        EndpointReport::Lagged { first_seq: 100, last_seq: 200 },
        EndpointReport::Failing { event_seq: 201, tries: 4 },
        EndpointReport::Exhausted { event_seq: 201, tries: 10 },
        EndpointReport::Recovered { failing_since: TIME },
    ];
    events.extend(reports.map(|report| Event::EndpointReported { endpoint, report }));
    events
}

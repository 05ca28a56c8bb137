//! The public form of a record, `{id, type, timestamp, siteId, memberId, seq, memberSeq, data}`, as
//! each audience sees it. Default: nothing. Others than the member and the keys never learn the id
//! of a second member from an event: that one may be private, so it is left out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::about::{AboutData, about_data};
use super::badge::BadgeBody;
use super::endpoint_event::{EndpointData, endpoint_data};
use super::member::{Fieldset, MemberBody, member_json};
use super::moderation::{Moderator, RulingData, ruling_data};
use super::report::{ReportData, report_data};
use super::settings::{
    CommunityData, SettingData, TieData, community_data, setting_data, tie_data,
};
use super::time::WireTime;
pub use crate::core::visibility::Audience;
use crate::core::visibility::sees;
use crate::domain::command::{ItemDetails, ItemKey};
use crate::domain::event::{
    AssignmentReason, Badge, BadgeRule, FieldChange, MemberFacts, MemberOrigin, Record,
    UnassignmentReason,
};
use crate::domain::moderation::Ruling;
use crate::domain::{AssignmentId, BadgeId, Event, MemberId, SiteId};

/// Whose journal a record is from: the site, and the incarnation that numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSource {
    pub site: SiteId,
    pub incarnation: u128,
}

/// The record's id in all its copies, for receivers to drop repeats by. Letters, digits, `_`, `-`.
pub fn event_id(source: EventSource, seq: u64) -> String {
    let mut named = [0; 32];
    named[..16].copy_from_slice(&source.incarnation.to_be_bytes());
    named[16..].copy_from_slice(source.site.as_bytes());
    let hash = xxhash_rust::xxh3::xxh3_128(&named).to_be_bytes();
    format!("evt_{}_{seq}", URL_SAFE_NO_PAD.encode(&hash[..12]))
}

/// The epoch of live channels: the journal's incarnation as text.
pub fn epoch_text(incarnation: u128) -> String {
    format!("{incarnation:032x}")
}

/// The record as JSON for one audience; `None` where it sees nothing of it.
pub fn event_json(
    record: &Record,
    site: SiteId,
    incarnation: u128,
    audience: Audience,
) -> Option<Bytes> {
    encode(record, EventSource { site, incarnation }, Gaze { site, audience, about: None })
}

/// As [`event_json`], for readers of a member's channel: they may see that member, so it is named.
pub fn channel_event_json(
    record: &Record,
    source: EventSource,
    audience: Audience,
    about: Option<MemberId>,
) -> Option<Bytes> {
    encode(record, source, Gaze { site: source.site, audience, about })
}

fn encode(record: &Record, source: EventSource, gaze: Gaze) -> Option<Bytes> {
    if !sees(&record.event, gaze.audience) {
        return None;
    }
    let member_id = record.event.member().and_then(|member| gaze.subject(&record.event, member));
    let body = EventBody {
        id: event_id(source, record.seq),
        event_type: record.event.type_name(),
        timestamp: WireTime(record.time),
        site_id: source.site,
        member_id,
        seq: record.seq,
        member_seq: member_id.map(|_| record.member_seq),
        data: data(&record.event, gaze)?,
    };
    serde_json::to_vec(&body).ok().map(Bytes::from)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventBody<D> {
    pub id: String,
    #[serde(rename = "type")]
    pub event_type: &'static str,
    pub timestamp: WireTime,
    pub site_id: SiteId,
    pub member_id: Option<MemberId>,
    pub seq: u64,
    pub member_seq: Option<u64>,
    pub data: D,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Data<'a> {
    Member(Box<MemberData>),
    MemberDeleted(MemberDeletedData),
    Follow(FollowData),
    Item { item: ItemBody<'a> },
    Like(LikeData<'a>),
    Counter(CounterData<'a>),
    Badge(BadgeData<'a>),
    BadgeDeleted(BadgeDeletedData),
    Assignment(AssignmentData<'a>),
    Endpoint(EndpointData<'a>),
    Report(ReportData<'a>),
    About(AboutData),
    Moderated(Box<RulingData<'a>>),
    Setting(SettingData<'a>),
    Tie(TieData<'a>),
    Community(CommunityData),
}

#[derive(Serialize)]
pub(super) struct MemberData {
    member: MemberBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ChangeBody>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MemberDeletedData {
    /// To whom apps hand over what the member authored.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_assignee_id: Option<MemberId>,
}

/// One changed field: what it was, and what it is.
#[derive(Serialize)]
struct ChangeBody {
    field: String,
    old: Option<Box<RawValue>>,
    new: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FollowData {
    /// The follower.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<MemberId>,
    /// The followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    affected_member_id: Option<MemberId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemBody<'a> {
    app_id: &'a str,
    item_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    author_id: Option<MemberId>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    item_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LikeData<'a> {
    item: ItemBody<'a>,
    /// The liker.
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<MemberId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CounterData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<MemberId>,
    app_id: &'a str,
    key: &'a str,
    public: bool,
    old: i64,
    new: i64,
}

#[derive(Serialize)]
pub(super) struct BadgeData<'a> {
    badge: BadgeBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<RuleBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleBody<'a> {
    app_id: &'a str,
    key: &'a str,
    reaches: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BadgeDeletedData {
    badge_id: BadgeId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AssignmentData<'a> {
    assignment_id: AssignmentId,
    badge_id: BadgeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_id: Option<MemberId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<ReasonBody<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
enum ReasonBody<'a> {
    Assigned,
    RuleReached { app_id: &'a str, key: &'a str, count: i64 },
    Unassigned,
    BadgeDeleted,
    MemberDeleted,
}

/// Who looks, and at whose channel.
#[derive(Clone, Copy)]
struct Gaze {
    site: SiteId,
    audience: Audience,
    about: Option<MemberId>,
}

impl Gaze {
    /// The member itself and the keys see all that an event says.
    fn is_close(self) -> bool {
        match self.audience {
            Audience::SelfMember | Audience::App => true,
            Audience::Public | Audience::Follower => false,
        }
    }

    /// A member's id, where this reader may learn it.
    fn name(self, member: MemberId) -> Option<MemberId> {
        (self.is_close() || self.about == Some(member)).then_some(member)
    }

    fn close<T>(self, value: T) -> Option<T> {
        self.is_close().then_some(value)
    }

    /// The id of the member whom the event is about. What a member published is shown with its id.
    fn subject(self, event: &Event, member: MemberId) -> Option<MemberId> {
        let speaks_of_itself =
            matches!(event, Event::MemberCreated { .. } | Event::MemberUpdated { .. });
        if speaks_of_itself { Some(member) } else { self.name(member) }
    }
}

/// All that an event says, for keys.
pub(super) fn data_for_keys(site: SiteId, event: &Event) -> Option<Data<'_>> {
    data(event, Gaze { site, audience: Audience::App, about: None })
}

fn data(event: &Event, gaze: Gaze) -> Option<Data<'_>> {
    let data = match event {
        Event::MemberCreated { facts, origin, .. } => {
            member_data(facts, gaze, gaze.close(origin_text(*origin)), None)
        }
        Event::MemberUpdated { facts, changes } => {
            member_data(facts, gaze, None, Some(change_bodies(changes, gaze)))
        }
        Event::MemberDeleted { content_assignee, .. } => Data::MemberDeleted(MemberDeletedData {
            content_assignee_id: content_assignee.and_then(|assignee| gaze.name(assignee)),
        }),
        Event::Reported { step } => Data::Report(report_data(step)),
        Event::About { step } => Data::About(about_data(step, gaze.is_close())),
        Event::Moderated { ruling } => moderated(ruling, gaze),
        Event::Setting { step } => Data::Setting(setting_data(gaze.site, step)),
        Event::Tie { step } => Data::Tie(tie_data(step)),
        Event::Community { member, step } => Data::Community(community_data(*member, *step)),
        Event::FollowCreated { follower, followed }
        | Event::FollowDeleted { follower, followed } => Data::Follow(FollowData {
            member_id: gaze.name(*follower),
            affected_member_id: gaze.name(*followed),
        }),
        Event::ItemCreated { item, details, .. } | Event::ItemUpdated { item, details } => {
            Data::Item { item: item_body(item, details, gaze) }
        }
        Event::ItemLiked { item, liker, author } | Event::ItemUnliked { item, liker, author } => {
            like_data(item, *liker, *author, gaze)
        }
        Event::CounterUpdated { member, app, key, public, old, new } => {
            let (member_id, app_id) = (gaze.name(*member), app.as_str());
            let (public, old, new) = (*public, *old, *new);
            Data::Counter(CounterData { member_id, app_id, key, public, old, new })
        }
        Event::BadgeCreated { badge } | Event::BadgeUpdated { badge } => badge_data(badge, gaze),
        Event::BadgeDeleted { badge } => Data::BadgeDeleted(BadgeDeletedData { badge_id: *badge }),
        Event::BadgeAssigned { badge, member, assignment, reason } => {
            let reason = gaze.close(assignment_reason(reason));
            assignment_data(*badge, *assignment, gaze.name(*member), reason)
        }
        Event::BadgeUnassigned { badge, member, assignment, reason } => {
            let reason = gaze.close(unassignment_reason(*reason));
            assignment_data(*badge, *assignment, gaze.name(*member), reason)
        }
        Event::EndpointCreated { .. }
        | Event::EndpointDeleted { .. }
        | Event::EndpointSecretRotated { .. }
        | Event::EndpointDisabled { .. }
        | Event::EndpointUpdated { .. }
        | Event::EndpointEnabled { .. }
        | Event::EndpointReported { .. }
        | Event::EndpointReplay { .. } => return plumbing(event, gaze),
    };
    Some(data)
}

/// What the owner sees of the plumbing; nobody else sees anything.
fn plumbing(event: &Event, gaze: Gaze) -> Option<Data<'_>> {
    let is_owner = gaze.audience == Audience::App;
    is_owner.then(|| endpoint_data(event).map(Data::Endpoint)).flatten()
}

fn member_data<'a>(
    facts: &MemberFacts,
    gaze: Gaze,
    origin: Option<&'static str>,
    changes: Option<Vec<ChangeBody>>,
) -> Data<'a> {
    let fieldset = if gaze.is_close() { Fieldset::Full } else { Fieldset::Public };
    Data::Member(Box::new(MemberData { member: member_json(facts, fieldset), origin, changes }))
}

fn moderated(ruling: &Ruling, gaze: Gaze) -> Data<'_> {
    let moderator = match gaze.audience {
        Audience::App => Moderator::Named,
        Audience::Public | Audience::Follower | Audience::SelfMember => Moderator::Unnamed,
    };
    Data::Moderated(Box::new(ruling_data(ruling, moderator)))
}

/// Fields that strangers may see; a change of any other is not told to them.
const PUBLIC_FIELDS: [&str; 10] = [
    "nickname",
    "title",
    "photo",
    "cover",
    "slug",
    "profile.nickname",
    "profile.title",
    "profile.photo",
    "profile.cover",
    "profile.slug",
];

fn change_bodies(changes: &[FieldChange], gaze: Gaze) -> Vec<ChangeBody> {
    let is_shown =
        |change: &&FieldChange| gaze.is_close() || PUBLIC_FIELDS.contains(&change.field.as_str());
    let raw = |text: &str| RawValue::from_string(text.to_owned()).ok();
    let body = |change: &FieldChange| ChangeBody {
        field: change.field.clone(),
        old: raw(&change.old_json),
        new: raw(&change.new_json),
    };
    changes.iter().filter(is_shown).map(body).collect()
}

fn origin_text(origin: MemberOrigin) -> &'static str {
    match origin {
        MemberOrigin::Creation => "CREATION",
        MemberOrigin::Import => "IMPORT",
        MemberOrigin::SignUp => "SIGN_UP",
    }
}

/// Strangers see which item and of what type; its words are the app's to show.
fn item_body<'a>(item: &'a ItemKey, details: &'a ItemDetails, gaze: Gaze) -> ItemBody<'a> {
    ItemBody {
        app_id: item.app.as_str(),
        item_id: &item.item,
        author_id: details.author.and_then(|author| gaze.name(author)),
        item_type: details.item_type.as_deref(),
        title: details.title.as_deref().and_then(|title| gaze.close(title)),
        url: details.url.as_deref().and_then(|url| gaze.close(url)),
    }
}

fn like_data(item: &ItemKey, liker: MemberId, author: Option<MemberId>, gaze: Gaze) -> Data<'_> {
    let item = ItemBody {
        app_id: item.app.as_str(),
        item_id: &item.item,
        author_id: author.and_then(|author| gaze.name(author)),
        item_type: None,
        title: None,
        url: None,
    };
    Data::Like(LikeData { item, member_id: gaze.name(liker) })
}

fn badge_data(badge: &Badge, gaze: Gaze) -> Data<'_> {
    let rule = badge.rule.as_ref().and_then(|rule| gaze.close(rule_body(rule)));
    Data::Badge(BadgeData { badge: BadgeBody::from(badge), rule })
}

fn rule_body(rule: &BadgeRule) -> RuleBody<'_> {
    RuleBody { app_id: rule.app.as_str(), key: &rule.key, reaches: rule.reaches }
}

fn assignment_data<'a>(
    badge_id: BadgeId,
    assignment_id: AssignmentId,
    member_id: Option<MemberId>,
    reason: Option<ReasonBody<'a>>,
) -> Data<'a> {
    Data::Assignment(AssignmentData { assignment_id, badge_id, member_id, reason })
}

fn assignment_reason(reason: &AssignmentReason) -> ReasonBody<'_> {
    match reason {
        AssignmentReason::Assigned => ReasonBody::Assigned,
        AssignmentReason::RuleReached { app, key, count } => {
            ReasonBody::RuleReached { app_id: app.as_str(), key, count: *count }
        }
    }
}

fn unassignment_reason<'a>(reason: UnassignmentReason) -> ReasonBody<'a> {
    match reason {
        UnassignmentReason::Unassigned => ReasonBody::Unassigned,
        UnassignmentReason::BadgeDeleted => ReasonBody::BadgeDeleted,
        UnassignmentReason::MemberDeleted => ReasonBody::MemberDeleted,
    }
}

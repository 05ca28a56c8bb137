//! Events: facts, past tense. Stored for ever in this order: variants and fields are only appended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::about::AboutStep;
pub use super::badge::{Badge, BadgeIcon, BadgeRule};
use super::command::{ItemDetails, ItemKey};
pub use super::endpoint::Endpoint;
use super::endpoint::{EndpointReport, ReplayStep};
use super::id::{AppId, AssignmentId, BadgeId, EndpointId, ItemOrdinal, MemberId, MemberOrdinal};
use super::moderation::Ruling;
use super::profile::{ActivityStatus, PrivacyStatus, Profile, Status};
use super::report::ReportStep;
use super::settings::SettingStep;
use super::ties::TieStep;

/// Why a badge is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssignmentReason {
    Assigned,
    RuleReached { app: AppId, key: String, count: i64 },
}

/// Why a badge is no longer held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnassignmentReason {
    Unassigned,
    BadgeDeleted,
    MemberDeleted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberOrigin {
    Creation,
    Import,
    SignUp,
}

/// All of a member that does not change with follows, likes, counters and badges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    pub id: MemberId,
    pub login_email: Option<String>,
    pub slug: Option<String>,
    pub status: Status,
    pub privacy: PrivacyStatus,
    pub activity: ActivityStatus,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: u64,
    pub profile: Arc<Profile>,
}

/// What became of a member's part in the community. The member's facts were told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommunityStep {
    PrivacyChanged { privacy: PrivacyStatus },
    Joined,
    Left,
}

impl CommunityStep {
    /// The dotted public name of the event.
    pub fn type_name(self) -> &'static str {
        match self {
            CommunityStep::PrivacyChanged { .. } => "member.privacy_changed",
            CommunityStep::Joined => "member.community_joined",
            CommunityStep::Left => "member.community_left",
        }
    }
}

/// One changed field with what it was; values are JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    pub field: String,
    pub old_json: String,
    pub new_json: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    MemberCreated {
        ordinal: MemberOrdinal,
        facts: Arc<MemberFacts>,
        origin: MemberOrigin,
    },
    MemberUpdated {
        facts: Arc<MemberFacts>,
        changes: Vec<FieldChange>,
    },
    FollowCreated {
        follower: MemberId,
        followed: MemberId,
    },
    FollowDeleted {
        follower: MemberId,
        followed: MemberId,
    },
    ItemCreated {
        ordinal: ItemOrdinal,
        item: Arc<ItemKey>,
        details: ItemDetails,
    },
    ItemUpdated {
        item: Arc<ItemKey>,
        details: ItemDetails,
    },
    ItemLiked {
        item: Arc<ItemKey>,
        liker: MemberId,
        author: Option<MemberId>,
    },
    ItemUnliked {
        item: Arc<ItemKey>,
        liker: MemberId,
        author: Option<MemberId>,
    },
    /// A coalesced report: what the counter was at the last report and what it is now.
    CounterUpdated {
        member: MemberId,
        app: AppId,
        key: String,
        public: bool,
        old: i64,
        new: i64,
    },
    BadgeCreated {
        badge: Arc<Badge>,
    },
    BadgeUpdated {
        badge: Arc<Badge>,
    },
    BadgeDeleted {
        badge: BadgeId,
    },
    BadgeAssigned {
        badge: BadgeId,
        member: MemberId,
        assignment: AssignmentId,
        reason: AssignmentReason,
    },
    BadgeUnassigned {
        badge: BadgeId,
        member: MemberId,
        assignment: AssignmentId,
        reason: UnassignmentReason,
    },
    EndpointCreated {
        endpoint: Arc<Endpoint>,
    },
    EndpointDeleted {
        endpoint: EndpointId,
    },
    EndpointSecretRotated {
        endpoint: EndpointId,
        sealed_secret: Vec<u8>,
        overlap_until: Timestamp,
    },
    EndpointDisabled {
        endpoint: EndpointId,
        reason: String,
    },
    /// The whole endpoint as it is now.
    EndpointUpdated {
        endpoint: Arc<Endpoint>,
    },
    EndpointEnabled {
        endpoint: EndpointId,
    },
    EndpointReported {
        endpoint: EndpointId,
        report: EndpointReport,
    },
    EndpointReplay {
        endpoint: EndpointId,
        step: ReplayStep,
    },
    /// The member is gone from here on; its edges end in further records.
    MemberDeleted {
        member: MemberId,
        /// To whom apps hand over what the member authored.
        content_assignee: Option<MemberId>,
    },
    /// For the owner: on no member's channel.
    Reported {
        step: ReportStep,
    },
    About {
        step: AboutStep,
    },
    Moderated {
        ruling: Arc<Ruling>,
    },
    /// For the owner: on no member's channel.
    Setting {
        step: SettingStep,
    },
    Tie {
        step: TieStep,
    },
    Community {
        member: MemberId,
        step: CommunityStep,
    },
}

impl Event {
    /// The dotted public name.
    pub fn type_name(&self) -> &'static str {
        match self {
            Event::MemberCreated { .. } => "member.created",
            Event::MemberUpdated { .. } => "member.updated",
            Event::FollowCreated { .. } => "follow.created",
            Event::FollowDeleted { .. } => "follow.deleted",
            Event::ItemCreated { .. } => "item.created",
            Event::ItemUpdated { .. } => "item.updated",
            Event::ItemLiked { .. } => "item.liked",
            Event::ItemUnliked { .. } => "item.unliked",
            Event::CounterUpdated { .. } => "counter.updated",
            Event::BadgeCreated { .. } => "badge.created",
            Event::BadgeUpdated { .. } => "badge.updated",
            Event::BadgeDeleted { .. } => "badge.deleted",
            Event::BadgeAssigned { .. } => "badge.assigned",
            Event::BadgeUnassigned { .. } => "badge.unassigned",
            Event::EndpointCreated { .. } => "endpoint.created",
            Event::EndpointDeleted { .. } => "endpoint.deleted",
            Event::EndpointSecretRotated { .. } => "endpoint.secret_rotated",
            Event::EndpointDisabled { .. } => "endpoint.disabled",
            Event::EndpointUpdated { .. } => "endpoint.updated",
            Event::EndpointEnabled { .. } => "endpoint.enabled",
            Event::MemberDeleted { .. } => "member.deleted",
            Event::Reported { step } => step.type_name(),
            Event::About { step } => step.type_name(),
            Event::Moderated { ruling } => ruling.type_name(),
            Event::Setting { step } => step.type_name(),
            Event::Tie { step } => step.type_name(),
            Event::Community { step, .. } => step.type_name(),
            Event::EndpointReported { report, .. } => report.type_name(),
            Event::EndpointReplay { step: ReplayStep::Started(_), .. } => "endpoint.replay_started",
            Event::EndpointReplay { step: ReplayStep::Finished { .. }, .. } => {
                "endpoint.replay_finished"
            }
        }
    }

    /// Events about the plumbing itself; only a pattern that names them takes them.
    pub fn is_operational(&self) -> bool {
        let name = self.type_name();
        name.starts_with("endpoint.") || name.starts_with("attempt.")
    }

    /// Whether it tells of a counter, and may go out together with others that do.
    pub fn is_counter(&self) -> bool {
        matches!(self, Event::CounterUpdated { .. })
    }

    /// The member whose own sequence this event advances.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Event::MemberCreated { facts, .. } | Event::MemberUpdated { facts, .. } => {
                Some(facts.id)
            }
            Event::FollowCreated { follower, .. } | Event::FollowDeleted { follower, .. } => {
                Some(*follower)
            }
            Event::ItemLiked { liker, .. } | Event::ItemUnliked { liker, .. } => Some(*liker),
            Event::ItemCreated { details, .. } | Event::ItemUpdated { details, .. } => {
                details.author
            }
            Event::CounterUpdated { member, .. }
            | Event::BadgeAssigned { member, .. }
            | Event::BadgeUnassigned { member, .. }
            | Event::MemberDeleted { member, .. }
            | Event::Community { member, .. } => Some(*member),
            Event::About { step } => Some(step.member()),
            Event::Moderated { ruling } => Some(ruling.facts.id),
            Event::Tie { step } => Some(step.member()),
            Event::BadgeCreated { .. }
            | Event::BadgeUpdated { .. }
            | Event::BadgeDeleted { .. }
            | Event::EndpointCreated { .. }
            | Event::EndpointDeleted { .. }
            | Event::EndpointSecretRotated { .. }
            | Event::EndpointDisabled { .. }
            | Event::EndpointUpdated { .. }
            | Event::EndpointEnabled { .. }
            | Event::EndpointReported { .. }
            | Event::EndpointReplay { .. }
            | Event::Reported { .. }
            | Event::Setting { .. } => None,
        }
    }

    /// The other member concerned: who was followed, whose item was liked.
    pub fn affected_member(&self) -> Option<MemberId> {
        match self {
            Event::FollowCreated { followed, .. } | Event::FollowDeleted { followed, .. } => {
                Some(*followed)
            }
            Event::ItemLiked { author, liker, .. } | Event::ItemUnliked { author, liker, .. } => {
                author.filter(|author| author != liker)
            }
            _ => None,
        }
    }
}

/// An event in its place: the one cursor of sockets, webhooks and the events API is `seq`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Dense per site, from 1.
    pub seq: u64,
    pub time: Timestamp,
    /// Dense per [`Event::member`], from 1; 0 where the event has none.
    pub member_seq: u64,
    /// The members whose channels carry this record, with each channel's previous seq.
    pub touches: super::batch::Touches,
    pub event: Event,
}

impl Record {
    /// Roughly what the record takes in the log, or in memory until a snapshot holds what it did,
    /// whichever is more.
    pub fn bytes_estimate(&self) -> usize {
        match &self.event {
            Event::MemberCreated { facts, .. } | Event::MemberUpdated { facts, .. } => {
                160 + size_of::<MemberFacts>() + facts.profile.bytes_estimate()
            }
            Event::About { step } => 160 + step.content_bytes(),
            Event::Moderated { ruling } => {
                let reason = ruling.terms.reason.as_ref().map_or(0, String::len);
                let profile = ruling.facts.profile.bytes_estimate();
                160 + size_of::<MemberFacts>() + profile + reason
            }
            _ => 160,
        }
    }
}

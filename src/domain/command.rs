//! Commands: wishes, imperative. The site is not in them: it comes from the credential.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::badge::{BadgePatch, BadgePlace};
use super::endpoint::{
    Condition, CounterBatch, DeliveryMode, EndpointChannel, EndpointReport, EndpointSettings,
    PayloadFormat, Replayed, SealedHeader,
};
use super::event::MemberOrigin;
use super::id::{AboutId, AppId, AssignmentId, BadgeId, EndpointId, MemberId, OpId};
use super::moderation::{Act, Terms};
use super::profile::{ActivityStatus, PrivacyStatus, Profile, Status};
use super::report::NewReport;
use super::settings::SettingWish;
use super::ties::TieWish;

/// Anything a member authored in some app.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    pub app: AppId,
    pub item: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMember {
    /// Chosen by the shell (random), so that the core stays deterministic.
    pub id: MemberId,
    pub login_email: Option<String>,
    pub profile: Profile,
    pub privacy: Option<PrivacyStatus>,
    pub status: Option<Status>,
    pub activity: Option<ActivityStatus>,
    pub origin: MemberOrigin,
    /// Taken from an import; `None` means now.
    pub created_at: Option<super::Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommunityAct {
    Join,
    Leave,
}

/// A profile edit: `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    pub nickname: Option<Option<String>>,
    pub title: Option<Option<String>>,
    pub photo: Option<Option<super::profile::Image>>,
    pub cover: Option<Option<super::profile::Image>>,
    pub first_name: Option<Option<String>>,
    pub last_name: Option<Option<String>>,
    pub phones: Option<Vec<String>>,
    pub emails: Option<Vec<String>>,
    pub addresses: Option<Vec<super::profile::Address>>,
    pub birthdate: Option<Option<String>>,
    pub company: Option<Option<String>>,
    pub job_title: Option<Option<String>>,
    pub custom_fields: Option<Vec<super::profile::CustomField>>,
    pub slug: Option<String>,
    pub login_email: Option<String>,
    pub privacy: Option<PrivacyStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemDetails {
    pub author: Option<MemberId>,
    pub item_type: Option<String>,
    pub title: Option<String>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBadge {
    pub id: BadgeId,
    pub title: String,
    pub description: Option<String>,
    pub background_color: String,
    pub text_color: String,
    pub icon: Option<super::event::BadgeIcon>,
    pub permissions_enabled: bool,
    pub rule: Option<super::event::BadgeRule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    pub id: EndpointId,
    pub url: String,
    /// Patterns over event types (`follow.*`); empty means all that are not operational.
    pub event_types: Vec<String>,
    /// The signing secret, sealed with the operator's key.
    pub sealed_secret: Vec<u8>,
    pub settings: EndpointSettings,
}

/// An endpoint's edit: `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPatch {
    pub url: Option<String>,
    pub event_types: Option<Vec<String>>,
    pub description: Option<Option<String>>,
    pub headers: Option<Vec<SealedHeader>>,
    pub channels: Option<Vec<EndpointChannel>>,
    pub conditions: Option<Vec<Condition>>,
    pub rate_per_minute: Option<Option<u32>>,
    pub mode: Option<DeliveryMode>,
    pub format: Option<PayloadFormat>,
    pub request_origin: Option<Option<String>>,
    pub counter_batch: Option<Option<CounterBatch>>,
    pub in_flight_max: Option<Option<u32>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    CreateMember(Box<NewMember>),
    UpdateProfile {
        member: MemberId,
        patch: Box<ProfilePatch>,
    },
    Follow {
        follower: MemberId,
        followed: MemberId,
    },
    Unfollow {
        follower: MemberId,
        followed: MemberId,
    },
    PutItem {
        item: ItemKey,
        details: ItemDetails,
    },
    Like {
        liker: MemberId,
        item: ItemKey,
    },
    Unlike {
        liker: MemberId,
        item: ItemKey,
    },
    SetCounter {
        app: AppId,
        member: MemberId,
        key: String,
        public: bool,
        count: i64,
    },
    IncrementCounter {
        app: AppId,
        member: MemberId,
        key: String,
        delta: i64,
        op_id: Option<OpId>,
    },
    CreateBadge(Box<NewBadge>),
    DeleteBadge {
        badge: BadgeId,
    },
    AssignBadge {
        badge: BadgeId,
        member: MemberId,
    },
    UnassignBadge {
        assignment: AssignmentId,
    },
    UpdateBadge {
        badge: BadgeId,
        /// As the caller last saw it, where it says so.
        revision: Option<u64>,
        patch: Box<BadgePatch>,
    },
    MoveBadge {
        badge: BadgeId,
        place: BadgePlace,
    },
    /// These first, in this order; the others behind them as they stood.
    OrderBadges {
        badges: Vec<BadgeId>,
    },
    /// Each for itself.
    AssignBadges {
        pairs: Vec<(BadgeId, MemberId)>,
    },
    /// Each for itself.
    UnassignBadges {
        assignments: Vec<AssignmentId>,
    },
    /// Takes a badge from those of the members that hold it.
    TakeBadge {
        badge: BadgeId,
        members: Vec<MemberId>,
    },
    CreateEndpoint(Box<NewEndpoint>),
    DeleteEndpoint {
        endpoint: EndpointId,
    },
    /// Without `overlap_ms` the replaced secret signs along for the usual time.
    RotateEndpointSecret {
        endpoint: EndpointId,
        sealed_secret: Vec<u8>,
        overlap_ms: Option<u32>,
    },
    DisableEndpoint {
        endpoint: EndpointId,
        reason: String,
    },
    UpdateEndpoint {
        endpoint: EndpointId,
        patch: Box<EndpointPatch>,
    },
    EnableEndpoint {
        endpoint: EndpointId,
    },
    ReportEndpoint {
        endpoint: EndpointId,
        report: EndpointReport,
    },
    ReplayEndpoint {
        endpoint: EndpointId,
        what: Replayed,
    },
    FinishReplay {
        endpoint: EndpointId,
        id: u64,
    },
    DeleteMember {
        member: MemberId,
        content_assignee: Option<MemberId>,
    },
    ReportMember(Box<NewReport>),
    /// Takes all reports about a member away.
    DeleteReports {
        member: MemberId,
    },
    ReviewReports {
        member: MemberId,
    },
    CreateAbout {
        member: MemberId,
        /// JSON text.
        content: Arc<str>,
    },
    /// `by` is the member that asks; none where a key does.
    UpdateAbout {
        about: AboutId,
        by: Option<MemberId>,
        /// As the caller last saw it.
        revision: u64,
        content: Arc<str>,
    },
    DeleteAbout {
        about: AboutId,
        by: Option<MemberId>,
    },
    Moderate {
        member: MemberId,
        act: Act,
        terms: Terms,
    },
    /// Whether a member is part of the community: seen by others, or not.
    Community {
        member: MemberId,
        act: CommunityAct,
    },
    Setting(Box<SettingWish>),
    /// What is to bind a member, or not any more.
    Tie {
        member: MemberId,
        wish: TieWish,
    },
}

impl Command {
    /// Its name, for quarantine and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Command::CreateMember(_) => "create_member",
            Command::UpdateProfile { .. } => "update_profile",
            Command::Follow { .. } => "follow",
            Command::Unfollow { .. } => "unfollow",
            Command::PutItem { .. } => "put_item",
            Command::Like { .. } => "like",
            Command::Unlike { .. } => "unlike",
            Command::SetCounter { .. } => "set_counter",
            Command::IncrementCounter { .. } => "increment_counter",
            Command::CreateBadge(_) => "create_badge",
            Command::DeleteBadge { .. } => "delete_badge",
            Command::AssignBadge { .. } => "assign_badge",
            Command::UnassignBadge { .. } => "unassign_badge",
            Command::UpdateBadge { .. } => "update_badge",
            Command::MoveBadge { .. } => "move_badge",
            Command::OrderBadges { .. } => "order_badges",
            Command::AssignBadges { .. } => "assign_badges",
            Command::UnassignBadges { .. } => "unassign_badges",
            Command::TakeBadge { .. } => "take_badge",
            Command::CreateEndpoint(_) => "create_endpoint",
            Command::DeleteEndpoint { .. } => "delete_endpoint",
            Command::RotateEndpointSecret { .. } => "rotate_endpoint_secret",
            Command::DisableEndpoint { .. } => "disable_endpoint",
            Command::UpdateEndpoint { .. } => "update_endpoint",
            Command::EnableEndpoint { .. } => "enable_endpoint",
            Command::ReportEndpoint { .. } => "report_endpoint",
            Command::ReplayEndpoint { .. } => "replay_endpoint",
            Command::FinishReplay { .. } => "finish_replay",
            Command::DeleteMember { .. } => "delete_member",
            Command::ReportMember(_) => "report_member",
            Command::DeleteReports { .. } => "delete_reports",
            Command::ReviewReports { .. } => "review_reports",
            Command::CreateAbout { .. } => "create_about",
            Command::UpdateAbout { .. } => "update_about",
            Command::DeleteAbout { .. } => "delete_about",
            Command::Moderate { .. } => "moderate",
            Command::Community { act: CommunityAct::Join, .. } => "join_community",
            Command::Community { act: CommunityAct::Leave, .. } => "leave_community",
            Command::Setting(wish) => wish.kind(),
            Command::Tie { wish, .. } => wish.kind(),
        }
    }

    /// The member in whose actor's turn the command is decided. Counters need no actor: they are
    /// resident, and increments are the lane's.
    pub fn acting_member(&self) -> Option<MemberId> {
        match self {
            Command::UpdateProfile { member, .. }
            | Command::AssignBadge { member, .. }
            | Command::DeleteMember { member, .. }
            | Command::Moderate { member, .. }
            | Command::Tie { member, .. }
            | Command::Community { member, .. }
            | Command::CreateAbout { member, .. } => Some(*member),
            Command::UpdateAbout { by, .. } | Command::DeleteAbout { by, .. } => *by,
            Command::Follow { follower, .. } | Command::Unfollow { follower, .. } => {
                Some(*follower)
            }
            Command::Like { liker, .. } | Command::Unlike { liker, .. } => Some(*liker),
            Command::CreateMember(_)
            | Command::PutItem { .. }
            | Command::SetCounter { .. }
            | Command::IncrementCounter { .. }
            | Command::CreateBadge(_)
            | Command::DeleteBadge { .. }
            | Command::UnassignBadge { .. }
            | Command::UpdateBadge { .. }
            | Command::MoveBadge { .. }
            | Command::OrderBadges { .. }
            | Command::AssignBadges { .. }
            | Command::UnassignBadges { .. }
            | Command::TakeBadge { .. }
            | Command::CreateEndpoint(_)
            | Command::DeleteEndpoint { .. }
            | Command::RotateEndpointSecret { .. }
            | Command::DisableEndpoint { .. }
            | Command::UpdateEndpoint { .. }
            | Command::EnableEndpoint { .. }
            | Command::ReportEndpoint { .. }
            | Command::ReplayEndpoint { .. }
            | Command::FinishReplay { .. }
            | Command::ReportMember(_)
            | Command::DeleteReports { .. }
            | Command::ReviewReports { .. }
            | Command::Setting(_) => None,
        }
    }
}

/// Where a producer stands: batch numbers are contiguous per app and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerPosition {
    pub producer: String,
    pub n: u64,
}

/// Thousands of increments of one app, as one command. Parallel arrays keep a line at 28 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncrementBatch {
    pub app: Option<AppId>,
    pub producer: Option<ProducerPosition>,
    /// Distinct counter keys of this batch; a line points into it.
    pub keys: Vec<String>,
    pub lines: Vec<IncrementLine>,
    /// Empty, or one entry for each line.
    pub op_ids: Vec<Option<OpId>>,
    /// Lines that could not be read, with the position they had in the request.
    pub faults: Vec<LineFault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncrementLine {
    pub member: MemberId,
    pub delta: i64,
    /// Position in the request, for the per-line answer.
    pub index: u32,
    /// Index into [`IncrementBatch::keys`].
    pub key: u16,
}

/// Why one line of a batch was not taken; the others were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    pub index: u32,
    pub code: &'static str,
    pub detail: String,
}

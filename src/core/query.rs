//! What can be asked of a site, and what it answers. Values only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::about::About;
use crate::domain::command::ItemDetails;
use crate::domain::custom_field::FieldDefinition;
use crate::domain::event::{Badge, Endpoint, MemberFacts};
use crate::domain::profile::{PrivacyStatus, Status};
use crate::domain::report::MemberReport;
use crate::domain::settings::{RoleDefinition, SettingStep};
use crate::domain::{
    AboutId, AppId, AssignmentId, BadgeId, EndpointId, FieldId, ItemKey, MemberId, Refusal,
    ReportId, RoleId, Timestamp,
};

use super::member_reports::ReportedMember;
use super::standings::Standing;
use super::text_filter::{SortBy, TextFilter};

/// A window into a list. `limit` is already checked against the route's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    pub limit: usize,
    pub start: PageStart,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageStart {
    Offset(usize),
    After(Cursor),
}

/// Where a page ended. Shown to clients only in opaque form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    Ordinal(u32),
    Nickname(String, u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOf<T> {
    pub items: Vec<T>,
    /// Size of the whole list, not of this page.
    pub total: usize,
    /// Of the total, those that the viewer does not see: they are on no page.
    pub hidden: usize,
    pub next: Option<Cursor>,
}

/// A condition on one member, already typed. All of `all`, any of `any`, not `not`. Stored for ever
/// in this order: variants are only appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberFilter {
    Everyone,
    All(Vec<MemberFilter>),
    Any(Vec<MemberFilter>),
    Not(Box<MemberFilter>),
    Ids(Vec<MemberId>),
    /// Login e-mails, compared without case.
    Emails(Vec<String>),
    /// Nicknames, compared without case.
    Nicknames(Vec<String>),
    NicknamePrefix(String),
    Statuses(Vec<Status>),
    Privacy(Vec<PrivacyStatus>),
    /// Slugs, as they are written.
    Slugs(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOrder {
    /// Order of creation.
    CreatedAscending,
    CreatedDescending,
    NicknameAscending,
    NicknameDescending,
}

/// Who looks. Decides what is shown, never what site is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// The site owner or an app key with the scope.
    Owner,
    Member(MemberId),
    /// Somebody who has not logged in.
    Visitor,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    Member {
        id: MemberId,
        viewer: Viewer,
    },
    Members {
        filter: MemberFilter,
        order: MemberOrder,
        page: Page,
        viewer: Viewer,
    },
    Followers {
        member: MemberId,
        page: Page,
        viewer: Viewer,
    },
    Following {
        member: MemberId,
        page: Page,
        viewer: Viewer,
    },
    /// For each of `others`: does it follow `member`, does `member` follow it.
    Connections {
        member: MemberId,
        others: Vec<MemberId>,
        viewer: Viewer,
    },
    /// All counters of a member, each app's apart; private ones only of `private_of`, or all.
    Counters {
        member: MemberId,
        private_of: PrivateCounters,
        viewer: Viewer,
    },
    CountersOfMembers {
        filter: MemberFilter,
        page: Page,
        viewer: Viewer,
    },
    Badge {
        id: BadgeId,
    },
    /// In display order where no other is asked for.
    Badges {
        filter: BadgeFilter,
        order: Vec<SortBy<BadgeField>>,
        page: Page,
    },
    /// By badge and member where no other order is asked for.
    Assignments {
        filter: AssignmentFilter,
        order: Vec<SortBy<AssignmentField>>,
        page: Page,
    },
    Assignment {
        id: AssignmentId,
    },
    /// Who holds a badge.
    Holders {
        badge: BadgeId,
        page: Page,
    },
    /// How many hold each badge.
    HoldersCounts,
    BadgesOfMembers {
        members: Vec<MemberId>,
    },
    Item {
        item: ItemKey,
    },
    Likers {
        item: ItemKey,
        page: Page,
        viewer: Viewer,
    },
    Endpoint {
        id: EndpointId,
    },
    Endpoints {
        page: Page,
    },
    About {
        id: AboutId,
        viewer: Viewer,
    },
    /// A member's own.
    OwnAbout {
        member: MemberId,
    },
    Abouts {
        filter: AboutFilter,
        page: Page,
        viewer: Viewer,
    },
    /// What stands against a member, and until when.
    Standing {
        member: MemberId,
    },
    /// The owner's queue, oldest first.
    Reports {
        filter: ReportFilter,
        page: Page,
    },
    /// Who is in it, by age of the member.
    ReportedMembers {
        members: Option<Vec<MemberId>>,
        page: Page,
    },
    Settings(SettingsAsked),
    /// Whom a member blocks for itself, by age of the member.
    Blocking {
        member: MemberId,
        page: Page,
    },
    /// The same, and who blocks it.
    Blocks {
        member: MemberId,
        page: Page,
    },
    /// Which roles members hold; `None` asks for all who hold any.
    RolesOf {
        members: Option<Vec<MemberId>>,
    },
    /// Which fields apply to members. Who is not there is left out.
    FieldsOfMembers {
        members: Vec<MemberId>,
    },
    /// The same of roles.
    FieldsOfRoles {
        roles: Vec<RoleId>,
    },
    /// Where a member's live channel stands and whether `viewer` may see it.
    Channel {
        member: MemberId,
        viewer: Viewer,
    },
}

/// Which of the site's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsAsked {
    DefaultPrivacy,
    MemberPrivacy,
    Role {
        key: String,
    },
    Roles,
    /// Those that are not hidden, in their order.
    Fields,
    Field {
        id: FieldId,
    },
    Application {
        field: FieldId,
    },
    Applications {
        fields: Vec<FieldId>,
    },
}

pub type BadgeFilter = TextFilter<BadgeField>;
pub type AssignmentFilter = TextFilter<AssignmentField>;

/// What badges are found and sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadgeField {
    Id,
    Title,
    Description,
    Slug,
    PermissionsEnabled,
}

/// What assignments are found and sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignmentField {
    Id,
    BadgeId,
    MemberId,
}

/// Which abouts; `None` leaves a field open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AboutFilter {
    pub ids: Option<Vec<AboutId>>,
    pub members: Option<Vec<MemberId>>,
}

/// Which reports; `None` leaves a field open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportFilter {
    pub ids: Option<Vec<ReportId>>,
    pub reported: Option<Vec<MemberId>>,
    pub reporters: Option<Vec<MemberId>>,
}

/// Whose private counters a reader may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateCounters {
    All,
    OfApp(AppId),
    None,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    Member(Arc<MemberFacts>),
    Members(PageOf<Arc<MemberFacts>>),
    MemberIds(PageOf<MemberId>),
    Connections(Vec<Connection>),
    Counters(Vec<AppCounters>),
    CountersPage(PageOf<AppCounters>),
    Badge(Arc<Badge>),
    Badges(PageOf<Arc<Badge>>),
    Assignments(PageOf<Assignment>),
    Assignment(Assignment),
    HoldersCounts(Vec<(BadgeId, usize)>),
    BadgesOfMembers(Vec<(MemberId, Vec<BadgeId>)>),
    Item(ItemView),
    Endpoint(Arc<Endpoint>),
    Endpoints(PageOf<Arc<Endpoint>>),
    About(About),
    Abouts(PageOf<About>),
    Reports(PageOf<Arc<MemberReport>>),
    ReportedMembers(PageOf<ReportedMember>),
    Channel(ChannelView),
    Standing(Standing),
    Settings(Vec<SettingStep>),
    RolesOf(Vec<(MemberId, Vec<Arc<RoleDefinition>>)>),
    Blocks(PageOf<MemberBlocked>),
    FieldsApplied(FieldsApplied),
}

/// The fields that are shown, and of each subject which of them apply, in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldsApplied {
    pub fields: Vec<FieldDefinition>,
    pub subjects: Vec<([u8; 16], Vec<bool>)>,
}

/// One end of a block that a member made for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberBlocked {
    Blocking(MemberId),
    Blocked(MemberId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    pub connected_member: MemberId,
    /// The listed member is followed by the given one.
    pub followed_by_member: bool,
    /// The listed member follows the given one.
    pub following_member: bool,
}

/// The counters of one member that one app owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppCounters {
    pub member: MemberId,
    pub app: AppId,
    pub counters: Vec<CounterView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterView {
    pub key: String,
    pub public: bool,
    pub count: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub id: AssignmentId,
    pub badge: BadgeId,
    pub member: MemberId,
    pub assigned_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemView {
    pub item: ItemKey,
    pub details: ItemDetails,
    pub likes: usize,
    pub created_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// Seq of the newest record of the channel; 0 where there is none.
    pub last_seq: u64,
}

/// What a changing command did. Nothing new means "already so", and looks the same to a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Member(Arc<MemberFacts>),
    /// The item after a like or unlike.
    Item(ItemView),
    /// All counters of the member that the writing app owns.
    Counters {
        counters: AppCounters,
        duplicate: bool,
    },
    Badge(Arc<Badge>),
    /// All badges in display order.
    Badges(Vec<Arc<Badge>>),
    Assignment(Assignment),
    /// One result for each that was asked for.
    Assignments(Vec<Result<Assignment, Refusal>>),
    Endpoint(Arc<Endpoint>),
    Report(Arc<MemberReport>),
    About(About),
    Setting(SettingStep),
}

/// What an increment batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    pub accepted: usize,
    pub duplicates: usize,
    pub errors: Vec<crate::domain::command::LineFault>,
    /// The producer's last n after this batch, where it named one.
    pub producer_n: Option<u64>,
    /// UUIDv7 operation ids at or below this time are refused as expired; 0 where none was evicted.
    pub op_id_floor_ms: i64,
}

/// What one slice of an import did; ids stand at the position of their line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub ids: Vec<Option<MemberId>>,
    pub errors: Vec<crate::domain::command::LineFault>,
}

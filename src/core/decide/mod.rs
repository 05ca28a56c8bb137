//! Deciding: looks at the state, changes nothing, answers with events or a refusal. No events means
//! "already so".

mod abouts;
mod badge_edits;
mod badges;
mod counters;
mod custom_fields;
mod deletion;
mod endpoints;
mod items;
mod members;
mod moderation;
mod refuse;
mod reports;
mod settings;
mod ties;

use std::sync::Arc;

use self::abouts::AboutUpdate;
pub(super) use self::abouts::about_not_found;
pub(super) use self::badge_edits::assignment_not_found;
pub(super) use self::counters::Increase;
use self::counters::{Increment, SetCounter};
pub(super) use self::custom_fields::{application_not_found, field_not_found};
use self::members::slug_of;
pub(super) use self::moderation::standing_refusal;
use self::refuse::forbidden;
pub(super) use self::refuse::{item_not_found, member_not_found, need};
pub(super) use self::settings::role_not_found;
use super::badges::BadgeNumber;
use super::entries::GraphView;
use super::items::Item;
use super::parts::PartKey;
use super::query::{Assignment, Viewer};
use super::site::Site;
use super::turn::Stop;
use crate::domain::command::Command;
use crate::domain::profile::ActivityStatus;
use crate::domain::report::MemberReport;
use crate::domain::settings::SettingStep;
use crate::domain::{AppId, BadgeId, Change, EndpointId, Event, MemberId, Refusal, Timestamp};

/// What a command leads to, not yet applied.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub events: Vec<Event>,
    pub changes: Vec<Change>,
    pub answering: Answering,
}

/// What the caller is told afterwards.
#[derive(Clone, Debug)]
pub(super) enum Answering {
    Done,
    Member(u32),
    Item(u32),
    Counters {
        member: u32,
        app: AppId,
        duplicate: bool,
    },
    Badge(BadgeNumber),
    /// All badges in display order.
    Badges,
    Assignments(Vec<Result<Assignment, Refusal>>),
    Assignment {
        member: u32,
        badge: BadgeNumber,
    },
    Endpoint(EndpointId),
    Report(Arc<MemberReport>),
    About(u32),
    Setting(SettingStep),
}

impl Decision {
    fn new(events: Vec<Event>, answering: Answering) -> Decision {
        Decision { events, changes: Vec::new(), answering }
    }

    fn already(answering: Answering) -> Decision {
        Decision::new(Vec::new(), answering)
    }
}

type Decided = Result<Decision, Stop>;

impl Site {
    pub(super) fn decide(&self, command: &Command, now: Timestamp) -> Decided {
        match command {
            Command::CreateMember(new) => {
                let events = vec![self.member_created(new, now)?];
                Ok(Decision::new(events, Answering::Member(self.directory.len() as u32)))
            }
            Command::UpdateProfile { member, patch } => self.decide_update(*member, patch, now),
            Command::Follow { follower, followed } => {
                self.decide_follow(*follower, *followed, Viewer::Member(*follower))
            }
            Command::Unfollow { follower, followed } => self.decide_unfollow(*follower, *followed),
            Command::PutItem { item, details } => self.decide_put_item(item, details, now),
            Command::Like { liker, item } => self.decide_like(*liker, item, now),
            Command::Unlike { liker, item } => self.decide_unlike(*liker, item),
            Command::SetCounter { app, member, key, public, count } => {
                let set = SetCounter { app, member: *member, key, public: *public, count: *count };
                self.decide_set_counter(set, now)
            }
            Command::IncrementCounter { app, member, key, delta, op_id } => {
                let increment = Increment { app, member: *member, key, delta: *delta };
                self.decide_increment(increment, *op_id, now)
            }
            Command::CreateBadge(new) => self.decide_create_badge(new, now),
            Command::DeleteBadge { badge } => {
                self.badge(*badge)?;
                Ok(Decision::new(vec![Event::BadgeDeleted { badge: *badge }], Answering::Done))
            }
            Command::AssignBadge { badge, member } => self.decide_assign(*badge, *member, now),
            Command::UnassignBadge { assignment } => self.decide_unassign(*assignment),
            Command::UpdateBadge { badge, revision, patch } => {
                self.decide_update_badge(*badge, *revision, patch, now)
            }
            Command::MoveBadge { badge, place } => self.decide_move_badge(*badge, *place),
            Command::OrderBadges { badges } => self.decide_order_badges(badges),
            Command::AssignBadges { pairs } => self.decide_assign_many(pairs, now),
            Command::UnassignBadges { assignments } => self.decide_unassign_many(assignments),
            Command::TakeBadge { badge, members } => self.decide_take(*badge, members),
            Command::CreateEndpoint(_)
            | Command::DeleteEndpoint { .. }
            | Command::RotateEndpointSecret { .. }
            | Command::DisableEndpoint { .. }
            | Command::UpdateEndpoint { .. }
            | Command::EnableEndpoint { .. }
            | Command::ReportEndpoint { .. }
            | Command::ReplayEndpoint { .. }
            | Command::FinishReplay { .. } => self.decide_of_endpoint(command, now),
            Command::DeleteMember { member, content_assignee } => {
                self.decide_delete_member(*member, *content_assignee)
            }
            Command::CreateAbout { member, content } => {
                self.decide_create_about(*member, content, now)
            }
            Command::UpdateAbout { about, by, revision, content } => {
                let (about, by, revision) = (*about, *by, *revision);
                self.decide_update_about(AboutUpdate { about, by, revision, content })
            }
            Command::DeleteAbout { about, by } => self.decide_delete_about(*about, *by),
            Command::Moderate { member, act, terms } => {
                self.decide_moderate(*member, *act, terms, now)
            }
            Command::ReportMember(new) => self.decide_report_member(new, now),
            Command::DeleteReports { member } => self.decide_delete_reports(*member),
            Command::ReviewReports { member } => self.decide_review_reports(*member),
            Command::Community { member, act } => self.decide_community(*member, *act, now),
            Command::Setting(wish) => self.decide_setting(wish, now),
            Command::Tie { member, wish } => self.decide_tie(*member, wish),
        }
    }

    pub(super) fn member(&self, id: MemberId) -> Result<u32, Refusal> {
        self.directory.find(id, &self.counters).ok_or_else(|| member_not_found(id))
    }

    /// A member that acts socially: approved and not muted.
    fn social_member(&self, id: MemberId) -> Result<u32, Refusal> {
        let member = self.member(id)?;
        let row = self.directory.row(member);
        if let Some(refusal) = standing_refusal(row.status) {
            return Err(refusal);
        }
        match row.activity {
            ActivityStatus::Active => Ok(member),
            ActivityStatus::Muted => Err(forbidden("MEMBER_MUTED", "is muted")),
        }
    }

    pub(super) fn graph(&self, member: u32) -> Result<GraphView<'_>, Stop> {
        let stored_commit = self.directory.row(member).graph_commit;
        self.entries.graph(member, stored_commit).ok_or_else(|| need(PartKey::Graph(member)))
    }

    pub(super) fn item(&self, item: u32) -> Result<&Item, Stop> {
        self.items.whole(item).ok_or_else(|| need(PartKey::Item(item)))
    }

    /// Both at once, so that what is missing is loaded in one go.
    fn graph_and_item(&self, member: u32, item: u32) -> Result<(GraphView<'_>, &Item), Stop> {
        match (self.graph(member), self.item(item)) {
            (Ok(graph), Ok(item)) => Ok((graph, item)),
            (Err(_), Err(_)) => Err(Stop::Need(vec![PartKey::Graph(member), PartKey::Item(item)])),
            (Err(stop), Ok(_)) | (Ok(_), Err(stop)) => Err(stop),
        }
    }

    pub(super) fn badge(&self, id: BadgeId) -> Result<BadgeNumber, Refusal> {
        self.badges.number(id).ok_or_else(|| {
            let detail = format!("badge {id} is not known");
            Refusal::NotFound { code: "BADGE_NOT_FOUND", detail }
        })
    }
}

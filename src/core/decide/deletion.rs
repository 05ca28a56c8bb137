//! Deleting a member: one record takes it out of sight, its badges go with it, and its edges are
//! ended in slices afterwards.

use super::refuse::{conflict, member_not_found};
use super::{Answering, Decided, Decision};
use crate::core::badges::{AssignmentKey, assignment_id};
use crate::core::entries::GraphView;
use crate::core::parts::PartKey;
use crate::core::query::Viewer;
use crate::core::site::Site;
use crate::core::turn::Stop;
use crate::domain::event::UnassignmentReason;
use crate::domain::limits::ERASED_LIKES_PER_TURN;
use crate::domain::{Event, MemberId};

impl Site {
    pub(super) fn decide_delete_member(
        &self,
        id: MemberId,
        content_assignee: Option<MemberId>,
    ) -> Decided {
        let member = self.member(id)?;
        if let Some(assignee) = content_assignee {
            let heir = self.member(assignee)?;
            if assignee == id {
                let detail = "a member that is deleted cannot take over its own content".to_owned();
                return Err(conflict("CONTENT_ASSIGNEE_INVALID", detail).into());
            }
            // Whom the leaving member may not see looks unknown.
            if !self.is_visible(heir, Viewer::Member(id)) {
                return Err(member_not_found(assignee).into());
            }
        }
        let mut events = vec![Event::MemberDeleted { member: id, content_assignee }];
        events.extend(self.badges.held(member).iter().map(|held| {
            let (badge, assigned_at) = (held.badge, held.assigned_at);
            Event::BadgeUnassigned {
                badge: self.badges.slot(badge).badge.id,
                member: id,
                assignment: assignment_id(self.id, AssignmentKey { member, badge, assigned_at }),
                reason: UnassignmentReason::MemberDeleted,
            }
        }));
        events.extend(self.about_ended(member));
        events.extend(self.reports_ended(id));
        Ok(Decision::new(events, Answering::Done))
    }

    /// Events that end up to `records_max` edges of a deleted member; none where none is left.
    pub(in crate::core) fn edges_ended(
        &self,
        member: u32,
        records_max: usize,
    ) -> Result<Vec<Event>, Stop> {
        let GraphView::Whole(graph) = self.graph(member)? else { return Ok(Vec::new()) };
        let (own, id_of) = (self.counters.id(member), |other| self.counters.id(other));
        let following = graph.following.iter().map(|followed| (own, id_of(followed)));
        let followers = graph.followers.iter().map(|follower| (id_of(follower), own));
        let follows = following.chain(followers).take(records_max);
        let ended = follows.map(|(follower, followed)| Event::FollowDeleted { follower, followed });
        let ended: Vec<Event> = ended.collect();
        if !ended.is_empty() {
            return Ok(ended);
        }
        let likes: Vec<u32> =
            graph.likes.iter().take(records_max.min(ERASED_LIKES_PER_TURN)).collect();
        self.likes_ended(own, &likes)
    }

    fn likes_ended(&self, liker: MemberId, items: &[u32]) -> Result<Vec<Event>, Stop> {
        let missing = items.iter().filter(|item| self.items.whole(**item).is_none());
        let missing: Vec<PartKey> = missing.map(|item| PartKey::Item(*item)).collect();
        if !missing.is_empty() {
            return Err(Stop::Need(missing));
        }
        let liked = items.iter().filter_map(|item| self.items.whole(*item));
        let unliked = liked.map(|item| {
            let (item, author) = (item.key.clone(), self.author_of(item));
            Event::ItemUnliked { item, liker, author }
        });
        Ok(unliked.collect())
    }
}

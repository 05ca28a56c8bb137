//! Who sees what: which audience a viewer is of a channel, and which events an audience sees at
//! all. What exactly it sees of one is spelled out in the JSON form, on a higher floor.

use super::channel::Channel;
use super::query::Viewer;
use crate::domain::Event;
use crate::domain::event::MemberFacts;
use crate::domain::profile::{PrivacyStatus, Status};

/// For whom a record is shown, from the least to the most trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Audience {
    Public,
    Follower,
    /// The member itself.
    SelfMember,
    /// The site owner's key, or an integrator's key.
    App,
}

/// As whom `viewer` would read `channel`; `None` where the channel is not theirs to enter.
pub fn audience(viewer: Viewer, channel: Channel) -> Option<Audience> {
    match (channel, viewer) {
        (Channel::Member(_) | Channel::Site, Viewer::Owner) => Some(Audience::App),
        (Channel::Site, Viewer::Member(_) | Viewer::Visitor) => None,
        (Channel::Member(member), Viewer::Member(reader)) if member == reader => {
            Some(Audience::SelfMember)
        }
        (Channel::Member(_), Viewer::Member(_) | Viewer::Visitor) => Some(Audience::Public),
        (Channel::Personal(member), Viewer::Member(reader)) => {
            (member == reader).then_some(Audience::SelfMember)
        }
        (Channel::Personal(_), Viewer::Owner | Viewer::Visitor) => None,
    }
}

/// Whether other members may see this member at all.
pub fn is_shown_to_others(facts: &MemberFacts) -> bool {
    facts.status == Status::Approved && facts.privacy == PrivacyStatus::Public
}

/// Whether `audience` sees anything of this event.
pub fn sees(event: &Event, audience: Audience) -> bool {
    match audience {
        Audience::App => true,
        Audience::SelfMember => !is_plumbing(event),
        Audience::Follower | Audience::Public => is_public(event),
    }
}

/// What a stranger may see something of.
fn is_public(event: &Event) -> bool {
    match event {
        Event::MemberCreated { facts, .. } | Event::MemberUpdated { facts, .. } => {
            is_shown_to_others(facts)
        }
        Event::CounterUpdated { public, .. } => *public,
        Event::FollowCreated { .. }
        | Event::FollowDeleted { .. }
        | Event::ItemCreated { .. }
        | Event::ItemUpdated { .. }
        | Event::ItemLiked { .. }
        | Event::ItemUnliked { .. }
        | Event::BadgeCreated { .. }
        | Event::BadgeUpdated { .. }
        | Event::BadgeDeleted { .. }
        | Event::BadgeAssigned { .. }
        | Event::BadgeUnassigned { .. }
        | Event::About { .. } => true,
        Event::EndpointCreated { .. }
        | Event::EndpointDeleted { .. }
        | Event::EndpointSecretRotated { .. }
        | Event::EndpointDisabled { .. }
        | Event::EndpointUpdated { .. }
        | Event::EndpointEnabled { .. }
        | Event::EndpointReported { .. }
        | Event::EndpointReplay { .. }
        | Event::MemberDeleted { .. }
        | Event::Moderated { .. }
        | Event::Tie { .. }
        | Event::Setting { .. }
        | Event::Community { .. }
        | Event::Reported { .. } => false,
    }
}

/// Events about the plumbing and the owner's queue are for the owner alone.
fn is_plumbing(event: &Event) -> bool {
    match event {
        Event::EndpointCreated { .. }
        | Event::EndpointDeleted { .. }
        | Event::EndpointSecretRotated { .. }
        | Event::EndpointDisabled { .. }
        | Event::EndpointUpdated { .. }
        | Event::EndpointEnabled { .. }
        | Event::EndpointReported { .. }
        | Event::EndpointReplay { .. }
        | Event::Setting { .. }
        | Event::Reported { .. } => true,
        Event::MemberCreated { .. }
        | Event::MemberUpdated { .. }
        | Event::FollowCreated { .. }
        | Event::FollowDeleted { .. }
        | Event::ItemCreated { .. }
        | Event::ItemUpdated { .. }
        | Event::ItemLiked { .. }
        | Event::ItemUnliked { .. }
        | Event::CounterUpdated { .. }
        | Event::BadgeCreated { .. }
        | Event::BadgeUpdated { .. }
        | Event::BadgeDeleted { .. }
        | Event::BadgeAssigned { .. }
        | Event::BadgeUnassigned { .. }
        | Event::MemberDeleted { .. }
        | Event::Moderated { .. }
        | Event::Tie { .. }
        | Event::Community { .. }
        | Event::About { .. } => false,
    }
}

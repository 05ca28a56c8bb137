//! Which events concern a member, an app or a badge: what narrows an endpoint to its channels.

use crate::domain::endpoint::EndpointChannel;
use crate::domain::event::Event;
use crate::domain::{AppId, BadgeId, MemberId};

/// Whether an event concerns one of the channels; without channels every event is taken.
pub fn carries(channels: &[EndpointChannel], event: &Event) -> bool {
    channels.is_empty() || channels.iter().any(|channel| concerns(channel, event))
}

fn concerns(channel: &EndpointChannel, event: &Event) -> bool {
    match channel {
        EndpointChannel::Member(member) => concerns_member(*member, event),
        EndpointChannel::App(app) => app_of(event) == Some(app),
        EndpointChannel::Badge(badge) => badge_of(event) == Some(*badge),
    }
}

fn concerns_member(member: MemberId, event: &Event) -> bool {
    event.member() == Some(member) || event.affected_member() == Some(member)
}

fn app_of(event: &Event) -> Option<&AppId> {
    match event {
        Event::ItemCreated { item, .. }
        | Event::ItemUpdated { item, .. }
        | Event::ItemLiked { item, .. }
        | Event::ItemUnliked { item, .. } => Some(&item.app),
        Event::CounterUpdated { app, .. } => Some(app),
        _ => None,
    }
}

fn badge_of(event: &Event) -> Option<BadgeId> {
    match event {
        Event::BadgeCreated { badge } | Event::BadgeUpdated { badge } => Some(badge.id),
        Event::BadgeDeleted { badge }
        | Event::BadgeAssigned { badge, .. }
        | Event::BadgeUnassigned { badge, .. } => Some(*badge),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::ItemKey;

    #[test]
    fn each_kind_of_channel_carries_what_concerns_it() {
        let (ann, bob) = (MemberId::from_u128(1), MemberId::from_u128(2));
        let (gold, silver) = (BadgeId::from_u128(3), BadgeId::from_u128(4));
        let blog: AppId = AppId::parse("blog").expect("an app");
        let item = Arc::new(ItemKey { app: blog.clone(), item: "post".to_owned() });
        let liked = Event::ItemLiked { item, liker: ann, author: Some(bob) };
        let deleted = Event::BadgeDeleted { badge: gold };
        let member = EndpointChannel::Member;
        let check = |channels: &[EndpointChannel], event: &Event, expected: bool| {
            assert_eq!(carries(channels, event), expected, "{channels:?} {event:?}");
        };
        check(&[], &liked, true);
        check(&[member(ann)], &liked, true);
        check(&[member(bob)], &liked, true);
        check(&[member(MemberId::from_u128(9))], &liked, false);
        check(&[EndpointChannel::App(blog.clone())], &liked, true);
        check(&[EndpointChannel::App(blog), member(ann)], &deleted, false);
        check(&[EndpointChannel::Badge(silver), EndpointChannel::Badge(gold)], &deleted, true);
        check(&[EndpointChannel::Badge(silver)], &deleted, false);
    }
}

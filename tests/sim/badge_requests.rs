//! What clients ask about badges.

use guildhall::core::query::{
    AssignmentField, AssignmentFilter, BadgeField, BadgeFilter, Page, Query,
};
use guildhall::core::text_filter::{SortBy, Test};
use guildhall::domain::badge::{BadgePatch, BadgePlace};
use guildhall::domain::command::NewBadge;
use guildhall::domain::event::BadgeRule;
use guildhall::domain::{AppId, AssignmentId, BadgeId, Command};

use crate::random::Random;
use crate::requests::{Crowd, KEYS, Request, app, page};

impl Crowd {
    pub fn badge(&self, random: &mut Random) -> BadgeId {
        let known = random.pick(&self.badges).copied();
        known.filter(|_| !random.chance(30)).unwrap_or(BadgeId::from_u128(random.uuid()))
    }

    fn assignment(&self, random: &mut Random) -> AssignmentId {
        let known = random.pick(&self.assignments).copied();
        known.unwrap_or(AssignmentId::from_u128(random.uuid()))
    }

    pub fn create_badge(&mut self, random: &mut Random) -> Command {
        let id = BadgeId::from_u128(random.uuid());
        self.badges.push(id);
        let rule = random.chance(800).then(|| {
            let likes = ["likes.given", "likes.received"];
            match random.chance(350) {
                true => BadgeRule {
                    app: AppId::built_in(),
                    key: likes[random.below(2)].to_owned(),
                    reaches: random.between(1, 8),
                },
                false => BadgeRule {
                    app: app(random.below(2)),
                    key: KEYS[random.below(KEYS.len())].to_owned(),
                    reaches: random.between(1, 40),
                },
            }
        });
        Command::CreateBadge(Box::new(NewBadge {
            id,
            title: title(random),
            description: None,
            background_color: "#ffffff".to_owned(),
            text_color: "#000000".to_owned(),
            icon: None,
            permissions_enabled: false,
            rule,
        }))
    }

    pub fn unassign(&self, random: &mut Random) -> Command {
        let assignment = self.assignment(random);
        match random.below(4) {
            0 => {
                let assignments = (0..4).map(|_| self.assignment(random)).collect();
                Command::UnassignBadges { assignments }
            }
            1 => {
                let members = (0..4).map(|_| self.member(random)).collect();
                Command::TakeBadge { badge: self.badge(random), members }
            }
            _ => Command::UnassignBadge { assignment },
        }
    }

    pub fn assign(&self, random: &mut Random) -> Command {
        let (badge, member) = (self.badge(random), self.member(random));
        if random.chance(700) {
            return Command::AssignBadge { badge, member };
        }
        let pairs = (0..6).map(|_| (self.badge(random), self.member(random))).collect();
        Command::AssignBadges { pairs }
    }

    pub fn badge_request(&self, random: &mut Random) -> Request {
        let badge = self.badge(random);
        let place = match random.below(4) {
            0 => BadgePlace::First,
            1 => BadgePlace::Last,
            _ => BadgePlace::After(self.badge(random)),
        };
        match random.below(5) {
            0 => Request::Command(Command::MoveBadge { badge, place }),
            1 => {
                let badges = (0..random.below(4)).map(|_| self.badge(random)).collect();
                Request::Command(Command::OrderBadges { badges })
            }
            2 => Request::Query(self.badge_query(random)),
            _ => {
                let revision = random.chance(500).then(|| random.between(1, 3) as u64);
                let description = random.chance(300).then(|| Some(title(random)));
                let title = random.chance(800).then(|| title(random));
                let patch = BadgePatch { title, description, ..BadgePatch::default() };
                Request::Command(Command::UpdateBadge { badge, revision, patch: Box::new(patch) })
            }
        }
    }

    fn badge_query(&self, random: &mut Random) -> Query {
        let (badge, page) = (self.badge(random), page(random));
        match random.below(6) {
            0 => Query::Badge { id: badge },
            1 => Query::Holders { badge, page },
            2 => Query::HoldersCounts,
            3 => {
                let members = (0..5).map(|_| self.member(random)).collect();
                Query::BadgesOfMembers { members }
            }
            4 => Query::Assignment { id: self.assignment(random) },
            _ => {
                let there = BadgeFilter::Test(BadgeField::Description, Test::IsThere);
                let end = Test::EndsWith(random.below(10).to_string());
                let filter = match random.below(4) {
                    0 => there,
                    1 => BadgeFilter::Not(Box::new(there)),
                    2 => BadgeFilter::Test(BadgeField::Title, end),
                    _ => BadgeFilter::everything(),
                };
                let by_title = SortBy { field: BadgeField::Title, descending: true };
                let order = random.chance(400).then_some(by_title).into_iter().collect();
                Query::Badges { filter, order, page }
            }
        }
    }

    pub fn assignments(&self, random: &mut Random, page: Page) -> Query {
        let (badge, member) = (self.badge(random), self.member(random));
        let of_member = is(AssignmentField::MemberId, member.to_string());
        let of_badge = is(AssignmentField::BadgeId, badge.to_string());
        let filter = match random.below(4) {
            0 => of_badge,
            1 => AssignmentFilter::All(vec![AssignmentFilter::Not(Box::new(of_badge)), of_member]),
            2 => AssignmentFilter::All(vec![of_badge, of_member]),
            _ => of_member,
        };
        Query::Assignments { filter, order: Vec::new(), page }
    }
}

fn is(field: AssignmentField, id: String) -> AssignmentFilter {
    AssignmentFilter::Test(field, Test::In(vec![id]))
}

fn title(random: &mut Random) -> String {
    format!("badge {}", random.below(10))
}

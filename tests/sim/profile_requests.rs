//! What clients ask about members as such: that they go, are reported, tell about themselves.

use guildhall::core::query::{AboutFilter, Page, PageStart, Query, ReportFilter, Viewer};
use guildhall::domain::moderation::{Act, Terms};
use guildhall::domain::report::{NewReport, ReportCategory};
use guildhall::domain::{AboutId, Command, ReportId, Timestamp};

use crate::random::Random;
use crate::requests::{Crowd, Request};

impl Crowd {
    pub fn delete_member(&mut self, random: &mut Random) -> Command {
        let member = self.member(random);
        // Most clients forget it, so that others take its place; some go on asking for it.
        if random.chance(800) {
            self.members.retain(|known| *known != member);
        }
        let content_assignee = random.chance(300).then(|| self.member(random));
        Command::DeleteMember { member, content_assignee }
    }

    pub fn report_request(&self, random: &mut Random) -> Request {
        let member = self.member(random);
        let page = Page { limit: 3, start: PageStart::Offset(random.below(3)) };
        match random.below(12) {
            0 => Request::Command(Command::DeleteReports { member }),
            1 => Request::Command(Command::ReviewReports { member }),
            2 => Request::Query(Query::ReportedMembers { members: None, page }),
            3 => {
                let reported = random.chance(500).then(|| vec![member]);
                let filter = ReportFilter { reported, ..ReportFilter::default() };
                Request::Query(Query::Reports { filter, page })
            }
            _ => Request::Command(Command::ReportMember(Box::new(NewReport {
                id: ReportId::from_u128(random.uuid()),
                reported: member,
                reporter: random.chance(800).then(|| self.member(random)),
                category: ReportCategory::Spam,
                description: random.chance(300).then(|| "why".to_owned()),
            }))),
        }
    }

    pub fn about_request(&self, random: &mut Random) -> Request {
        let member = self.member(random);
        let content = format!("{{\"n\":{}}}", random.below(1_000)).into();
        let known = random.pick(&self.abouts).copied();
        let (known, revision) = known.unwrap_or((AboutId::from_u128(0), 1));
        let about = if random.chance(950) { known } else { AboutId::from_u128(random.uuid()) };
        let by = random.chance(100).then_some(member);
        let viewer = if random.chance(500) { Viewer::Owner } else { Viewer::Member(member) };
        match random.below(10) {
            0..=2 => Request::Command(Command::CreateAbout { member, content }),
            3..=5 => {
                let revision = revision + random.below(3) as u64 / 2;
                Request::Command(Command::UpdateAbout { about, by, revision, content })
            }
            6 => Request::Command(Command::DeleteAbout { about, by }),
            7 => Request::Query(Query::About { id: about, viewer }),
            8 => Request::Query(Query::OwnAbout { member }),
            _ => {
                let page = Page { limit: 4, start: PageStart::Offset(random.below(3)) };
                let filter = AboutFilter::default();
                Request::Query(Query::Abouts { filter, page, viewer })
            }
        }
    }

    pub fn moderation_request(&self, random: &mut Random, now: Timestamp) -> Request {
        let member = self.member(random);
        let acts = [
            Act::Approve,
            Act::Approve,
            Act::Block,
            Act::Mute,
            Act::Unmute,
            Act::Reject,
            Act::Disconnect,
        ];
        let act = match random.below(60) {
            0 => Act::Disconnect,
            1..=12 => Act::Block,
            13..=20 => return Request::Query(Query::Standing { member }),
            _ => acts[random.below(acts.len() - 1)],
        };
        let ends = matches!(act, Act::Block | Act::Mute) && random.chance(600);
        let terms = Terms {
            reason: random.chance(400).then(|| format!("why {}", random.below(2))),
            until: ends.then(|| now.plus_ms(random.between(1, 20_000))),
            by: random.chance(500).then(|| "site".to_owned()),
        };
        Request::Command(Command::Moderate { member, act, terms })
    }
}

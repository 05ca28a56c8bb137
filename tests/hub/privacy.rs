//! What the site's privacy, and a block between two, mean for who reads live.

use guildhall::core::channel::Channel;
use guildhall::core::hub::{Delivery, Hub, Opened, Opening, SessionKey};
use guildhall::core::query::Viewer;
use guildhall::core::visibility::Audience;
use guildhall::domain::Event;
use guildhall::domain::settings::{Candidates, MemberPrivacy, SettingStep, Visibility};
use guildhall::domain::ties::TieStep;

use crate::log::{Log, by, counted, member};

fn privacy(visibility: Visibility, candidates: Candidates) -> Event {
    let privacy = MemberPrivacy { visibility, candidates, ..MemberPrivacy::default() };
    Event::Setting { step: SettingStep::MemberPrivacy(privacy) }
}

#[test]
fn visitors_and_then_all_others_are_put_out_when_the_site_hides_its_members() {
    let (mut log, mut hub) = (Log::default(), Hub::new(0));
    let channel = Channel::Member(member(0));
    let readers = [
        (1, by(Viewer::Visitor, Audience::Public)),
        (2, by(Viewer::Member(member(1)), Audience::Public)),
        (3, by(Viewer::Member(member(0)), Audience::SelfMember)),
        (4, by(Viewer::Owner, Audience::App)),
    ];
    for (key, reader) in readers {
        hub.subscribe(SessionKey(key), channel, reader);
        let opening = Opening { seq: 0, recovered: None };
        assert!(matches!(hub.open(SessionKey(key), channel, opening), Opened::Reading(_)));
    }
    // A visitor and a member whose channel is still being opened do not get in either.
    let late = [(5, readers[0].1), (6, readers[1].1)];
    for (key, reader) in late {
        hub.subscribe(SessionKey(key), channel, reader);
    }
    let cut = |key| Delivery::Cut { channel, sessions: vec![SessionKey(key)] };
    log.write(privacy(Visibility::MembersOnly, Candidates::Anyone));
    assert_eq!(hub.publish(&log.records[..1]), [cut(1)], "and nobody is shown why");
    log.write(privacy(Visibility::All, Candidates::NoOne));
    assert_eq!(hub.publish(&log.records[1..]), [cut(2)]);
    for (key, _) in late {
        let early = Opening { seq: 0, recovered: None };
        assert_eq!(hub.open(SessionKey(key), channel, early), Opened::Hidden);
    }
    log.write(counted(0, true));
    let told = hub.publish(&log.records[2..]);
    let sessions: Vec<SessionKey> = told
        .iter()
        .flat_map(|delivery| match delivery {
            Delivery::Publish { sessions, .. } => sessions.clone(),
            Delivery::Cut { .. } | Delivery::Expel { .. } => panic!("nobody is put out twice"),
        })
        .collect();
    assert_eq!(sessions, [SessionKey(3), SessionKey(4)]);
}

#[test]
fn a_block_between_two_puts_each_out_of_the_others_channel_and_tells_nobody() {
    let (mut log, mut hub) = (Log::default(), Hub::new(0));
    let channel = |number| Channel::Member(member(number));
    let public = |number| by(Viewer::Member(member(number)), Audience::Public);
    let readers = [
        (1, channel(0), public(1)),
        (2, channel(1), public(0)),
        (3, channel(1), public(2)),
        (4, channel(1), by(Viewer::Member(member(1)), Audience::SelfMember)),
        (5, channel(1), by(Viewer::Owner, Audience::App)),
        (6, channel(0), by(Viewer::Member(member(0)), Audience::SelfMember)),
    ];
    for (key, channel, reader) in readers {
        hub.subscribe(SessionKey(key), channel, reader);
        let opening = Opening { seq: 0, recovered: None };
        assert!(matches!(hub.open(SessionKey(key), channel, opening), Opened::Reading(_)));
    }
    hub.subscribe(SessionKey(7), channel(0), public(1));
    let (member, blocked) = (member(0), member(1));
    log.write(Event::Tie { step: TieStep::Blocked { member, blocked } });
    let cut = |channel, key| Delivery::Cut { channel, sessions: vec![SessionKey(key)] };
    let told = hub.publish(&log.records);
    let published = |delivery: &&Delivery| matches!(delivery, Delivery::Publish { .. });
    let shown: Vec<&Delivery> = told.iter().filter(published).collect();
    let [Delivery::Publish { sessions, .. }] = &shown[..] else { panic!("{shown:?}") };
    assert_eq!(*sessions, [SessionKey(6)], "who blocks is told, and nobody else");
    let cuts: Vec<&Delivery> = told.iter().filter(|delivery| !published(delivery)).collect();
    assert_eq!(cuts, [&cut(channel(0), 1), &cut(channel(1), 2)]);
    let early = Opening { seq: 0, recovered: None };
    assert_eq!(hub.open(SessionKey(7), channel(0), early), Opened::Hidden);
}

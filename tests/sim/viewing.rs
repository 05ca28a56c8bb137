//! What a subscriber must be shown, told from the model alone.

use guildhall::core::channel::Channel;
use guildhall::core::query::Viewer;
use guildhall::core::recovery::Recovered;
use guildhall::core::session::OpenChannel;
use guildhall::core::visibility::Audience;
use guildhall::domain::event::MemberFacts;
use guildhall::domain::limits::RECOVERY_RECORDS_MAX;
use guildhall::domain::profile::{PrivacyStatus, Status};
use guildhall::domain::{Event, MemberId, WrittenRecord};

use crate::model::Model;
use crate::setting_rules::Settings;

type Reading = (Channel, Audience);

pub fn audience(viewer: Viewer, channel: Channel) -> Audience {
    match (viewer, channel) {
        (Viewer::Owner, _) => Audience::App,
        (Viewer::Member(member), _) if channel.member() == Some(member) => Audience::SelfMember,
        (Viewer::Member(_) | Viewer::Visitor, _) => Audience::Public,
    }
}

fn is_public(facts: &MemberFacts) -> bool {
    facts.status == Status::Approved && facts.privacy == PrivacyStatus::Public
}

fn is_visible(event: &Event, audience: Audience) -> bool {
    let is_plumbing = event.type_name().starts_with("endpoint.");
    let is_open = match event {
        Event::MemberCreated { facts, .. } | Event::MemberUpdated { facts, .. } => is_public(facts),
        Event::CounterUpdated { public, .. } => *public,
        Event::MemberDeleted { .. }
        | Event::Moderated { .. }
        | Event::Tie { .. }
        | Event::Community { .. } => false,
        _ => true,
    };
    match audience {
        Audience::App => true,
        Audience::SelfMember => !is_plumbing,
        Audience::Public | Audience::Follower => !is_plumbing && is_open,
    }
}

/// Seqs of a channel after `after`.
fn seqs(model: &Model, channel: Channel, after: u64) -> Vec<u64> {
    match channel.member() {
        None => (after + 1..=model.seq()).collect(),
        Some(member) => {
            let Some(member) = model.ever(member) else { return Vec::new() };
            let from = member.channel.partition_point(|seq| *seq <= after);
            member.channel[from..].to_vec()
        }
    }
}

pub fn next_visible(model: &Model, (channel, audience): Reading, after: u64) -> Option<u64> {
    let shown = |seq: &u64| is_visible(&model.record(*seq).event, audience);
    match channel {
        Channel::Site => (after + 1..=model.seq()).find(shown),
        Channel::Member(_) | Channel::Personal(_) => {
            seqs(model, channel, after).into_iter().find(shown)
        }
    }
}

/// A record that is shown next.
pub fn check_live(model: &Model, reading: Reading, offset: u64, record: &WrittenRecord) {
    assert!(record.seq <= model.seq(), "record {} is shown and not durable", record.seq);
    let next = next_visible(model, reading, offset);
    assert_eq!(next, Some(record.seq), "what {} is shown after {offset}", reading.0);
    assert_eq!(record, model.record(record.seq), "a record as it is stored");
}

/// A channel that opens. Answers where its reader stands then.
pub fn check_open(
    model: &Model,
    open: &OpenChannel,
    viewer: Viewer,
    was_foreign: bool,
    first_seq: u64,
) -> u64 {
    let channel = open.channel;
    assert_eq!(open.audience, audience(viewer, channel), "as whom {viewer:?} reads {channel}");
    assert!(open.reader.seq <= model.seq(), "{channel} opens at what is durable");
    let seq = open.reader.seq;
    match (open.asked, &open.reader.recovered) {
        (None, None) => seq,
        (Some(asked), Some(Recovered::Whole(records))) => {
            assert!(!was_foreign, "another journal's place is none in this one");
            let mut offset = asked;
            for record in records {
                check_live(model, (channel, open.audience), offset, record);
                offset = record.seq;
            }
            let next = next_visible(model, (channel, open.audience), offset);
            assert!(next.is_none_or(|next| next > seq), "{channel} lacks {next:?} of {seq}");
            offset
        }
        (Some(asked), Some(Recovered::Lost)) => {
            let missed: Vec<u64> =
                seqs(model, channel, asked).into_iter().filter(|one| *one <= seq).collect();
            let shown = |seq: &&u64| is_visible(&model.record(**seq).event, open.audience);
            let is_right = was_foreign
                || asked > seq
                || missed.iter().filter(shown).count() > RECOVERY_RECORDS_MAX
                || missed.iter().any(|seq| *seq < first_seq);
            assert!(is_right, "{channel} from {asked} to {seq} was lost: {missed:?}");
            seq
        }
        (asked, recovered) => panic!("{channel} asked from {asked:?} was answered {recovered:?}"),
    }
}

/// A reader was put out of a channel: its member hid, and before that all was shown.
pub fn check_cut(model: &Model, channel: Channel, viewer: Viewer, offset: u64) {
    let member = channel.member().expect("nobody is put out of the site's channel");
    let hides = |seq: &u64| {
        let event = &model.record(*seq).event;
        hides(event, member) || Settings::closes(event, member, viewer)
    };
    let hidden = (offset + 1..=model.seq()).find(hides);
    let hidden = hidden.expect("a reader is put out when the member hides");
    let next = next_visible(model, (channel, Audience::Public), offset);
    assert!(next.is_none_or(|next| next > hidden), "{channel} was cut before {next:?} was shown");
}

fn hides(event: &Event, member: MemberId) -> bool {
    match event {
        Event::MemberUpdated { facts, .. } => facts.id == member && !is_public(facts),
        Event::MemberDeleted { member: deleted, .. } => *deleted == member,
        Event::Moderated { ruling } => ruling.facts.id == member && !is_public(&ruling.facts),
        _ => false,
    }
}

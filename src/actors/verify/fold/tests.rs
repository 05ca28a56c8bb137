//! Logs that cannot be, and what is told of each.

use super::*;
use crate::actors::verify::model::Stretch;
use crate::actors::verify::operations::SeenOperations;
use crate::domain::command::ProducerPosition;
use crate::domain::event::{AssignmentReason, MemberOrigin};
use crate::domain::{AssignmentId, MemberOrdinal, OpId, Timestamp, Touch};

const ANN: MemberId = MemberId::from_u128(1);
const BOB: MemberId = MemberId::from_u128(2);

fn created(id: MemberId, ordinal: u32) -> Event {
    let facts = MemberFacts {
        id,
        login_email: None,
        slug: None,
        status: Default::default(),
        privacy: Default::default(),
        activity: Default::default(),
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
        revision: 1,
        profile: Default::default(),
    };
    let (ordinal, facts) = (MemberOrdinal(ordinal), Arc::new(facts));
    Event::MemberCreated { ordinal, facts, origin: MemberOrigin::Creation }
}

/// Seq, own sequence, previous seqs, event.
type Line = (u64, u64, Vec<u64>, Event);

fn record((seq, member_seq, previous, event): Line) -> Arc<Record> {
    let concerned = [event.member(), event.affected_member()].into_iter().flatten();
    let touches = concerned.zip(previous);
    let touches = touches.map(|(member, previous_seq)| Touch { member, previous_seq });
    let touches = touches.collect();
    Arc::new(Record { seq, time: Timestamp::default(), member_seq, touches, event })
}

/// Folds ann, bob and then `lines` and `changes`, and tells what was noted.
fn check(lines: Vec<Line>, changes: Vec<Change>, expected: &[&str]) {
    let stretch = Stretch { members: 0..10, items: 0..10 };
    let mut model = Model::empty("log", stretch);
    model.operations = Some(SeenOperations::default());
    let founders = vec![(1, 1, vec![0], created(ANN, 0)), (2, 1, vec![0], created(BOB, 1))];
    let commits = [(1, founders, Vec::new()), (2, lines, changes)];
    for (number, lines, changes) in commits {
        let records = lines.into_iter().map(record).collect();
        model.fold(&Commit { number, time: Timestamp::default(), records, changes });
    }
    assert_eq!(model.findings.listed, expected);
}

fn follow() -> Event {
    Event::FollowCreated { follower: ANN, followed: BOB }
}

#[test]
fn a_sound_log_has_nothing_to_tell() {
    check(vec![(3, 2, vec![1, 2], follow())], Vec::new(), &[]);
}

#[test]
fn gaps_in_sequences_and_broken_chains_are_told() {
    let lines = vec![(4, 3, vec![1, 0], follow())];
    let told = [
        "log: record 4 follows 2".to_owned(),
        format!("log: record 4: own sequence of member {ANN}: expected 2, found 3"),
        format!("log: record 4: previous seq of member {BOB}: expected 2, found 0"),
    ];
    check(lines, Vec::new(), &told.each_ref().map(String::as_str));
}

#[test]
fn what_is_already_so_is_told() {
    let lines = vec![(3, 2, vec![1, 2], follow()), (4, 3, vec![3, 3], follow())];
    let told = format!("log: record 4: {ANN} and {BOB}: already so");
    check(lines, Vec::new(), &[&told]);
}

#[test]
fn what_was_never_made_is_told() {
    let badge = BadgeId::from_u128(9);
    let (assignment, reason) = (AssignmentId::from_u128(1), AssignmentReason::Assigned);
    let assigned = Event::BadgeAssigned { badge, member: ANN, assignment, reason };
    let told = format!("log: record 3: badge {badge} was never created");
    check(vec![(3, 2, vec![1], assigned)], Vec::new(), &[&told]);
}

#[test]
fn a_batch_or_an_operation_that_is_counted_twice_is_told() {
    let app = AppId::site_code();
    let op_ids = vec![OpId([7; 16]), OpId([8; 16]), OpId([7; 16])];
    let advanced = |n| {
        let position = ProducerPosition { producer: "p".to_owned(), n };
        Change::ProducerAdvanced { app: app.clone(), position }
    };
    let changes = vec![Change::OpIdsSeen { app: app.clone(), op_ids }, advanced(1), advanced(1)];
    let told = [
        format!("log: commit 2: operation {} of app {app} again", "07".repeat(16)),
        format!("log: commit 2: producer p of app {app}: batch 1 follows 1"),
    ];
    check(Vec::new(), changes, &told.each_ref().map(String::as_str));
}

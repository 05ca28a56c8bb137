//! Checking a site against its journal, as it runs and as it lies: real journal, real snapshots,
//! real supervisors, with paging and checkpoints all the time.

#[path = "verify/yard.rs"]
mod yard;

use std::ops::ControlFlow;

use guildhall::core::parts::MemberBlock;
use guildhall::domain::Command;
use guildhall::journal::codec;
use guildhall::snapshot::values::MEMBER_BLOCK;
use guildhall::snapshot::{Slot, SnapshotOptions, SnapshotStore};
use yard::Yard;

#[actix_rt::test]
async fn an_idle_site_has_no_differences() {
    let mut yard = Yard::new();
    let site = yard.start().await;
    let report = yard.verify(&site).await;
    assert_eq!((report.commit, report.members, report.differences), (0, 0, Vec::new()));
    yard.populate(&site, 70).await;
    let report = yard.verify(&site).await;
    assert_eq!((report.differences, report.members), (Vec::new(), 70));
    assert!(report.records_folded > 70 && report.increments_folded > 70);
}

#[actix_rt::test]
async fn checkpoints_paging_and_a_restart_leave_no_differences() {
    let mut yard = Yard::new();
    let mut site = yard.start().await;
    yard.populate(&site, 100).await;
    for round in 0..4 {
        yard.churn(&site, 300).await;
        yard.until_cold(&site).await;
        let report = yard.verify(&site).await;
        assert_eq!(report.differences, Vec::<String>::new(), "round {round}, cold");
        yard.churn(&site, 50).await;
        let report = yard.verify(&site).await;
        assert_eq!(report.differences, Vec::<String>::new(), "round {round}, warm");
        drop(site);
        site = yard.restart().await;
        let report = yard.verify(&site).await;
        assert_eq!(report.differences, Vec::<String>::new(), "round {round}, restarted");
    }
    assert!(yard.first_commit().await > 1, "the log was trimmed");
    drop(site);
    yard.stop().await;
    for stretch_ordinals in [65_536, 32] {
        yard.stretch_ordinals = stretch_ordinals;
        let report = yard.verify_stopped().await;
        assert_eq!((report.differences, report.members), (Vec::new(), 100));
    }
}

#[actix_rt::test]
async fn a_site_under_load_has_no_differences() {
    for stretch_ordinals in [65_536, 32] {
        check_under_load(stretch_ordinals).await;
    }
}

async fn check_under_load(stretch_ordinals: u32) {
    let mut yard = Yard::new();
    yard.stretch_ordinals = stretch_ordinals;
    let site = yard.start().await;
    yard.populate(&site, 120).await;
    let (mut reports, mut rounds) = (Vec::new(), 0);
    while rounds < 6 {
        let (report, ()) =
            futures_util::future::join(yard.verify(&site), yard.churn(&site, 400)).await;
        reports.extend(report.differences);
        rounds += 1;
    }
    assert_eq!(reports, Vec::<String>::new());
}

#[actix_rt::test]
async fn a_wrong_counter_in_either_snapshot_is_told() {
    for which in [Which::Newer, Which::Older] {
        let mut yard = Yard::new();
        let site = yard.start().await;
        yard.populate(&site, 40).await;
        for _ in 0..3 {
            yard.churn(&site, 50).await;
            yard.checkpoint(&site).await;
        }
        drop(site);
        yard.stop().await;
        let member = tamper(&yard, which);
        let report = yard.verify_stopped().await;
        let told = format!("member {member}: counter");
        assert!(report.differences.iter().any(|line| line.contains(&told)), "{report:?}");
        let site = yard.start().await;
        let report = yard.verify(&site).await;
        assert!(report.differences.iter().any(|line| line.contains(&told)), "{report:?}");
    }
}

#[derive(Clone, Copy)]
enum Which {
    Newer,
    Older,
}

/// Adds 1 to a counter in a snapshot, under a right checksum and mark. Answers whose it is.
fn tamper(yard: &Yard, which: Which) -> String {
    let (store, _) = SnapshotStore::open(&yard.snapshots(), SnapshotOptions::default())
        .expect("the snapshots open");
    let newer = store.current(yard.site).expect("there is a snapshot");
    let slot: Slot = match which {
        Which::Newer => newer,
        Which::Older => newer.other(),
    };
    let mark = store.mark(yard.site, slot).expect("the slot is complete");
    let mut found = None;
    store
        .scan(yard.site, slot, MEMBER_BLOCK, &mut |key, bytes| {
            let mut block: MemberBlock = codec::decode(&bytes).expect("a member block");
            let counted = block.members.iter_mut().find(|member| !member.counters.is_empty());
            if let Some(member) = counted {
                member.counters[0].count += 1;
                found = Some((member.id.to_string(), key, codec::encode(&block)));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .expect("the blocks are read");
    let (member, key, bytes) = found.expect("a member with a counter");
    store.begin(yard.site, slot).expect("the mark is taken away");
    store.put(yard.site, slot, &[(key, bytes)]).expect("the block is written");
    store.complete(yard.site, slot, mark, 10).expect("the mark is set");
    member
}

#[actix_rt::test]
async fn a_deleted_badge_leaves_nobody_who_holds_it() {
    let mut yard = Yard::new();
    let site = yard.start().await;
    yard.populate(&site, 40).await;
    let badge = yard.badges()[0];
    site.command(Command::DeleteBadge { badge }).await.expect("a badge is deleted");
    let report = yard.verify(&site).await;
    assert_eq!(report.differences, Vec::<String>::new());
    drop(site);
    let site = yard.restart().await;
    assert_eq!(yard.verify(&site).await.differences, Vec::<String>::new());
}

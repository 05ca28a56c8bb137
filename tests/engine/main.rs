//! Sites as they run: real supervisors and member actors over a real journal and real snapshots.

mod bench_site;
mod bulk;

use bench_site::{Bench, Knobs};
use guildhall::core::query::{
    MemberFilter, Outcome, Page, PageStart, PrivateCounters, Query, View, Viewer,
};
use guildhall::domain::command::{IncrementBatch, IncrementLine, ProducerPosition};
use guildhall::domain::{AppId, Command, ItemKey, MemberId};

fn batch(members: &[MemberId], delta: i64, n: u64) -> IncrementBatch {
    let lines = members.iter().zip(0..).map(|(member, index)| IncrementLine {
        member: *member,
        delta,
        index,
        key: 0,
    });
    IncrementBatch {
        app: Some(AppId::site_code()),
        producer: Some(ProducerPosition { producer: "p".to_owned(), n }),
        keys: vec!["visits".to_owned()],
        lines: lines.collect(),
        op_ids: Vec::new(),
        faults: Vec::new(),
    }
}

#[actix_rt::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let mut bench = Bench::new(Knobs::default());
    let site = bench.start().await;
    let (ann, bob) = (bench.member(&site, "ann").await, bench.member(&site, "bob").await);
    site.command(Command::Follow { follower: ann, followed: bob }).await.expect("ann follows");
    let item = bench.item(&site, "p1", bob).await;
    let like = Command::Like { liker: ann, item: item.clone() };
    let liked = site.command(like.clone()).await.expect("ann likes");
    let Outcome::Item(view) = liked.value else { panic!("a like answers the item") };
    assert_eq!(view.likes, 1);
    let again = site.command(like).await.expect("a repeated like is no fault");
    assert_eq!(again.seq, liked.seq, "a repeated like changes nothing");
    let answer = site.ingest(batch(&[ann, bob, ann], 2, 1)).await.expect("a batch is counted");
    assert_eq!((answer.value.accepted, answer.value.duplicates), (3, 0));
    drop(site);
    let site = bench.restart().await;
    assert_eq!(bench.count(&site, ann, "visits").await, 4);
    assert_eq!(bench.count(&site, bob, "likes.received").await, 1);
    let repeated = site.ingest(batch(&[ann, bob, ann], 2, 1)).await.expect("a repeat is answered");
    assert_eq!((repeated.value.accepted, repeated.value.duplicates), (0, 3));
    assert_eq!(bench.followers(&site, bob).await, [ann]);
    let page = bench.page();
    let query = Query::Likers { item, page, viewer: Viewer::Owner };
    let likers = site.query(query).await.expect("likers are listed");
    let View::MemberIds(likers) = likers.value else { panic!("likers are member ids") };
    assert_eq!(likers.items, [ann]);
}

#[actix_rt::test]
async fn parts_come_back_from_the_snapshots_and_totals_stay() {
    let mut bench = Bench::new(Knobs { checkpoint_log_bytes_max: 40_000, members_hot_max: 5 });
    let site = bench.start().await;
    let mut members = Vec::new();
    for name in 0..200 {
        members.push(bench.member(&site, &format!("member {name}")).await);
    }
    for round in 1..=4usize {
        for (position, follower) in members.iter().enumerate() {
            let followed = members[(position + round) % members.len()];
            let follow = Command::Follow { follower: *follower, followed };
            site.command(follow).await.expect("a follow is taken");
        }
        assert!(bench.checkpoint(&site).await, "checkpoint {round} completes");
    }
    bench.until_entries_in_memory_are_below(&site, 100).await;
    for (position, member) in members.iter().enumerate() {
        let mut expected: Vec<MemberId> = (1..=4)
            .map(|round| members[(position + members.len() - round) % members.len()])
            .collect();
        expected.sort_by_key(|id| members.iter().position(|other| other == id));
        assert_eq!(bench.followers(&site, *member).await, expected);
        assert_eq!(bench.nickname(&site, *member).await, format!("member {position}"));
    }
    drop(site);
    let site = bench.restart().await;
    assert_eq!(bench.followers(&site, members[7]).await.len(), 4);
    let unfollow = Command::Unfollow { follower: members[6], followed: members[7] };
    site.command(unfollow).await.expect("an unfollow is taken");
    assert_eq!(bench.followers(&site, members[7]).await.len(), 3);
}

#[actix_rt::test]
async fn a_rule_line_crossed_in_a_batch_awards_in_the_same_commit() {
    let mut bench = Bench::new(Knobs::default());
    let site = bench.start().await;
    let ann = bench.member(&site, "ann").await;
    let badge = bench.badge(&site, "Regular", 10).await;
    site.ingest(batch(&[ann], 9, 1)).await.expect("below the line");
    assert!(bench.holders(&site, badge).await.is_empty());
    let crossed = site.ingest(batch(&[ann, ann, ann], 1, 2)).await.expect("over the line");
    assert_eq!(bench.holders(&site, badge).await, [ann]);
    let records = site.log().records_after(crossed.seq - 1, 10).await.expect("records are read");
    assert_eq!(records[0].event.type_name(), "badge.assigned");
    site.command(Command::DeleteBadge { badge }).await.expect("a badge is deleted");
    assert!(bench.is_unknown(&site, badge).await, "nobody holds what is not there");
}

#[actix_rt::test]
async fn a_lost_generation_is_undone_and_the_site_goes_on() {
    let mut bench = Bench::new(Knobs::default());
    let site = bench.start().await;
    let ann = bench.member(&site, "ann").await;
    bench.fail_next_append();
    let lost = site.ingest(batch(&[ann], 5, 1)).await;
    assert!(lost.is_err(), "{lost:?}");
    let counted = bench.until_accepted(&site, batch(&[ann], 7, 1)).await;
    assert_eq!(counted.accepted, 1);
    assert_eq!(bench.count(&site, ann, "visits").await, 7);
}

#[actix_rt::test]
async fn a_site_tells_that_it_is_being_rebuilt() {
    let mut bench = Bench::new(Knobs::default());
    let site = bench.start().await;
    let ann = bench.member(&site, "ann").await;
    assert!(!site.is_rebuilding());
    let held = bench.hold_rebuilds().await;
    bench.fail_next_append();
    assert!(site.ingest(batch(&[ann], 5, 1)).await.is_err());
    bench.until_rebuilding_is(&site, true).await;
    assert!(site.ingest(batch(&[ann], 5, 1)).await.is_err(), "nobody is answered meanwhile");
    drop(held);
    bench.until_rebuilding_is(&site, false).await;
    assert_eq!(bench.until_accepted(&site, batch(&[ann], 7, 1)).await.accepted, 1);
}

#[actix_rt::test]
async fn unknown_members_and_items_are_refused_and_change_nothing() {
    let mut bench = Bench::new(Knobs::default());
    let site = bench.start().await;
    let ann = bench.member(&site, "ann").await;
    let ghost = MemberId::from_u128(99);
    let seq = site.log().durable().seq;
    let item = ItemKey { app: AppId::site_code(), item: "none".to_owned() };
    let refused = [
        (Command::Follow { follower: ann, followed: ghost }, "MEMBER_NOT_FOUND"),
        (Command::Follow { follower: ann, followed: ann }, "SELF_FOLLOW_FORBIDDEN"),
        (Command::Like { liker: ann, item }, "ITEM_NOT_FOUND"),
    ];
    for (command, code) in refused {
        let error = site.command(command).await.expect_err("a refusal");
        assert!(error.to_string().starts_with(code), "{error}");
    }
    assert_eq!(site.log().durable().seq, seq);
    let (private_of, viewer) = (PrivateCounters::All, Viewer::Owner);
    let query = Query::Counters { member: ghost, private_of, viewer };
    assert!(site.query(query).await.is_err());
}

#[actix_rt::test]
async fn pages_of_counters_show_each_entry_once_beside_members_without_any() {
    let mut bench = Bench::new(Knobs::default());
    let site = bench.start().await;
    let mut members = Vec::new();
    for name in 0..30 {
        members.push(bench.member(&site, &format!("member {name}")).await);
    }
    let counted: Vec<MemberId> = members.iter().copied().step_by(3).collect();
    site.ingest(batch(&counted, 1, 1)).await.expect("a batch is counted");
    let mut seen = Vec::new();
    for offset in (0..12).step_by(4) {
        let page = Page { limit: 4, start: PageStart::Offset(offset) };
        let filter = MemberFilter::Ids(members.clone());
        let answer = site
            .query(Query::CountersOfMembers { filter, page, viewer: Viewer::Owner })
            .await
            .expect("a page");
        let View::CountersPage(page) = answer.value else { panic!("counters answer a page") };
        assert_eq!(page.total, counted.len());
        seen.extend(page.items.into_iter().map(|counters| counters.member));
    }
    assert_eq!(seen, counted);
}

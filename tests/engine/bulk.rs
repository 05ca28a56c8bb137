//! Bulk work that is faster than the snapshots: it waits, and nothing of it is refused or lost.

use futures_util::future::{join, join_all};
use guildhall::actors::handle::{CallError, SiteHandle};
use guildhall::domain::MemberId;
use guildhall::domain::command::NewMember;
use guildhall::domain::limits::{
    CHECKPOINT_LAG_FACTOR_MAX, IMPORT_LINES_PER_TURN, INGESTS_WAITING_MAX,
};
use guildhall::domain::profile::Profile;

use crate::batch;
use crate::bench_site::{Bench, Knobs};

/// Growth after which a checkpoint begins.
const GROWTH: usize = 120_000;
/// What a created member is reckoned to take in the log, at least.
const MEMBER_BYTES_MIN: usize = 160;

fn new_members(count: u32) -> Vec<(u32, NewMember)> {
    let member = |index: u32| NewMember {
        id: MemberId::from_u128(u128::from(index) + 1),
        login_email: None,
        profile: Profile { nickname: Some(format!("member {index}")), ..Profile::default() },
        privacy: None,
        status: None,
        activity: None,
        origin: guildhall::domain::event::MemberOrigin::Import,
        created_at: None,
    };
    (0..count).map(|index| (index, member(index))).collect()
}

async fn most_entries_while<T>(
    bench: &Bench,
    site: &SiteHandle,
    work: impl Future<Output = T>,
) -> (T, usize) {
    let (over, told) = tokio::sync::oneshot::channel();
    let working = async {
        let outcome = work.await;
        over.send(()).expect("the watch goes on until here");
        outcome
    };
    let watching = async {
        let (mut most, mut told) = (0, told);
        while told.try_recv().is_err() {
            most = most.max(bench.observe(site).await.entries_in_memory);
        }
        most
    };
    join(working, watching).await
}

#[actix_rt::test]
async fn an_import_waits_for_the_snapshots_and_is_taken_whole() {
    let knobs = Knobs { checkpoint_log_bytes_max: GROWTH, members_hot_max: 10 };
    let mut bench = Bench::new(knobs);
    let site = bench.start().await;
    let import = site.import_members(new_members(8_000));
    let (imported, most) = most_entries_while(&bench, &site, import).await;
    let imported = imported.expect("it waits and is not refused").value;
    assert_eq!((imported.ids.iter().flatten().count(), imported.errors.len()), (8_000, 0));
    let lag_max = GROWTH * CHECKPOINT_LAG_FACTOR_MAX as usize;
    let entries_max = lag_max / MEMBER_BYTES_MIN + IMPORT_LINES_PER_TURN;
    assert!(most <= entries_max, "{most} entries were in memory, more than {entries_max}");
    drop(site);
    let site = bench.restart().await;
    assert_eq!(bench.nickname(&site, MemberId::from_u128(8_000)).await, "member 7999");
}

#[actix_rt::test]
async fn batches_wait_in_order_and_one_too_many_is_told_to_come_later() {
    let knobs = Knobs { checkpoint_log_bytes_max: GROWTH, members_hot_max: 10 };
    let mut bench = Bench::new(knobs);
    let site = bench.start().await;
    // Far more than may lag: from here on batches find the snapshots behind.
    let import = site.import_members(new_members(8_000));
    let ann = MemberId::from_u128(1);
    let batches = async {
        while bench.observe(&site).await.members == 0 {}
        let mut counted = 0;
        loop {
            let numbers = counted + 1..=counted + 2 * INGESTS_WAITING_MAX as u64;
            let answers = join_all(numbers.map(|n| site.ingest(batch(&[ann], 1, n)))).await;
            counted += answers.iter().filter(|answer| answer.is_ok()).count() as u64;
            // Nobody overtakes: what comes after one that was not taken would be a gap.
            let lost: Vec<_> = answers.iter().skip_while(|answer| answer.is_ok()).collect();
            if let Some(first) = lost.first() {
                assert!(matches!(first, Err(CallError::Busy)), "{first:?}");
                assert!(lost.iter().all(|answer| answer.is_err()), "{lost:?}");
                return counted;
            }
        }
    };
    let (imported, counted) = join(import, batches).await;
    imported.expect("the import is taken");
    assert_eq!(bench.count(&site, ann, "visits").await, counted as i64);
    let next = bench.until_accepted(&site, batch(&[ann], 1, counted + 1)).await;
    assert_eq!(next.accepted, 1);
}

//! What one turn costs, without journal or sockets: commands, and the ingest lane over a million
//! members.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use guildhall::core::site::Site;
use guildhall::core::turn::Step;
use guildhall::domain::command::{IncrementBatch, IncrementLine, NewMember};
use guildhall::domain::profile::Profile;
use guildhall::domain::{AppId, Command, MemberId, OpId, SiteId, Timestamp};

const LINES: usize = 1_000;

/// Ids as random ones are: nothing about them is sequential.
fn member_id(number: u64) -> MemberId {
    let high = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let low = high.rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    MemberId::from_u128(u128::from(high) << 64 | u128::from(low))
}

fn site_with(members: u64) -> Site {
    let mut site = Site::new(SiteId::from_u128(1));
    let numbers: Vec<u64> = (0..members).collect();
    for slice in numbers.chunks(250) {
        let lines: Vec<(u32, NewMember)> =
            slice.iter().map(|number| (0, new_member(*number))).collect();
        site.import_members(&lines, Timestamp::from_unix_ms(1));
    }
    site
}

fn new_member(number: u64) -> NewMember {
    let nickname = Some(format!("member {number}"));
    NewMember {
        id: member_id(number),
        login_email: None,
        profile: Profile { nickname, ..Profile::default() },
        privacy: None,
        status: None,
        activity: None,
        origin: guildhall::domain::event::MemberOrigin::Creation,
        created_at: None,
    }
}

fn batch(members: u64, seed: &mut u64, with_op_ids: bool) -> IncrementBatch {
    let mut next = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        *seed >> 33
    };
    let lines = (0..LINES as u32)
        .map(|index| IncrementLine { member: member_id(next() % members), delta: 1, index, key: 0 })
        .collect();
    let op_id = |next: &mut dyn FnMut() -> u64| {
        let value = u128::from(next()) << 64 | u128::from(next());
        Some(OpId((value & !(0xf << 76) | 4 << 76).to_be_bytes()))
    };
    let op_ids = if with_op_ids { (0..LINES).map(|_| op_id(&mut next)).collect() } else { vec![] };
    let keys = vec!["visits".to_owned()];
    let app = Some(AppId::site_code());
    IncrementBatch { app, producer: None, keys, lines, op_ids, faults: Vec::new() }
}

fn ingest(criterion: &mut Criterion) {
    const MEMBERS: u64 = 1_000_000;
    let mut site = site_with(MEMBERS);
    let mut seed = 8_412;
    let mut group = criterion.benchmark_group("ingest lane, 1 M members, batches of 1,000");
    group.throughput(Throughput::Elements(LINES as u64));
    for (name, with_op_ids) in [("plain", false), ("with operation ids", true)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || batch(MEMBERS, &mut seed, with_op_ids),
                |batch| black_box(site.ingest(batch, Timestamp::from_unix_ms(2)).is_ok()),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn commands(criterion: &mut Criterion) {
    const MEMBERS: u64 = 100_000;
    let mut site = site_with(MEMBERS);
    let mut number = 0u64;
    criterion.bench_function("decide and apply: follow, then unfollow", |bencher| {
        bencher.iter(|| {
            number += 1;
            let follower = member_id(number % MEMBERS);
            let followed = member_id((number * 7 + 1) % MEMBERS);
            let now = Timestamp::from_unix_ms(3);
            for command in
                [Command::Follow { follower, followed }, Command::Unfollow { follower, followed }]
            {
                let step = site.turn(&command, now);
                assert!(matches!(step, Step::Done { .. } | Step::Refused(_)));
            }
        });
    });
}

criterion_group!(benches, commands, ingest);
criterion_main!(benches);

//! What fan-out costs before the kernel: publishing to many readers, and encoding frames once.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use guildhall::core::channel::Channel;
use guildhall::core::hub::{Hub, Opening, ReadAs, SessionKey};
use guildhall::core::query::Viewer;
use guildhall::core::recovery::{Barrier, Recovery, StreamPosition};
use guildhall::core::visibility::Audience;
use guildhall::domain::event::Record;
use guildhall::domain::{Event, MemberId, SiteId, Timestamp, Touch, WrittenRecord};
use guildhall::realtime::frame::LineWriter;
use guildhall::wire::event::EventSource;

const ANN: MemberId = MemberId::from_u128(0xa);
const READERS: u64 = 10_000;
const ROUND: u64 = 64;

fn record(seq: u64) -> WrittenRecord {
    let followed = MemberId::from_u128(u128::from(seq) + 1_000);
    let touch = |member, previous_seq| Touch { member, previous_seq };
    Arc::new(Record {
        seq,
        time: Timestamp::from_unix_ms(1_795_426_200_000),
        member_seq: seq,
        touches: [touch(ANN, seq - 1), touch(followed, 0)].into_iter().collect(),
        event: Event::FollowCreated { follower: ANN, followed },
    })
}

fn crowded_hub() -> Hub {
    let mut hub = Hub::new(0);
    for reader in 0..READERS {
        let (key, channel) = (SessionKey(reader), Channel::Member(ANN));
        let reader = ReadAs { viewer: Viewer::Visitor, audience: Audience::Public };
        hub.subscribe(key, channel, reader);
        hub.open(key, channel, Opening { seq: 0, recovered: None });
    }
    hub
}

fn fanout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fanout");
    group.throughput(Throughput::Elements(READERS * ROUND));
    group.bench_function("publish 64 records to 10,000 readers", |bencher| {
        let mut hub = crowded_hub();
        bencher.iter(|| {
            let next = hub.position() + 1;
            let records: Vec<WrittenRecord> = (next..next + ROUND).map(record).collect();
            black_box(hub.publish(&records).len())
        });
    });

    group.throughput(Throughput::Elements(ROUND));
    let writer = LineWriter::new(EventSource { site: SiteId::from_u128(5), incarnation: 1 });
    let records: Vec<WrittenRecord> = (1..=ROUND).map(record).collect();
    group.bench_function("encode 64 records into joined frames", |bencher| {
        bencher.iter(|| black_box(writer.frames(Channel::Member(ANN), Audience::App, &records)));
    });

    group.throughput(Throughput::Elements(300));
    let records: Vec<WrittenRecord> = (1..=300).map(record).collect();
    let asked = StreamPosition { offset: 0, epoch: "e".to_owned() };
    group.bench_function("walk back 300 records", |bencher| {
        bencher.iter(|| {
            let barrier = Barrier { seq: 300, last_seq: 300 };
            let channel = Channel::Member(ANN);
            let mut walk = Recovery::start(&asked, "e", barrier, channel, Audience::App);
            while let Some(seq) = walk.wants() {
                walk.give(records.get(seq as usize - 1).cloned());
            }
            black_box(walk.finish())
        });
    });
    group.finish();
}

criterion_group!(benches, fanout);
criterion_main!(benches);

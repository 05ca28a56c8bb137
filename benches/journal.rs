//! The journal on this machine's disk: appends, the writer's rate, and recovery.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use guildhall::domain::batch::Change;
use guildhall::domain::{Commit, Event, MemberId, Record, SiteId, Timestamp};
use guildhall::journal::{
    Appended, Batch, Embedded, EmbeddedOptions, Journal, Writer, WriterOptions,
};
use tempfile::TempDir;

const SITE: SiteId = SiteId::from_u128(1);
/// Increments of one big commit, and what each takes when packed.
const INCREMENTS: usize = 10_000;
const INCREMENT_BYTES: usize = 3;

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("runtime").block_on(work)
}

fn open(directory: &Path) -> Embedded {
    Embedded::open(directory, EmbeddedOptions::default()).expect("journal opens")
}

fn fresh() -> (TempDir, Embedded) {
    let directory = TempDir::new().expect("temporary directory");
    let journal = open(directory.path());
    run(journal.open_site(SITE)).expect("site");
    (directory, journal)
}

fn followed(number: u64) -> Arc<Commit> {
    let (follower, followed) = (MemberId::from_u128(1), MemberId::from_u128(number.into()));
    let time = Timestamp::from_unix_ms(1_700_000_000_000);
    let record = Record {
        seq: number,
        time,
        member_seq: number,
        touches: Default::default(),
        event: Event::FollowCreated { follower, followed },
    };
    Arc::new(Commit { number, time, records: vec![Arc::new(record)], changes: vec![] })
}

fn counted(number: u64) -> Arc<Commit> {
    let packed = vec![7; INCREMENTS * INCREMENT_BYTES];
    let changes = vec![Change::Increments { packed }];
    Arc::new(Commit { number, changes, ..Commit::default() })
}

fn batch(expected: u64, commits: Vec<Arc<Commit>>) -> Batch {
    let batch_id = u128::from(expected) + 1;
    Batch { site: SITE, generation: 1, epoch: 1, batch_id, expected, commits }
}

fn store(journal: &Embedded, batch: Batch) {
    let outcomes = run(journal.append(vec![batch]));
    assert!(matches!(outcomes[0], Appended::Stored(_)), "{outcomes:?}");
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for commits in [1, 1_000] {
        let (_directory, journal) = fresh();
        let mut reached = 0;
        group.throughput(Throughput::Elements(commits));
        group.bench_function(format!("{commits}_follows_synced"), |bencher| {
            bencher.iter(|| {
                let numbers = reached + 1..=reached + commits;
                store(&journal, batch(reached, numbers.map(followed).collect()));
                reached += commits;
            });
        });
    }
    let (_directory, journal) = fresh();
    let mut reached = 0;
    group.throughput(Throughput::Elements(8 * INCREMENTS as u64));
    group.bench_function("80000_increments_synced", |bencher| {
        bencher.iter(|| {
            let numbers = reached + 1..=reached + 8;
            store(&journal, batch(reached, numbers.map(counted).collect()));
            reached += 8;
        });
    });
    group.finish();
}

fn writer(criterion: &mut Criterion) {
    const COMMITS: u64 = 20_000;
    let mut group = criterion.benchmark_group("writer");
    group.throughput(Throughput::Elements(COMMITS));
    group.bench_function("20000_single_commits_until_durable", |bencher| {
        bencher.iter_batched(
            || {
                let (directory, journal) = fresh();
                let journal: Arc<dyn Journal> = Arc::new(journal);
                let position = run(journal.position(SITE)).expect("position");
                let writer = Writer::start(journal, WriterOptions::default());
                let log = writer.attach(SITE, position, 1);
                let commits: Vec<_> = (1..=COMMITS).map(followed).collect();
                (directory, writer, log, commits)
            },
            |(directory, writer, log, commits)| {
                commits.into_iter().for_each(|commit| log.submit(1, commit));
                run(log.wait(COMMITS)).expect("durable");
                (directory, writer, log)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn recovery(criterion: &mut Criterion) {
    const BATCHES: u64 = 200;
    let (directory, journal) = fresh();
    for number in 1..=BATCHES {
        store(&journal, batch(number - 1, vec![counted(number)]));
    }
    drop(journal);
    let mut group = criterion.benchmark_group("recovery");
    group.throughput(Throughput::Elements(BATCHES * INCREMENTS as u64));
    group.bench_function("open", |bencher| {
        bencher.iter(|| open(black_box(directory.path())));
    });
    let journal = open(directory.path());
    group.bench_function("replay", |bencher| {
        bencher.iter(|| {
            let mut reached = 0;
            while reached < BATCHES {
                let commits = run(journal.read_commits(SITE, reached, 1 << 20));
                reached = commits.expect("commits").last().expect("more").number;
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = append, writer, recovery
}
criterion_main!(benches);

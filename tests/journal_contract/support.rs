//! Journals to test, and the small words to build batches with.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use guildhall::domain::batch::Change;
use guildhall::domain::{
    Commit, Event, MemberId, MemberOrdinal, Record, SiteId, Timestamp, Touch, WrittenRecord,
};
use guildhall::journal::{Appended, Batch, Embedded, EmbeddedOptions, Journal, Memory, Position};
use smallvec::smallvec;
use tempfile::TempDir;

pub const SITE: SiteId = SiteId::from_u128(0xA11CE);
pub const OTHER_SITE: SiteId = SiteId::from_u128(0xB0B);

/// An engine under test. The one on disk lives in a directory of its own.
pub enum Subject {
    Memory(Arc<Memory>),
    Disk { journal: Option<Arc<Embedded>>, directory: TempDir },
}

impl Subject {
    pub fn memory() -> Subject {
        Subject::Memory(Arc::new(Memory::new(7)))
    }

    pub fn disk() -> Subject {
        let directory = TempDir::new().expect("temporary directory");
        let journal = Some(Arc::new(open(directory.path())));
        Subject::Disk { journal, directory }
    }

    pub fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Subject::Memory(memory) => memory.clone(),
            Subject::Disk { journal, .. } => journal.clone().expect("open"),
        }
    }

    /// Ends without a shutdown, as a kill does, and starts again from what the files hold.
    pub fn crash(&mut self) {
        match self {
            Subject::Memory(memory) => memory.crash(0),
            Subject::Disk { journal, directory } => {
                let image = TempDir::new().expect("temporary directory");
                copy_directory(directory.path(), image.path());
                *journal = Some(Arc::new(open(image.path())));
                *directory = image;
            }
        }
    }
}

/// Runs a scenario over every engine.
pub fn on_every_engine(scenario: impl Fn(&mut Subject)) {
    scenario(&mut Subject::memory());
    scenario(&mut Subject::disk());
}

/// The time of the records that tests write, so that nothing ages.
pub fn options() -> EmbeddedOptions {
    let clock = || Timestamp::from_unix_ms(1_700_000_000_000);
    EmbeddedOptions { clock: Arc::new(clock), ..EmbeddedOptions::default() }
}

pub fn open(directory: &Path) -> Embedded {
    Embedded::open(directory, options()).expect("journal opens")
}

pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("create directory");
    for entry in fs::read_dir(from).expect("list directory") {
        let entry = entry.expect("directory entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy file");
        }
    }
}

pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("runtime").block_on(work)
}

pub fn record(seq: u64) -> WrittenRecord {
    let (follower, followed) = (MemberId::from_u128(1), MemberId::from_u128(seq.into()));
    Arc::new(Record {
        seq,
        time: Timestamp::from_unix_ms(1_700_000_000_000 + seq as i64),
        member_seq: seq,
        touches: smallvec![Touch { member: follower, previous_seq: seq - 1 }],
        event: Event::FollowCreated { follower, followed },
    })
}

/// A commit with the records of these seqs.
pub fn commit(number: u64, seqs: std::ops::RangeInclusive<u64>) -> Arc<Commit> {
    Arc::new(Commit {
        number,
        time: Timestamp::from_unix_ms(1_700_000_000_000 + number as i64),
        records: seqs.map(record).collect(),
        changes: Vec::new(),
    })
}

/// A commit of increments only.
pub fn counted(number: u64) -> Arc<Commit> {
    let packed = vec![number as u8; 40];
    let member = MemberOrdinal(number as u32);
    let set = Change::CounterSet { member, key: 1, public: true, count: -5 };
    let mut commit = Commit::clone(&bare(number));
    commit.changes = vec![Change::Increments { packed }, set];
    Arc::new(commit)
}

/// A commit with nothing in it.
pub fn bare(number: u64) -> Arc<Commit> {
    let time = Timestamp::from_unix_ms(1_700_000_000_000 + number as i64);
    Arc::new(Commit { number, time, ..Commit::default() })
}

/// Commits `numbers`, of which every one has the record of its number and some increments.
pub fn batch(numbers: std::ops::RangeInclusive<u64>) -> Batch {
    let commits = numbers.clone().map(|number| {
        let mut commit = Commit::clone(&commit(number, number..=number));
        if number % 3 == 0 {
            commit.changes = counted(number).changes.clone();
        }
        Arc::new(commit)
    });
    batch_of(*numbers.start() - 1, commits.collect())
}

pub fn batch_of(expected: u64, commits: Vec<Arc<Commit>>) -> Batch {
    let batch_id = 1_000 + u128::from(expected);
    Batch { site: SITE, generation: 1, epoch: 1, batch_id, expected, commits }
}

pub fn append(journal: &dyn Journal, batch: Batch) -> Appended {
    let mut outcomes = run(journal.append(vec![batch]));
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// Appends and expects it to be stored.
pub fn store(journal: &dyn Journal, batch: Batch) -> Position {
    match append(journal, batch) {
        Appended::Stored(position) => position,
        refused => panic!("not stored: {refused:?}"),
    }
}

/// Stores a batch of its own for each of these commits.
pub fn store_each(journal: &dyn Journal, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        store(journal, batch(number..=number));
    }
}

pub fn at(commit: u64, seq: u64) -> Position {
    Position { commit, seq, first_commit: 1, first_seq: 1 }
}

/// All commits after `after`, read in small pieces.
pub fn commits_after(journal: &dyn Journal, site: SiteId, after: u64) -> Vec<Commit> {
    let mut found: Vec<Commit> = Vec::new();
    loop {
        let reached = found.last().map_or(after, |commit| commit.number);
        let read = run(journal.read_commits(site, reached, 64)).expect("commits");
        if read.is_empty() {
            return found;
        }
        found.extend(read);
    }
}

pub fn numbers(commits: &[Commit]) -> Vec<u64> {
    commits.iter().map(|commit| commit.number).collect()
}

pub fn seqs_after(journal: &dyn Journal, after_seq: u64, limit: usize) -> Vec<u64> {
    let records = run(journal.read_records(SITE, after_seq, limit)).expect("records");
    records.iter().map(|record| record.seq).collect()
}

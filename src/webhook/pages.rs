//! Pages of older records that were read lately, shared by the dispatchers of a site. Finding a
//! page in the log costs as much as sending many events, and endpoints that lag tend to lag at the
//! same place. What is still in the log's own memory is not kept twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::port::{PortError, PortFuture, RecordSource};
use crate::domain::{WrittenRecord, limits};
use crate::journal::codec;

/// A source in front of another one.
pub(super) struct Pages {
    shelf: Arc<Shelf>,
}

struct Shelf {
    source: Arc<dyn RecordSource>,
    /// What all sites together may keep.
    room: Arc<Semaphore>,
    kept: Mutex<VecDeque<Page>>,
    /// Held while a page is read: who waits for it will find it kept.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// All records from after one seq up to and with the last of these.
struct Page {
    after_seq: u64,
    records: Vec<WrittenRecord>,
    room: OwnedSemaphorePermit,
}

/// What was found, and whether it is time to have what follows at hand.
struct Found {
    records: Vec<WrittenRecord>,
    next_after: Option<u64>,
}

impl Page {
    fn after(&self, seq: u64, limit: usize) -> Option<Found> {
        let last_seq = self.records.last()?.seq;
        let holds = self.after_seq <= seq && seq < last_seq;
        let skip = self.records.partition_point(|record| record.seq <= seq);
        let is_late = skip + limit > self.records.len() / 2;
        holds.then(|| Found {
            records: self.records[skip..].iter().take(limit).cloned().collect(),
            next_after: is_late.then_some(last_seq),
        })
    }

    fn holds(&self, seq: u64) -> bool {
        self.after_seq <= seq && self.records.last().is_some_and(|last| seq < last.seq)
    }
}

impl Pages {
    /// Reads ahead on the arbiter of whoever asks.
    pub(super) fn over(source: Arc<dyn RecordSource>, room: Arc<Semaphore>) -> Pages {
        let (kept, reading) = (Mutex::default(), Arc::default());
        Pages { shelf: Arc::new(Shelf { source, room, kept, reading }) }
    }

    async fn page(&self, seq: u64, limit: usize) -> Result<Vec<WrittenRecord>, PortError> {
        if let Some(found) = self.shelf.find(seq, limit) {
            return Ok(self.found(found));
        }
        let reading = self.shelf.reading.lock().await;
        if let Some(found) = self.shelf.find(seq, limit) {
            drop(reading);
            return Ok(self.found(found));
        }
        let mut records = self.shelf.read(seq, limit).await?;
        records.truncate(limit);
        Ok(records)
    }

    /// A reader that is half-way through a page will want the next one: it is read meanwhile.
    fn found(&self, Found { records, next_after }: Found) -> Vec<WrittenRecord> {
        if let Some(next_after) = next_after
            && !self.shelf.holds(next_after)
            && let Ok(reading) = self.shelf.reading.clone().try_lock_owned()
        {
            let shelf = self.shelf.clone();
            actix_rt::spawn(async move {
                // A fault is told to whoever needs the page.
                drop(shelf.read_if_far(next_after).await);
                drop(reading);
            });
        }
        records
    }
}

impl Shelf {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Page>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, seq: u64, limit: usize) -> Option<Found> {
        self.kept().iter().find_map(|page| page.after(seq, limit))
    }

    fn holds(&self, seq: u64) -> bool {
        self.kept().iter().any(|page| page.holds(seq))
    }

    /// What the log has in its own memory is not kept twice.
    async fn read_if_far(&self, seq: u64) -> Result<(), PortError> {
        if self.source.near(seq, 1).is_none() {
            self.read(seq, 0).await?;
        }
        Ok(())
    }

    /// Reads a page and keeps it, unless it holds no more than what was asked for.
    async fn read(&self, seq: u64, limit: usize) -> Result<Vec<WrittenRecord>, PortError> {
        let wanted = limit.max(limits::WEBHOOK_KEPT_PAGE_RECORDS);
        let records = self.source.records_after(seq, wanted).await?;
        if records.len() > limit {
            let fitting = limit.max(fitting(&records)).max(1);
            self.keep(seq, records.iter().take(fitting).cloned().collect());
        }
        Ok(records)
    }

    /// The oldest page makes room, if there is none elsewhere.
    fn keep(&self, after_seq: u64, records: Vec<WrittenRecord>) {
        let mut kept = self.kept();
        if kept.len() >= limits::WEBHOOK_KEPT_PAGES_PER_SITE_MAX {
            kept.pop_front();
        }
        let room = self.room.clone().try_acquire_owned().ok();
        let room = room.or_else(|| kept.pop_front().map(|page| page.room));
        kept.extend(room.map(|room| Page { after_seq, records, room }));
    }
}

/// How many of them one page may hold.
fn fitting(records: &[WrittenRecord]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&WrittenRecord| {
        bytes += codec::encoded_bytes(&***record);
        bytes <= limits::WEBHOOK_KEPT_PAGE_BYTES_MAX
    };
    records.iter().take_while(fits).count()
}

impl RecordSource for Pages {
    fn records_after(&self, seq: u64, limit: usize) -> PortFuture<'_, Vec<WrittenRecord>> {
        Box::pin(async move {
            match self.near(seq, limit) {
                Some(records) => Ok(records),
                None => self.page(seq, limit).await,
            }
        })
    }

    fn near(&self, seq: u64, limit: usize) -> Option<Vec<WrittenRecord>> {
        self.shelf.source.near(seq, limit)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.shelf.source.watch()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::{Event, MemberId, Record, Timestamp};

    /// A log of so many records, of which only the newest 100 are near.
    struct Log {
        last_seq: u64,
        oldest_seq: u64,
        reads: AtomicUsize,
    }

    fn record(seq: u64) -> WrittenRecord {
        let (follower, followed) = (MemberId::from_u128(1), MemberId::from_u128(2));
        let event = Event::FollowCreated { follower, followed };
        let time = Timestamp::from_unix_ms(0);
        Arc::new(Record { seq, time, member_seq: seq, touches: Default::default(), event })
    }

    impl RecordSource for Log {
        fn records_after(&self, seq: u64, limit: usize) -> PortFuture<'_, Vec<WrittenRecord>> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            let from = (seq + 1).max(self.oldest_seq);
            let records = (from..=self.last_seq).take(limit).map(record).collect();
            Box::pin(async move { Ok(records) })
        }

        fn near(&self, seq: u64, limit: usize) -> Option<Vec<WrittenRecord>> {
            let near = seq + 100 >= self.last_seq;
            near.then(|| (seq + 1..=self.last_seq).take(limit).map(record).collect())
        }

        fn watch(&self) -> watch::Receiver<u64> {
            watch::Sender::new(self.last_seq).subscribe()
        }
    }

    async fn walk(pages: &Pages, limit: usize) -> Vec<u64> {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let records = pages.records_after(after, limit).await.expect("records");
            let Some(last) = records.last() else { return seen };
            after = last.seq;
            seen.extend(records.iter().map(|record| record.seq));
        }
    }

    #[actix_rt::test]
    async fn many_readers_of_one_place_read_it_once() {
        let log = Arc::new(Log { last_seq: 1_000, oldest_seq: 1, reads: AtomicUsize::new(0) });
        let pages = Pages::over(log.clone(), Arc::new(Semaphore::new(8)));
        for reader in 0..20 {
            let seen = walk(&pages, 7 + reader).await;
            assert_eq!(seen, (1..=1_000).collect::<Vec<_>>());
        }
        let reads = log.reads.load(Ordering::SeqCst);
        assert!(reads <= 10, "{reads} reads of the log");
    }

    #[actix_rt::test]
    async fn a_reader_half_way_through_a_page_finds_the_next_one_read() {
        let page = limits::WEBHOOK_KEPT_PAGE_RECORDS as u64;
        let log = Log { last_seq: 4 * page, oldest_seq: 1, reads: AtomicUsize::new(0) };
        let log = Arc::new(log);
        let pages = Pages::over(log.clone(), Arc::new(Semaphore::new(8)));
        let reads_at = async |seq| {
            let records = pages.records_after(seq, 10).await.expect("records");
            assert_eq!(records.len(), 10);
            tokio::task::yield_now().await;
            log.reads.load(Ordering::SeqCst)
        };
        assert_eq!(reads_at(0).await, 1);
        assert_eq!(reads_at(page / 2 - 100).await, 1);
        assert_eq!(reads_at(page / 2 + 100).await, 2, "the next page, before it is asked for");
        assert_eq!(reads_at(page).await, 2);
        assert_eq!(walk(&pages, 64).await, (1..=4 * page).collect::<Vec<_>>());
        assert_eq!(log.reads.load(Ordering::SeqCst), 4, "and none twice");
    }

    #[actix_rt::test]
    async fn nothing_is_kept_without_room_and_nothing_is_missing() {
        let log = Arc::new(Log { last_seq: 1_000, oldest_seq: 400, reads: AtomicUsize::new(0) });
        for room in [0, 1] {
            let pages = Pages::over(log.clone(), Arc::new(Semaphore::new(room)));
            assert_eq!(walk(&pages, 10).await, (400..=1_000).collect::<Vec<_>>());
            assert!(pages.shelf.kept().len() <= room);
        }
    }
}

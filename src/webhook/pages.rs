//! Pages of older records that were read lately, shared by the dispatchers of a site. Finding a
//! page in the log costs as much as sending many events, and endpoints that lag tend to lag at the
//! same place. What is still in the log's own memory is not kept twice.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};

use super::port::{PortError, PortFuture, RecordSource};
use crate::domain::{WrittenRecord, limits};
use crate::journal::codec;

/// A source in front of another one.
pub(super) struct Pages {
    source: Arc<dyn RecordSource>,
    /// What all sites together may keep.
    room: Arc<Semaphore>,
    /// Held while a page is read: who waits for it will find it here.
    kept: Mutex<VecDeque<Page>>,
}

/// All records from after one seq up to and with the last of these.
struct Page {
    after_seq: u64,
    records: Vec<WrittenRecord>,
    room: OwnedSemaphorePermit,
}

impl Page {
    fn after(&self, seq: u64, limit: usize) -> Option<Vec<WrittenRecord>> {
        let holds = self.after_seq <= seq && seq < self.records.last()?.seq;
        let skip = self.records.partition_point(|record| record.seq <= seq);
        holds.then(|| self.records[skip..].iter().take(limit).cloned().collect())
    }
}

impl Pages {
    pub(super) fn over(source: Arc<dyn RecordSource>, room: Arc<Semaphore>) -> Pages {
        Pages { source, room, kept: Mutex::default() }
    }

    async fn page(&self, seq: u64, limit: usize) -> Result<Vec<WrittenRecord>, PortError> {
        let mut kept = self.kept.lock().await;
        if let Some(found) = kept.iter().find_map(|page| page.after(seq, limit)) {
            return Ok(found);
        }
        let wanted = limit.max(limits::WEBHOOK_KEPT_PAGE_RECORDS);
        let mut records = self.source.records_after(seq, wanted).await?;
        let found = records.iter().take(limit).cloned().collect();
        if records.len() > limit {
            records.truncate(limit.max(fitting(&records)));
            records.shrink_to_fit();
            self.keep(&mut kept, seq, records);
        }
        Ok(found)
    }

    /// The oldest page makes room, if there is none elsewhere.
    fn keep(&self, kept: &mut VecDeque<Page>, after_seq: u64, records: Vec<WrittenRecord>) {
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
            match self.source.near(seq, limit) {
                Some(records) => Ok(records),
                None => self.page(seq, limit).await,
            }
        })
    }

    fn near(&self, seq: u64, limit: usize) -> Option<Vec<WrittenRecord>> {
        self.source.near(seq, limit)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.source.watch()
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
    async fn nothing_is_kept_without_room_and_nothing_is_missing() {
        let log = Arc::new(Log { last_seq: 1_000, oldest_seq: 400, reads: AtomicUsize::new(0) });
        for room in [0, 1] {
            let pages = Pages::over(log.clone(), Arc::new(Semaphore::new(room)));
            assert_eq!(walk(&pages, 10).await, (400..=1_000).collect::<Vec<_>>());
            assert!(pages.kept.lock().await.len() <= room);
        }
    }
}

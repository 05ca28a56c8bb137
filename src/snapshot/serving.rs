//! One database that serves, and what its sites do in it: marks, entries, scans, completions.
//! Which of several databases of a slot it is, is decided by its owner.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hashbrown::HashMap;

use super::key::{kind_prefix, site_prefix};
use super::mark::SealedMark;
use super::order::filling_order;
use super::store::{Database, Fault, Pair};
use super::tally::{KindTally, Tally, Written};
use super::{
    Cause, Completed, Damaged, Key, Mark, Proof, Scanned, Slot, SnapshotError, entry, files,
};
use crate::domain::{SiteId, limits};

/// A site's checkpoint between `begin` and `complete`.
#[derive(Default)]
struct Writing {
    /// `None` once it is not known what the slot holds; then `complete` counts anew.
    tally: Option<Tally>,
    written: Written,
}

type SiteMap<T> = Mutex<HashMap<SiteId, T>>;

pub(super) struct Serving {
    pub slot: Slot,
    pub incarnation: u64,
    database: Database,
    /// Set when another one takes over, so that long work ends soon.
    retired: AtomicBool,
    marks: SiteMap<Option<Arc<SealedMark>>>,
    writings: SiteMap<Arc<Mutex<Writing>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Serving {
    pub fn new(slot: Slot, incarnation: u64, database: Database) -> Serving {
        let retired = AtomicBool::new(false);
        let (marks, writings) = (SiteMap::default(), SiteMap::default());
        Serving { slot, incarnation, database, retired, marks, writings }
    }

    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub fn mark(&self, site: SiteId) -> Option<Mark> {
        self.sealed_mark(site).map(|sealed| sealed.mark)
    }

    fn sealed_mark(&self, site: SiteId) -> Option<Arc<SealedMark>> {
        if let Some(known) = locked(&self.marks).get(&site) {
            return known.clone();
        }
        let sealed = self.load_mark(site).map(Arc::new);
        locked(&self.marks).entry(site).or_insert(sealed).clone()
    }

    /// The database's mark counts only with its equal twin beside it: a database that came back in
    /// an earlier state has an earlier mark or none.
    fn load_mark(&self, site: SiteId) -> Option<SealedMark> {
        let stored = match self.database.get(&Key::of_mark().encode(site)) {
            Ok(stored) => stored?,
            Err(fault) => {
                let (slot, why) = (self.slot, fault.into_text());
                tracing::warn!(%slot, %site, %why, "mark of site {site} in {slot} is not readable");
                return None;
            }
        };
        let twin = files::read_mark(self.database.path(), site)?;
        if *stored != *twin {
            let slot = self.slot;
            tracing::warn!(%slot, %site, "mark of site {site} in {slot} is not its newest");
            return None;
        }
        SealedMark::decode(&stored, site, self.slot)
    }

    /// Nothing is written before the mark is gone for good, so a slot under writing is never
    /// trusted after a crash.
    pub fn begin(&self, site: SiteId) -> Result<(), SnapshotError> {
        let sealed = self.sealed_mark(site);
        let writing = self.writing_or_new(site, sealed);
        let mut writing = locked(&writing);
        locked(&self.marks).insert(site, None);
        files::remove_mark(self.database.path(), site)?;
        let key = Key::of_mark();
        self.database.remove(&key.encode(site)).map_err(|fault| self.failed(Some(key), fault))?;
        self.database.make_durable().map_err(|fault| self.failed(None, fault))?;
        writing.written = Written::default();
        Ok(())
    }

    /// A checkpoint that was begun and not completed still knows what the slot holds.
    fn writing_or_new(&self, site: SiteId, sealed: Option<Arc<SealedMark>>) -> Arc<Mutex<Writing>> {
        let mut writings = locked(&self.writings);
        let writing = writings.entry(site).or_insert_with(|| {
            let tally = sealed.map(|sealed| sealed.tally.clone());
            Arc::new(Mutex::new(Writing { tally, written: Written::default() }))
        });
        Arc::clone(writing)
    }

    fn writing(&self, site: SiteId) -> Result<Arc<Mutex<Writing>>, SnapshotError> {
        let writing = locked(&self.writings).get(&site).cloned();
        writing.ok_or(SnapshotError::NotBegun { slot: self.slot })
    }

    pub fn put(&self, site: SiteId, entries: &[(Key, Vec<u8>)]) -> Result<(), SnapshotError> {
        let writing = self.writing(site)?;
        let mut writing = locked(&writing);
        let mut bytes = 0;
        for index in filling_order(entries) {
            let (key, payload) = &entries[index];
            self.put_one(site, *key, payload, &mut writing)?;
            bytes += payload.len() as u64;
        }
        metrics::counter!("snapshot_write_bytes_total").increment(bytes);
        Ok(())
    }

    fn put_one(
        &self,
        site: SiteId,
        key: Key,
        payload: &[u8],
        writing: &mut Writing,
    ) -> Result<(), SnapshotError> {
        assert!(key.kind != Key::KIND_RESERVED, "kind 255 is the store's own");
        if payload.len() > limits::SNAPSHOT_VALUE_BYTES_MAX {
            return Err(SnapshotError::ValueTooLarge { key, bytes: payload.len() });
        }
        let key_bytes = key.encode(site);
        let stored = entry::seal(&key_bytes, payload);
        let after = entry::fingerprint(&key_bytes, &stored);
        let before = self.database.insert(&key_bytes, stored);
        self.account(key, &key_bytes, before, Some(after), writing)
    }

    pub fn remove(&self, site: SiteId, keys: &[Key]) -> Result<(), SnapshotError> {
        let writing = self.writing(site)?;
        let mut writing = locked(&writing);
        for key in keys {
            assert!(key.kind != Key::KIND_RESERVED, "kind 255 is the store's own");
            let key_bytes = key.encode(site);
            let before = self.database.remove(&key_bytes);
            self.account(*key, &key_bytes, before, None, &mut writing)?;
        }
        Ok(())
    }

    /// Books a change: what was there before leaves the tally, what is there now enters it.
    fn account<Bytes: AsRef<[u8]>>(
        &self,
        key: Key,
        key_bytes: &[u8],
        before: Result<Option<Bytes>, Fault>,
        after: Option<u64>,
        writing: &mut Writing,
    ) -> Result<(), SnapshotError> {
        let before = match before {
            Ok(before) => before,
            Err(fault) => {
                // Whether it took place is unknown.
                writing.tally = None;
                return Err(self.failed(Some(key), fault));
            }
        };
        if let Some(tally) = &mut writing.tally {
            let kind = tally.kind(key.kind);
            if let Some(stored) = before {
                kind.subtract(entry::fingerprint(key_bytes, stored.as_ref()));
            }
            if let Some(after) = after {
                kind.add(after);
            }
        }
        writing.written.note(key, after);
        Ok(())
    }

    /// An absent entry is told only where a mark says that all is there.
    pub fn get(&self, site: SiteId, key: Key) -> Result<Option<Vec<u8>>, Damaged> {
        let key_bytes = key.encode(site);
        let stored = self.database.get(&key_bytes);
        let Some(stored) = stored.map_err(|fault| self.damaged_by(Some(key), fault))? else {
            return match self.sealed_mark(site) {
                Some(_) => Ok(None),
                None => Err(self.no_mark(key)),
            };
        };
        let payload =
            entry::open(&key_bytes, &stored).map_err(|why| self.broken(Some(key), why))?;
        metrics::counter!("snapshot_loads_total").increment(1);
        Ok(Some(payload.to_vec()))
    }

    pub fn scan(
        &self,
        site: SiteId,
        kind: u8,
        each: &mut dyn FnMut(Key, Vec<u8>) -> ControlFlow<()>,
    ) -> Result<Scanned, Damaged> {
        assert!(kind != Key::KIND_RESERVED, "kind 255 is the store's own");
        let sealed = self.sealed_mark(site);
        let mut seen = KindTally::default();
        let walked = self.walk(site, &kind_prefix(site, kind), |key, key_bytes, stored| {
            seen.add(entry::fingerprint(key_bytes, &stored));
            each(key, entry::into_payload(stored))
        })?;
        let entries = seen.entries;
        if walked.is_break() {
            return Ok(Scanned { entries, proof: Proof::Stopped });
        }
        let Some(sealed) = sealed.filter(|sealed| self.is_current(site, sealed)) else {
            return Ok(Scanned { entries, proof: Proof::Nothing });
        };
        self.compare(kind, sealed.tally.of(kind), seen)?;
        Ok(Scanned { entries, proof: Proof::Mark })
    }

    /// Reads everything of a site and compares it with the mark.
    pub fn verify(&self, site: SiteId) -> Result<Scanned, Damaged> {
        let sealed = self.sealed_mark(site);
        let seen = self.count(site)?;
        let entries = seen.entries_total();
        let Some(sealed) = sealed.filter(|sealed| self.is_current(site, sealed)) else {
            return Ok(Scanned { entries, proof: Proof::Nothing });
        };
        for kind in seen.kinds.keys().chain(sealed.tally.kinds.keys()) {
            self.compare(*kind, sealed.tally.of(*kind), seen.of(*kind))?;
        }
        Ok(Scanned { entries, proof: Proof::Mark })
    }

    fn is_current(&self, site: SiteId, sealed: &Arc<SealedMark>) -> bool {
        self.sealed_mark(site).is_some_and(|now| Arc::ptr_eq(&now, sealed))
    }

    fn compare(&self, kind: u8, expected: KindTally, seen: KindTally) -> Result<(), Damaged> {
        if seen == expected {
            return Ok(());
        }
        let why = format!(
            "kind {kind} has {} entries of sum {:016x}, its mark says {} of {:016x}",
            seen.entries, seen.sum, expected.entries, expected.sum
        );
        Err(self.broken(None, why))
    }

    fn count(&self, site: SiteId) -> Result<Tally, Damaged> {
        let mut tally = Tally::default();
        let _ = self.walk(site, &site_prefix(site), |key, key_bytes, stored| {
            if key.kind != Key::KIND_RESERVED {
                tally.kind(key.kind).add(entry::fingerprint(key_bytes, &stored));
            }
            ControlFlow::Continue(())
        })?;
        Ok(tally)
    }

    /// Every entry below a prefix in key order, verified, slice by slice.
    fn walk(
        &self,
        site: SiteId,
        prefix: &[u8],
        mut each: impl FnMut(Key, &[u8], Vec<u8>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Damaged> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let slice = self.next_slice(prefix, after.as_deref())?;
            if slice.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            for (key_bytes, stored) in slice {
                let key = self.check(site, &key_bytes, &stored)?;
                if after.as_ref().is_some_and(|after| *after >= key_bytes) {
                    return Err(self.broken(Some(key), "keys do not ascend".to_owned()));
                }
                if each(key, &key_bytes, stored).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                after = Some(key_bytes);
            }
        }
    }

    fn next_slice(&self, prefix: &[u8], after: Option<&[u8]>) -> Result<Vec<Pair>, Damaged> {
        if self.retired.load(Ordering::Acquire) {
            return Err(self.outside(None, "was set aside meanwhile".to_owned()));
        }
        self.database.slice(prefix, after).map_err(|fault| self.damaged_by(None, fault))
    }

    fn check(&self, site: SiteId, key_bytes: &[u8], stored: &[u8]) -> Result<Key, Damaged> {
        let Some(key) = Key::decode(site, key_bytes) else {
            return Err(self.broken(None, format!("no key: {key_bytes:02x?}")));
        };
        if key.kind != Key::KIND_RESERVED {
            entry::open(key_bytes, stored).map_err(|why| self.broken(Some(key), why))?;
        }
        Ok(key)
    }

    pub fn complete(
        &self,
        site: SiteId,
        mark: Mark,
        sample: usize,
    ) -> Result<Completed, SnapshotError> {
        let started = Instant::now();
        let writing = self.writing(site)?;
        let writing = locked(&writing);
        self.database.make_durable().map_err(|fault| self.failed(None, fault))?;
        let read_back = self.read_back(site, &writing.written.sample(sample))?;
        let tally = match &writing.tally {
            Some(tally) => tally.clone(),
            None => self.count(site)?,
        };
        let completed = Completed {
            changes: writing.written.changes,
            read_back,
            entries_total: tally.entries_total(),
        };
        self.seal(site, SealedMark { mark, tally })?;
        locked(&self.writings).remove(&site);
        metrics::histogram!("snapshot_complete_seconds").record(started.elapsed().as_secs_f64());
        Ok(completed)
    }

    fn read_back(&self, site: SiteId, sample: &[(Key, Option<u64>)]) -> Result<u64, Damaged> {
        for (key, expected) in sample {
            let key_bytes = key.encode(site);
            let stored = self.database.get(&key_bytes);
            let stored = stored.map_err(|fault| self.damaged_by(Some(*key), fault))?;
            if let Some(stored) = &stored {
                entry::open(&key_bytes, stored).map_err(|why| self.broken(Some(*key), why))?;
            }
            let found = stored.map(|stored| entry::fingerprint(&key_bytes, &stored));
            if found != *expected {
                let why = "read back something else than was written".to_owned();
                return Err(self.broken(Some(*key), why));
            }
        }
        Ok(sample.len() as u64)
    }

    /// The mark goes into the database first: alone it counts for nothing.
    fn seal(&self, site: SiteId, sealed: SealedMark) -> Result<(), SnapshotError> {
        let key = Key::of_mark();
        let bytes = sealed.encode(site, self.slot);
        let inserted = self.database.insert(&key.encode(site), bytes.clone());
        inserted.map_err(|fault| self.failed(Some(key), fault))?;
        self.database.make_durable().map_err(|fault| self.failed(Some(key), fault))?;
        files::write_mark(self.database.path(), site, &bytes)?;
        locked(&self.marks).insert(site, Some(Arc::new(sealed)));
        Ok(())
    }

    /// Removes everything of a site, slice by slice.
    pub fn wipe(&self, site: SiteId) -> Result<(), SnapshotError> {
        let writing = self.writing(site)?;
        let mut writing = locked(&writing);
        writing.tally = None;
        let prefix = site_prefix(site);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let slice = self.next_slice(&prefix, after.as_deref())?;
            let Some((last, _)) = slice.last() else {
                writing.tally = Some(Tally::default());
                return Ok(());
            };
            after = Some(last.clone());
            for (key_bytes, _) in slice {
                let removed = self.database.remove(&key_bytes);
                removed.map_err(|fault| self.failed(None, fault))?;
                if let Some(key) = Key::decode(site, &key_bytes) {
                    writing.written.note(key, None);
                }
            }
        }
    }

    fn failed(&self, key: Option<Key>, fault: Fault) -> SnapshotError {
        let slot = self.slot;
        match fault {
            Fault::Broken(why) => SnapshotError::Damaged(self.broken(key, why)),
            Fault::Full(why) => SnapshotError::Full { slot, why },
            Fault::Unusable(why) => SnapshotError::Unusable { slot, why },
        }
    }

    fn damaged_by(&self, key: Option<Key>, fault: Fault) -> Damaged {
        match fault {
            Fault::Broken(why) => self.broken(key, why),
            Fault::Full(why) | Fault::Unusable(why) => self.outside(key, why),
        }
    }

    fn no_mark(&self, key: Key) -> Damaged {
        self.outside(Some(key), "absent, and the slot has no completion mark".to_owned())
    }

    fn broken(&self, key: Option<Key>, why: String) -> Damaged {
        let Serving { slot, incarnation, .. } = *self;
        Damaged { slot, key, why, cause: Cause::Database, incarnation }
    }

    fn outside(&self, key: Option<Key>, why: String) -> Damaged {
        Damaged { cause: Cause::Outside, ..self.broken(key, why) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SITE: SiteId = SiteId::from_u128(7);

    fn marked(directory: &std::path::Path) -> Serving {
        let database = Database::open(directory, 1 << 20, Duration::from_secs(20)).expect("opens");
        let serving = Serving::new(Slot::A, 1, database);
        serving.begin(SITE).expect("begins");
        let entries: Vec<_> = (0..50).map(|n| (Key::new(1, n, 0), vec![n as u8])).collect();
        serving.put(SITE, &entries).expect("puts");
        let mark = Mark {
            generation: 1,
            begin_commit: 1,
            end_commit: 1,
            entries: 50,
            checksum: 0,
            taken_at_ms: 0,
            format: 1,
        };
        serving.complete(SITE, mark, 50).expect("completes");
        serving
    }

    /// Does behind the store's back what a damaged database does silently, then scans and verifies.
    fn check(damage: impl FnOnce(&Database, &[u8])) {
        let directory = tempfile::tempdir().expect("a directory");
        let serving = marked(directory.path());
        damage(&serving.database, &Key::new(1, 7, 0).encode(SITE));
        let scanned = serving.scan(SITE, 1, &mut |_, _| ControlFlow::Continue(()));
        assert_eq!(scanned.map_err(|damaged| damaged.cause), Err(Cause::Database));
        let verified = serving.verify(SITE);
        assert_eq!(verified.map_err(|damaged| damaged.cause), Err(Cause::Database));
    }

    #[test]
    fn an_entry_lost_under_a_mark_is_told_by_a_scan() {
        check(|database, key| drop(database.remove(key).expect("removes")));
    }

    #[test]
    fn an_entry_rolled_back_under_a_mark_is_told_by_a_scan() {
        check(|database, key| {
            database.insert(key, entry::seal(key, b"earlier")).expect("inserts");
        });
    }

    #[test]
    fn a_value_under_a_wrong_key_is_told_by_a_scan() {
        check(|database, key| {
            let other = database.get(&Key::new(1, 8, 0).encode(SITE)).expect("reads");
            database.insert(key, other.expect("is there").to_vec()).expect("inserts");
        });
    }
}

//! The journal's state on this machine, synchronous: the registry of sites, appends, reads, trims,
//! values. Everything that answers "stored" was synced before.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};

use metrics::counter;

use super::disk::Rules;
use super::layout::{self, Floor, SiteGroups};
use super::log::{Log, Step, WriteFault, Written};
use super::plan::Plan;
use super::readers::Readers;
use super::site::SiteEntries;
use super::start::{read_mark, start, store_mark};
use super::torn;
use super::{EmbeddedOptions, LOG_DIRECTORY, OpenError, SEGMENTS_DIRECTORY};
use crate::domain::limits::{LOG_READERS_MAX, SITES_MAX};
use crate::domain::{Commit, SiteId, WrittenRecord};
use crate::journal::codec;
use crate::journal::files::sync_directory;
use crate::journal::segments::Segments;
use crate::journal::site_log::lock;
use crate::journal::{Appended, Batch, JournalError, KeyValues, Position};

/// Records that a trim moves at a time.
const RECORDS_MOVED_AT_ONCE: usize = 4_096;
/// A reader that a trim overtakes looks again.
const READ_TRIES_MAX: usize = 5;

pub struct Store {
    log: Log,
    rules: Arc<Rules>,
    directory: PathBuf,
    segments_root: PathBuf,
    options: EmbeddedOptions,
    incarnation: u128,
    sites: RwLock<HashMap<SiteId, Arc<Site>>>,
    opening_site: Mutex<()>,
    purging: Mutex<()>,
    readers: Readers,
    bytes_since_purge: AtomicU64,
}

pub struct Site {
    pub entries: SiteEntries,
    segments: Segments,
}

impl Store {
    pub fn open(data_directory: &Path, options: EmbeddedOptions) -> Result<Store, OpenError> {
        let directory = data_directory.join(LOG_DIRECTORY);
        let in_log = |error| OpenError::Io { path: directory.clone(), error };
        fs::create_dir_all(&directory).map_err(in_log)?;
        if torn::lost_its_log(&directory) {
            return Err(OpenError::damaged(&directory, "all files of the log are missing"));
        }
        let mark = read_mark(&directory)?;
        let rules = Rules::new(options.disk_check.clone(), options.end_process.clone(), mark);
        let rules = Arc::new(rules);
        let log = Log::open(&directory, &options, rules.clone())?;
        let incarnation = start(&log, &directory)?;
        for path in [&directory, data_directory] {
            sync_directory(path).map_err(in_log)?;
        }
        let segments_root = data_directory.join(SEGMENTS_DIRECTORY);
        let store = Store {
            log,
            rules,
            directory,
            segments_root,
            options,
            incarnation,
            sites: RwLock::default(),
            opening_site: Mutex::default(),
            purging: Mutex::default(),
            readers: Readers::new(LOG_READERS_MAX),
            bytes_since_purge: AtomicU64::new(0),
        };
        store.load_sites()?;
        Ok(store)
    }

    fn load_sites(&self) -> Result<(), OpenError> {
        let registry = self.registry()?;
        let owned = |group: &u64| registry.values().any(|groups| groups.contains(*group));
        let known = |group: &u64| *group == layout::ROOT_GROUP || owned(group);
        if let Some(stray) = self.log.groups().iter().find(|group| !known(group)) {
            let detail = format!("group {stray} belongs to no site, its registration is missing");
            return Err(OpenError::damaged(&self.directory, detail));
        }
        for (site, groups) in registry {
            let entries = SiteEntries::load(&self.log, site, groups)?;
            let stale = entries.stale_entries(&self.log);
            if !stale.is_empty() {
                self.ride(stale, None)?;
            }
            self.add_site(site, entries)?;
        }
        Ok(())
    }

    fn registry(&self) -> Result<BTreeMap<SiteId, SiteGroups>, OpenError> {
        let rows = self.log.values(layout::ROOT_GROUP, layout::SITE_PREFIX);
        let rows = rows.map_err(|error| OpenError::damaged(&self.directory, error))?;
        let mut registry = BTreeMap::new();
        for (key, value) in rows {
            let groups = codec::decode::<SiteGroups>(&value);
            let groups = groups.map_err(|error| OpenError::damaged(&self.directory, error))?;
            let site = layout::site_of_key(&key);
            let site = site.ok_or_else(|| OpenError::damaged(&self.directory, "bad site key"))?;
            registry.insert(site, groups);
        }
        Ok(registry)
    }

    fn add_site(&self, site: SiteId, entries: SiteEntries) -> Result<(), JournalError> {
        let segments = Segments::open(&self.segments_root, site);
        let segments = segments.map_err(|error| JournalError::Unavailable(error.to_string()))?;
        let added = Site { entries, segments };
        added.note_first_seq();
        let mut sites = self.sites.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        sites.insert(site, Arc::new(added));
        Ok(())
    }

    pub fn incarnation(&self) -> u128 {
        self.incarnation
    }

    pub fn sites(&self) -> Vec<SiteId> {
        let mut sites: Vec<SiteId> = self.all().keys().copied().collect();
        sites.sort();
        sites
    }

    pub fn open_site(&self, site: SiteId) -> Result<Position, JournalError> {
        let _alone = lock(&self.opening_site);
        if let Ok(known) = self.site(site) {
            return Ok(known.entries.head().fence.position);
        }
        let taken: Vec<SiteGroups> = self.all().values().map(|s| s.entries.groups()).collect();
        if taken.len() >= SITES_MAX {
            return Err(JournalError::Unavailable(format!("{SITES_MAX} sites are open already")));
        }
        let next = taken.iter().map(|groups| groups.next_free()).max();
        let groups = SiteGroups::at(next.unwrap_or(layout::FIRST_SITE_GROUP));
        let value = codec::encode(&groups);
        let (group, key) = (layout::ROOT_GROUP, layout::site_key(site));
        self.ride(vec![Step::Put { group, key, value }], None)?;
        self.add_site(site, SiteEntries::fresh(site, groups))?;
        self.position(site)
    }

    pub fn position(&self, site: SiteId) -> Result<Position, JournalError> {
        Ok(self.site(site)?.entries.head().fence.position)
    }

    /// One write and one sync for all batches, and for whatever else waits to be stored.
    pub fn append(&self, batches: &[Batch]) -> Vec<Appended> {
        self.log.in_turn(|turn| {
            let mut plan = Plan::default();
            for batch in batches {
                plan.add(self.site(batch.site), batch);
            }
            let (steps, bytes) = plan.take_steps();
            let written = if steps.is_empty() { Ok(()) } else { self.log.write(turn, steps) };
            if written.is_ok() {
                plan.advance();
                counter!("journal_append_bytes").increment(bytes);
                self.bytes_since_purge.fetch_add(bytes, Ordering::Relaxed);
            }
            plan.outcomes(&written)
        })
    }

    pub fn read_commits(
        &self,
        site: SiteId,
        after: u64,
        bytes_max: usize,
    ) -> Result<Vec<Commit>, JournalError> {
        let _reading = self.readers.enter();
        self.site(site)?.entries.read_commits(&self.log, after, bytes_max)
    }

    /// From segments as far as they reach, then from the log.
    pub fn read_records(
        &self,
        site: SiteId,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<WrittenRecord>, JournalError> {
        let _reading = self.readers.enter();
        let own = self.site(site)?;
        let asked = after_seq + 1;
        let mut read = Ok(Vec::new());
        for _ in 0..READ_TRIES_MAX {
            let first = own.entries.head().fence.position.first_seq;
            if asked < first {
                return Err(JournalError::Trimmed { site, first, asked });
            }
            read = own.read_records(&self.log, after_seq, limit);
            // A trim may move records, or retention a file, while this looks for them.
            if read.is_ok() {
                break;
            }
        }
        read
    }

    /// Moves records to segments, then lets the log forget. Never its newest entry.
    pub fn trim(&self, site: SiteId, up_to: u64) -> Result<(), JournalError> {
        let own = self.site(site)?;
        let _alone = lock(&own.entries.trimming);
        if let Some(floor) = own.entries.floor_for(&self.log, up_to)? {
            self.move_records(&own, &floor)?;
            // Readers turn to the segments before the log forgets.
            own.entries.raise_floor(floor);
            self.ride(own.entries.trim_steps(&floor), None)?;
        }
        let retired = own.segments.retire(&self.options.retention, (self.options.clock)());
        own.note_first_seq();
        if let Err(error) = own.segments.delete(&retired) {
            tracing::error!(%site, %error, "older events of site {site} could not be deleted");
        }
        Ok(())
    }

    fn move_records(&self, own: &Site, floor: &Floor) -> Result<(), JournalError> {
        let from_seq = own.entries.head().floor.seq + 1;
        if floor.seq < from_seq {
            return Ok(());
        }
        own.segments.take_over(&self.options.retention, from_seq..=floor.seq, |after_seq| {
            own.entries.read_records(&self.log, after_seq, RECORDS_MOVED_AT_ONCE)
        })
    }

    pub fn put(
        &self,
        site: Option<SiteId>,
        entries: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        written: Option<Written>,
    ) -> Result<(), JournalError> {
        let group = self.values_group(site)?;
        let steps = entries.into_iter().map(|(key, value)| {
            let (key, value) = (layout::caller_key(&key), layout::caller_value(value));
            Step::Put { group, key, value }
        });
        self.ride(steps.collect(), written)
    }

    pub fn get(&self, site: Option<SiteId>, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let stored = self.log.value(self.values_group(site)?, &layout::caller_key(key));
        Ok(stored.as_deref().and_then(layout::value_of_caller).map(<[u8]>::to_vec))
    }

    pub fn scan(&self, site: Option<SiteId>, prefix: &[u8]) -> Result<KeyValues, JournalError> {
        let rows = self.log.values(self.values_group(site)?, &layout::caller_key(prefix));
        let rows = rows.map_err(JournalError::Unavailable)?;
        let present = rows.iter().filter_map(|(key, stored)| {
            let (key, value) = (layout::key_of_caller(key)?, layout::value_of_caller(stored)?);
            Some((key.to_vec(), value.to_vec()))
        });
        Ok(present.collect())
    }

    /// Gives files back that hold nothing any more.
    pub fn purge(&self) -> Result<(), JournalError> {
        let _alone = lock(&self.purging);
        let before = self.rules.rewrite_mark();
        self.log.purge().map_err(JournalError::Unavailable)?;
        let mark = self.rules.rewrite_mark();
        if mark == before {
            return Ok(());
        }
        let stored = store_mark(&self.directory, mark);
        stored.map_err(|error| JournalError::Unavailable(format!("mark of a purge: {error}")))
    }

    /// Whether enough was written since the last purge for another to be worth it.
    pub fn take_purge_due(&self) -> bool {
        let due = self.bytes_since_purge.load(Ordering::Relaxed) >= self.options.file_bytes_max / 4;
        if due {
            self.bytes_since_purge.store(0, Ordering::Relaxed);
        }
        due
    }

    pub fn used_bytes(&self) -> usize {
        self.log.used_bytes()
    }

    fn ride(&self, steps: Vec<Step>, written: Option<Written>) -> Result<(), JournalError> {
        self.log.ride(steps, written).map_err(|fault| match fault {
            WriteFault::Full => JournalError::Unavailable("no room on the disk".to_owned()),
            WriteFault::Unavailable(reason) => JournalError::Unavailable(reason),
        })
    }

    fn values_group(&self, site: Option<SiteId>) -> Result<u64, JournalError> {
        site.map_or(Ok(layout::ROOT_GROUP), |site| Ok(self.site(site)?.entries.groups().values))
    }

    fn site(&self, site: SiteId) -> Result<Arc<Site>, JournalError> {
        self.all().get(&site).cloned().ok_or_else(|| JournalError::unknown_site(site))
    }

    fn all(&self) -> RwLockReadGuard<'_, HashMap<SiteId, Arc<Site>>> {
        self.sites.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Site {
    fn note_first_seq(&self) {
        let floor = self.entries.head().floor;
        let first_seq = self.segments.first_seq().unwrap_or(floor.seq + 1);
        self.entries.set_first_seq(first_seq.min(floor.seq + 1));
    }

    fn read_records(
        &self,
        log: &Log,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<WrittenRecord>, JournalError> {
        let floor_seq = self.entries.head().floor.seq;
        if after_seq >= floor_seq {
            return self.entries.read_records(log, after_seq, limit);
        }
        let below = (floor_seq - after_seq) as usize;
        let mut found = self.segments.read(after_seq, limit.min(below))?;
        let reached = found.last().map_or(after_seq, |record| record.seq);
        if found.len() < limit {
            found.extend(self.entries.read_records(log, reached, limit - found.len())?);
        }
        Ok(found)
    }
}

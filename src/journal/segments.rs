//! Older records of one site: sealed files, named by their first seq, that nobody writes again.
//! Records come here before the log lets go of them, and leave by age or by size.
//!
//! A file is: magic; blocks of records, each sealed; a sealed index; where the index is; magic.

use std::fs;
use std::io;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::JournalError;
use super::files::{is_unfinished, replace_file, sync_directory};
use super::segment_file::{Builder, Built, SegmentFile};
use super::site_log::lock;
use crate::domain::limits::{
    SEGMENT_AGE_MS_MAX, SEGMENT_BYTES_MAX, SEGMENT_MERGE_BYTES_MAX, SEGMENTS_SITE_BYTES_MAX,
};
use crate::domain::{SiteId, Timestamp, WrittenRecord};

const SUFFIX: &str = ".events";
/// Digits of a first seq in a file's name, so that names sort as numbers do.
const SEQ_WIDTH: usize = 20;

/// How long older records are kept, and how they are cut into files.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub age_ms_max: i64,
    pub site_bytes_max: u64,
    pub file_bytes_max: usize,
    /// A newest file smaller than this is written anew together with what follows.
    pub merge_bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            age_ms_max: SEGMENT_AGE_MS_MAX,
            site_bytes_max: SEGMENTS_SITE_BYTES_MAX,
            file_bytes_max: SEGMENT_BYTES_MAX,
            merge_bytes_max: SEGMENT_MERGE_BYTES_MAX,
        }
    }
}

/// The segments of one site, oldest first.
pub struct Segments {
    site: SiteId,
    directory: PathBuf,
    files: Mutex<Vec<Listed>>,
}

#[derive(Clone, Debug)]
struct Listed {
    first_seq: u64,
    bytes: u64,
}

impl Segments {
    /// Lists what is there; files are only read when they are asked for.
    pub fn open(root: &Path, site: SiteId) -> io::Result<Segments> {
        let directory = root.join(site.to_string());
        let mut files = Vec::new();
        if directory.exists() {
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                let name = entry.file_name();
                if let Some(first_seq) = name.to_str().and_then(first_seq_of) {
                    files.push(Listed { first_seq, bytes: entry.metadata()?.len() });
                } else if is_unfinished(&entry.path()) {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        files.sort_by_key(|listed| listed.first_seq);
        Ok(Segments { site, directory, files: Mutex::new(files) })
    }

    /// Seq of the oldest record here.
    pub fn first_seq(&self) -> Option<u64> {
        lock(&self.files).first().map(|listed| listed.first_seq)
    }

    /// Takes over records of the log, which follow what is here; whole on disk when it returns.
    /// `next` is asked for more until it has none.
    pub fn take_over(
        &self,
        kept: &Retention,
        seqs: RangeInclusive<u64>,
        mut next: impl FnMut(u64) -> Result<Vec<WrittenRecord>, JournalError>,
    ) -> Result<(), JournalError> {
        self.create().map_err(|error| self.failed(&error))?;
        let (mut builder, mut after) = self.builder(kept, *seqs.start())?;
        let up_to_seq = *seqs.end();
        if after >= up_to_seq {
            return Ok(());
        }
        while after < up_to_seq {
            let records = next(after)?;
            assert!(!records.is_empty(), "the log holds records up to {up_to_seq}");
            for record in records.into_iter().take_while(|record| record.seq <= up_to_seq) {
                after = record.seq;
                builder.push(record);
                if builder.bytes() >= kept.file_bytes_max {
                    self.store(builder.finish())?;
                    builder = Builder::new(self.site);
                }
            }
        }
        if builder.is_empty() { Ok(()) } else { self.store(builder.finish()) }
    }

    fn create(&self) -> io::Result<()> {
        if self.directory.exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        self.directory.ancestors().skip(1).take(2).try_for_each(sync_directory)
    }

    /// Where to go on: behind the newest file, or with its content where it is small.
    fn builder(&self, kept: &Retention, from_seq: u64) -> Result<(Builder, u64), JournalError> {
        let newest = lock(&self.files).last().cloned();
        let Some(listed) = newest else { return Ok((Builder::new(self.site), from_seq - 1)) };
        let mut builder = Builder::new(self.site);
        let file = match self.read_file(listed.first_seq) {
            Ok(file) if file.last_seq() + 1 >= from_seq => file,
            Ok(_) => return Ok((builder, from_seq - 1)),
            Err(error) => {
                tracing::error!(%error, "newest segment cannot be read, going on behind it");
                return Ok((builder, from_seq - 1));
            }
        };
        let last_seq = file.last_seq();
        if listed.bytes < kept.merge_bytes_max {
            file.read(listed.first_seq - 1, |record| {
                builder.push(record);
                ControlFlow::Continue(())
            })
            .map_err(|fault| self.damaged(fault))?;
        }
        Ok((builder, last_seq))
    }

    fn store(&self, built: Built) -> Result<(), JournalError> {
        let path = self.path(built.first_seq);
        replace_file(&path, &built.bytes).map_err(|error| self.failed(&error))?;
        let listed = Listed { first_seq: built.first_seq, bytes: built.bytes.len() as u64 };
        let mut files = lock(&self.files);
        match files.iter_mut().find(|other| other.first_seq == built.first_seq) {
            Some(replaced) => *replaced = listed,
            None => files.push(listed),
        }
        Ok(())
    }

    /// Records after `after_seq`, oldest first, as far as they are here.
    pub fn read(&self, after_seq: u64, limit: usize) -> Result<Vec<WrittenRecord>, JournalError> {
        let mut found: Vec<WrittenRecord> = Vec::new();
        let mut fault = None;
        let mut expected = after_seq + 1;
        while found.len() < limit
            && let Some(first_seq) = self.file_with(expected)
        {
            let file = self.read_file(first_seq)?;
            if file.last_seq() < expected {
                break;
            }
            let read = file.read(expected - 1, |record| {
                if record.seq != expected {
                    fault = Some(format!("record {expected} is missing"));
                    return ControlFlow::Break(());
                }
                expected += 1;
                found.push(record);
                if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            read.map_err(|fault| self.damaged(fault))?;
            if let Some(fault) = fault {
                return Err(self.damaged(format!("{}: {fault}", self.path(first_seq).display())));
            }
        }
        Ok(found)
    }

    /// Takes the oldest files that are too old or too much off the list; the newest stays.
    pub fn retire(&self, kept: &Retention, now: Timestamp) -> Vec<PathBuf> {
        let mut retired = Vec::new();
        while let Some(oldest) = self.oldest_of_several() {
            let total: u64 = lock(&self.files).iter().map(|listed| listed.bytes).sum();
            // A file that cannot be read has no age; its size still counts.
            let is_old = self
                .read_file(oldest)
                .is_ok_and(|file| file.last_time().plus_ms(kept.age_ms_max) < now);
            if total <= kept.site_bytes_max && !is_old {
                break;
            }
            lock(&self.files).remove(0);
            retired.push(self.path(oldest));
        }
        retired
    }

    /// Deletes retired files, once readers are told of the new floor.
    pub fn delete(&self, retired: &[PathBuf]) -> io::Result<()> {
        if retired.is_empty() {
            return Ok(());
        }
        retired.iter().try_for_each(fs::remove_file)?;
        sync_directory(&self.directory)
    }

    fn oldest_of_several(&self) -> Option<u64> {
        let files = lock(&self.files);
        if files.len() > 1 { files.first().map(|listed| listed.first_seq) } else { None }
    }

    fn file_with(&self, seq: u64) -> Option<u64> {
        let files = lock(&self.files);
        let behind = files.partition_point(|listed| listed.first_seq <= seq);
        behind.checked_sub(1).map(|place| files[place].first_seq)
    }

    fn read_file(&self, first_seq: u64) -> Result<SegmentFile, JournalError> {
        let opened = SegmentFile::open(&self.path(first_seq), self.site);
        opened.map_err(|fault| self.damaged(fault))
    }

    fn path(&self, first_seq: u64) -> PathBuf {
        self.directory.join(format!("{first_seq:0SEQ_WIDTH$}{SUFFIX}"))
    }

    fn damaged(&self, detail: String) -> JournalError {
        JournalError::Damaged { site: self.site, detail }
    }

    fn failed(&self, error: &io::Error) -> JournalError {
        JournalError::Unavailable(format!("{}: {error}", self.directory.display()))
    }
}

fn first_seq_of(name: &str) -> Option<u64> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}

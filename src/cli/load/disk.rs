//! What the disk itself takes for a sync: 4 KiB appended and `fdatasync`ed, again and again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::LoadError;
use super::meter::Latencies;

const APPEND_BYTES: usize = 4_096;

/// A file of its own, removed at the end.
#[derive(Debug)]
pub struct DiskProbe {
    path: PathBuf,
    file: File,
    pub latencies: Latencies,
}

impl DiskProbe {
    pub fn open(directory: &Path) -> Result<DiskProbe, LoadError> {
        let path = directory.join(format!("guildhall-load-disk-{}", std::process::id()));
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let file = file.map_err(LoadError::io(format!("cannot create {}", path.display())))?;
        Ok(DiskProbe { path, file, latencies: Latencies::new() })
    }

    /// Syncs for as long as told, and prints what this slice took.
    pub fn run(&mut self, duration: Duration) -> Result<(), LoadError> {
        let block = [0x5a; APPEND_BYTES];
        let mut slice = Latencies::new();
        let end = Instant::now() + duration;
        while Instant::now() < end {
            let began = Instant::now();
            let synced = self.file.write_all(&block).and_then(|()| self.file.sync_data());
            synced.map_err(LoadError::io("cannot sync the probe's file"))?;
            slice.record(began.elapsed());
        }
        println!("disk fdatasync 4 KiB: {} syncs, {}", slice.count(), slice.summary());
        self.latencies.add(&slice);
        Ok(())
    }
}

impl Drop for DiskProbe {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_measures_and_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let mut probe = DiskProbe::open(directory.path()).unwrap();
        probe.run(Duration::from_millis(5)).unwrap();
        assert!(probe.latencies.count() > 0);
        drop(probe);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

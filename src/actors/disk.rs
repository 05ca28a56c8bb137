//! Room on the disk that holds the data directory: changes are refused before it is used up.

use std::io;
use std::path::PathBuf;

/// So many bytes of a directory's disk stay free.
#[derive(Clone, Debug)]
pub struct DiskReserve {
    directory: PathBuf,
    bytes: u64,
}

impl DiskReserve {
    pub fn new(directory: PathBuf, bytes: u64) -> DiskReserve {
        DiskReserve { directory, bytes }
    }

    /// Whether less is free than the reserve.
    pub fn is_touched(&self) -> io::Result<bool> {
        let disk = rustix::fs::statvfs(&self.directory)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize) < self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_compared_with_the_reserve() {
        let directory = tempfile::tempdir().unwrap();
        let touched = |bytes| DiskReserve::new(directory.path().to_owned(), bytes).is_touched();
        assert!(!touched(0).unwrap());
        assert!(touched(u64::MAX).unwrap());
        let nowhere = directory.path().join("nowhere");
        assert!(DiskReserve::new(nowhere, 0).is_touched().is_err());
    }
}

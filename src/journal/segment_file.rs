//! One file of older records: how it is built, and how it is read back. Whatever is wrong with it
//! is told with the file's name, the place, and both checksums.

use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use crate::domain::limits::SEGMENT_BLOCK_BYTES;
use crate::domain::{SiteId, Timestamp, WrittenRecord};

const MAGIC: &[u8; 8] = b"ghevent1";
/// Place and length of the index, magic.
const TRAILER_BYTES: usize = 24;

/// What a file holds and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub site: SiteId,
    pub last_seq: u64,
    pub last_time: Timestamp,
    pub blocks: Vec<Block>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    pub first_seq: u64,
    pub offset: u64,
    pub bytes: u64,
}

/// Collects records for a new file.
pub struct Builder {
    bytes: Vec<u8>,
    index: Index,
    block: Vec<WrittenRecord>,
    block_bytes: usize,
}

/// A file's whole content.
pub struct Built {
    pub first_seq: u64,
    pub bytes: Vec<u8>,
}

impl Builder {
    pub fn new(site: SiteId) -> Builder {
        let last_time = Timestamp::default();
        Builder {
            bytes: MAGIC.to_vec(),
            index: Index { site, last_seq: 0, last_time, blocks: Vec::new() },
            block: Vec::new(),
            block_bytes: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.block.is_empty() && self.index.blocks.is_empty()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.block_bytes
    }

    pub fn push(&mut self, record: WrittenRecord) {
        let is_next = self.is_empty() || record.seq == self.index.last_seq + 1;
        assert!(is_next, "record {} does not follow {}", record.seq, self.index.last_seq);
        self.index.last_seq = record.seq;
        self.index.last_time = self.index.last_time.max(record.time);
        self.block_bytes += codec::encoded_bytes(&*record);
        self.block.push(record);
        if self.block_bytes >= SEGMENT_BLOCK_BYTES {
            self.close_block();
        }
    }

    fn close_block(&mut self) {
        let Some(first) = self.block.first() else { return };
        let sealed = codec::seal(&codec::encode(&self.block));
        let (first_seq, offset) = (first.seq, self.bytes.len() as u64);
        self.index.blocks.push(Block { first_seq, offset, bytes: sealed.len() as u64 });
        self.bytes.extend_from_slice(&sealed);
        self.block.clear();
        self.block_bytes = 0;
    }

    pub fn finish(mut self) -> Built {
        self.close_block();
        let first_seq = self.index.blocks[0].first_seq;
        let index = codec::seal(&codec::encode(&self.index));
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&index);
        self.bytes.extend_from_slice(&offset.to_le_bytes());
        self.bytes.extend_from_slice(&(index.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(MAGIC);
        Built { first_seq, bytes: self.bytes }
    }
}

/// A file opened for reading, with its index.
pub struct SegmentFile {
    file: File,
    path: PathBuf,
    index: Index,
}

impl SegmentFile {
    pub fn open(path: &Path, site: SiteId) -> Result<SegmentFile, String> {
        let fault = |error: std::io::Error| format!("{}: {error}", path.display());
        let file = File::open(path).map_err(fault)?;
        let length = file.metadata().map_err(fault)?.len();
        let Some(trailer_at) = length.checked_sub(TRAILER_BYTES as u64) else {
            return Err(format!("{} is cut short to {length} bytes", path.display()));
        };
        let trailer = read_at(&file, path, trailer_at, TRAILER_BYTES as u64)?;
        let place = |from: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&trailer[from..from + 8]);
            u64::from_le_bytes(number)
        };
        let (offset, bytes) = (place(0), place(8));
        if &trailer[16..] != MAGIC || offset.checked_add(bytes) != Some(trailer_at) {
            return Err(format!("{} is damaged at byte {trailer_at}: no end mark", path.display()));
        }
        let index: Index = read_sealed(&file, path, offset, bytes)?;
        if index.site != site {
            return Err(format!("{} is of site {}", path.display(), index.site));
        }
        Ok(SegmentFile { file, path: path.to_path_buf(), index })
    }

    pub fn last_seq(&self) -> u64 {
        self.index.last_seq
    }

    /// Time of the newest record.
    pub fn last_time(&self) -> Timestamp {
        self.index.last_time
    }

    /// Hands over the records after `after_seq`, in order, until told to stop.
    pub fn read(
        &self,
        after_seq: u64,
        mut each: impl FnMut(WrittenRecord) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let blocks = &self.index.blocks;
        let behind = blocks.partition_point(|block| block.first_seq <= after_seq + 1);
        for block in &blocks[behind.saturating_sub(1)..] {
            let records: Vec<WrittenRecord> =
                read_sealed(&self.file, &self.path, block.offset, block.bytes)?;
            for record in records.into_iter().filter(|record| record.seq > after_seq) {
                if each(Arc::clone(&record)).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn read_sealed<T: serde::de::DeserializeOwned>(
    file: &File,
    path: &Path,
    offset: u64,
    bytes: u64,
) -> Result<T, String> {
    let sealed = read_at(file, path, offset, bytes)?;
    let value = codec::open(&sealed).and_then(codec::decode);
    value.map_err(|error: CodecError| {
        format!("{} is damaged at byte {offset}: {error}", path.display())
    })
}

fn read_at(file: &File, path: &Path, offset: u64, bytes: u64) -> Result<Vec<u8>, String> {
    let mut content = vec![0; bytes as usize];
    let read = file.read_exact_at(&mut content, offset);
    read.map_err(|error| format!("{} at byte {offset}: {error}", path.display()))?;
    Ok(content)
}

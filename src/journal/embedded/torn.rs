//! A torn tail or damage? A torn tail is what a crash leaves of the one write that was under way:
//! nothing whole follows it. Anything else that would be cut off was acknowledged once.

use std::fs;
use std::io;
use std::path::Path;

use super::disk::RewriteMark;
use crate::journal::files::read_from;

const APPEND_SUFFIX: &str = ".raftlog";
const REWRITE_SUFFIX: &str = ".rewrite";
/// Digits of a file's number in its name.
const NUMBER_WIDTH: usize = 16;
/// A written batch: length and compression, place of its items, both big-endian; entries; items
/// and their checksum, which is mixed with the file's number.
const BATCH_HEADER_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

/// Why cutting a log file at `offset` would lose what was acknowledged; `None` where it loses
/// nothing but a torn write.
pub fn fault_of_cut(path: &Path, offset: u64, mark: RewriteMark) -> io::Result<Option<String>> {
    let file = path.display();
    if let Some(number) = rewrite_number(path) {
        let covered = RewriteMark { file: number, bytes: offset } < mark;
        let fault = format!("{file} is damaged at byte {offset}, complete were {}", mark.bytes);
        return Ok(covered.then_some(fault));
    }
    let Some(number) = number_of(path, APPEND_SUFFIX) else { return Ok(None) };
    if newer_exists(path, number)? {
        return Ok(Some(format!("{file} is damaged at byte {offset}, and newer files follow it")));
    }
    let rest = read_from(path, offset)?;
    let whole = find_batch(rest.get(1..).unwrap_or_default(), number as u32);
    Ok(whole.map(|place| {
        let follower = offset + 1 + place as u64;
        format!("{file} is damaged at byte {offset}, a whole write follows at byte {follower}")
    }))
}

/// The number of a file of rewritten entries.
pub fn rewrite_number(path: &Path) -> Option<u64> {
    number_of(path, REWRITE_SUFFIX)
}

/// Whether a file is one of the log.
pub fn is_log(path: &Path) -> bool {
    number_of(path, APPEND_SUFFIX).or_else(|| rewrite_number(path)).is_some()
}

/// Whether a directory holds any file of the log.
pub fn holds_log(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| is_log(&entry.path()))
}

/// Whether only rewritten entries are left: the log itself comes first, and never leaves alone.
pub fn lost_its_log(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return false };
    let paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let has_log = paths.iter().any(|path| number_of(path, APPEND_SUFFIX).is_some());
    !has_log && paths.iter().any(|path| rewrite_number(path).is_some())
}

/// The newest file of rewritten entries, 0 for none.
pub fn newest_rewrite(directory: &Path) -> io::Result<u64> {
    let mut newest = 0;
    for entry in fs::read_dir(directory)? {
        newest = newest.max(rewrite_number(&entry?.path()).unwrap_or(0));
    }
    Ok(newest)
}

fn number_of(path: &Path, suffix: &str) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.strip_suffix(suffix)?;
    if digits.len() == NUMBER_WIDTH { digits.parse().ok() } else { None }
}

fn newer_exists(path: &Path, number: u64) -> io::Result<bool> {
    let Some(directory) = path.parent() else { return Ok(false) };
    for entry in fs::read_dir(directory)? {
        let other = number_of(&entry?.path(), APPEND_SUFFIX);
        if other.is_some_and(|other| other > number) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The place of the first whole batch of this file. What a recycled file still holds of its earlier
/// life carries another number in its checksums.
fn find_batch(bytes: &[u8], file_number: u32) -> Option<usize> {
    (0..bytes.len().saturating_sub(BATCH_HEADER_BYTES))
        .find(|place| is_batch(&bytes[*place..], file_number))
}

fn is_batch(bytes: &[u8], file_number: u32) -> bool {
    let Some(head) = bytes.first_chunk::<BATCH_HEADER_BYTES>() else { return false };
    // Written without compression, and far below 4 GiB: five zero bytes stand in the middle.
    if head[7..12] != [0; 5] {
        return false;
    }
    let mut length = [0; 8];
    length[1..].copy_from_slice(&head[..7]);
    let length = u64::from_be_bytes(length) as usize;
    let items_at = u32::from_be_bytes([head[12], head[13], head[14], head[15]]) as usize;
    let smallest = items_at + CHECKSUM_BYTES + 1;
    if items_at < BATCH_HEADER_BYTES || length < smallest || length > bytes.len() {
        return false;
    }
    let (items, checksum) = bytes[items_at..length].split_at(length - items_at - CHECKSUM_BYTES);
    let stored = u32::from_le_bytes([checksum[0], checksum[1], checksum[2], checksum[3]]);
    crc32fast::hash(items) == stored ^ file_number
}

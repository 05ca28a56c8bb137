//! The envelope of every stored value: version, crc over key and payload, payload. The payload's
//! meaning is its owner's.

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 5;

pub(super) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(HEADER_BYTES + payload.len());
    stored.push(VERSION);
    stored.extend_from_slice(&crc(key, payload).to_be_bytes());
    stored.extend_from_slice(payload);
    stored
}

/// The payload, if these bytes are what was sealed for this key.
pub(super) fn open<'a>(key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], String> {
    let Some((header, payload)) = stored.split_first_chunk::<HEADER_BYTES>() else {
        return Err(format!("value of {} bytes is too short", stored.len()));
    };
    let [version, expected @ ..] = *header;
    if version != VERSION {
        return Err(format!("value has version {version}, known is {VERSION}"));
    }
    let expected = u32::from_be_bytes(expected);
    let found = crc(key, payload);
    if found != expected {
        return Err(format!("value has crc {found:08x}, expected {expected:08x}"));
    }
    Ok(payload)
}

/// The payload of what was opened before, without a copy to a new place.
pub(super) fn into_payload(mut stored: Vec<u8>) -> Vec<u8> {
    stored.drain(..HEADER_BYTES);
    stored
}

/// What stands for an entry in sums and lists: changes when the key or any byte of it does.
pub(super) fn fingerprint(key: &[u8], stored: &[u8]) -> u64 {
    let header = &stored[..stored.len().min(HEADER_BYTES)];
    let mut seed = [0; 8];
    seed[..header.len()].copy_from_slice(header);
    let length = stored.len() as u64;
    xxhash_rust::xxh3::xxh3_64_with_seed(key, u64::from_be_bytes(seed) ^ length << 40)
}

fn crc(key: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_only_whole_and_under_its_own_key() {
        let stored = seal(b"key", b"payload");
        assert_eq!(open(b"key", &stored), Ok(b"payload".as_slice()));
        assert!(open(b"kez", &stored).is_err());
        for position in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[position] ^= 1;
            assert!(open(b"key", &damaged).is_err(), "flip at {position}");
            assert!(open(b"key", &stored[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn fingerprints_tell_keys_and_values_apart() {
        let one = fingerprint(b"key", &seal(b"key", b"1"));
        assert_ne!(one, fingerprint(b"key", &seal(b"key", b"2")));
        assert_ne!(one, fingerprint(b"kez", &seal(b"kez", b"1")));
    }
}

//! API keys: how one looks, what is kept of it, how it is recognised. Never keeps a whole key.
//!
//! `gh_<key id, 22 base62>_<secret, 27 base62, 160 bits><CRC-32, 6 base62>`. The checksum lets a
//! scanner or a form tell a typo from a wrong key without asking anybody.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::domain::limits::{CHOSEN_KEY_BYTES_MIN, CREDENTIAL_BYTES_MAX};
use crate::domain::{AppId, KeyId, SiteId, Timestamp};

const PREFIX: &str = "gh_";
const KEY_ID_CHARS: usize = 22;
const SECRET_CHARS: usize = 27;
const CHECKSUM_CHARS: usize = 6;
const KEY_CHARS: usize = PREFIX.len() + KEY_ID_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of a whole credential: all that is kept of it, and what it is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CredentialHash(pub [u8; 32]);

impl CredentialHash {
    pub fn of(credential: &str) -> Self {
        CredentialHash(Sha256::digest(credential.as_bytes()).into())
    }

    pub fn matches(&self, other: &CredentialHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// What a key may act as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyRole {
    /// Everything on its site.
    Owner,
    /// An integrator's app on its site.
    App(AppId),
}

/// What is kept of a key. Stored for ever in this order: fields are only appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    pub id: KeyId,
    pub site: SiteId,
    pub role: KeyRole,
    pub name: String,
    pub created: Timestamp,
    /// The key's last four characters, so that its holder can tell keys apart.
    pub last_four: String,
    pub revoked: Option<Timestamp>,
    pub hash: CredentialHash,
}

/// Why a key that somebody chose cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChosenKeyFault {
    #[error("the key has fewer than {CHOSEN_KEY_BYTES_MIN} characters")]
    Short,
    #[error("the key has more than {CREDENTIAL_BYTES_MAX} characters")]
    Long,
    #[error("the key has characters other than printable ASCII without spaces")]
    Characters,
    #[error("the key looks like one of ours but its checksum is wrong: a typo?")]
    Checksum,
}

/// A key made from an id and 20 random bytes.
pub fn generated_key(id: KeyId, secret: [u8; 20]) -> String {
    let mut key = String::with_capacity(KEY_CHARS);
    key.push_str(PREFIX);
    key.push_str(&key_id_text(id));
    key.push('_');
    key.push_str(&base62(&secret, SECRET_CHARS));
    let checksum = checksum(&key);
    key.push_str(&checksum);
    key
}

/// Whether a text can serve as a key. One in our own shape must have its right checksum.
pub fn check_chosen_key(text: &str) -> Result<(), ChosenKeyFault> {
    if text.len() < CHOSEN_KEY_BYTES_MIN {
        return Err(ChosenKeyFault::Short);
    }
    if text.len() > CREDENTIAL_BYTES_MAX {
        return Err(ChosenKeyFault::Long);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ChosenKeyFault::Characters);
    }
    if is_mistyped(text) {
        return Err(ChosenKeyFault::Checksum);
    }
    Ok(())
}

/// True for a text in the shape of a generated key whose checksum is wrong.
pub fn is_mistyped(text: &str) -> bool {
    let shaped = text.len() == KEY_CHARS
        && text.is_ascii()
        && text.starts_with(PREFIX)
        && text.as_bytes()[PREFIX.len() + KEY_ID_CHARS] == b'_';
    shaped && {
        let (body, given) = text.split_at(KEY_CHARS - CHECKSUM_CHARS);
        checksum(body) != given
    }
}

/// The id of a key: the one inside a generated key, else one derived from the key's hash.
pub fn key_id_of(credential: &str) -> KeyId {
    let inside = (credential.len() == KEY_CHARS && !is_mistyped(credential))
        .then(|| credential.strip_prefix(PREFIX)?.get(..KEY_ID_CHARS))
        .flatten()
        .and_then(parse_key_id);
    inside.unwrap_or_else(|| {
        let CredentialHash(hash) = CredentialHash::of(credential);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        KeyId::from_bytes(bytes)
    })
}

/// A key's id as it stands in the key, 22 characters.
pub fn key_id_text(id: KeyId) -> String {
    base62(id.as_bytes(), KEY_ID_CHARS)
}

/// Reads a key's id in any form its holder may have at hand: 22 characters, with or without `gh_`,
/// or a UUID.
pub fn parse_key_id(text: &str) -> Option<KeyId> {
    if let Ok(id) = text.parse::<KeyId>() {
        return Some(id);
    }
    let digits = text.strip_prefix(PREFIX).unwrap_or(text);
    if digits.len() != KEY_ID_CHARS {
        return None;
    }
    let mut value: u128 = 0;
    for byte in digits.bytes() {
        let digit = ALPHABET.iter().position(|known| *known == byte)?;
        value = value.checked_mul(62)?.checked_add(digit as u128)?;
    }
    Some(KeyId::from_u128(value))
}

pub fn last_four(credential: &str) -> String {
    let start = credential.char_indices().rev().nth(3).map_or(0, |(index, _)| index);
    credential[start..].to_owned()
}

fn checksum(body: &str) -> String {
    base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECKSUM_CHARS)
}

/// A big-endian number in base 62, padded to `chars`, which must hold every value.
fn base62(bytes: &[u8], chars: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; chars];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = ALPHABET[remainder as usize];
    }
    assert!(number.iter().all(|byte| *byte == 0), "{chars} characters hold the number");
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> String {
        generated_key(KeyId::from_u128(7), [0xff; 20])
    }

    #[test]
    fn a_generated_key_shows_its_id_and_its_checksum() {
        let key = key();
        assert_eq!(key, "gh_0000000000000000000007_aWgEPTl1tmebfsQzFP4bxwgy80V4YRiQq");
        assert_eq!(key.len(), KEY_CHARS);
        assert!(!is_mistyped(&key));
        assert_eq!(key_id_of(&key), KeyId::from_u128(7));
        assert_eq!(last_four(&key), &key[KEY_CHARS - 4..]);
    }

    #[test]
    fn every_single_typo_is_noticed() {
        let key = key();
        for position in PREFIX.len() + KEY_ID_CHARS + 1..KEY_CHARS {
            let mut typo = key.clone().into_bytes();
            typo[position] = if typo[position] == b'x' { b'y' } else { b'x' };
            let typo = String::from_utf8(typo).unwrap();
            assert!(is_mistyped(&typo), "{typo}");
        }
    }

    #[test]
    fn the_id_of_a_key_is_read_in_every_form() {
        for number in [0, 7, u128::MAX] {
            let id = KeyId::from_u128(number);
            let text = key_id_text(id);
            assert_eq!(text.len(), KEY_ID_CHARS);
            assert_eq!(parse_key_id(&text), Some(id));
            assert_eq!(parse_key_id(&format!("gh_{text}")), Some(id));
            assert_eq!(parse_key_id(&id.to_string()), Some(id));
        }
        assert_eq!(parse_key_id("zzzzzzzzzzzzzzzzzzzzzz"), None);
        assert_eq!(parse_key_id("ann"), None);
    }

    #[test]
    fn a_chosen_key_is_long_printable_and_no_typo_of_ours() {
        assert_eq!(check_chosen_key("0123456789012345678"), Err(ChosenKeyFault::Short));
        assert_eq!(check_chosen_key("01234567890123456789"), Ok(()));
        assert_eq!(check_chosen_key("0123456789 123456789"), Err(ChosenKeyFault::Characters));
        assert_eq!(check_chosen_key(&"a".repeat(1_025)), Err(ChosenKeyFault::Long));
        assert_eq!(check_chosen_key(&key()), Ok(()));
        let typo = key().replace("_aWg", "_bWg");
        assert_eq!(check_chosen_key(&typo), Err(ChosenKeyFault::Checksum));
    }

    #[test]
    fn a_chosen_key_has_an_id_of_its_own() {
        let first = key_id_of("correct-horse-battery");
        assert_eq!(first, key_id_of("correct-horse-battery"));
        assert_ne!(first, key_id_of("correct-horse-batterz"));
    }
}

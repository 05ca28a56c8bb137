//! Sealing of signing secrets with the operator's key, which lies beside the data and never in it.

use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rand::RngCore;
use thiserror::Error;

use super::signature::Secret;
use crate::domain::EndpointId;

pub const KEY_FILE: &str = "seal.key";
const KEY_FILE_UNFINISHED: &str = "seal.key.new";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// In front of every sealed secret; another way of sealing takes another number.
const VERSION: u8 = 1;

#[derive(Debug, Error)]
pub enum VaultError {
    #[error("cannot use {KEY_FILE}: {0}")]
    Io(#[from] io::Error),
    #[error("{KEY_FILE} does not hold a key")]
    KeyForm,
    #[error("the secret of endpoint {0} cannot be opened with this key")]
    Sealed(EndpointId),
}

/// The operator's key, ready to seal and to open.
#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Vault {
    /// Reads the key of a data directory; `None` where there is none. With sealed secrets in the
    /// data, `None` is for the caller to refuse: a new key would never open them.
    pub fn load(data_dir: &Path) -> Result<Option<Vault>, VaultError> {
        let text = match std::fs::read_to_string(data_dir.join(KEY_FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = STANDARD.decode(text.trim_end()).map_err(|_| VaultError::KeyForm)?;
        let key: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| VaultError::KeyForm)?;
        Ok(Some(Vault::from_key(key)))
    }

    /// Makes the key of a new data directory. It is on disk, whole, before it seals anything.
    pub fn create(data_dir: &Path) -> Result<Vault, VaultError> {
        let mut key = [0; KEY_BYTES];
        rand::rng().fill_bytes(&mut key);
        let unfinished = data_dir.join(KEY_FILE_UNFINISHED);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        // A left-over of an interrupted start keeps its old mode unless it is set again.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(format!("{}\n", STANDARD.encode(key)).as_bytes())?;
        file.sync_all()?;
        // A link, not a rename: an existing key is never replaced.
        std::fs::hard_link(&unfinished, data_dir.join(KEY_FILE))?;
        std::fs::remove_file(&unfinished)?;
        File::open(data_dir)?.sync_all()?;
        Ok(Vault::from_key(key))
    }

    pub fn from_key(key: [u8; KEY_BYTES]) -> Vault {
        Vault { cipher: XChaCha20Poly1305::new(&key.into()) }
    }

    /// Seals a secret for one endpoint; it opens for no other.
    pub fn seal(&self, endpoint: EndpointId, secret: &Secret) -> Vec<u8> {
        self.seal_for(endpoint.as_bytes(), secret.as_bytes())
    }

    /// Seals what is small for one owner; it opens for no other.
    pub fn seal_for(&self, owner: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload { msg: plain, aad: owner };
        let sealed = self
            .cipher
            .encrypt(XNonce::from_slice(&nonce), payload)
            .unwrap_or_else(|_| unreachable!("a short secret always seals"));
        [&[VERSION], nonce.as_slice(), &sealed].concat()
    }

    pub fn open(&self, endpoint: EndpointId, sealed: &[u8]) -> Result<Secret, VaultError> {
        let refused = || VaultError::Sealed(endpoint);
        let opened = self.open_for(endpoint.as_bytes(), sealed).ok_or_else(refused)?;
        Secret::from_bytes(opened).map_err(|_| refused())
    }

    /// `None` where it was sealed for another owner, with another key, or is damaged.
    pub fn open_for(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (version, rest) = sealed.split_first()?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES)?;
        if *version != VERSION {
            return None;
        }
        let payload = Payload { msg: sealed, aad: owner };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).ok()
    }

    /// The value of a header that one endpoint's deliveries carry.
    pub fn seal_header(&self, endpoint: EndpointId, value: &str) -> Vec<u8> {
        self.seal_for(&header_owner(endpoint), value.as_bytes())
    }

    pub fn open_header(&self, endpoint: EndpointId, sealed: &[u8]) -> Result<String, VaultError> {
        let opened = self.open_for(&header_owner(endpoint), sealed);
        let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or(VaultError::Sealed(endpoint))
    }
}

/// Other than the owner of the secret, so that neither opens in the other's place.
fn header_owner(endpoint: EndpointId) -> Vec<u8> {
    [b"header ".as_slice(), endpoint.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(number: u128) -> EndpointId {
        EndpointId::from_u128(number)
    }

    #[test]
    fn a_sealed_secret_opens_only_whole_and_for_its_endpoint() {
        let vault = Vault::from_key([1; KEY_BYTES]);
        let secret = Secret::generate();
        let sealed = vault.seal(endpoint(1), &secret);
        assert_eq!(vault.open(endpoint(1), &sealed).expect("opens"), secret);
        assert!(vault.open(endpoint(2), &sealed).is_err());
        assert!(Vault::from_key([2; KEY_BYTES]).open(endpoint(1), &sealed).is_err());
        for position in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[position] ^= 1;
            assert!(vault.open(endpoint(1), &damaged).is_err(), "flipped at {position}");
            assert!(vault.open(endpoint(1), &sealed[..position]).is_err(), "cut at {position}");
        }
    }

    #[test]
    fn sealing_twice_gives_different_bytes_without_the_secret_in_them() {
        let vault = Vault::from_key([1; KEY_BYTES]);
        let secret = Secret::generate();
        let sealed = vault.seal(endpoint(1), &secret);
        assert_ne!(sealed, vault.seal(endpoint(1), &secret));
        let bytes = secret.as_bytes();
        assert!(!sealed.windows(bytes.len()).any(|window| window == bytes));
    }

    #[test]
    fn the_key_of_a_directory_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(Vault::load(dir.path()).expect("readable").is_none());
        let made = Vault::create(dir.path()).expect("a key");
        let sealed = made.seal(endpoint(1), &Secret::generate());
        let read = Vault::load(dir.path()).expect("readable").expect("a key");
        assert!(read.open(endpoint(1), &sealed).is_ok());
        assert!(Vault::create(dir.path()).is_err(), "an existing key is never replaced");
        let mode =
            std::fs::metadata(dir.path().join(KEY_FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{read:?}"), "***");
    }

    #[test]
    fn a_damaged_key_file_is_told_and_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        for text in ["", "short\n", "not base64 at all!"] {
            std::fs::write(dir.path().join(KEY_FILE), text).expect("written");
            assert!(matches!(Vault::load(dir.path()), Err(VaultError::KeyForm)), "{text:?}");
        }
    }
}

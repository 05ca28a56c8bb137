//! Opaque cursors: versioned bytes that say where a page ended and for which list and filter,
//! closed with a short keyed hash. The key comes from the site's id, so a cursor outlives the
//! process and is worth nothing at another site or list.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use xxhash_rust::xxh3::xxh3_128;

use crate::core::query::Cursor;
use crate::domain::SiteId;
use crate::domain::limits::{CURSOR_BYTES_MAX, CURSOR_SCOPE_BYTES_MAX};

const VERSION: u8 = 1;
const MAC_BYTES: usize = 16;
const ORDINAL: u8 = 0;
const NICKNAME: u8 = 1;

/// The list that a cursor belongs to.
pub struct Binding {
    site: SiteId,
    list: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    pub position: Cursor,
    /// Filter and order of the list as text, or its fingerprint where it was too long to carry.
    pub scope: String,
}

impl Binding {
    pub fn new(site: SiteId, list: impl Into<String>) -> Binding {
        Binding { site, list: list.into() }
    }

    pub fn seal(&self, position: &Cursor, scope: &str) -> String {
        let mut bytes = vec![VERSION];
        match position {
            Cursor::Ordinal(ordinal) => {
                bytes.push(ORDINAL);
                bytes.extend_from_slice(&ordinal.to_be_bytes());
            }
            Cursor::Nickname(nickname, ordinal) => {
                bytes.push(NICKNAME);
                bytes.extend_from_slice(&ordinal.to_be_bytes());
                bytes.extend_from_slice(&(nickname.len() as u32).to_be_bytes());
                bytes.extend_from_slice(nickname.as_bytes());
            }
        }
        bytes.extend_from_slice(carried_scope(scope).as_bytes());
        let mac = self.mac(&bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` for whatever was not sealed for this very list.
    pub fn open(&self, text: &str) -> Option<Opened> {
        if text.len() > CURSOR_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        if !bool::from(subtle::ConstantTimeEq::ct_eq(&self.mac(body)[..], mac)) {
            return None;
        }
        let (version, rest) = body.split_first()?;
        if *version != VERSION {
            return None;
        }
        let (kind, rest) = rest.split_first()?;
        let (ordinal, rest) = number(rest)?;
        let (position, scope) = match *kind {
            ORDINAL => (Cursor::Ordinal(ordinal), rest),
            NICKNAME => {
                let (length, rest) = number(rest)?;
                let (nickname, rest) = rest.split_at_checked(length as usize)?;
                let nickname = String::from_utf8(nickname.to_vec()).ok()?;
                (Cursor::Nickname(nickname, ordinal), rest)
            }
            _ => return None,
        };
        let scope = String::from_utf8(scope.to_vec()).ok()?;
        Some(Opened { position, scope })
    }

    fn mac(&self, bytes: &[u8]) -> [u8; MAC_BYTES] {
        let mut short = [0; MAC_BYTES];
        // A key of any length is taken, so the error arm is never reached.
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.site.as_bytes()) {
            mac.update(b"guildhall cursor\0");
            mac.update(self.list.as_bytes());
            mac.update(b"\0");
            mac.update(bytes);
            short.copy_from_slice(&mac.finalize().into_bytes()[..MAC_BYTES]);
        }
        short
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// What a cursor carries of a scope: all of it, or a fingerprint where it is long.
pub fn carried_scope(scope: &str) -> String {
    if scope.len() <= CURSOR_SCOPE_BYTES_MAX {
        return scope.to_owned();
    }
    format!("#{:032x}", xxh3_128(scope.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(site: u128, list: &str) -> Binding {
        Binding::new(SiteId::from_u128(site), list)
    }

    #[test]
    fn a_cursor_opens_where_it_was_sealed() {
        for position in [Cursor::Ordinal(7), Cursor::Nickname("Zoë".to_owned(), 9)] {
            let text = binding(1, "members").seal(&position, "{\"status\":\"APPROVED\"}");
            let opened = binding(1, "members").open(&text);
            let scope = "{\"status\":\"APPROVED\"}".to_owned();
            assert_eq!(opened, Some(Opened { position, scope }));
        }
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        let text = binding(1, "members").seal(&Cursor::Ordinal(7), "");
        assert_eq!(binding(2, "members").open(&text), None);
        assert_eq!(binding(1, "followers").open(&text), None);
    }

    #[test]
    fn a_cursor_with_any_bit_changed_is_refused() {
        let here = binding(1, "members");
        let text = here.seal(&Cursor::Nickname("ann".to_owned(), 7), "x");
        let bytes = URL_SAFE_NO_PAD.decode(&text).expect("just sealed");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(here.open(&URL_SAFE_NO_PAD.encode(damaged)), None, "bit {bit}");
        }
        for length in 0..text.len() {
            assert_eq!(here.open(&text[..length]), None, "first {length} characters");
        }
        assert_eq!(here.open("!"), None);
    }

    #[test]
    fn a_long_scope_travels_as_a_fingerprint() {
        let scope = "x".repeat(CURSOR_SCOPE_BYTES_MAX + 1);
        let text = binding(1, "members").seal(&Cursor::Ordinal(7), &scope);
        assert!(text.len() < 200);
        let opened = binding(1, "members").open(&text).expect("just sealed");
        assert_eq!(opened.scope, carried_scope(&scope));
    }
}

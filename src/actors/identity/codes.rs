//! Authorization codes: used once, soon, by the application they were made for. Kept in memory
//! only: a restart costs a click.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngCore;

use super::IdentityError;
use crate::actors::keys::CredentialHash;
use crate::domain::limits::{AUTHORIZATION_CODE_MS_MAX, AUTHORIZATION_CODES_MAX};
use crate::domain::{ClientId, MemberId, SiteId, Timestamp};

/// What a code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingCode {
    pub site: SiteId,
    pub member: MemberId,
    pub client: ClientId,
    pub redirect_uri: String,
    /// The SHA-256 of what its application will show, in URL-safe base64 (RFC 7636).
    pub challenge: String,
}

/// The code is unknown, was used, or is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeFault;

#[derive(Default)]
pub struct Codes {
    waiting: Mutex<HashMap<CredentialHash, (Timestamp, PendingCode)>>,
}

impl Codes {
    pub fn add(&self, pending: PendingCode, now: Timestamp) -> Result<String, IdentityError> {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        let code = URL_SAFE_NO_PAD.encode(bytes);
        let mut waiting = self.waiting();
        if waiting.len() >= AUTHORIZATION_CODES_MAX {
            waiting.retain(|_, (ends_at, _)| now < *ends_at);
        }
        if waiting.len() >= AUTHORIZATION_CODES_MAX {
            return Err(IdentityError::Overloaded);
        }
        let ends_at = now.plus_ms(AUTHORIZATION_CODE_MS_MAX);
        waiting.insert(CredentialHash::of(&code), (ends_at, pending));
        Ok(code)
    }

    pub fn take(&self, code: &str, now: Timestamp) -> Result<PendingCode, CodeFault> {
        let taken = self.waiting().remove(&CredentialHash::of(code));
        let (ends_at, pending) = taken.ok_or(CodeFault)?;
        if now < ends_at { Ok(pending) } else { Err(CodeFault) }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<CredentialHash, (Timestamp, PendingCode)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

    fn pending(member: u128) -> PendingCode {
        PendingCode {
            site: SiteId::from_u128(1),
            member: MemberId::from_u128(member),
            client: ClientId::from_u128(2),
            redirect_uri: "https://app.example/back".to_owned(),
            challenge: "x".to_owned(),
        }
    }

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let codes = Codes::default();
        let code = codes.add(pending(7), NOW).expect("room");
        assert_eq!(codes.take("another", NOW), Err(CodeFault));
        assert_eq!(codes.take(&code, NOW), Ok(pending(7)));
        assert_eq!(codes.take(&code, NOW), Err(CodeFault));
        let late = codes.add(pending(7), NOW).expect("room");
        assert_eq!(codes.take(&late, NOW.plus_ms(AUTHORIZATION_CODE_MS_MAX)), Err(CodeFault));
    }

    #[test]
    fn codes_that_nobody_takes_make_room_when_they_are_old() {
        let codes = Codes::default();
        for member in 0..AUTHORIZATION_CODES_MAX {
            codes.add(pending(member as u128), NOW).expect("room");
        }
        assert_eq!(codes.add(pending(1), NOW), Err(IdentityError::Overloaded));
        assert!(codes.add(pending(1), NOW.plus_ms(AUTHORIZATION_CODE_MS_MAX)).is_ok());
    }
}

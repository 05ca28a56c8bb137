//! Those who are asked for the code in a mail. Kept in memory only: a restart costs another mail.
//! Nobody is a member before the code was right, so that an address is nobody's who cannot read it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::{Rng, RngCore};
use subtle::ConstantTimeEq;

use super::IdentityError;
use super::passwords::PasswordHash;
use crate::actors::keys::CredentialHash;
use crate::domain::command::NewMember;
use crate::domain::limits::{
    VERIFICATION_MS_MAX, VERIFICATION_TRIES_MAX, VERIFICATIONS_PER_SITE_MAX,
    VERIFICATIONS_WAITING_MAX,
};
use crate::domain::{MemberId, SiteId, Timestamp};

/// What a right code leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    Registration { new: Box<NewMember>, password: PasswordHash },
    Member(MemberId),
}

#[derive(Clone, Debug)]
struct Waiting {
    site: SiteId,
    code: String,
    tries: u32,
    ends_at: Timestamp,
    verified: Verified,
}

#[derive(Default)]
pub struct Verifications {
    waiting: Mutex<HashMap<CredentialHash, Waiting>>,
}

/// What is mailed, and what the application keeps meanwhile.
pub struct Begun {
    pub code: String,
    pub state_token: String,
}

impl Verifications {
    pub fn begin(
        &self,
        site: SiteId,
        verified: Verified,
        now: Timestamp,
    ) -> Result<Begun, IdentityError> {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        let state_token = URL_SAFE_NO_PAD.encode(bytes);
        let code = format!("{:06}", rand::rng().random_range(0..1_000_000));
        let mut waiting = self.waiting();
        waiting.retain(|_, one| now < one.ends_at);
        let of_site = waiting.values().filter(|one| one.site == site).count();
        if waiting.len() >= VERIFICATIONS_WAITING_MAX || of_site >= VERIFICATIONS_PER_SITE_MAX {
            return Err(IdentityError::Overloaded);
        }
        let ends_at = now.plus_ms(VERIFICATION_MS_MAX);
        let one = Waiting { site, code: code.clone(), tries: 0, ends_at, verified };
        waiting.insert(CredentialHash::of(&state_token), one);
        Ok(Begun { code, state_token })
    }

    /// A right code is good once; after a few wrong ones none is.
    pub fn end(
        &self,
        site: SiteId,
        state_token: &str,
        code: &str,
        now: Timestamp,
    ) -> Option<Verified> {
        let key = CredentialHash::of(state_token);
        let mut waiting = self.waiting();
        let one = waiting.get_mut(&key).filter(|one| one.site == site)?;
        let is_right: bool = one.code.as_bytes().ct_eq(code.as_bytes()).into();
        one.tries += 1;
        let is_over = now >= one.ends_at || one.tries >= VERIFICATION_TRIES_MAX;
        let is_good = is_right && now < one.ends_at;
        if !is_good && !is_over {
            return None;
        }
        waiting.remove(&key).filter(|_| is_good).map(|one| one.verified)
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<CredentialHash, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId::from_u128(1);
    const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

    fn begin(verifications: &Verifications) -> (Begun, Verified) {
        let verified = Verified::Member(MemberId::from_u128(7));
        (verifications.begin(SITE, verified.clone(), NOW).expect("room"), verified)
    }

    #[test]
    fn a_right_code_is_good_once_on_its_site_and_in_time() {
        let all = Verifications::default();
        let (begun, verified) = begin(&all);
        let Begun { code, state_token } = begun;
        assert_eq!(all.end(SiteId::from_u128(2), &state_token, &code, NOW), None);
        assert_eq!(all.end(SITE, "another", &code, NOW), None);
        assert_eq!(all.end(SITE, &state_token, &code, NOW), Some(verified));
        assert_eq!(all.end(SITE, &state_token, &code, NOW), None);
        let (late, _) = begin(&all);
        let then = NOW.plus_ms(VERIFICATION_MS_MAX);
        assert_eq!(all.end(SITE, &late.state_token, &late.code, then), None);
    }

    #[test]
    fn one_site_does_not_take_the_room_of_all() {
        let all = Verifications::default();
        for _ in 0..VERIFICATIONS_PER_SITE_MAX {
            begin(&all);
        }
        let verified = || Verified::Member(MemberId::from_u128(7));
        let begin_at = |site, now| all.begin(SiteId::from_u128(site), verified(), now).is_ok();
        assert!(!begin_at(1, NOW));
        assert!(begin_at(2, NOW));
        assert!(begin_at(1, NOW.plus_ms(VERIFICATION_MS_MAX)), "what is over makes room");
    }

    #[test]
    fn a_code_is_not_guessed() {
        let all = Verifications::default();
        let (Begun { code, state_token }, _) = begin(&all);
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for _ in 0..VERIFICATION_TRIES_MAX {
            assert_eq!(all.end(SITE, &state_token, wrong, NOW), None);
        }
        assert_eq!(all.end(SITE, &state_token, &code, NOW), None, "it is too late");
    }
}

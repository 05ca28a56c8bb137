//! Member tokens: HS256 JWTs, signed with a key of their site. Short-lived, kept nowhere. The
//! header's `kid` names the site, so that the key is found before anything in it is believed.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::CredentialHash;
use crate::domain::limits::{MEMBER_TOKEN_SECONDS, TOKENS_REMEMBERED_MAX};
use crate::domain::{MemberId, SiteId, Timestamp};

/// What a token says. Times are Unix seconds, as RFC 7519 wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    sub: MemberId,
    site: SiteId,
    iat: i64,
    exp: i64,
    jti: Uuid,
}

/// A proven token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberToken {
    pub site: SiteId,
    pub member: MemberId,
    pub expires: Timestamp,
}

/// Signs and proves the tokens of one site.
pub struct TokenSigner {
    site: SiteId,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSigner({})", self.site)
    }
}

impl TokenSigner {
    pub fn new(site: SiteId, secret: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The library would ask the system's clock; the caller's `now` decides here.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        TokenSigner {
            site,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// The token and the seconds it lives. `id` must be random and new.
    pub fn issue(
        &self,
        member: MemberId,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(String, i64), jsonwebtoken::errors::Error> {
        let iat = now.unix_ms.div_euclid(1_000);
        let exp = iat + MEMBER_TOKEN_SECONDS;
        let claims = Claims { sub: member, site: self.site, iat, exp, jti: id };
        let header = Header { kid: Some(self.site.to_string()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding)?;
        Ok((token, MEMBER_TOKEN_SECONDS))
    }

    /// Proves signature and site. Whether it has expired is the caller's next question.
    pub fn prove(&self, token: &str) -> Option<MemberToken> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        let claims = decoded.ok()?.claims;
        (claims.site == self.site).then_some(MemberToken {
            site: claims.site,
            member: claims.sub,
            expires: Timestamp::from_unix_ms(claims.exp.saturating_mul(1_000)),
        })
    }
}

/// The site that a token claims to be of; proves nothing.
pub fn claimed_site(token: &str) -> Option<SiteId> {
    jsonwebtoken::decode_header(token).ok()?.kid?.parse().ok()
}

/// Proven tokens by hash, so that a busy member costs one hash a request and no HMAC. A fixed
/// number of slots: a newcomer takes the slot of whoever was there.
pub struct TokenCache {
    slots: Box<[Mutex<Option<(CredentialHash, MemberToken)>>]>,
}

impl Default for TokenCache {
    fn default() -> Self {
        TokenCache { slots: (0..TOKENS_REMEMBERED_MAX).map(|_| Mutex::new(None)).collect() }
    }
}

impl TokenCache {
    pub fn get(&self, hash: &CredentialHash) -> Option<MemberToken> {
        let slot = self.slot(hash).lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().filter(|(known, _)| known.matches(hash)).map(|(_, token)| *token)
    }

    pub fn put(&self, hash: CredentialHash, token: MemberToken) {
        *self.slot(&hash).lock().unwrap_or_else(PoisonError::into_inner) = Some((hash, token));
    }

    fn slot(&self, hash: &CredentialHash) -> &Mutex<Option<(CredentialHash, MemberToken)>> {
        let number = u64::from_le_bytes(std::array::from_fn(|index| hash.0[index]));
        &self.slots[(number % self.slots.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId::from_u128(1);
    const ANN: MemberId = MemberId::from_u128(2);
    const NOW: Timestamp = Timestamp::from_unix_ms(1_700_000_000_500);

    fn token() -> String {
        TokenSigner::new(SITE, &[3; 32]).issue(ANN, Uuid::nil(), NOW).unwrap().0
    }

    #[test]
    fn a_token_names_its_member_site_and_end() {
        let proven = TokenSigner::new(SITE, &[3; 32]).prove(&token()).unwrap();
        assert_eq!(claimed_site(&token()), Some(SITE));
        assert_eq!((proven.site, proven.member), (SITE, ANN));
        assert_eq!(proven.expires.unix_ms, (1_700_000_000 + MEMBER_TOKEN_SECONDS) * 1_000);
    }

    #[test]
    fn another_sites_key_or_another_secret_proves_nothing() {
        assert_eq!(TokenSigner::new(SITE, &[4; 32]).prove(&token()), None);
        assert_eq!(TokenSigner::new(SiteId::from_u128(9), &[3; 32]).prove(&token()), None);
    }

    #[test]
    fn an_unsigned_or_changed_token_proves_nothing() {
        let signer = TokenSigner::new(SITE, &[3; 32]);
        let token = token();
        let parts: Vec<&str> = token.split('.').collect();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for forged in [
            format!("{none}.{}.", parts[1]),
            format!("{none}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}.{}", parts[0], parts[1].replace('e', "f"), parts[2]),
            String::new(),
        ] {
            assert_eq!(signer.prove(&forged), None, "{forged}");
        }
    }

    #[test]
    fn a_remembered_token_is_found_by_its_whole_hash() {
        let cache = TokenCache::default();
        let proven = MemberToken { site: SITE, member: ANN, expires: NOW };
        let hash = CredentialHash::of("one");
        cache.put(hash, proven);
        assert_eq!(cache.get(&hash), Some(proven));
        let mut neighbour = hash;
        neighbour.0[31] ^= 1;
        assert_eq!(cache.get(&neighbour), None);
    }
}

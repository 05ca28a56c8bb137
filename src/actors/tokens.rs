//! Tokens: HS256 JWTs, signed with a key of their site, kept nowhere. The header's `kid` names the
//! site, so that the key is found before anything in it is believed. What a token is good for is
//! part of it: none serves for another purpose.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::CredentialHash;
use crate::domain::limits::{
    MEMBER_TOKEN_SECONDS, RECOVERY_TOKEN_SECONDS, REFRESH_TOKEN_SECONDS, SESSION_TOKEN_SECONDS,
    TOKENS_REMEMBERED_MAX,
};
use crate::domain::{ClientId, MemberId, SiteId, Timestamp};

/// What a token is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenUse {
    /// Requests of a member.
    #[default]
    Member,
    /// Requests of somebody who has not logged in.
    Visitor,
    /// Another token of the same visitor.
    VisitorRefresh,
    /// Another token of the same member, while its login is not ended.
    MemberRefresh,
    /// A code for an application, after a password was right.
    Session,
    /// A new password, once: it is bound to the one that it replaces.
    Recovery,
    /// Names a member that waits to be let in, to who may let it in.
    Approval,
}

impl TokenUse {
    pub fn seconds(self) -> i64 {
        match self {
            TokenUse::Member | TokenUse::Visitor => MEMBER_TOKEN_SECONDS,
            TokenUse::VisitorRefresh | TokenUse::MemberRefresh | TokenUse::Approval => {
                REFRESH_TOKEN_SECONDS
            }
            TokenUse::Session => SESSION_TOKEN_SECONDS,
            TokenUse::Recovery => RECOVERY_TOKEN_SECONDS,
        }
    }

    fn is_member(&self) -> bool {
        *self == TokenUse::Member
    }
}

/// For whom a token is, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub token_use: TokenUse,
    /// The member's id, or the visitor's.
    pub subject: Uuid,
    pub client: Option<ClientId>,
    /// The login that a member's token came from, or the password that a recovery token replaces.
    pub login: Option<Uuid>,
}

impl Grant {
    pub fn member(member: MemberId) -> Grant {
        let subject = member.uuid();
        Grant { token_use: TokenUse::Member, subject, client: None, login: None }
    }
}

/// What a token says. Times are Unix seconds, as RFC 7519 wants them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    sub: Uuid,
    site: SiteId,
    iat: i64,
    exp: i64,
    jti: Uuid,
    #[serde(rename = "use", default, skip_serializing_if = "TokenUse::is_member")]
    token_use: TokenUse,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<ClientId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login: Option<Uuid>,
}

/// A token whose signature is right. It may have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenToken {
    pub site: SiteId,
    pub grant: Grant,
    pub issued: Timestamp,
    pub expires: Timestamp,
}

impl ProvenToken {
    /// The member it is of, if it is of one.
    pub fn member(&self) -> MemberId {
        MemberId::from(self.grant.subject)
    }
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
        grant: Grant,
        id: Uuid,
        now: Timestamp,
    ) -> Result<(String, i64), jsonwebtoken::errors::Error> {
        let iat = now.unix_ms.div_euclid(1_000);
        let Grant { token_use, subject, client, login } = grant;
        let seconds = token_use.seconds();
        let (sub, site, exp, jti) = (subject, self.site, iat + seconds, id);
        let claims = Claims { sub, site, iat, exp, jti, token_use, client, login };
        let header = Header { kid: Some(self.site.to_string()), ..Header::new(Algorithm::HS256) };
        Ok((jsonwebtoken::encode(&header, &claims, &self.encoding)?, seconds))
    }

    /// Proves signature and site. Whether it has expired is the caller's next question.
    pub fn prove(&self, token: &str) -> Option<ProvenToken> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        let Claims { sub, site, iat, exp, token_use, client, login, .. } = decoded.ok()?.claims;
        let at = |seconds: i64| Timestamp::from_unix_ms(seconds.saturating_mul(1_000));
        (site == self.site).then_some(ProvenToken {
            site,
            grant: Grant { token_use, subject: sub, client, login },
            issued: at(iat),
            expires: at(exp),
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
    slots: Box<[Mutex<Option<(CredentialHash, ProvenToken)>>]>,
}

impl Default for TokenCache {
    fn default() -> Self {
        TokenCache { slots: (0..TOKENS_REMEMBERED_MAX).map(|_| Mutex::new(None)).collect() }
    }
}

impl TokenCache {
    pub fn get(&self, hash: &CredentialHash) -> Option<ProvenToken> {
        let slot = self.slot(hash).lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().filter(|(known, _)| known.matches(hash)).map(|(_, token)| *token)
    }

    pub fn put(&self, hash: CredentialHash, token: ProvenToken) {
        *self.slot(&hash).lock().unwrap_or_else(PoisonError::into_inner) = Some((hash, token));
    }

    fn slot(&self, hash: &CredentialHash) -> &Mutex<Option<(CredentialHash, ProvenToken)>> {
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

    fn issued(grant: Grant) -> String {
        TokenSigner::new(SITE, &[3; 32]).issue(grant, Uuid::nil(), NOW).unwrap().0
    }

    fn token() -> String {
        issued(Grant::member(ANN))
    }

    #[test]
    fn a_token_names_its_member_site_and_end() {
        let proven = TokenSigner::new(SITE, &[3; 32]).prove(&token()).unwrap();
        assert_eq!(claimed_site(&token()), Some(SITE));
        assert_eq!((proven.site, proven.member()), (SITE, ANN));
        assert_eq!(proven.grant.token_use, TokenUse::Member);
        assert_eq!(proven.expires.unix_ms, (1_700_000_000 + MEMBER_TOKEN_SECONDS) * 1_000);
    }

    #[test]
    fn a_token_says_what_it_is_good_for() {
        let login = Some(Uuid::from_u128(9));
        let client = Some(ClientId::from_u128(8));
        for token_use in [TokenUse::Visitor, TokenUse::MemberRefresh, TokenUse::Session] {
            let grant = Grant { token_use, client, login, ..Grant::member(ANN) };
            let proven = TokenSigner::new(SITE, &[3; 32]).prove(&issued(grant)).unwrap();
            assert_eq!(proven.grant, grant);
            assert_eq!(proven.expires.unix_ms - proven.issued.unix_ms, token_use.seconds() * 1_000);
        }
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
        let grant = Grant::member(ANN);
        let proven = ProvenToken { site: SITE, grant, issued: NOW, expires: NOW };
        let hash = CredentialHash::of("one");
        cache.put(hash, proven);
        assert_eq!(cache.get(&hash), Some(proven));
        let mut neighbour = hash;
        neighbour.0[31] ^= 1;
        assert_eq!(cache.get(&neighbour), None);
    }
}

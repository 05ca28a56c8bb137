//! The key pair that an app's deliveries in the wire's own format are signed with: RS256. The
//! private half rests sealed; the public half is for receivers.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs8::{EncodePublicKey, LineEnding};
use rsa::traits::PublicKeyParts;
use rsa::{PrivateKey, PublicKey};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

const KEY_BITS: usize = 2_048;
/// Bytes of the fingerprint that names a key.
const ID_BYTES: usize = 12;

#[derive(Debug, Error)]
#[error("a key pair cannot be used: {0}")]
pub struct AppKeyError(String);

fn told(error: impl fmt::Display) -> AppKeyError {
    AppKeyError(error.to_string())
}

/// The private half as it is sealed: PKCS#1.
pub struct AppKey {
    key: PrivateKey,
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl AppKey {
    /// Takes a good part of a second: keep it off threads that others wait for.
    pub fn generate() -> Result<AppKey, AppKeyError> {
        let key = PrivateKey::new(&mut getrandom::SysRng, KEY_BITS).map_err(told)?;
        Ok(AppKey { key })
    }

    pub fn from_der(der: &[u8]) -> Result<AppKey, AppKeyError> {
        Ok(AppKey { key: PrivateKey::from_pkcs1_der(der).map_err(told)? })
    }

    pub fn to_der(&self) -> Result<Vec<u8>, AppKeyError> {
        Ok(self.key.to_pkcs1_der().map_err(told)?.as_bytes().to_vec())
    }

    fn public(&self) -> PublicKey {
        self.key.to_public_key()
    }

    /// The public half as PEM.
    pub fn public_pem(&self) -> Result<String, AppKeyError> {
        self.public().to_public_key_pem(LineEnding::LF).map_err(told)
    }

    /// The public half as one key of a JSON Web Key Set.
    pub fn public_jwk(&self) -> Result<Value, AppKeyError> {
        let public = self.public();
        let number = |bytes: Box<[u8]>| URL_SAFE_NO_PAD.encode(bytes);
        Ok(json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id()?,
            "n": number(public.n_bytes()),
            "e": number(public.e_bytes()),
        }))
    }

    /// A name for the key: a fingerprint of its public half.
    fn id(&self) -> Result<String, AppKeyError> {
        let der = self.public().to_public_key_der().map_err(told)?;
        Ok(URL_SAFE_NO_PAD.encode(&Sha256::digest(der.as_bytes())[..ID_BYTES]))
    }

    pub fn signer(&self) -> Result<Signer, AppKeyError> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.id()?);
        Ok(Signer { header, key: EncodingKey::from_rsa_der(&self.to_der()?) })
    }
}

/// Signs claims. The same claims give the same token, so that every try sends the same bytes.
#[derive(Clone)]
pub struct Signer {
    header: Header,
    key: EncodingKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Signer {
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, AppKeyError> {
        jsonwebtoken::encode(&self.header, claims, &self.key).map_err(told)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    #[test]
    fn the_public_half_verifies_what_the_private_half_signed() {
        let key = AppKey::generate().expect("a key");
        let key = AppKey::from_der(&key.to_der().expect("bytes")).expect("the same key");
        let claims = json!({"data": "{}", "iat": 1_700_000_000});
        let signer = key.signer().expect("a signer");
        let token = signer.sign(&claims).expect("a token");
        assert_eq!(token, signer.sign(&claims).expect("a token"), "the same bytes each time");
        let jwk = key.public_jwk().expect("a key");
        let part = |name: &str| jwk[name].as_str().expect("a number").to_owned();
        let public = DecodingKey::from_rsa_components(&part("n"), &part("e")).expect("a key");
        let mut rules = Validation::new(Algorithm::RS256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let read = jsonwebtoken::decode::<Value>(&token, &public, &rules).expect("verifies");
        assert_eq!(read.claims, claims);
        assert_eq!(read.header.kid.as_deref(), jwk["kid"].as_str());
        let other = AppKey::generate().expect("a key").signer().expect("a signer");
        let forged = other.sign(&claims).expect("a token");
        assert!(jsonwebtoken::decode::<Value>(&forged, &public, &rules).is_err());
        let pem = key.public_pem().expect("text");
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
        assert_eq!(format!("{key:?} {signer:?}"), "*** ***");
    }
}

//! The Standard Webhooks signature, version 1, and the secrets it is made with. Nothing here
//! reads a clock: the timestamp of a try is handed in.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha2::Sha256;
use thiserror::Error;

use crate::domain::limits;

const SECRET_PREFIX: &str = "whsec_";
const GENERATED_BYTES: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SecretError {
    #[error("a signing secret is whsec_ and base64")]
    Form,
    #[error(
        "a signing secret holds {min} to {max} bytes",
        min = limits::WEBHOOK_SECRET_BYTES_MIN,
        max = limits::WEBHOOK_SECRET_BYTES_MAX
    )]
    Length,
}

/// The bytes that an endpoint's deliveries are signed with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    bytes: Vec<u8>,
}

impl Secret {
    pub fn generate() -> Secret {
        let mut bytes = vec![0; GENERATED_BYTES];
        rand::rng().fill_bytes(&mut bytes);
        Secret { bytes }
    }

    pub fn from_bytes(bytes: Vec<u8>) -> Result<Secret, SecretError> {
        let fits = limits::WEBHOOK_SECRET_BYTES_MIN..=limits::WEBHOOK_SECRET_BYTES_MAX;
        if fits.contains(&bytes.len()) { Ok(Secret { bytes }) } else { Err(SecretError::Length) }
    }

    /// Reads the form that receivers are given.
    pub fn parse(text: &str) -> Result<Secret, SecretError> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(SecretError::Form)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Form)?;
        Secret::from_bytes(bytes)
    }

    /// The form that receivers are given, for the one answer that shows it.
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(&self.bytes))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What one try signs.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Stable over tries; never holds a dot.
    pub id: &'a str,
    /// Of this try.
    pub unix_seconds: i64,
    pub body: &'a [u8],
}

/// The value of `webhook-signature`: one signature for each secret, separated by one space.
pub fn sign<'a>(message: Message<'_>, secrets: impl IntoIterator<Item = &'a Secret>) -> String {
    assert!(!message.id.contains('.'), "a webhook id never holds a dot: {}", message.id);
    let signatures = secrets.into_iter().map(|secret| sign_once(message, secret));
    let signatures: Vec<String> = signatures.collect();
    signatures.join(" ")
}

fn sign_once(message: Message<'_>, secret: &Secret) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .unwrap_or_else(|_| unreachable!("hmac takes keys of every length"));
    mac.update(message.id.as_bytes());
    mac.update(format!(".{}.", message.unix_seconds).as_bytes());
    mac.update(message.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const CONTACT: &str = "{\"type\":\"contact.created\",\
        \"timestamp\":\"2022-11-03T20:26:10.344522Z\",\
        \"data\":{\"id\":\"1f81eb52-5198-4599-803e-771906343485\"}}";

    fn check(secrets: &[&str], id: &str, unix_seconds: i64, body: &str, expected: &str) {
        let parse = |text: &&str| Secret::parse(text).expect("a valid secret");
        let secrets: Vec<Secret> = secrets.iter().map(parse).collect();
        let message = Message { id, unix_seconds, body: body.as_bytes() };
        assert_eq!(sign(message, &secrets), expected);
    }

    #[test]
    fn signature_of_a_small_body_is_the_published_one() {
        check(
            &[SECRET],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        );
    }

    #[test]
    fn rotation_signs_with_both_secrets_and_one_space_between() {
        let id = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
        let both = "v1,ARw42xaAApl/nxRo+iPGYwSaMQaOwMo2eyH5JBRA+bQ= \
            v1,Inw/unYkpAh6Njpdz4O+hnN82xYMXQ6NjnZIQN/mzIQ=";
        check(&[SECRET, OLD_SECRET], id, 1_674_087_231, CONTACT, both);
        let empty = "v1,A5hMMR9P/3wRdDlYQIpfU6eGBMB4KECXzx5EMRv7TBg=";
        check(&[SECRET], id, 1_674_087_231, "", empty);
    }

    #[test]
    fn signature_covers_the_bytes_of_other_scripts() {
        let body = "{\"type\":\"member.created\",\"timestamp\":\"2026-01-02T03:04:05.678Z\",\
            \"data\":{\"member_id\":\"mem_01J0000000000000000000000\",\"name\":\"Zoë 😀\"}}";
        assert_eq!(body.len(), 136);
        check(
            &[SECRET],
            "evt_01JGJZ0000000000000000000A",
            1_767_323_045,
            body,
            "v1,7YsyUf9Q0sNRa8kR2MFbvBq6kjU+/KL0/UyWMRV6OIo=",
        );
    }

    #[test]
    fn an_independent_library_accepts_what_is_signed() {
        let now = time::OffsetDateTime::now_utc().unix_timestamp();
        let secret = Secret::generate();
        let message = Message { id: "msg_1", unix_seconds: now, body: CONTACT.as_bytes() };
        let signature = sign(message, &[Secret::generate(), secret.clone()]);
        let mut headers = hyper::HeaderMap::new();
        for (name, value) in [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", &now.to_string()),
            ("webhook-signature", &signature),
        ] {
            headers.insert(name, value.parse().expect("a header value"));
        }
        let webhook = standardwebhooks::Webhook::new(&secret.reveal()).expect("a usable secret");
        assert!(webhook.verify(CONTACT.as_bytes(), &headers).is_ok());
        assert!(webhook.verify(b"{}", &headers).is_err());
    }

    #[test]
    fn secrets_of_wrong_form_or_length_are_refused() {
        let of_bytes = |count: usize| format!("whsec_{}", STANDARD.encode(vec![7; count]));
        assert_eq!(Secret::parse(&of_bytes(23)), Err(SecretError::Length));
        assert_eq!(Secret::parse(&of_bytes(65)), Err(SecretError::Length));
        for count in [24, 64] {
            let text = of_bytes(count);
            assert_eq!(Secret::parse(&text).expect("fits").reveal(), text);
        }
        let plain = STANDARD.encode([7; 32]);
        for text in ["", "whsec_", "whsk_AAAA", "whsec_&&&&", plain.as_str()] {
            assert!(Secret::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn generated_secrets_differ_and_never_print() {
        let secret = Secret::generate();
        assert_ne!(secret, Secret::generate());
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(Secret::parse(&secret.reveal()), Ok(secret));
    }
}

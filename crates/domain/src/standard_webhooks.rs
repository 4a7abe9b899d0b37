//! Signatures as Standard Webhooks specifies them (standardwebhooks.com, symmetric `v1`).
//!
//! Signed is `{webhook-id}.{webhook-timestamp}.{exact raw body}` by HMAC-SHA256; the header holds base64 with the
//! prefix `v1,`, several separated by spaces. Verification compares in constant time. Asymmetric signatures
//! (`v1a`) are not read.
//!
//! Stricter than the specification: an id is visible ASCII without a full stop, and a timestamp is only digits, so
//! that no signed content can be cut into id, timestamp and body in a second way.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Header with the id of the message, equal in all its attempts.
pub const ID_HEADER: &str = "webhook-id";

/// Header with the instant of the attempt, in whole seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";

/// Header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// What a secret's text form begins with; base64 follows.
pub const SECRET_PREFIX: &str = "whsec_";

/// Bytes of a secret, as the specification bounds them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// More signatures than a rotation can need; the rest is not looked at.
const MAX_SIGNATURES: usize = 8;

/// Longest id; those in use have about 30 characters.
const MAX_ID: usize = 256;

/// Digits of a timestamp until the year 33658.
const MAX_DIGITS: usize = 12;

/// A shared secret, ready to sign. `Debug` shows its id only.
#[derive(Clone)]
pub struct StandardKey {
    id: String,
    mac: Hmac<Sha256>,
}

/// A secret that is not of the specified form. The secret itself is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the webhook secret {id:?} is not whsec_ and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret {
    /// Id of the secret.
    pub id: String,
}

impl StandardKey {
    /// A key called `id` from the text form of the shared secret.
    pub fn new(id: impl Into<String>, secret: &str) -> Result<Self, InvalidSecret> {
        let id = id.into();
        let bytes = secret.strip_prefix(SECRET_PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len()));
        match bytes.map(|bytes| Hmac::<Sha256>::new_from_slice(&bytes)) {
            Some(Ok(mac)) => Ok(Self { id, mac }),
            _ => Err(InvalidSecret { id }),
        }
    }

    /// The key's id, safe to log and to use as a metric label.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The signature header for a body that is sent as message `id` at `timestamp` (seconds since 1970).
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mac = self.content(id, &timestamp.to_string(), body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// Whether any of the signatures is this key's for exactly these bytes, id and timestamp.
    pub fn verify(&self, body: &[u8], signed: &SignedHeaders) -> bool {
        let mac = self.content(&signed.id, &signed.timestamp, body);
        signed.signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    }

    fn content(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mac = self.mac.clone().chain_update(id).chain_update(".");
        mac.chain_update(timestamp).chain_update(".").chain_update(body)
    }
}

impl fmt::Debug for StandardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandardKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The three headers of one request, well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHeaders {
    id: String,
    /// As received: these characters are signed.
    timestamp: String,
    sent_at: DateTime<Utc>,
    signatures: Vec<[u8; 32]>,
}

impl SignedHeaders {
    /// Reads the header values. `None` when one is malformed, or no signature is a well-formed `v1`.
    pub fn parse(id: &str, timestamp: &str, signatures: &str) -> Option<Self> {
        let signatures: Vec<[u8; 32]> = signatures
            .split_ascii_whitespace()
            .take(MAX_SIGNATURES)
            .filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok()?.try_into().ok())
            .collect();
        let whole = is_id(id) && !signatures.is_empty();
        let sent_at = instant(timestamp).filter(|_| whole)?;
        Some(Self { id: id.to_owned(), timestamp: timestamp.to_owned(), sent_at, signatures })
    }

    /// When this attempt was sent. Proven only once the signature is.
    pub fn sent_at(&self) -> DateTime<Utc> {
        self.sent_at
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    let digits = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| text.parse().ok()).flatten()?;
    DateTime::from_timestamp(seconds, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the reference libraries of Standard Webhooks.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SECONDS: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn key() -> StandardKey {
        StandardKey::new("current", SECRET).unwrap()
    }

    fn verify(id: &str, timestamp: &str, signature: &str, body: &[u8]) -> bool {
        SignedHeaders::parse(id, timestamp, signature).is_some_and(|signed| key().verify(body, &signed))
    }

    #[test]
    fn signs_and_verifies_the_specifications_example() {
        assert_eq!(key().sign(ID, SECONDS, BODY), SIGNATURE);
        assert!(verify(ID, "1614265330", SIGNATURE, BODY));
        let signed = SignedHeaders::parse(ID, "1614265330", SIGNATURE).unwrap();
        assert_eq!(signed.sent_at().to_rfc3339(), "2021-02-25T15:02:10+00:00");
    }

    #[test]
    fn any_of_several_signatures_is_enough() {
        let other = key().sign(ID, SECONDS + 1, BODY);
        for header in [format!("{other} {SIGNATURE}"), format!("v1a,AAAA v2,x {SIGNATURE}")] {
            assert!(verify(ID, "1614265330", &header, BODY), "{header}");
        }
        let hidden = format!("{}{SIGNATURE}", format!("{other} ").repeat(MAX_SIGNATURES));
        assert!(!verify(ID, "1614265330", &hidden, BODY), "a bounded number is looked at");
    }

    #[test]
    fn id_timestamp_and_every_byte_are_signed() {
        assert!(!verify("msg_other", "1614265330", SIGNATURE, BODY));
        assert!(!verify(ID, "1614265331", SIGNATURE, BODY));
        assert!(!verify(ID, "01614265330", SIGNATURE, BODY));
        for at in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[at] ^= 1;
            assert!(!verify(ID, "1614265330", SIGNATURE, &body), "flipped byte {at}");
        }
        let other = StandardKey::new("other", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        assert!(!other.verify(BODY, &SignedHeaders::parse(ID, "1614265330", SIGNATURE).unwrap()));
    }

    #[test]
    fn signed_content_has_one_reading_only() {
        let body = br#"1614265330.{"a":1}"#;
        let signature = key().sign("msg", 7, body);
        assert!(verify("msg", "7", &signature, body));
        assert!(!verify("msg.7", "1614265330", &signature, br#"{"a":1}"#));
    }

    #[test]
    fn malformed_headers_are_refused_without_a_panic() {
        for id in ["", " ", "a b", "é", "a.b", &"x".repeat(MAX_ID + 1)] {
            assert_eq!(SignedHeaders::parse(id, "1614265330", SIGNATURE), None, "{id:?}");
        }
        for timestamp in
            ["", "+1", "-1", "1.0", "1e3", "NaN", " 1", "٣", "2021-02-25T15:02:10Z", &"9".repeat(13)]
        {
            assert_eq!(SignedHeaders::parse(ID, timestamp, SIGNATURE), None, "{timestamp:?}");
        }
        let bare = SIGNATURE.trim_start_matches("v1,");
        for signature in
            ["", "v1,", "v1", bare, "v1,AAAA", "v1,!", &SIGNATURE[..46], &format!("v1a,{bare}"), "é"]
        {
            assert_eq!(SignedHeaders::parse(ID, "1614265330", signature), None, "{signature:?}");
        }
    }

    #[test]
    fn refuses_other_secrets_and_hides_this_one() {
        for secret in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!"] {
            let refused = StandardKey::new("current", secret).unwrap_err().to_string();
            assert!(secret.len() < 8 || !refused.contains(secret), "{refused}");
        }
        assert!(!format!("{:?}", key()).contains("MfKQ"));
    }
}

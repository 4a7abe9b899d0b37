//! Webhook signatures: hex HMAC-SHA256 over the exact raw bytes of the body.
//!
//! Verification compares the MAC in constant time (`Mac::verify_slice`). The header may carry
//! several signatures, separated by commas or spaces, so that a sender can rotate its secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Header that carries PPB's signature.
pub const SIGNATURE_HEADER: &str = "x-ppb-signature";

/// More signatures than a rotation can need; the rest is not looked at.
const MAX_SIGNATURES: usize = 8;

/// A shared secret, ready to sign. `Debug` shows its id only.
#[derive(Clone)]
pub struct SigningKey {
    id: String,
    mac: Hmac<Sha256>,
}

/// An empty secret would let anyone sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the webhook secret {id:?} is empty")]
pub struct EmptySecret {
    /// Id of the secret.
    pub id: String,
}

impl SigningKey {
    /// A key called `id` from the bytes of the shared secret.
    pub fn new(id: impl Into<String>, secret: &[u8]) -> Result<Self, EmptySecret> {
        let id = id.into();
        match Hmac::<Sha256>::new_from_slice(secret) {
            Ok(mac) if !secret.is_empty() => Ok(Self { id, mac }),
            _ => Err(EmptySecret { id }),
        }
    }

    /// The key's id, safe to log and to use as a metric label.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The signature of `body`: 64 lower-case hex digits.
    pub fn sign(&self, body: &[u8]) -> String {
        hex::encode(self.mac.clone().chain_update(body).finalize().into_bytes())
    }

    /// Whether any of the `presented` signatures is this key's for exactly these bytes.
    pub fn verify(&self, body: &[u8], presented: &PresentedSignatures) -> bool {
        let mac = self.mac.clone().chain_update(body);
        presented.0.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The well-formed signatures of one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedSignatures(Vec<[u8; 32]>);

impl PresentedSignatures {
    /// Reads a header value: hex signatures with or without `sha256=`, separated by commas or
    /// white space. `None` when not one of them is well-formed.
    pub fn parse(header: &str) -> Option<Self> {
        let signatures: Vec<[u8; 32]> = header
            .split(|c: char| c == ',' || c.is_ascii_whitespace())
            .filter(|part| !part.is_empty())
            .take(MAX_SIGNATURES)
            .filter_map(parse_one)
            .collect();
        if signatures.is_empty() { None } else { Some(Self(signatures)) }
    }
}

fn parse_one(part: &str) -> Option<[u8; 32]> {
    let digits = part.strip_prefix("sha256=").unwrap_or(part);
    let mut signature = [0; 32];
    hex::decode_to_slice(digits, &mut signature).ok()?;
    Some(signature)
}

/// Identity of a body: hex SHA-256 of its exact bytes. Two requests with the same one are repeats.
pub fn idempotency_key(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::new("current", b"Jefe").unwrap()
    }

    // RFC 4231, test case 2.
    const BODY: &[u8] = b"what do ya want for nothing?";
    const MAC: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[test]
    fn signs_as_rfc_4231_says() {
        assert_eq!(key().sign(BODY), MAC);
    }

    #[test]
    fn accepts_every_documented_form() {
        let other = "00".repeat(32);
        for header in [
            MAC.to_owned(),
            MAC.to_uppercase(),
            format!("sha256={MAC}"),
            format!("{other},sha256={MAC}"),
            format!("{other} {MAC}"),
            format!("{other}, {MAC}"),
        ] {
            let presented = PresentedSignatures::parse(&header).unwrap();
            assert!(key().verify(BODY, &presented), "{header}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for header in
            ["", " ", ",", "sha256=", "zz", &MAC[..63], &format!("{MAC}0"), &format!("sha512={MAC}"), "é"]
        {
            assert_eq!(PresentedSignatures::parse(header), None, "{header:?}");
        }
        let presented = PresentedSignatures::parse(MAC).unwrap();
        for at in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[at] ^= 1;
            assert!(!key().verify(&body, &presented), "flipped byte {at}");
        }
        assert!(!SigningKey::new("other", b"jefe").unwrap().verify(BODY, &presented));
    }

    #[test]
    fn looks_at_a_bounded_number_of_signatures() {
        let header = format!("{}{MAC}", format!("{},", "00".repeat(32)).repeat(MAX_SIGNATURES));
        assert!(!key().verify(BODY, &PresentedSignatures::parse(&header).unwrap()));
    }

    #[test]
    fn refuses_an_empty_secret_and_hides_the_others() {
        assert!(SigningKey::new("current", b"").is_err());
        assert!(!format!("{:?}", key()).contains("Jefe"));
    }
}

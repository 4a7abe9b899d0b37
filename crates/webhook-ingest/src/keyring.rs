//! The secrets shared with PPB, each with an id and perhaps an expiry.
//!
//! The ring is replaced as a whole when secrets are reloaded. A request takes the ring of its moment once, and
//! what it verified with stays true of it.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use premise_domain::signature::SigningKey;
use premise_domain::standard_webhooks::StandardKey;

use crate::config::Scheme;
use crate::presented::Presented;

/// One secret.
#[derive(Debug)]
pub(crate) struct Key {
    signing: Signing,
    expires_at: Option<DateTime<Utc>>,
}

/// What a secret is for: one scheme only.
#[derive(Debug)]
pub(crate) enum Signing {
    Ppb(SigningKey),
    Standard(StandardKey),
}

impl Key {
    pub(crate) fn new(signing: Signing, expires_at: Option<DateTime<Utc>>) -> Self {
        Self { signing, expires_at }
    }

    pub(crate) fn id(&self) -> &str {
        match &self.signing {
            Signing::Ppb(key) => key.id(),
            Signing::Standard(key) => key.id(),
        }
    }

    pub(crate) fn is_standard(&self) -> bool {
        matches!(self.signing, Signing::Standard(_))
    }

    fn signed(&self, body: &[u8], presented: &Presented) -> bool {
        match &self.signing {
            Signing::Ppb(key) => presented.ppb.as_ref().is_some_and(|signed| key.verify(body, signed)),
            Signing::Standard(key) => {
                presented.standard.as_ref().is_some_and(|signed| key.verify(body, signed))
            }
        }
    }

    /// Whether it counts at `now`. It ends at the instant of its expiry.
    pub(crate) fn accepted_at(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// All secrets, and how requests are signed with them.
#[derive(Debug)]
pub(crate) struct Keyring {
    scheme: Scheme,
    keys: Vec<Arc<Key>>,
}

/// The ring that counts now.
#[derive(Debug)]
pub(crate) struct CurrentKeyring(RwLock<Arc<Keyring>>);

impl CurrentKeyring {
    pub(crate) fn new(ring: Keyring) -> Self {
        Self(RwLock::new(Arc::new(ring)))
    }

    pub(crate) fn get(&self) -> Arc<Keyring> {
        // A pointer is valid whatever happened to who held the lock.
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, ring: Keyring) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }
}

impl Keyring {
    pub(crate) fn new(scheme: Scheme, keys: Vec<Key>) -> Self {
        Self { scheme, keys: keys.into_iter().map(Arc::new).collect() }
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Ids in ring order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.id())
    }

    /// The first accepted secret that signed exactly these bytes.
    pub(crate) fn verify(&self, body: &[u8], presented: &Presented, now: DateTime<Utc>) -> Option<Arc<Key>> {
        let signed = |key: &&Arc<Key>| key.accepted_at(now) && key.signed(body, presented);
        self.keys.iter().find(signed).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use premise_domain::signature::PresentedSignatures;
    use premise_domain::standard_webhooks::SignedHeaders;

    use super::*;

    fn ppb(id: &str, secret: &[u8]) -> SigningKey {
        SigningKey::new(id, secret).unwrap()
    }

    fn by_ppb(secret: &[u8]) -> Presented {
        Presented { ppb: PresentedSignatures::parse(&ppb("x", secret).sign(b"{}")), standard: None }
    }

    #[test]
    fn an_expired_secret_proves_nothing() {
        let end: DateTime<Utc> = "2026-06-01T00:00:00Z".parse().unwrap();
        let ring = Keyring::new(
            Scheme::Ppb,
            vec![
                Key::new(Signing::Ppb(ppb("current", b"new")), None),
                Key::new(Signing::Ppb(ppb("previous", b"old")), Some(end)),
            ],
        );
        let before = end - chrono::TimeDelta::microseconds(1);
        let verified =
            |secret: &[u8], at| ring.verify(b"{}", &by_ppb(secret), at).map(|key| key.id().to_owned());
        assert_eq!(verified(b"new", end).as_deref(), Some("current"));
        assert_eq!(verified(b"old", before).as_deref(), Some("previous"));
        assert_eq!(verified(b"old", end), None);
        assert_eq!(verified(b"other", before), None);
    }

    #[test]
    fn a_secret_proves_its_own_scheme_only() {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let key = StandardKey::new("standard", text).unwrap();
        let headers = SignedHeaders::parse("msg", "1614265330", &key.sign("msg", 1_614_265_330, b"{}"));
        let by_standard = Presented { ppb: None, standard: headers };
        let ring = Keyring::new(Scheme::Both, vec![Key::new(Signing::Standard(key), None)]);
        let now = DateTime::UNIX_EPOCH;
        assert!(ring.verify(b"{}", &by_standard, now).is_some_and(|key| key.is_standard()));
        assert!(ring.verify(b"{}", &by_ppb(text.as_bytes()), now).is_none());
    }
}

//! The secrets shared with PPB, each with an id and perhaps an expiry.
//!
//! The ring is replaced as a whole when secrets are reloaded. A request takes the ring of its moment once, and
//! what it verified with stays true of it.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use premise_domain::signature::{EmptySecret, PresentedSignatures, SigningKey};

/// One secret.
#[derive(Debug)]
pub(crate) struct Key {
    signing: SigningKey,
    expires_at: Option<DateTime<Utc>>,
}

impl Key {
    pub(crate) fn new(
        id: &str,
        secret: &[u8],
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<Self, EmptySecret> {
        Ok(Self { signing: SigningKey::new(id, secret)?, expires_at })
    }

    pub(crate) fn id(&self) -> &str {
        self.signing.id()
    }

    /// Whether it counts at `now`. It ends at the instant of its expiry.
    pub(crate) fn accepted_at(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// All secrets.
#[derive(Debug)]
pub(crate) struct Keyring(Vec<Arc<Key>>);

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
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        Self(keys.into_iter().map(Arc::new).collect())
    }

    /// Ids in ring order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id())
    }

    /// The first accepted secret that signed exactly these bytes.
    pub(crate) fn verify(
        &self,
        body: &[u8],
        presented: &PresentedSignatures,
        now: DateTime<Utc>,
    ) -> Option<Arc<Key>> {
        let signed = |key: &&Arc<Key>| key.accepted_at(now) && key.signing.verify(body, presented);
        self.0.iter().find(signed).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_secret_proves_nothing() {
        let end: DateTime<Utc> = "2026-06-01T00:00:00Z".parse().unwrap();
        let ring = Keyring::new(vec![
            Key::new("current", b"new", None).unwrap(),
            Key::new("previous", b"old", Some(end)).unwrap(),
        ]);
        let sign = |secret: &[u8]| {
            let hex = SigningKey::new("x", secret).unwrap().sign(b"{}");
            PresentedSignatures::parse(&hex).unwrap()
        };
        let before = end - chrono::TimeDelta::microseconds(1);
        let verified =
            |secret: &[u8], at| ring.verify(b"{}", &sign(secret), at).map(|key| key.id().to_owned());
        assert_eq!(verified(b"new", end).as_deref(), Some("current"));
        assert_eq!(verified(b"old", before).as_deref(), Some("previous"));
        assert_eq!(verified(b"old", end), None);
        assert_eq!(verified(b"other", before), None);
    }
}

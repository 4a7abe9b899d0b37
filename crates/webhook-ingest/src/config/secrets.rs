//! From the secrets of the configuration to the ring that verifies, or the reason why there is none.

use chrono::{DateTime, Utc};
use premise_domain::signature::SigningKey;
use premise_domain::standard_webhooks::{SECRET_PREFIX, StandardKey};
use premise_runtime::{ConfigError, Secret};

use super::{Scheme, WebhookConfig};
use crate::keyring::{Key, Keyring, Signing};

impl WebhookConfig {
    /// The secrets, checked: each of the scheme's form, at least one that has not expired, and no id twice.
    pub(crate) fn keyring(&self, now: DateTime<Utc>) -> Result<Keyring, ConfigError> {
        let shared = [
            (&self.secret_id, &self.secret, None),
            (&self.previous_secret_id, &self.previous_secret, self.previous_secret_expires_at),
        ];
        let given = shared.into_iter().filter(|(_, secret, _)| !secret.is_empty());
        let listed = self.secrets.iter().map(|entry| (&entry.id, &entry.key, entry.expires_at));
        let mut keys: Vec<Key> = Vec::new();
        for (id, secret, expires_at) in given.chain(listed) {
            if keys.iter().any(|key| key.id() == id) {
                return Err(ConfigError::invalid("webhook", format!("two secrets have the id {id:?}")));
            }
            keys.push(Key::new(self.signing(id, secret)?, expires_at));
        }
        self.check_usable(&keys, now)?;
        Ok(Keyring::new(self.scheme, keys))
    }

    fn signing(&self, id: &str, secret: &Secret) -> Result<Signing, ConfigError> {
        let text = secret.expose();
        let standard = match self.scheme {
            Scheme::Ppb => false,
            Scheme::Standard => true,
            Scheme::Both => text.starts_with(SECRET_PREFIX),
        };
        let invalid = |reason: String| ConfigError::invalid("webhook.secrets", reason);
        if standard {
            StandardKey::new(id, text).map(Signing::Standard).map_err(|error| invalid(error.to_string()))
        } else {
            let key = SigningKey::new(id, text.as_bytes());
            key.map(Signing::Ppb).map_err(|error| invalid(error.to_string()))
        }
    }

    fn check_usable(&self, keys: &[Key], now: DateTime<Utc>) -> Result<(), ConfigError> {
        let mut accepted = keys.iter().filter(|key| key.accepted_at(now)).map(Key::is_standard).peekable();
        let Some(&first) = accepted.peek() else {
            let reason = "no secret, or none that has not expired: every webhook would be refused";
            return Err(ConfigError::invalid("webhook.secret", reason));
        };
        if self.scheme == Scheme::Both && accepted.all(|standard| standard == first) {
            let reason = "scheme \"both\" takes a secret of the form whsec_… and one of another, not expired";
            return Err(ConfigError::invalid("webhook.scheme", reason));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SecretEntry;
    use super::*;

    const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn now() -> DateTime<Utc> {
        "2026-06-01T00:00:00Z".parse().unwrap()
    }

    fn refusal(config: &WebhookConfig) -> String {
        config.keyring(now()).unwrap_err().to_string()
    }

    #[test]
    fn refuses_to_start_without_a_usable_secret() {
        let none = WebhookConfig::default();
        assert!(refusal(&none).contains("webhook.secret"), "{}", refusal(&none));
        let expired = WebhookConfig {
            previous_secret: Secret::new("old"),
            previous_secret_expires_at: Some(now()),
            ..WebhookConfig::default()
        };
        assert!(refusal(&expired).contains("expired"));
        let entry =
            |id: &str, key: &str| SecretEntry { id: id.to_owned(), key: Secret::new(key), expires_at: None };
        let empty = WebhookConfig { secrets: vec![entry("a", "")], ..WebhookConfig::default() };
        assert!(refusal(&empty).contains("empty"));
        let twice = WebhookConfig {
            secret: Secret::new("one"),
            secrets: vec![entry("current", "hunter2")],
            ..WebhookConfig::default()
        };
        assert!(refusal(&twice).contains("\"current\"") && !refusal(&twice).contains("hunter2"));
    }

    #[test]
    fn a_scheme_takes_secrets_of_its_form() {
        let with = |scheme, secret: &str, previous: &str| WebhookConfig {
            scheme,
            secret: Secret::new(secret),
            previous_secret: Secret::new(previous),
            ..WebhookConfig::default()
        };
        let standards = |config: &WebhookConfig| {
            let ring = config.keyring(now()).unwrap();
            (ring.scheme(), ring.ids().count())
        };
        assert_eq!(standards(&with(Scheme::Ppb, STANDARD, "old")), (Scheme::Ppb, 2));
        assert_eq!(standards(&with(Scheme::Standard, STANDARD, "")), (Scheme::Standard, 1));
        assert_eq!(standards(&with(Scheme::Both, STANDARD, "old")), (Scheme::Both, 2));
        let text = refusal(&with(Scheme::Standard, "hunter2", ""));
        assert!(text.contains("whsec_") && !text.contains("hunter2"), "{text}");
        assert!(refusal(&with(Scheme::Both, "whsec_hunter2", "old")).contains("\"current\""));
        for (secret, previous) in [("new", "old"), (STANDARD, "")] {
            assert!(refusal(&with(Scheme::Both, secret, previous)).contains("webhook.scheme"));
        }
    }
}

//! The `webhook` section.
//!
//! The common case needs one variable, `PREMISE__WEBHOOK__SECRET` or `PREMISE__WEBHOOK__SECRET_FILE`. While a
//! secret is rotated, the old one is `previous_secret` with `previous_secret_expires_at`. Further ones go into
//! the list `secrets` of the file. On SIGHUP the file and the secrets' files are read again, and the secrets
//! with their ids and expiries replaced; every other key, and the environment itself, takes a restart.

mod secrets;

use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use premise_runtime::{ConfigError, Profile, Secret};
use serde::{Deserialize, Serialize};

use crate::allowlist::Senders;
use crate::limits::Rate;

/// How webhooks are received.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// How webhooks are signed.
    pub scheme: Scheme,
    /// The secret shared with PPB. Without any secret the process refuses to start.
    pub secret: Secret,
    /// Its name in logs and metrics.
    pub secret_id: String,
    /// The secret before it, accepted until it expires.
    pub previous_secret: Secret,
    /// Its name in logs and metrics.
    pub previous_secret_id: String,
    /// When it expires, RFC 3339. Without an instant it is accepted until it is removed.
    pub previous_secret_expires_at: Option<DateTime<Utc>>,
    /// Further secrets.
    pub secrets: Vec<SecretEntry>,
    /// Networks or addresses that may send, such as `["196.201.0.0/16"]`. Empty means this machine in the
    /// development profile, and is refused in the others.
    pub allow: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Largest body.
    pub body_limit_bytes: usize,
    /// Longest time to send it.
    pub body_timeout_ms: u64,
    /// How old a `timestamp` may be. PPB sends again for hours when a receiver was away.
    pub past_window_seconds: u32,
    /// How far a `timestamp` may be ahead. The worker gives up events more than 300 s ahead, so a larger
    /// window gains nothing.
    pub future_window_seconds: u32,
    /// How far `webhook-timestamp` (scheme `standard`), which is of the attempt and not of the event, may be from
    /// now, to either side.
    pub attempt_window_seconds: u32,
    /// Longest wait for the broker's confirm; below the 5 s after which PPB gives up.
    pub confirm_deadline_ms: u64,
    /// Requests that may wait for a confirm at once; more are told to come back.
    pub max_in_flight: usize,
    /// Requests a second that may fail before their signature is verified, from one address (IPv6: one /64).
    /// Past it such failures are told 429; correctly signed requests are not touched by it.
    pub failures_per_second: NonZeroU32,
    /// So many of them at once.
    pub failures_burst: NonZeroU32,
    /// New webhooks a second that are stored for one secret. The default is above what one process takes;
    /// repeats and requests that are refused do not count.
    pub sender_per_second: NonZeroU32,
    /// So many of them at once.
    pub sender_burst: NonZeroU32,
    /// Accepted bodies that are remembered, to answer repeats.
    pub remembered_bodies: usize,
}

/// How webhooks are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// `x-ppb-signature`: hex HMAC-SHA256 over the body.
    Ppb,
    /// Standard Webhooks. Every secret is of its form, `whsec_…`.
    Standard,
    /// Either. A secret of the form `whsec_…` is for Standard Webhooks, any other for `x-ppb-signature`, so that
    /// none serves both; there must be one for each.
    Both,
}

/// One more secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretEntry {
    /// Its name in logs and metrics.
    pub id: String,
    /// The secret.
    pub key: Secret,
    /// When it expires, RFC 3339.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            scheme: Scheme::Ppb,
            secret: Secret::default(),
            secret_id: "current".to_owned(),
            previous_secret: Secret::default(),
            previous_secret_id: "previous".to_owned(),
            previous_secret_expires_at: None,
            secrets: Vec::new(),
            allow: Vec::new(),
            trusted_proxies: Vec::new(),
            body_limit_bytes: 256 * 1024,
            body_timeout_ms: 10_000,
            past_window_seconds: 24 * 60 * 60,
            future_window_seconds: 5 * 60,
            attempt_window_seconds: 5 * 60,
            confirm_deadline_ms: 3_000,
            max_in_flight: 2_048,
            failures_per_second: some(20),
            failures_burst: some(200),
            sender_per_second: some(10_000),
            sender_burst: some(20_000),
            remembered_bodies: 65_536,
        }
    }
}

/// `n`, which is not 0.
const fn some(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

impl WebhookConfig {
    /// Who may send.
    pub(crate) fn senders(&self, profile: Profile) -> Result<Senders, ConfigError> {
        let loopback = ["127.0.0.0/8".to_owned(), "::1".to_owned()];
        let allow = match (self.allow.is_empty(), profile) {
            (false, _) => self.allow.as_slice(),
            (true, Profile::Development) => &loopback,
            (true, Profile::Staging | Profile::Production) => {
                let reason = "empty: list the networks PPB sends from";
                return Err(ConfigError::invalid("webhook.allow", reason));
            }
        };
        Senders::parse(allow, &self.trusted_proxies)
            .map_err(|bad| ConfigError::invalid(format!("webhook.{}", bad.list), bad.to_string()))
    }

    pub(crate) fn failure_rate(&self) -> Rate {
        Rate { per_second: self.failures_per_second, burst: self.failures_burst }
    }

    pub(crate) fn sender_rate(&self) -> Rate {
        Rate { per_second: self.sender_per_second, burst: self.sender_burst }
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(crate) fn confirm_deadline(&self) -> Duration {
        Duration::from_millis(self.confirm_deadline_ms)
    }

    pub(crate) fn past_window(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.past_window_seconds))
    }

    pub(crate) fn attempt_window(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.attempt_window_seconds))
    }

    pub(crate) fn future_window(&self) -> TimeDelta {
        TimeDelta::seconds(i64::from(self.future_window_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_allowed_by_accident() {
        let config = WebhookConfig::default();
        assert!(config.senders(Profile::Production).is_err());
        assert!(config.senders(Profile::Staging).is_err());
        let local = config.senders(Profile::Development).unwrap();
        let sends = |peer: &str| local.judge(peer.parse().unwrap(), std::iter::empty()).is_ok();
        assert!(sends("127.0.0.9") && sends("::1") && !sends("192.168.1.1"));
    }

    #[test]
    fn a_bad_entry_is_refused_by_name() {
        let config = WebhookConfig { allow: vec!["196.201.0.0/33".to_owned()], ..WebhookConfig::default() };
        let text = config.senders(Profile::Production).unwrap_err().to_string();
        assert!(text.contains("webhook.allow") && text.contains("196.201.0.0/33"), "{text}");
        let config = WebhookConfig { trusted_proxies: vec!["proxy".to_owned()], ..WebhookConfig::default() };
        let text = config.senders(Profile::Development).unwrap_err().to_string();
        assert!(text.contains("webhook.trusted_proxies"), "{text}");
    }
}

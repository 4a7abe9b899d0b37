//! What all requests share.

use std::time::Duration;

use premise_broker::Publisher;
use tokio::sync::Semaphore;
use tracing::Level;
use uuid::Uuid;

use crate::allowlist::Senders;
use crate::answer::Subject;
use crate::config::WebhookConfig;
use crate::duplicates::Duplicates;
use crate::error::Refusal;
use crate::freshness::Windows;
use crate::keyring::{CurrentKeyring, Keyring};
use crate::limits::Limits;
use crate::metrics::Metrics;

/// The receiver's parts; immutable but for the secrets, the memory of repeats, the budgets and the permits.
#[derive(Debug)]
pub(crate) struct Ingest {
    pub(crate) senders: Senders,
    pub(crate) keyring: CurrentKeyring,
    pub(crate) windows: Windows,
    /// The same for the attempt, where its instant is signed.
    pub(crate) attempt_windows: Windows,
    pub(crate) limits: Limits,
    pub(crate) body_limit: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) confirm_deadline: Duration,
    /// One is held from before the publish until the confirm.
    pub(crate) permits: Semaphore,
    pub(crate) duplicates: Duplicates,
    pub(crate) publisher: Publisher,
    pub(crate) metrics: Metrics,
}

impl Ingest {
    pub(crate) fn new(
        config: &WebhookConfig,
        keyring: Keyring,
        senders: Senders,
        metrics: Metrics,
        publisher: Publisher,
    ) -> Self {
        let keep = Duration::from_secs(u64::from(config.past_window_seconds));
        Self {
            senders,
            keyring: CurrentKeyring::new(keyring),
            windows: Windows { past: config.past_window(), future: config.future_window() },
            attempt_windows: Windows { past: config.attempt_window(), future: config.attempt_window() },
            limits: Limits::new(config.failure_rate(), config.sender_rate()),
            body_limit: config.body_limit_bytes,
            body_timeout: config.body_timeout(),
            confirm_deadline: config.confirm_deadline(),
            permits: Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS)),
            duplicates: Duplicates::new(config.remembered_bodies, keep),
            publisher,
            metrics,
        }
    }

    /// From now on only these secrets count; requests in hand keep what verified them.
    pub(crate) fn replace_keyring(&self, ring: Keyring) {
        self.metrics.know(&ring);
        let keys = ring.ids().collect::<Vec<_>>().join(", ");
        self.keyring.replace(ring);
        tracing::info!(keys, "webhook secrets reloaded: {keys}; other settings take a restart");
    }

    /// Counts and logs a webhook that the broker holds.
    pub(crate) fn taken(&self, subject: &Subject, delivery_id: Uuid, repeat: bool) {
        if repeat {
            self.metrics.duplicate();
        } else {
            self.metrics.accepted();
        }
        tracing::debug!(%delivery_id, premise_id = %subject.premise_id, repeat, "webhook {delivery_id} taken");
    }

    /// Counts and logs a refusal, once, where it leaves the service.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        let row = refusal.row();
        self.metrics.refused(row.code);
        let code = row.code;
        if row.level == Level::WARN {
            tracing::warn!(code, reason = %refusal, "webhook refused: {code}");
        } else {
            tracing::debug!(code, reason = %refusal, "webhook refused: {code}");
        }
    }
}

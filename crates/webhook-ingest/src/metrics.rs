//! What the ingest measures. A closed list; labels come from enums and from the configured secrets' ids.

use std::collections::HashMap;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, exponential_buckets,
};

use crate::error::Refusal;
use crate::keyring::Keyring;

/// Metrics of the ingest, resolved to their children at start but for the secrets, which may change.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// `premise_webhook_confirm_seconds`: from publishing to the broker's confirm.
    pub(crate) confirm: Histogram,
    /// `premise_webhook_in_flight`: requests waiting for a confirm.
    pub(crate) in_flight: IntGauge,
    /// `premise_webhook_requests_total{verdict}`.
    accepted: IntCounter,
    duplicate: IntCounter,
    refused: HashMap<&'static str, IntCounter>,
    /// `premise_webhook_signature_key_total{key}`: verified requests by secret.
    keys: IntCounterVec,
}

impl Metrics {
    /// Registers all of them.
    pub(crate) fn register(registry: &Registry, keyring: &Keyring) -> prometheus::Result<Self> {
        // 0.25 ms to 4 s: from an idle local broker to past the confirm deadline.
        let buckets = exponential_buckets(0.00025, 2.0, 15)?;
        let confirm = Histogram::with_opts(
            HistogramOpts::new(
                "premise_webhook_confirm_seconds",
                "Time from publishing a webhook to the broker's confirm",
            )
            .buckets(buckets),
        )?;
        let in_flight = IntGauge::new("premise_webhook_in_flight", "Webhooks waiting for the confirm")?;
        let requests = IntCounterVec::new(
            Opts::new("premise_webhook_requests_total", "Webhook requests by verdict"),
            &["verdict"],
        )?;
        let keys = IntCounterVec::new(
            Opts::new("premise_webhook_signature_key_total", "Verified webhook requests by secret"),
            &["key"],
        )?;
        registry.register(Box::new(confirm.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(keys.clone()))?;
        let codes = Refusal::samples().into_iter().map(|refusal| refusal.row().code);
        let metrics = Self {
            confirm,
            in_flight,
            accepted: requests.with_label_values(&["accepted"]),
            duplicate: requests.with_label_values(&["duplicate"]),
            refused: codes.map(|code| (code, requests.with_label_values(&[code]))).collect(),
            keys,
        };
        metrics.know(keyring);
        Ok(metrics)
    }

    /// Shows the ring's secrets, those without a request too. Old ones stay as they are.
    pub(crate) fn know(&self, keyring: &Keyring) {
        for id in keyring.ids() {
            self.keys.with_label_values(&[id]);
        }
    }

    pub(crate) fn accepted(&self) {
        self.accepted.inc();
    }

    pub(crate) fn duplicate(&self) {
        self.duplicate.inc();
    }

    pub(crate) fn refused(&self, code: &'static str) {
        // Every code is in the table the map was made of.
        if let Some(counter) = self.refused.get(code) {
            counter.inc();
        }
    }

    pub(crate) fn verified_by(&self, key_id: &str) {
        self.keys.with_label_values(&[key_id]).inc();
    }
}

//! Deliveries of webhooks: a batch becomes one transaction and one verdict per delivery.
//!
//! Postgres away means pause: no attempt is spent. A batch that Postgres refuses is split, so that
//! only the delivery that cannot be applied is retried.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use chrono::Utc;
use premise_broker::{Delivery, Handler, Outcome, Pause, Verdict};
use premise_store::{Disposition, Store, StoreError, WebhookItem, WebhookOutcome};

use crate::{
    metrics::Metrics,
    reading::{Oddities, read},
};

/// Handles deliveries of `premise.webhooks.v1`.
pub(crate) struct ApplyWebhooks {
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
}

#[async_trait]
impl Handler for ApplyWebhooks {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        let began = Instant::now();
        let mut items = Vec::with_capacity(batch.len());
        let mut oddities = Vec::with_capacity(batch.len());
        let mut verdicts: Vec<Option<Verdict>> = Vec::with_capacity(batch.len());
        for delivery in batch {
            match read(delivery) {
                Ok(reading) => {
                    items.push(reading.item);
                    oddities.push(reading.oddities);
                    verdicts.push(None);
                }
                Err(verdict) => verdicts.push(Some(verdict)),
            }
        }
        let mut applied = self.apply(&items, &oddities).await?.into_iter();
        self.metrics.processing.observe(began.elapsed().as_secs_f64());
        Ok(verdicts.into_iter().filter_map(|verdict| verdict.or_else(|| applied.next())).collect())
    }

    fn settled(&self, _: &Delivery, outcome: Outcome) {
        match outcome {
            Outcome::Done => {}
            Outcome::Retried { tier } => self.metrics.attempts.with_label_values(&[tier]).inc(),
            Outcome::DeadLettered { reason } => {
                self.metrics.dead_letters.with_label_values(&[reason]).inc();
                self.metrics.events.with_label_values(&["dead_lettered"]).inc();
            }
        }
    }
}

impl ApplyWebhooks {
    async fn apply(&self, items: &[WebhookItem], oddities: &[Oddities]) -> Result<Vec<Verdict>, Pause> {
        match self.store.apply_webhooks(items).await {
            Ok(outcomes) => Ok(self.verdicts(items, oddities, &outcomes)),
            Err(error) if error.disposition() == Disposition::Unavailable => Err(pause(&error)),
            Err(error) if items.len() == 1 => Ok(vec![retry(&items[0], &error)]),
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    deliveries = items.len(),
                    "a batch was refused, splitting it"
                );
                self.apply_one_by_one(items, oddities).await
            }
        }
    }

    async fn apply_one_by_one(
        &self,
        items: &[WebhookItem],
        oddities: &[Oddities],
    ) -> Result<Vec<Verdict>, Pause> {
        let mut verdicts = Vec::with_capacity(items.len());
        for (item, oddities) in items.iter().zip(oddities) {
            let (item, oddities) = (std::slice::from_ref(item), std::slice::from_ref(oddities));
            verdicts.push(match self.store.apply_webhooks(item).await {
                Ok(outcomes) => self.verdicts(item, oddities, &outcomes).remove(0),
                Err(error) if error.disposition() == Disposition::Unavailable => return Err(pause(&error)),
                Err(error) => retry(&item[0], &error),
            });
        }
        Ok(verdicts)
    }

    fn verdicts(
        &self,
        items: &[WebhookItem],
        oddities: &[Oddities],
        outcomes: &[WebhookOutcome],
    ) -> Vec<Verdict> {
        let committed_at = Utc::now();
        for (oddities, _) in oddities.iter().zip(outcomes).filter(|(_, o)| **o != WebhookOutcome::Duplicate) {
            self.metrics.partial.inc_by(u64::from(oddities.partial));
            self.metrics.naive_timestamps.inc_by(oddities.naive_timestamps);
        }
        let verdict = |(item, outcome): (&WebhookItem, &WebhookOutcome)| {
            if *outcome == WebhookOutcome::Incomplete {
                let id = item.observation.premise_id;
                let detail = format!("{id} is not known yet, and the event does not give its premisename");
                return Verdict::DeadLetter { reason: "incomplete", detail };
            }
            self.metrics.events.with_label_values(&[outcome.as_str()]).inc();
            let waited = (committed_at - item.received_at).to_std().unwrap_or_default();
            self.metrics.end_to_end.observe(waited.as_secs_f64());
            Verdict::Done
        };
        items.iter().zip(outcomes).map(verdict).collect()
    }
}

/// Postgres refuses this delivery. Its error says why without the values.
fn retry(item: &WebhookItem, error: &StoreError) -> Verdict {
    let (delivery_id, reason) = (item.delivery_id, chain(error));
    tracing::warn!(%delivery_id, reason, "delivery {delivery_id} was refused");
    Verdict::Retry { reason }
}

pub(crate) fn pause(error: &StoreError) -> Pause {
    Pause { reason: chain(error) }
}

/// An error with its causes. The store's errors hold no data of a premise.
pub(crate) fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

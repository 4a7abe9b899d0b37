//! Dead letters move from the queue to Postgres, where operators find them. A letter is
//! acknowledged after the commit and stays in the queue while Postgres is away.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use premise_broker::{DeadLetter, Delivery, Handler, Pause, Verdict};
use premise_domain::{envelope::Envelope, webhook::WebhookEvent};
use premise_store::{DeadLetterItem, Disposition, Store};
use uuid::Uuid;

use crate::{applying::pause, metrics::Metrics};

/// Handles deliveries of `premise.webhooks.v1.dlq`.
pub(crate) struct ArchiveDeadLetters {
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
}

#[async_trait]
impl Handler for ArchiveDeadLetters {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        let now = Utc::now();
        let letters: Vec<DeadLetterItem> = batch.iter().map(|delivery| read(delivery, now)).collect();
        match self.store.keep_dead_letters(&letters).await {
            Ok(open) => {
                self.metrics.dead_letters_open.set(open);
                for letter in &letters {
                    tracing::warn!(
                        delivery_id = %letter.delivery_id, reason = letter.reason, attempts = letter.attempts,
                        "dead letter {} kept: {}", letter.delivery_id, letter.reason
                    );
                }
                Ok(vec![Verdict::Done; batch.len()])
            }
            // Letting go of a dead letter would lose it: whatever the error, it stays in the queue.
            Err(error) => {
                if error.disposition() == Disposition::Rejected {
                    tracing::error!(%error, "Postgres refuses dead letters; they stay in the queue");
                }
                Err(pause(&error))
            }
        }
    }
}

fn read(delivery: &Delivery, now: DateTime<Utc>) -> DeadLetterItem {
    let letter = DeadLetter::read(delivery);
    let text = String::from_utf8_lossy(delivery.body()).into_owned();
    let envelope: Option<Envelope> = serde_json::from_str(&text).ok();
    let event = envelope.as_ref().and_then(|envelope| WebhookEvent::parse(&envelope.body).ok());
    DeadLetterItem {
        delivery_id: envelope.as_ref().map_or_else(|| id_of(delivery), |envelope| envelope.delivery_id),
        reason: letter.reason,
        detail: letter.detail,
        attempts: letter.attempts,
        action: event.as_ref().map(|event| event.action),
        premise_id: event.as_ref().map(|event| event.premise_id),
        webhook_id: event.and_then(|event| event.webhook_id),
        received_at: envelope.map_or(now, |envelope| envelope.received_at),
        first_failed_at: letter.first_failure_at.unwrap_or(now),
        envelope: text,
    }
}

/// A message that is no envelope is known by its message id, or by its bytes.
fn id_of(delivery: &Delivery) -> Uuid {
    let named = delivery.message_id().and_then(|id| id.parse().ok());
    named.unwrap_or_else(|| {
        let digest = premise_domain::signature::idempotency_key(delivery.body());
        Uuid::parse_str(&digest[..32]).unwrap_or_else(|_| unreachable!("32 hex digits are a UUID"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_cannot_be_read_under_a_stable_id() {
        let now = Utc::now();
        let letter = read(&Delivery::fabricated(b"nonsense \xff".to_vec(), &[]), now);
        assert_eq!(letter.envelope, "nonsense \u{fffd}");
        assert_eq!(
            letter.delivery_id,
            read(&Delivery::fabricated(b"nonsense \xff".to_vec(), &[]), now).delivery_id
        );
        assert_eq!((letter.premise_id, letter.received_at), (None, now));
    }
}

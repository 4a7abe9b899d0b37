//! Turns verdicts into published retries and dead letters, and then into acknowledgements.
//!
//! Nothing is acknowledged before its retry or dead letter is confirmed. What cannot be published
//! stays unacknowledged and is handled again; that spends no attempt.

use chrono::Utc;
use futures_util::future::join_all;
use lapin::options::BasicAckOptions;

use super::{Consumer, Handler, Outcome, Verdict};
use crate::delivery::Delivery;
use crate::error::LinkError;
use crate::ladder::{Failure, Step, step};

/// Settles what can be settled and returns the rest.
pub(super) async fn settle<H: Handler + ?Sized>(
    consumer: &Consumer,
    handler: &H,
    batch: Vec<Delivery>,
    verdicts: Vec<Verdict>,
) -> Result<Vec<Delivery>, LinkError> {
    let outcomes = join_all(
        batch.iter().zip(&verdicts).map(|(delivery, verdict)| conclude(consumer, delivery, verdict)),
    )
    .await;
    if outcomes.iter().all(Option::is_some) {
        if let Some(last) = batch.last() {
            acknowledge(last, true).await?;
        }
    } else {
        for (delivery, _) in batch.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_some()) {
            acknowledge(delivery, false).await?;
        }
    }
    let mut left = Vec::new();
    for (delivery, outcome) in batch.into_iter().zip(outcomes) {
        match outcome {
            Some(outcome) => handler.settled(&delivery, outcome),
            None => left.push(delivery),
        }
    }
    Ok(left)
}

/// The outcome once it is safe at the broker; `None` when it is not.
async fn conclude(consumer: &Consumer, delivery: &Delivery, verdict: &Verdict) -> Option<Outcome> {
    let failure = match verdict {
        Verdict::Done => return Some(Outcome::Done),
        Verdict::Retry { reason } => Failure::Retry { reason },
        Verdict::DeadLetter { reason, detail } => Failure::DeadLetter { reason, detail },
    };
    let queue = consumer.options.queue;
    let (message, outcome) = match step(queue, delivery, failure, Utc::now(), rand::random()) {
        Step::Wait { message, tier } => (message, Outcome::Retried { tier }),
        Step::DeadLetter { message, reason } => (message, Outcome::DeadLettered { reason }),
        Step::Keep => return None,
    };
    match consumer.publisher.publish(message).await {
        Ok(_confirmed) => Some(outcome),
        Err(error) => {
            tracing::warn!(queue = queue.name(), %error, "a retry or dead letter was not confirmed");
            None
        }
    }
}

/// `multiple` acknowledges everything delivered before, too: all of it is settled then.
async fn acknowledge(delivery: &Delivery, multiple: bool) -> Result<(), LinkError> {
    let taken = delivery.inner.acker.ack(BasicAckOptions { multiple }).await?;
    // The channel is gone; the broker delivers again.
    if taken { Ok(()) } else { Err(LinkError::Closed) }
}

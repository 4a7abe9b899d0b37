//! The retry ladder, pure: what becomes of a delivery whose handling did not succeed.
//!
//! Attempt 1 fails → first wait queue, attempt 2 fails → second, attempt 3 fails → dead letters.
//! The attempt number is a header of our own: the broker's redelivery counts rise on every lost
//! connection, and an outage must not spend attempts.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::dead_letter::{ATTEMPTS_EXHAUSTED, DeadLetter, truncated};
use crate::delivery::Delivery;
use crate::headers;
use crate::message::{Outgoing, Route};
use crate::queues::{Wait, WorkQueue};

const MAX_REASON_BYTES: usize = 1024;

/// Why a delivery is not done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure<'a> {
    Retry { reason: &'a str },
    DeadLetter { reason: &'static str, detail: &'a str },
}

/// Where the delivery goes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// To a wait queue, from which it returns as the next attempt.
    Wait { message: Outgoing, tier: &'static str },
    /// To the dead letters.
    DeadLetter { message: Outgoing, reason: &'static str },
    /// Nowhere: this queue never gives up, so the delivery is handled again later.
    Keep,
}

/// Decides the step. `jitter` in 0.0 ..= 1.0 scales the wait's random part.
pub(crate) fn step(
    queue: WorkQueue,
    delivery: &Delivery,
    failure: Failure<'_>,
    now: DateTime<Utc>,
    jitter: f64,
) -> Step {
    let attempt = delivery.attempt();
    let first_failure_at = delivery.first_failure_at().unwrap_or(now);
    let (reason, detail) = match failure {
        Failure::Retry { reason } => match wait_after(queue, attempt) {
            Some(wait) => {
                let message = waiting(delivery, wait, reason, first_failure_at, jitter);
                return Step::Wait { message, tier: wait.tier };
            }
            None => (ATTEMPTS_EXHAUSTED, reason),
        },
        Failure::DeadLetter { reason, detail } => (reason, detail),
    };
    let Some(dead_letters) = queue.dead_letters() else { return Step::Keep };
    let letter = DeadLetter {
        reason: reason.to_owned(),
        detail: detail.to_owned(),
        attempts: attempt,
        first_failure_at: Some(first_failure_at),
    };
    let mut message = copy(delivery, Route::to(dead_letters));
    letter.write(&mut message.headers);
    Step::DeadLetter { message, reason }
}

fn wait_after(queue: WorkQueue, attempt: u32) -> Option<&'static Wait> {
    queue.waits().get(usize::try_from(attempt).ok()?.checked_sub(1)?)
}

fn waiting(
    delivery: &Delivery,
    wait: &'static Wait,
    reason: &str,
    first_failure_at: DateTime<Utc>,
    jitter: f64,
) -> Outgoing {
    let mut message = copy(delivery, Route::wait(wait));
    let table = &mut message.headers;
    headers::set_number(table, headers::ATTEMPT, delivery.attempt() + 1);
    headers::set_text(table, headers::REASON, truncated(reason, MAX_REASON_BYTES));
    headers::set_instant(table, headers::FIRST_FAILURE_AT, first_failure_at);
    message.expiration = Some(wait.delay + wait.jitter.mul_f64(jitter.clamp(0.0, 1.0)));
    message
}

fn copy(delivery: &Delivery, route: Route) -> Outgoing {
    let mut message = Outgoing::json(route, Bytes::copy_from_slice(delivery.body()));
    if let Some(id) = delivery.message_id() {
        message = message.with_message_id(id);
    }
    if let Some(table) = delivery.table() {
        message.headers = headers::carried(table);
    }
    message
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(attempt: u32) -> Delivery {
        let mut delivery = Delivery::fabricated("{}", &[("traceparent", "00-1")]);
        let mut table = delivery.table().unwrap().clone();
        if attempt > 1 {
            headers::set_number(&mut table, headers::ATTEMPT, attempt);
            headers::set_instant(&mut table, headers::FIRST_FAILURE_AT, instant(1));
        }
        delivery.inner.properties =
            std::mem::take(&mut delivery.inner.properties).with_headers(table).with_message_id("m-1".into());
        delivery
    }

    fn instant(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn retry(queue: WorkQueue, attempt: u32, jitter: f64) -> Step {
        step(queue, &at(attempt), Failure::Retry { reason: "row locked" }, instant(9), jitter)
    }

    #[test]
    fn three_attempts_then_the_dead_letters() {
        for (attempt, queue, least, most) in [
            (1, "premise.webhooks.v1.wait.2s", 2_000, 2_500),
            (2, "premise.webhooks.v1.wait.4s", 4_000, 5_000),
        ] {
            for (jitter, expiration) in [(0.0, least), (1.0, most)] {
                let Step::Wait { message, .. } = retry(WorkQueue::Webhooks, attempt, jitter) else {
                    panic!("attempt {attempt} waits")
                };
                assert_eq!(message.route.key, queue);
                assert_eq!(message.expiration, Some(Duration::from_millis(expiration)));
                assert_eq!(headers::number(&message.headers, headers::ATTEMPT), Some(attempt + 1));
                assert_eq!(message.message_id.as_deref(), Some("m-1"));
            }
        }
        let Step::DeadLetter { message, reason } = retry(WorkQueue::Webhooks, 3, 0.5) else {
            panic!("the third is the last")
        };
        assert_eq!(reason, ATTEMPTS_EXHAUSTED);
        assert_eq!(message.route.key, "premise.webhooks.v1.dlq");
        assert_eq!(headers::number(&message.headers, headers::ATTEMPTS), Some(3));
        assert_eq!(headers::text(&message.headers, headers::DETAIL), Some("row locked"));
        assert_eq!(headers::text(&message.headers, headers::TRACEPARENT), Some("00-1"));
    }

    #[test]
    fn the_first_failure_is_remembered() {
        let Step::Wait { message, .. } = retry(WorkQueue::Webhooks, 1, 0.0) else { panic!() };
        assert_eq!(headers::instant(&message.headers, headers::FIRST_FAILURE_AT), Some(instant(9)));
        let Step::DeadLetter { message, .. } = retry(WorkQueue::Webhooks, 3, 0.0) else { panic!() };
        assert_eq!(headers::instant(&message.headers, headers::FIRST_FAILURE_AT), Some(instant(1)));
    }

    #[test]
    fn poison_skips_the_waits() {
        let failure = Failure::DeadLetter { reason: "invalid", detail: "data: missing" };
        let Step::DeadLetter { message, reason } =
            step(WorkQueue::Webhooks, &at(1), failure, instant(9), 0.0)
        else {
            panic!()
        };
        assert_eq!(reason, "invalid");
        assert_eq!(headers::number(&message.headers, headers::ATTEMPTS), Some(1));
    }

    #[test]
    fn queues_without_waits_or_dead_letters() {
        assert!(matches!(retry(WorkQueue::SyncRuns, 1, 0.0), Step::DeadLetter { .. }));
        assert!(matches!(retry(WorkQueue::WebhookDeadLetters, 7, 0.0), Step::Keep));
    }
}

//! Takes a verified request: reads it, makes its envelope, and answers when the broker holds it.

use actix_web::{HttpResponse, web};
use premise_broker::{Confirmed, DeadLetter, Outgoing, PublishError, Route, WorkQueue};
use premise_domain::FieldError;
use premise_domain::envelope::Envelope;
use premise_domain::signature::idempotency_key;
use premise_domain::webhook::{InvalidWebhook, WebhookEvent};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::answer::{self, Subject};
use crate::duplicates::{Digest, Known};
use crate::error::Refusal;
use crate::ingest::Ingest;
use crate::verified_request::VerifiedRequest;

/// Reason of the dead letter of an event that is authentic and not valid.
const INVALID: &str = "invalid";

/// The webhook route.
pub(crate) async fn receive(
    request: VerifiedRequest,
    ingest: web::Data<Ingest>,
) -> Result<HttpResponse, Refusal> {
    let taken = take(&ingest, request).await;
    match &taken {
        Ok(taken) => ingest.taken(&taken.subject, taken.delivery_id, taken.repeat),
        Err(refusal) => ingest.refused(refusal),
    }
    taken.map(Taken::answer)
}

/// A webhook that the broker holds.
struct Taken {
    subject: Subject,
    delivery_id: Uuid,
    repeat: bool,
}

impl Taken {
    fn answer(self) -> HttpResponse {
        if self.repeat {
            answer::already_processed(&self.subject, self.delivery_id)
        } else {
            answer::accepted(&self.subject, self.delivery_id)
        }
    }
}

/// What a body says: an event, or the reasons why it is none. Both are kept.
enum Read {
    Event(Subject),
    Invalid(Vec<FieldError>),
}

async fn take(ingest: &Ingest, request: VerifiedRequest) -> Result<Taken, Refusal> {
    let deadline = Instant::now() + ingest.confirm_deadline;
    let read = read(ingest, &request)?;
    let key = idempotency_key(request.body());
    let claim = match timeout_at(deadline, ingest.duplicates.claim(digest(&key), now())).await {
        Ok(Known::New(claim)) => claim,
        Ok(Known::Accepted(delivery_id)) => return conclude(read, delivery_id, true),
        Err(_) => return Err(PublishError::DeadlinePassed(ingest.confirm_deadline).into()),
    };
    ingest.limits.stores(request.key_id()).map_err(Refusal::RateLimited)?;
    let permit = ingest.permits.try_acquire().map_err(|_| Refusal::Overloaded)?;
    let envelope = envelope(request, key)?;
    let delivery_id = envelope.delivery_id;
    let _confirmed: Confirmed = publish(ingest, &envelope, &read, deadline).await?;
    drop(permit);
    claim.accepted(delivery_id, now());
    conclude(read, delivery_id, false)
}

fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// An invalid event is refused after it was kept, and again when it is repeated.
fn conclude(read: Read, delivery_id: Uuid, repeat: bool) -> Result<Taken, Refusal> {
    match read {
        Read::Event(subject) => Ok(Taken { subject, delivery_id, repeat }),
        Read::Invalid(errors) => Err(Refusal::Invalid(errors)),
    }
}

fn read(ingest: &Ingest, request: &VerifiedRequest) -> Result<Read, Refusal> {
    ingest.attempt_windows.judge(request.attempted_at(), request.received_at())?;
    let text = std::str::from_utf8(request.body())
        .map_err(|error| Refusal::Malformed(format!("not UTF-8 after byte {}", error.valid_up_to())))?;
    match WebhookEvent::parse(text) {
        Ok(event) => {
            ingest.windows.judge(event.timestamp.map(|time| time.at), request.received_at())?;
            let WebhookEvent { action, premise_id, webhook_id, .. } = event;
            Ok(Read::Event(Subject { action, premise_id, webhook_id }))
        }
        Err(InvalidWebhook::Malformed(reason)) => Err(Refusal::Malformed(reason)),
        Err(InvalidWebhook::Invalid(errors)) => Ok(Read::Invalid(errors)),
    }
}

fn envelope(request: VerifiedRequest, idempotency_key: String) -> Result<Envelope, Refusal> {
    Ok(Envelope {
        delivery_id: Uuid::new_v4(),
        received_at: request.received_at(),
        idempotency_key,
        key_id: request.key_id().to_owned(),
        remote_addr: request.sender().to_string(),
        traceparent: request.traceparent().map(ToOwned::to_owned),
        body: String::from_utf8(request.into_body())
            .map_err(|error| Refusal::Malformed(error.utf8_error().to_string()))?,
    })
}

async fn publish(
    ingest: &Ingest,
    envelope: &Envelope,
    read: &Read,
    deadline: Instant,
) -> Result<Confirmed, Refusal> {
    let body = serde_json::to_vec(envelope).map_err(|error| Refusal::Malformed(error.to_string()))?;
    let message = match read {
        Read::Event(_) => Outgoing::json(Route::to(WorkQueue::Webhooks), body),
        Read::Invalid(errors) => {
            let letter = DeadLetter {
                reason: INVALID.to_owned(),
                detail: FieldError::join(errors),
                attempts: 0,
                first_failure_at: Some(envelope.received_at),
            };
            Outgoing::json(Route::to(WorkQueue::WebhookDeadLetters), body).with_dead_letter(&letter)
        }
    };
    let message = message
        .with_message_id(envelope.delivery_id.to_string())
        .with_traceparent(envelope.traceparent.as_deref());
    let waiting = InFlight::new(ingest);
    let left = deadline.saturating_duration_since(Instant::now());
    let confirmed = ingest.publisher.publish_within(message, left).await;
    waiting.ended(confirmed.is_ok());
    Ok(confirmed?)
}

/// Counts a request that waits for its confirm, also when its sender hangs up.
struct InFlight<'a> {
    ingest: &'a Ingest,
    since: Instant,
}

impl<'a> InFlight<'a> {
    fn new(ingest: &'a Ingest) -> Self {
        ingest.metrics.in_flight.inc();
        Self { ingest, since: Instant::now() }
    }

    fn ended(self, confirmed: bool) {
        if confirmed {
            self.ingest.metrics.confirm.observe(self.since.elapsed().as_secs_f64());
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.ingest.metrics.in_flight.dec();
    }
}

/// The bytes of the key's hex digits.
fn digest(key: &str) -> Digest {
    let mut digest = [0; 32];
    match hex::decode_to_slice(key, &mut digest) {
        Ok(()) => digest,
        Err(_) => unreachable!("the idempotency key is the hex form of 32 bytes"),
    }
}

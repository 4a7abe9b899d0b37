//! A dead letter: what was given up and why, and to operators also what it said.

use chrono::{DateTime, Utc};
use premise_domain::PremiseId;
use premise_domain::envelope::Envelope;
use premise_store::ReplayVerdict;
use premise_store::reads::dead_letters::{DeadLetterRow, Holder};
use serde::Serialize;
use uuid::Uuid;

/// A page of dead letters.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterList {
    pub(crate) dead_letters: Vec<DeadLetterView>,
    pub(crate) total: i64,
    pub(crate) page: u32,
    pub(crate) limit: u32,
}

/// A dead letter without what it said.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterView {
    id: i64,
    delivery_id: Uuid,
    status: &'static str,
    reason: String,
    detail: String,
    attempts: i32,
    action: Option<String>,
    /// `PREMISE-34014`, where it could be read.
    premise_id: Option<String>,
    webhook_id: Option<String>,
    received_at: DateTime<Utc>,
    first_failed_at: DateTime<Utc>,
    dead_at: DateTime<Utc>,
    /// Who replayed or discarded it last, when and why; an open one has died again since.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_reason: Option<String>,
}

impl From<DeadLetterRow> for DeadLetterView {
    fn from(row: DeadLetterRow) -> Self {
        let premise_id = row.premise_id.and_then(|id| PremiseId::try_from(id).ok());
        Self {
            id: row.id,
            delivery_id: row.delivery_id,
            status: row.status.as_str(),
            reason: row.reason,
            detail: row.detail,
            attempts: row.attempts,
            action: row.action,
            premise_id: premise_id.map(|id| id.to_string()),
            webhook_id: row.webhook_id,
            received_at: row.received_at,
            first_failed_at: row.first_failed_at,
            dead_at: row.dead_at,
            settled_by: row.settled_by,
            settled_at: row.settled_at,
            settled_reason: row.settled_reason,
        }
    }
}

/// A dead letter in full. No `Debug`: the body names a person.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterDetail {
    #[serde(flatten)]
    letter: DeadLetterView,
    verdict_now: VerdictView,
    /// The exact bytes that were signed.
    raw_body: Option<String>,
    key_id: Option<String>,
    remote_addr: Option<String>,
    traceparent: Option<String>,
    /// The message as it was in the queue, when it is no envelope.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl DeadLetterDetail {
    pub(crate) fn new(row: DeadLetterRow, message: String, verdict_now: VerdictView) -> Self {
        let letter = row.into();
        match serde_json::from_str::<Envelope>(&message) {
            Ok(envelope) => Self {
                letter,
                verdict_now,
                raw_body: Some(envelope.body),
                key_id: Some(envelope.key_id),
                remote_addr: Some(envelope.remote_addr),
                traceparent: envelope.traceparent,
                message: None,
            },
            Err(_) => Self {
                letter,
                verdict_now,
                raw_body: None,
                key_id: None,
                remote_addr: None,
                traceparent: None,
                message: Some(message),
            },
        }
    }
}

/// What a replay would do at the time of the answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerdictView {
    verdict: &'static str,
    /// Of `apply`: created, updated, deleted, reinstated or unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// Of `invalid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Of `stale`: what holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<HolderView>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderView {
    channel: String,
    /// The run, or for `webhook` the delivery.
    source_ref: Uuid,
    effective_at: DateTime<Utc>,
}

impl VerdictView {
    /// `holder` is asked for when the verdict is `stale`.
    pub(crate) fn new(verdict: ReplayVerdict, holder: Option<Holder>) -> Self {
        let word = verdict.as_str();
        let (outcome, reason, detail) = match verdict {
            ReplayVerdict::Apply(outcome) => (Some(outcome.as_str()), None, None),
            ReplayVerdict::Duplicate | ReplayVerdict::Stale => (None, None, None),
            ReplayVerdict::Invalid { reason, detail } => (None, Some(reason), Some(detail)),
        };
        let superseded_by = holder.map(|holder| HolderView {
            channel: holder.channel,
            source_ref: holder.source_ref,
            effective_at: holder.effective_at,
        });
        Self { verdict: word, outcome, reason, detail, superseded_by }
    }
}

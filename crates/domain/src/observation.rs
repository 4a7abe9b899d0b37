//! Every statement about a premise, by whatever road it came, in the one form that is applied.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    PremiseId,
    normalise::Normalised,
    premise::EncodedContent,
    rank::Rank,
    webhook::{Action, WebhookEvent},
};

/// How far ahead of our clock a statement may be stamped.
pub const MAX_FUTURE: TimeDelta = TimeDelta::minutes(5);

/// The road an observation came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// PPB's webhook.
    Webhook,
    /// A full pull of the catalogue.
    Full,
    /// A pull of what changed since a time.
    Incremental,
    /// PPB's change feed.
    Feed,
}

impl Channel {
    /// The word in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Feed => "feed",
        }
    }
}

/// A statement about one premise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The premise.
    pub premise_id: PremiseId,
    /// Its place in the one order.
    pub rank: Rank,
    /// What it says, or `None` for a tombstone.
    pub content: Option<EncodedContent>,
    /// PPB's `lastModified`, where it was said and is believed.
    pub modified_at: Option<DateTime<Utc>>,
    /// The row or the event's data as it came, for audit.
    pub raw: String,
    /// The delivery or the run that brought it.
    pub source_ref: Uuid,
}

/// An event is stamped too far in the future to be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {at} is more than 5 minutes after the receipt at {received_at}")]
pub struct FutureTimestamp {
    /// Which of its timestamps.
    pub field: &'static str,
    /// What it says.
    pub at: DateTime<Utc>,
    /// When the request was received.
    pub received_at: DateTime<Utc>,
}

impl Observation {
    /// What a webhook says. Without a `timestamp` it was said when it was received.
    pub fn of_event(
        event: WebhookEvent,
        received_at: DateTime<Utc>,
        delivery_id: Uuid,
    ) -> Result<Self, FutureTimestamp> {
        let said_at = event.timestamp.map_or(received_at, |time| time.at);
        let modified_at = event.last_modified.map(|time| time.at);
        for (field, at) in [("timestamp", Some(said_at)), ("data.lastModified", modified_at)] {
            if let Some(at) = at
                && at - received_at > MAX_FUTURE
            {
                return Err(FutureTimestamp { field, at, received_at });
            }
        }
        let content = (event.action != Action::Deleted).then(|| event.content.encode());
        Ok(Self {
            premise_id: event.premise_id,
            rank: Rank::of_event(said_at, modified_at, content.as_ref().map(|c| c.hash)),
            content,
            modified_at,
            raw: event.raw_data,
            source_ref: delivery_id,
        })
    }

    /// What a catalogue row says, in a response that reflects `r` or later. A `lastModified` in
    /// the future is passed over.
    pub fn of_row(row: &Normalised, raw: &str, r: DateTime<Utc>, lag: TimeDelta, run_id: Uuid) -> Self {
        let modified_at = row.last_modified.map(|time| time.at).filter(|at| *at - r <= MAX_FUTURE);
        let content = row.content.encode();
        Self {
            premise_id: row.premise_id,
            rank: Rank::of_row(r, lag, modified_at, content.hash),
            content: Some(content),
            modified_at,
            raw: raw.to_owned(),
            source_ref: run_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue::read_row, source_time};

    fn at(text: &str) -> DateTime<Utc> {
        source_time::parse(text).unwrap().at
    }

    fn event(json: &str) -> WebhookEvent {
        WebhookEvent::parse(json).unwrap()
    }

    #[test]
    fn an_event_without_timestamp_was_said_at_receipt() {
        let received = at("2026-01-01T00:00:00Z");
        let untimed = event(r#"{"action":"updated","data":{"premiseid":1,"premisename":"A"}}"#);
        let observation = Observation::of_event(untimed, received, Uuid::nil()).unwrap();
        assert_eq!(observation.rank.effective_at, received);
    }

    #[test]
    fn a_deletion_becomes_a_tombstone() {
        let deleted = event(r#"{"action":"deleted","data":{"premiseid":1,"premisename":"A"}}"#);
        let observation = Observation::of_event(deleted, at("2026-01-01T00:00:00Z"), Uuid::nil()).unwrap();
        assert!(observation.rank.is_tombstone && observation.content.is_none());
    }

    #[test]
    fn an_event_from_the_future_is_refused() {
        let received = at("2026-01-01T00:00:00Z");
        let body = |field: &str| match field {
            "timestamp" => {
                event(r#"{"action":"deleted","timestamp":"2026-01-01T00:05:01Z","data":{"premiseid":1}}"#)
            }
            _ => {
                event(r#"{"action":"updated","data":{"premiseid":1,"lastModified":"2026-01-01T00:05:01Z"}}"#)
            }
        };
        for field in ["timestamp", "data.lastModified"] {
            assert_eq!(Observation::of_event(body(field), received, Uuid::nil()).unwrap_err().field, field);
        }
        assert!(Observation::of_event(body("timestamp"), at("2026-01-01T00:00:01Z"), Uuid::nil()).is_ok());
    }

    #[test]
    fn a_row_modified_in_the_future_counts_as_unstamped() {
        let r = at("2026-01-01T00:00:00Z");
        let raw = r#"{"premiseid":1,"premisename":"A","lastModified":"2027-01-01T00:00:00Z"}"#;
        let lag = TimeDelta::minutes(15);
        let observation = Observation::of_row(&read_row(raw).unwrap(), raw, r, lag, Uuid::nil());
        assert_eq!(observation.rank.effective_at, r - lag);
    }
}

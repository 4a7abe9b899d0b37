//! What a replay of a dead letter would do now. It is found by doing it and undoing it, so it is what
//! a replay at this moment does; a statement that is applied in between may change it.

use super::{WebhookOutcome, read_envelope};
use crate::{Disposition, Store, StoreError};

/// What a replay would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayVerdict {
    /// It would hold from now on, with this effect.
    Apply(WebhookOutcome),
    /// The same body, or the same statement, had its effect before.
    Duplicate,
    /// Something newer holds.
    Stale,
    /// It would become a dead letter again.
    Invalid {
        /// Stable code.
        reason: &'static str,
        /// Explanation for people.
        detail: String,
    },
}

impl ReplayVerdict {
    /// The word on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Apply(_) => "apply",
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::Invalid { .. } => "invalid",
        }
    }
}

impl From<WebhookOutcome> for ReplayVerdict {
    fn from(outcome: WebhookOutcome) -> Self {
        match outcome {
            WebhookOutcome::Created
            | WebhookOutcome::Updated
            | WebhookOutcome::Deleted
            | WebhookOutcome::Reinstated
            | WebhookOutcome::Unchanged => Self::Apply(outcome),
            WebhookOutcome::Duplicate => Self::Duplicate,
            WebhookOutcome::Stale => Self::Stale,
            WebhookOutcome::Incomplete => Self::Invalid {
                reason: "incomplete",
                detail: "the premise is not known, and the event does not give its premisename".to_owned(),
            },
        }
    }
}

impl Store {
    /// What replaying the message of a dead letter would do now.
    pub async fn replay_verdict(&self, message: &str) -> Result<ReplayVerdict, StoreError> {
        let item = match read_envelope(message.as_bytes(), |_| ()) {
            Ok((item, ())) => item,
            Err(error) => return Ok(ReplayVerdict::Invalid { reason: error.reason, detail: error.detail }),
        };
        match self.rehearse_webhooks(&[item]).await {
            Ok(outcomes) => Ok(outcomes[0].into()),
            Err(error) if error.disposition() == Disposition::Rejected => {
                Ok(ReplayVerdict::Invalid { reason: "refused", detail: error.to_string() })
            }
            Err(error) => Err(error),
        }
    }
}

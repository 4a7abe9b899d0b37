//! The queues that services consume, and the retry ladder of each.

use std::time::Duration;

/// A queue that a service consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkQueue {
    /// Verified webhook requests, from `webhook-ingest` to `sync-worker`.
    Webhooks,
    /// Webhook requests that were given up.
    WebhookDeadLetters,
    /// Requests to run a sync, to `batch-puller`.
    SyncRuns,
    /// Requests to run a sync that were given up.
    SyncRunDeadLetters,
}

impl WorkQueue {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Webhooks, Self::WebhookDeadLetters, Self::SyncRuns, Self::SyncRunDeadLetters];

    /// Name without prefix; also the routing key on `premise.inbound`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "premise.webhooks.v1",
            Self::WebhookDeadLetters => "premise.webhooks.v1.dlq",
            Self::SyncRuns => "premise.sync-runs.v1",
            Self::SyncRunDeadLetters => "premise.sync-runs.v1.dlq",
        }
    }

    /// The waits between attempts. One attempt more than there are waits, then the dead letters.
    pub fn waits(self) -> &'static [Wait] {
        match self {
            Self::Webhooks => &WEBHOOK_WAITS,
            Self::WebhookDeadLetters | Self::SyncRuns | Self::SyncRunDeadLetters => &[],
        }
    }

    /// Where a given-up message goes. A queue without one never gives up.
    pub fn dead_letters(self) -> Option<Self> {
        match self {
            Self::Webhooks => Some(Self::WebhookDeadLetters),
            Self::SyncRuns => Some(Self::SyncRunDeadLetters),
            Self::WebhookDeadLetters | Self::SyncRunDeadLetters => None,
        }
    }
}

/// One tier of the retry ladder: a queue whose messages return to their work queue by expiring.
#[derive(Debug, PartialEq, Eq)]
pub struct Wait {
    /// Queue name without prefix; also the routing key.
    pub queue: &'static str,
    /// Short name, for metrics.
    pub tier: &'static str,
    /// The shortest wait.
    pub delay: Duration,
    /// Up to this much is added at random, so that what failed together does not return together.
    /// It is also the longest time a message can be held up by one before it: `RabbitMQ` expires a
    /// queue from its head.
    pub jitter: Duration,
}

static WEBHOOK_WAITS: [Wait; 2] = [
    Wait {
        queue: "premise.webhooks.v1.wait.2s",
        tier: "2s",
        delay: Duration::from_secs(2),
        jitter: Duration::from_millis(500),
    },
    Wait {
        queue: "premise.webhooks.v1.wait.4s",
        tier: "4s",
        delay: Duration::from_secs(4),
        jitter: Duration::from_secs(1),
    },
];

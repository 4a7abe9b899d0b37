//! Consumes a queue in micro-batches and turns verdicts into acknowledgements.
//!
//! A batch is what has arrived, up to a maximum; it never lingers for more. While a handler pauses,
//! the batch stays unacknowledged and is handled again after a wait: an outage of Postgres spends no
//! attempts. When the connection is lost the broker delivers everything unacknowledged again, so
//! handlers must be idempotent.

mod session;
mod settle;
mod source;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::backoff::Waits;
use crate::config::BrokerConfig;
use crate::delivery::Delivery;
use crate::error::chain;
use crate::publisher::Publisher;
use crate::queues::WorkQueue;
use crate::state::{Readiness, State};
use session::Session;

/// A subscription that lived this long was a good one: the next wait is the shortest again.
const SETTLED_AFTER: Duration = Duration::from_secs(5);

/// What becomes of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Its effect is durable, or it needs none.
    Done,
    /// Try again later; spends an attempt.
    Retry {
        /// Why; becomes the detail of the dead letter after the last attempt.
        reason: String,
    },
    /// It can never succeed: to the dead letters at once.
    DeadLetter {
        /// Stable code, also a metric label.
        reason: &'static str,
        /// Explanation for people, without personal data.
        detail: String,
    },
}

/// The handler cannot work at all right now, through no fault of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What is missing, for logs and readiness.
    pub reason: String,
}

/// What became of one delivery, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged.
    Done,
    /// In the wait queue of this tier.
    Retried {
        /// `2s` or `4s`.
        tier: &'static str,
    },
    /// In the dead letters.
    DeadLettered {
        /// The verdict's reason, or [`crate::ATTEMPTS_EXHAUSTED`].
        reason: &'static str,
    },
}

/// Does the work of a queue.
#[async_trait]
pub trait Handler: Send + Sync {
    /// One verdict per delivery, in order; or `Pause`, and then nothing of the batch counts as
    /// handled. A panic, or a wrong number of verdicts, is a retry of the delivery that causes it.
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause>;

    /// Told after the outcome of a delivery is safe at the broker.
    fn settled(&self, _delivery: &Delivery, _outcome: Outcome) {}
}

/// What to consume and how much at a time.
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// The queue.
    pub queue: WorkQueue,
    /// Largest batch.
    pub max_batch: usize,
    /// Deliveries the broker sends ahead of their acknowledgement.
    pub prefetch: u16,
    /// Names the connection in `RabbitMQ`'s management pages.
    pub name: String,
}

impl ConsumerOptions {
    /// Batches of up to 200 and a prefetch of 1,000: larger ones gained nothing when measured.
    pub fn new(queue: WorkQueue, name: impl Into<String>) -> Self {
        Self { queue, max_batch: 200, prefetch: 1_000, name: name.into() }
    }
}

/// Consumes one queue over a connection of its own: a broker that blocks publishers must not keep
/// acknowledgements from it.
pub struct Consumer {
    config: BrokerConfig,
    options: ConsumerOptions,
    publisher: Publisher,
    state: watch::Sender<State>,
    readiness: Readiness,
}

impl Consumer {
    /// `publisher` carries retries and dead letters.
    pub fn new(config: &BrokerConfig, options: ConsumerOptions, publisher: Publisher) -> Self {
        let (state, readiness) = Readiness::new();
        Self { config: config.clone(), options, publisher, state, readiness }
    }

    /// Whether it is subscribed and its handler works.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Consumes until `drain` resolves, reconnecting for ever. Then finishes the batch in hand,
    /// acknowledges it, returns what was sent ahead to the queue, and closes. Dropping the future
    /// instead leaves the batch to be delivered again.
    pub async fn run<H: Handler + ?Sized>(&self, handler: &H, drain: impl Future<Output = ()>) {
        let token = CancellationToken::new();
        let draining = async {
            drain.await;
            token.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = draining => {}
            () = self.sessions(handler, &token) => {}
        }
        self.state.send_replace(State::Closed);
    }

    async fn sessions<H: Handler + ?Sized>(&self, handler: &H, drain: &CancellationToken) {
        let mut waits = Waits::reconnecting();
        while !drain.is_cancelled() {
            let since = Instant::now();
            let session = Session { consumer: self, handler, drain };
            // Boxed: the futures of a connection are large, and the caller holds this one.
            match Box::pin(session.run()).await {
                Ok(()) => return,
                Err(error) => {
                    let queue = self.options.queue.name();
                    warn!(queue, error = %chain(&error), "subscription lost");
                }
            }
            self.state.send_replace(State::Connecting);
            if since.elapsed() > SETTLED_AFTER {
                waits.reset();
            }
            tokio::select! {
                () = drain.cancelled() => {}
                () = sleep(waits.next()) => {}
            }
        }
    }
}

//! Publishes persistent messages and waits for the broker's confirm.
//!
//! Publishes are pipelined: any number may be waiting for their confirms at once. They are spread
//! over a few channels ("lanes"), each driven by one task, see [`lane`] for why. While there is no
//! connection, or the broker blocks publishers, a publish fails at once instead of queueing: the
//! caller has a sender waiting.

mod lane;
mod supervisor;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::BrokerConfig;
use crate::error::PublishError;
use crate::message::Outgoing;
use crate::state::{NotReady, Readiness};
use lane::Job;
use supervisor::Supervisor;

/// Messages that may queue before one lane; more wait in `publish`, within their deadline.
const LANE_QUEUE: usize = 1024;

/// Proof that the broker holds a message: stored by a quorum, in a queue bound for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Confirmed {
    _only_made_here: (),
}

/// Publishes messages. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    lanes: Box<[mpsc::Sender<Job>]>,
    next: AtomicUsize,
    deadline: Duration,
    readiness: Readiness,
    closing: CancellationToken,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl Publisher {
    /// Starts connecting, and reconnects until [`Self::close`] or until the last clone is dropped.
    /// `name` names the connection. Must be called within a Tokio runtime, which drives it.
    pub fn start(config: &BrokerConfig, name: &str) -> Self {
        let lane_count = config.publish_channels.max(1);
        let (lanes, receivers): (Vec<_>, Vec<_>) = (0..lane_count).map(|_| mpsc::channel(LANE_QUEUE)).unzip();
        let (state, readiness) = Readiness::new();
        let closing = CancellationToken::new();
        let deadline = Duration::from_millis(config.confirm_deadline_ms);
        let supervisor = Supervisor {
            config: config.clone(),
            name: format!("{name} publisher"),
            receivers,
            state,
            closing: closing.clone(),
            patience: deadline,
        };
        tokio::spawn(supervisor.run());
        let shared = Shared { lanes: lanes.into(), next: AtomicUsize::new(0), deadline, readiness, closing };
        Self { shared: Arc::new(shared) }
    }

    /// Publishes, and waits for the confirm as long as configured.
    pub async fn publish(&self, message: Outgoing) -> Result<Confirmed, PublishError> {
        self.publish_within(message, self.shared.deadline).await
    }

    /// Publishes, and waits for the confirm at most `deadline`.
    pub async fn publish_within(
        &self,
        message: Outgoing,
        deadline: Duration,
    ) -> Result<Confirmed, PublishError> {
        self.shared.readiness.check().map_err(refused)?;
        let at = self.shared.next.fetch_add(1, Ordering::Relaxed) % self.shared.lanes.len();
        let lane = &self.shared.lanes[at];
        let (reply, confirmed) = oneshot::channel();
        let answer = async {
            lane.send(Job { message, reply }).await.map_err(|_| PublishError::Closed)?;
            // A dropped reply means that the connection ended with the message in flight.
            confirmed.await.unwrap_or(Err(PublishError::ConnectionLost))
        };
        timeout(deadline, answer).await.unwrap_or(Err(PublishError::DeadlinePassed(deadline)))
    }

    /// Whether a publish can succeed right now, for readiness probes.
    pub fn is_ready(&self) -> bool {
        self.shared.readiness.check().is_ok()
    }

    /// The state, to poll or to await.
    pub fn readiness(&self) -> &Readiness {
        &self.shared.readiness
    }

    /// Takes no new messages, waits for the confirms in flight (at most the configured deadline),
    /// and closes the connection.
    pub async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.readiness.wait_for(|state| *state == crate::State::Closed).await;
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("state", &self.shared.readiness.state()).finish_non_exhaustive()
    }
}

fn refused(reason: NotReady) -> PublishError {
    match reason {
        NotReady::Blocked(reason) => PublishError::Blocked { reason },
        NotReady::Closed => PublishError::Closed,
        // A publisher is never paused.
        NotReady::Connecting | NotReady::Paused(_) => PublishError::Disconnected,
    }
}

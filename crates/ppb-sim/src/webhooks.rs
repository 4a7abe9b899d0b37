//! Sends webhooks: signed, with bounded concurrency, tried again with backoff.
//!
//! Each premise has its lane, so its webhooks arrive in order unless the feature `reorder` says
//! otherwise. The queue is bounded by permits; what finds no room is dropped and counted. What is
//! not sent when the process ends is lost, as with any sender without a store.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use premise_domain::signature::SigningKey;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Instant, timeout_at},
};
use url::Url;
use uuid::Uuid;

use crate::{
    counters::Counters,
    dice::{Dice, Purpose},
    event::Event,
    features::Webhooks,
    webhook_client::{Client, Delivery},
    webhook_plan::Plan,
};

/// Where webhooks go and how hard it is tried.
#[derive(Debug, Clone)]
pub struct Target {
    /// The receiver.
    pub url: Url,
    /// What they are signed with.
    pub key: SigningKey,
    /// Webhooks in flight at once.
    pub concurrency: usize,
    /// Tries before one is given up.
    pub attempts: u32,
    /// Webhooks waiting at once.
    pub queue: usize,
}

/// The sender. Dropping it ends its lanes.
#[derive(Debug)]
pub struct Outbox {
    lanes: Vec<mpsc::UnboundedSender<Job>>,
    room: Arc<Semaphore>,
    capacity: usize,
    courier: Arc<Courier>,
    seed: u64,
}

/// One webhook to send.
#[derive(Debug)]
struct Job {
    body: Bytes,
    webhook_id: Uuid,
    sequence: u64,
    epoch: u64,
    due: Instant,
    plan: Plan,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Courier {
    client: Client,
    counters: Arc<Counters>,
    attempts: u32,
    seed: u64,
    /// Counts the resets; a webhook of an earlier one is dropped.
    epoch: watch::Sender<u64>,
}

impl Outbox {
    /// Starts the lanes on the current runtime. `seed` decides which webhooks the features hit.
    pub fn start(target: Target, counters: Arc<Counters>, seed: u64) -> anyhow::Result<Self> {
        let courier = Arc::new(Courier {
            client: Client::new(target.url, target.key)?,
            counters,
            attempts: target.attempts.max(1),
            seed,
            epoch: watch::Sender::new(0),
        });
        let lane = |_| {
            let (sender, jobs) = mpsc::unbounded_channel();
            tokio::spawn(run_lane(Arc::clone(&courier), jobs));
            sender
        };
        let lanes = (0..target.concurrency.max(1)).map(lane).collect();
        let capacity = target.queue.max(1);
        Ok(Self { lanes, room: Arc::new(Semaphore::new(capacity)), capacity, courier, seed })
    }

    /// Takes an event for sending. Tells whether it will be tried.
    pub fn offer(&self, event: &Event, features: &Webhooks) -> bool {
        let counters = &self.courier.counters.webhooks;
        let plan = Plan::new(features, self.seed, event.sequence);
        if plan.lost {
            counters.lost.up();
            return false;
        }
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            counters.overflowed.up();
            return false;
        };
        if plan.held_back.is_some() {
            counters.reordered.up();
        }
        let job = Job {
            body: event.body.clone(),
            webhook_id: event.webhook_id,
            sequence: event.sequence,
            epoch: *self.courier.epoch.borrow(),
            due: Instant::now() + Duration::from_millis(features.delay_ms),
            plan,
            _room: room,
        };
        let lane = usize::try_from(event.premise_id % self.lanes.len() as u64).unwrap_or(0);
        self.lanes[lane].send(job).is_ok()
    }

    /// Webhooks that wait or are in flight.
    pub fn queued(&self) -> usize {
        self.capacity - self.room.available_permits()
    }

    /// Drops all that wait.
    pub fn discard_queued(&self) {
        self.courier.epoch.send_modify(|epoch| *epoch += 1);
    }
}

async fn run_lane(courier: Arc<Courier>, mut jobs: mpsc::UnboundedReceiver<Job>) {
    while let Some(job) = jobs.recv().await {
        courier.wait(&job, job.due).await;
        match job.plan.held_back {
            None => courier.deliver(job).await,
            Some(time) => {
                let courier = Arc::clone(&courier);
                tokio::spawn(async move {
                    courier.wait(&job, Instant::now() + time).await;
                    courier.deliver(job).await;
                });
            }
        }
    }
}

impl Courier {
    /// Waits for the time, or for a reset that makes the webhook pointless.
    async fn wait(&self, job: &Job, until: Instant) {
        let mut epoch = self.epoch.subscribe();
        // Either way out is fine: the time has come, or the next look at the epoch drops the job.
        let _ = timeout_at(until, epoch.wait_for(|epoch| *epoch != job.epoch)).await;
    }

    async fn deliver(&self, job: Job) {
        for copy in 0..job.plan.copies {
            if copy > 0 {
                self.counters.webhooks.duplicated.up();
            }
            self.deliver_copy(&job).await;
        }
    }

    async fn deliver_copy(&self, job: &Job) {
        let counters = &self.counters.webhooks;
        let delivery =
            Delivery { body: &job.body, badly_signed: job.plan.badly_signed, source: job.plan.source };
        if job.plan.badly_signed {
            counters.badly_signed.up();
        }
        for attempt in 1..=self.attempts {
            if *self.epoch.borrow() != job.epoch {
                return counters.discarded.up();
            }
            let retry_after = match self.client.send(&delivery).await {
                Ok(()) => return counters.delivered.up(),
                Err(refusal) => {
                    tracing::debug!(webhook_id = %job.webhook_id, attempt, %refusal, "webhook not accepted");
                    refusal.retry_after
                }
            };
            // It would be refused each time; PPB would notice as little as the receiver wants it to.
            if attempt == self.attempts || job.plan.badly_signed {
                break;
            }
            counters.retried.up();
            let pause = backoff(self.seed, job.sequence, attempt).max(retry_after);
            self.wait(job, Instant::now() + pause).await;
        }
        counters.given_up.up();
    }
}

/// 250 ms doubling to 30 s, less up to half of it.
fn backoff(seed: u64, sequence: u64, attempt: u32) -> Duration {
    let ceiling = 250_u64.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(30_000);
    let mut dice = Dice::new(seed, sequence.wrapping_add(u64::from(attempt) << 40), Purpose::RetryJitter);
    Duration::from_millis(ceiling - dice.below(ceiling / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_bound() {
        for (attempt, ceiling) in [(1, 250), (2, 500), (5, 4_000), (40, 30_000)] {
            let wait = backoff(1, 1, attempt).as_millis();
            assert!(wait > ceiling / 2 - 1 && wait <= ceiling, "{attempt}: {wait}");
        }
    }
}

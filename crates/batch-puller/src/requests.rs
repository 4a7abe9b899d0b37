//! How a queued run reaches the puller: by its message, or by a look at what is queued.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use premise_broker::{Delivery, Handler, Pause, Verdict};
use premise_domain::sync_run::{Mode, RunRequest};
use premise_runtime::Shutdown;
use premise_store::{
    Disposition, StoreError, pull_history,
    runs::{self, NewRun, Queued},
};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{error::chain, run::Runner};

/// The runs that are asked for.
pub(crate) struct Requests {
    runner: Runner,
    database: RwLock<Result<(), String>>,
}

impl Requests {
    pub(crate) fn new(runner: Runner) -> Self {
        Self { runner, database: RwLock::new(Err("Postgres was not asked yet".to_owned())) }
    }

    /// What the last look found.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.database.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Works off the messages of the queue.
    pub(crate) fn handler(&self, shutdown: &Shutdown) -> RunRequests<'_> {
        RunRequests { requests: self, shutdown: shutdown.clone() }
    }

    /// Looks again and again for runs that are dead and for queued ones whose message was lost.
    pub(crate) async fn look_until_drained(&self, shutdown: &Shutdown) {
        let mut ticks = interval(Duration::from_millis(self.runner.pull.look_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut outage = false;
        loop {
            tokio::select! {
                biased;
                () = shutdown.draining() => return,
                _ = ticks.tick() => {}
            }
            let found = self.look(shutdown, outage).await;
            outage = found.is_err();
            if let Err(reason) = &found {
                warn!(reason = chain(reason), "cannot look for runs");
            }
            *self.database.write().unwrap_or_else(PoisonError::into_inner) =
                found.map_err(|reason| reason.to_string());
        }
    }

    /// After an outage the living could not note their heartbeat either: they get until the next look.
    async fn look(&self, shutdown: &Shutdown, outage: bool) -> Result<(), StoreError> {
        let pull = &self.runner.pull;
        // Also that the schema is known: a run must not fail for a migration that is still to come.
        self.runner.store.ping().await?;
        let mut connection = self.runner.store.connection().await?;
        if !outage {
            for run_id in runs::abandon_dead(&mut connection, milliseconds(pull.dead_after_ms)).await? {
                warn!(%run_id, "run abandoned: its process fell silent");
            }
        }
        let forgotten = runs::queued_for(&mut connection, milliseconds(pull.look_ms)).await?;
        drop(connection);
        for run_id in forgotten {
            if shutdown.is_draining() {
                break;
            }
            info!(%run_id, "queued run found without its message");
            self.runner.execute(run_id, shutdown.cancelled()).await?;
        }
        if !shutdown.is_draining() {
            self.confirm_absences(shutdown).await?;
            self.remove_tombstones().await?;
        }
        Ok(())
    }

    /// Deletion by absence needs a second answer; when nobody asks for it, we do.
    async fn confirm_absences(&self, shutdown: &Shutdown) -> Result<(), StoreError> {
        let after = TimeDelta::minutes(self.runner.pull.confirm_after_minutes.into());
        let mut connection = self.runner.store.connection().await?;
        if !pull_history::confirmation_due(&mut connection, after).await? {
            return Ok(());
        }
        let new = NewRun {
            id: Uuid::now_v7(),
            mode: Mode::Full,
            requested_by: pull_history::CONFIRMATION.to_owned(),
            since: None,
            dry_run: false,
        };
        let Queued::Created(run) = runs::queue(&mut connection, new).await? else { return Ok(()) };
        drop(connection);
        info!(run_id = %run.id, "full pull to confirm that missing premises are gone");
        self.runner.execute(run.id, shutdown.cancelled()).await.map(drop)
    }

    async fn remove_tombstones(&self) -> Result<(), StoreError> {
        let retention = TimeDelta::days(self.runner.pull.tombstone_days.into());
        let removed = self.runner.store.remove_tombstones(retention).await?;
        if removed > 0 {
            info!(removed, "old tombstones removed");
        }
        Ok(())
    }
}

fn milliseconds(count: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(count).unwrap_or(i64::MAX / 1_000_000))
}

/// The handler of `premise.sync-runs.v1`.
pub(crate) struct RunRequests<'a> {
    requests: &'a Requests,
    shutdown: Shutdown,
}

impl RunRequests<'_> {
    async fn one(&self, delivery: &Delivery) -> Result<Verdict, Pause> {
        let Ok(request) = serde_json::from_slice::<RunRequest>(delivery.body()) else {
            error!(message_id = delivery.message_id(), "a run request cannot be read");
            return Ok(Verdict::DeadLetter {
                reason: "invalid_run_request",
                detail: "the body is no {\"runId\": …}".to_owned(),
            });
        };
        match self.requests.runner.execute(request.run_id, self.shutdown.cancelled()).await {
            // None: another puller has it, or it was cancelled; the message has done its duty.
            Ok(_ended) => Ok(Verdict::Done),
            Err(fault) => match fault.disposition() {
                Disposition::Unavailable => Err(Pause { reason: fault.to_string() }),
                Disposition::Rejected => {
                    error!(run_id = %request.run_id, reason = chain(&fault), "run cannot be claimed");
                    Ok(Verdict::DeadLetter { reason: "run_not_claimable", detail: fault.to_string() })
                }
            },
        }
    }
}

#[async_trait]
impl Handler for RunRequests<'_> {
    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Verdict>, Pause> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for delivery in batch {
            verdicts.push(self.one(delivery).await?);
        }
        Ok(verdicts)
    }
}

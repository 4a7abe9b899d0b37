//! Asks for the runs that are due ([`crate::schedule`] decides, the store keeps the slots).
//!
//! Every replica looks; the store lets one of them ask. The run is then worked off like any other: by its message
//! or, when that is lost, by the look at queued runs.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use premise_broker::{Outgoing, Publisher, Route, WorkQueue};
use premise_domain::sync_run::RunRequest;
use premise_runtime::Shutdown;
use premise_store::{Store, StoreError, schedule};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    config::PullConfig,
    error::chain,
    schedule::{Decision, Schedules},
};

/// The part of the puller that watches the clock.
pub(crate) struct Scheduler {
    schedules: Schedules,
    store: Store,
    publisher: Publisher,
    look: Duration,
    /// How much later than its schedule this process asks.
    jitter: TimeDelta,
}

impl Scheduler {
    /// Chooses the jitter of this process.
    pub(crate) fn new(schedules: Schedules, store: Store, publisher: Publisher, pull: &PullConfig) -> Self {
        let chosen = Uuid::new_v4().as_u128() % (u128::from(pull.schedule_jitter_seconds) + 1);
        Self {
            schedules,
            store,
            publisher,
            look: Duration::from_millis(pull.look_ms),
            jitter: TimeDelta::seconds(i64::try_from(chosen).unwrap_or_default()),
        }
    }

    /// Looks again and again for a run that is due.
    pub(crate) async fn look_until_drained(&self, shutdown: &Shutdown) {
        let mut ticks = interval(self.look);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            tokio::select! {
                biased;
                () = shutdown.draining() => return,
                _ = ticks.tick() => {}
            }
            match self.look().await {
                Ok(Decision::NothingBefore(next)) => {
                    if told.replace(next) != Some(next) {
                        tell(next);
                    }
                }
                Ok(Decision::Due { .. }) => {}
                Err(reason) => warn!(reason = chain(&reason), "cannot look at the schedule"),
            }
        }
    }

    async fn look(&self) -> Result<Decision, StoreError> {
        // Also that the schema is known: a slot must not be spent on a run that fails for it.
        self.store.ping().await?;
        let mut connection = self.store.connection().await?;
        let taken = schedule::slots(&mut connection).await?;
        let decision = self.schedules.decide(&taken, taken.now - self.jitter);
        let Decision::Due { mode, slot_at } = decision else { return Ok(decision) };
        let run_id = Uuid::now_v7();
        let is_ours = schedule::take_slot(&mut connection, run_id, mode, slot_at).await?;
        drop(connection);
        if is_ours {
            info!(%run_id, %mode, %slot_at, "scheduled run asked for");
            self.wake(run_id).await;
        }
        Ok(decision)
    }

    async fn wake(&self, run_id: Uuid) {
        let Ok(body) = serde_json::to_vec(&RunRequest { run_id }) else { return };
        let message = Outgoing::json(Route::to(WorkQueue::SyncRuns), body);
        if let Err(reason) = self.publisher.publish(message).await {
            info!(%run_id, reason = chain(&reason), "no message for the run; a look at the queued ones finds it");
        }
    }
}

fn tell(next: Option<DateTime<Utc>>) {
    if let Some(at) = next {
        info!(%at, "next scheduled run");
    } else {
        info!("no runs are scheduled");
    }
}

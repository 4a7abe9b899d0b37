//! The life of a run: claim → fetch → stage → apply, told as it goes, ended in every case.
//!
//! Invariants:
//! * Nothing is applied before the answer was read to its end and judged; an attempt that fails leaves no
//!   trace and may be repeated.
//! * A run that ends without success has a code and an operator's message. A run whose process dies has no
//!   more heartbeat and is found by the next look.
//! * Rows, floor, watermark and the end of a successful run commit together (in the store).

mod attempt;
mod history;
mod judge;

use std::time::{Duration, Instant};

use premise_domain::sync_run::{Mode, RunStatus};
use premise_store::{
    Applied, Disposition, Store, StoreError,
    runs::{self, Standing, SyncRun},
};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{
    client::Client,
    config::{PpbConfig, PullConfig},
    error::{RunError, chain},
    metrics::Metrics,
    probe::{Probe, Support},
    progress::{Phase, Progress},
    retry::Attempts,
};

/// Everything a run needs.
pub struct Runner {
    /// The register.
    pub store: Store,
    /// PPB.
    pub client: Client,
    /// How patiently it is asked.
    pub ppb: PpbConfig,
    /// How a run works.
    pub pull: PullConfig,
    /// What is known about `updatedSince`.
    pub probe: Probe,
    /// What is counted.
    pub metrics: Metrics,
}

impl Runner {
    /// Works off a queued run, until its end or until `stop` resolves. `None` when it is not queued any
    /// more. The error is Postgres' while nothing has begun.
    pub async fn execute(
        &self,
        run_id: Uuid,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<RunStatus>, StoreError> {
        let mut connection = self.store.connection().await?;
        let Some(run) = runs::claim(&mut connection, run_id).await? else { return Ok(None) };
        drop(connection);
        info!(%run_id, mode = %run.mode, requested_by = run.requested_by, "run begins");
        let began = Instant::now();
        let progress = Progress::default();
        let result = tokio::select! {
            biased;
            result = self.work(&run, &progress) => result,
            reason = self.watch(run_id, &progress) => Err(reason),
            () = stop => Err(RunError::Stopped),
        };
        let status = match result {
            Ok(applied) => self.applied(&run, &applied),
            Err(reason) => self.ended(&run, &reason).await,
        };
        self.metrics.run_ended(run.mode, status, began.elapsed());
        Ok(Some(status))
    }

    /// Tries until one attempt succeeds or no other may help.
    async fn work(&self, run: &SyncRun, progress: &Progress) -> Result<Applied, RunError> {
        let mut attempts = Attempts::new(&self.ppb);
        let mut fallback = None;
        loop {
            let reason = match self.attempt(run, fallback.as_deref(), progress).await {
                Ok(applied) => return Ok(applied),
                Err(reason) => reason,
            };
            if let (None, Some(support)) = (&fallback, self.shown_by(run, &reason)) {
                warn!(run_id = %run.id, %reason, "pulls everything in place of the changes");
                fallback = Some(support);
                continue;
            }
            let Some(wait) = attempts.wait_after(reason.retry()) else { return Err(reason) };
            let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            warn!(run_id = %run.id, reason = chain(&reason), milliseconds, "attempt failed, waits");
            progress.enter(Phase::Waiting);
            sleep(wait).await;
        }
    }

    /// Why everything has to be pulled, when the answer to an incremental request has shown that.
    fn shown_by(&self, run: &SyncRun, reason: &RunError) -> Option<String> {
        if run.mode == Mode::Full {
            return None;
        }
        match Support::refused_by(reason)? {
            Support::Honoured => None,
            Support::Unsupported(why) => {
                self.probe.remember(Support::Unsupported(why.clone()));
                Some(why)
            }
        }
    }

    /// Notes progress until the run has to end for a reason from outside.
    async fn watch(&self, run_id: Uuid, progress: &Progress) -> RunError {
        let mut ticks = interval(self.pull.progress_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            ticks.tick().await;
            let phase = progress.phase();
            match self.note(run_id, phase, progress).await {
                Ok(Standing::Running) => silent = false,
                Ok(Standing::CancelRequested) => return RunError::Cancelled,
                // While it applies, the commit itself may have ended the run, and the apply checks on its own.
                Ok(Standing::TakenAway) if phase == Phase::Applying => {}
                Ok(Standing::TakenAway) => return StoreError::RunTakenAway(run_id).into(),
                Err(reason) => {
                    // The steps meet the same fault and decide about it.
                    if !std::mem::replace(&mut silent, true) {
                        warn!(%run_id, reason = chain(&reason), "progress cannot be noted");
                    }
                }
            }
        }
    }

    async fn note(&self, run_id: Uuid, phase: Phase, progress: &Progress) -> Result<Standing, StoreError> {
        let (bytes, rows) = progress.counts();
        let mut connection = self.store.connection().await?;
        runs::note_progress(&mut connection, run_id, phase.as_str(), bytes, rows).await
    }

    fn applied(&self, run: &SyncRun, applied: &Applied) -> RunStatus {
        let (run_id, mode, counts) = (run.id, run.mode, applied.counts);
        if let Some(reason) = &applied.held {
            warn!(%run_id, %mode, ?counts, dry_run = run.dry_run, reason, "run held");
        } else {
            info!(%run_id, %mode, ?counts, dry_run = run.dry_run, "run succeeded");
        }
        if run.dry_run {
            return RunStatus::Succeeded;
        }
        self.metrics.rows_applied(mode, &counts);
        if applied.held.is_some() { RunStatus::Held } else { RunStatus::Succeeded }
    }

    /// Ends the run for `reason`, unless it is over already: a commit may have outrun the reason, or another
    /// process found this one dead.
    async fn ended(&self, run: &SyncRun, reason: &RunError) -> RunStatus {
        let status = match reason {
            RunError::Cancelled => RunStatus::Cancelled,
            _ => RunStatus::Failed,
        };
        match self.end(run.id, status, reason).await {
            Ok(None) => {
                let code = reason.code();
                warn!(run_id = %run.id, mode = %run.mode, %status, code, reason = chain(reason), "run ended");
                status
            }
            Ok(Some(over)) => {
                info!(run_id = %run.id, status = %over.status, reason = chain(reason), "run was over already");
                if let (RunStatus::Succeeded, Some(counts)) = (over.status, over.counts) {
                    self.metrics.rows_applied(run.mode, &counts);
                }
                over.status
            }
            Err(fault) => {
                // Its heartbeat has stopped; a later look marks it abandoned.
                error!(run_id = %run.id, reason = chain(reason), fault = chain(&fault), "run cannot be ended");
                RunStatus::Abandoned
            }
        }
    }

    /// Writes the end down, and tells the run as it is when it was over already. Postgres may be what ended the
    /// run, so it gets some time to come back.
    async fn end(
        &self,
        run_id: Uuid,
        status: RunStatus,
        reason: &RunError,
    ) -> Result<Option<SyncRun>, StoreError> {
        const PATIENCE: Duration = Duration::from_secs(10);
        const STEP: Duration = Duration::from_millis(500);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_end(run_id, status, reason).await {
                Err(fault)
                    if fault.disposition() == Disposition::Unavailable && Instant::now() < deadline =>
                {
                    sleep(STEP).await;
                }
                result => return result,
            }
        }
    }

    async fn try_end(
        &self,
        run_id: Uuid,
        status: RunStatus,
        reason: &RunError,
    ) -> Result<Option<SyncRun>, StoreError> {
        let mut connection = self.store.connection().await?;
        if runs::end(&mut connection, run_id, status, reason.code(), &reason.message()).await? {
            return Ok(None);
        }
        runs::find(&mut connection, run_id).await
    }
}

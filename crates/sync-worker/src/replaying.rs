//! Replays of dead letters, step by step from Postgres.
//!
//! A step that was begun commits whole or not at all, so a worker may die at any time. The job's own
//! rate keeps replays behind live traffic.

use std::time::Duration;

use premise_runtime::Shutdown;
use premise_store::{Store, StoreError, replays::Step};
use tokio::time::sleep;

/// How long to wait where no job runs, or Postgres is away. Jobs are not announced, so this is how
/// late one may begin.
const IDLE: Duration = Duration::from_secs(1);

/// Serves jobs until the drain begins; the step in hand is finished.
pub(crate) async fn replay(store: &Store, shutdown: &Shutdown) {
    while !shutdown.is_draining() {
        let pause = match store.replay_step().await {
            Ok(step) => pause_after(&step),
            Err(error) => {
                told(&error);
                IDLE
            }
        };
        tokio::select! {
            () = shutdown.draining() => {}
            () = sleep(pause) => {}
        }
    }
}

fn pause_after(step: &Step) -> Duration {
    match *step {
        Step::Did { job, letters } => {
            tracing::debug!(%job, letters, "replay {job}: {letters} dead letters judged");
            Duration::ZERO
        }
        Step::Ended { job } => {
            tracing::info!(%job, "replay {job}: done");
            Duration::ZERO
        }
        Step::Nothing { due_in } => {
            due_in.map_or(IDLE, |due_in| due_in.clamp(Duration::from_millis(5), IDLE))
        }
    }
}

fn told(error: &StoreError) {
    tracing::warn!(
        error = crate::applying::chain(error),
        "a step of a replay was not done; it is tried again"
    );
}

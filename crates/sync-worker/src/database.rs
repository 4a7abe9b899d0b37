//! Whether Postgres answers and its schema is known: asked before the first delivery is taken, and
//! then every few seconds for readiness.

use std::time::Duration;

use premise_store::Store;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The last look at Postgres.
pub(crate) struct Database {
    store: Store,
    seen: watch::Sender<Result<(), String>>,
}

impl Database {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, seen: watch::Sender::new(Err("Postgres was not asked yet".to_owned())) }
    }

    /// What the last look said.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.seen.borrow().clone()
    }

    /// Resolves when a look has found everything in place.
    pub(crate) async fn first_ready(&self) {
        // An error would mean that the sender is gone, and it is ours.
        let _ = self.seen.subscribe().wait_for(Result::is_ok).await;
    }

    /// Looks for ever.
    pub(crate) async fn look(&self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let seen = self.store.ping().await.map_err(|error| error.to_string());
            let changed = self.seen.send_if_modified(|last| {
                let changed = *last != seen;
                last.clone_from(&seen);
                changed
            });
            match seen {
                Ok(()) if changed => tracing::info!("Postgres is ready"),
                Err(reason) if changed => tracing::warn!(reason, "Postgres is not ready"),
                Ok(()) | Err(_) => {}
            }
        }
    }
}

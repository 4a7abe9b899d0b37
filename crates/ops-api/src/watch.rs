//! Looks at Postgres regularly: for readiness every few seconds, for the register's gauges every minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use premise_domain::source_time::kenyan_day;
use premise_store::reads::{lag, stats};
use premise_store::{Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};

use crate::error::chain;
use crate::metrics::Metrics;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looks between two counts of the register.
const LOOKS_PER_COUNT: u32 = 30;

/// The last look.
pub(crate) struct Watch {
    store: Store,
    metrics: Metrics,
    seen: Mutex<Result<(), String>>,
}

impl Watch {
    pub(crate) fn new(store: Store, metrics: Metrics) -> Self {
        Self { store, metrics, seen: Mutex::new(Err("has not looked at Postgres yet".to_owned())) }
    }

    /// What the last look said.
    pub(crate) fn ready(&self) -> Result<(), String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks until `end`.
    pub(crate) async fn until(&self, end: impl Future<Output = ()>) {
        tokio::select! {
            () = end => {}
            () = self.look_for_ever() => {}
        }
    }

    async fn look_for_ever(&self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in (0..LOOKS_PER_COUNT).cycle() {
            ticks.tick().await;
            let seen = self.look(look == 0).await.map_err(|error| chain(&error));
            let mut last = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *last != seen {
                match &seen {
                    Ok(()) => tracing::info!("Postgres is ready"),
                    Err(reason) => tracing::warn!(reason, "Postgres is not ready"),
                }
            }
            *last = seen;
        }
    }

    async fn look(&self, count: bool) -> Result<(), StoreError> {
        self.store.ping().await?;
        let mut connection = self.store.connection().await?;
        self.metrics.set_lag(&lag::read(&mut connection).await?, Utc::now());
        if count {
            self.metrics.set_stats(&stats::read(&mut connection, kenyan_day(Utc::now())).await?);
        }
        Ok(())
    }
}

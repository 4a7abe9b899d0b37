//! The `worker` section.

use serde::{Deserialize, Serialize};

/// How deliveries are taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerConfig {
    /// Batches in work at once; each holds one connection to Postgres while it applies.
    pub consumers: usize,
    /// Largest batch. A batch is what is there; it never waits to fill.
    pub max_batch: usize,
    /// Deliveries the broker sends ahead, per consumer.
    pub prefetch: u16,
}

impl Default for WorkerConfig {
    /// Two consumers with batches of up to 200 gave the highest rate on two cores.
    fn default() -> Self {
        Self { consumers: 2, max_batch: 200, prefetch: 1_000 }
    }
}

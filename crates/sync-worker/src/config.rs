//! The `worker` section.

use premise_runtime::ConfigError;
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

impl WorkerConfig {
    /// Refuses settings under which nothing would be done, or everything held in memory.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.consumers == 0 || self.max_batch == 0 || self.prefetch == 0 {
            let keys = "worker.consumers, worker.max_batch, worker.prefetch";
            return Err(ConfigError::invalid(keys, "must be at least 1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_to_do_nothing_or_to_take_everything() {
        assert!(WorkerConfig::default().check().is_ok());
        assert!(WorkerConfig { consumers: 0, ..WorkerConfig::default() }.check().is_err());
        assert!(WorkerConfig { max_batch: 0, ..WorkerConfig::default() }.check().is_err());
        assert!(WorkerConfig { prefetch: 0, ..WorkerConfig::default() }.check().is_err());
    }
}

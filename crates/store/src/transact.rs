//! The one way to write: a named transaction that is tried again when transactions met.

use std::time::Instant;

use deadpool_postgres::Transaction;

use crate::{Store, StoreError};

/// Times a transaction is tried when it meets others. Meetings are rare (two new events of one
/// unknown premise at once) and the next try sees the other's result.
const ATTEMPTS: u32 = 10;

/// Advisory lock between webhook applies (shared) and the apply of a snapshot (exclusive).
pub(crate) const APPLY_LOCK: i64 = 7_205_001;

impl Store {
    /// Runs `work` in a transaction called `name`; commits when it succeeds.
    pub(crate) async fn transact<T>(
        &self,
        name: &'static str,
        work: impl AsyncFn(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut client = self.writer().await?;
        let began = Instant::now();
        for attempt in 1.. {
            let transaction = client.transaction().await.map_err(|e| StoreError::from_postgres(name, e))?;
            let result = match work(&transaction).await {
                Ok(value) => transaction.commit().await.map(|()| value).map_err(|e| StoreError::from_postgres(name, e)),
                Err(error) => Err(error),
            };
            match result {
                Err(StoreError::Contention { .. }) if attempt < ATTEMPTS => {
                    tracing::debug!(name, attempt, "transactions met, trying again");
                }
                result => {
                    tracing::trace!(name, attempt, elapsed = ?began.elapsed(), "transaction ended");
                    return result;
                }
            }
        }
        unreachable!("the last attempt returns")
    }
}

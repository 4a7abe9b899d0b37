//! Removal of old tombstones. What lies at or below the floor cannot be revived by anything, so
//! the floor alone keeps the premise dead. A tombstone with a GLN or notes stays: what is owned here
//! must be there when the premise comes back.

use chrono::TimeDelta;
use deadpool_postgres::Transaction;

use crate::{
    Store, StoreError,
    transact::{APPLY_LOCK, Work},
};

impl Store {
    /// Removes tombstones at or below their floor that are older than `retention`. Returns how many.
    pub async fn remove_tombstones(&self, retention: TimeDelta) -> Result<i64, StoreError> {
        self.transact(RemoveTombstones { retention }).await
    }
}

struct RemoveTombstones {
    retention: TimeDelta,
}

impl Work for RemoveTombstones {
    const NAME: &'static str = "remove tombstones";
    type Output = i64;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<i64, StoreError> {
        self.remove(transaction).await.map_err(|e| StoreError::from_postgres(Self::NAME, e))
    }
}

/// Tombstones that may go: at or below their floor, old enough, and with nothing of ours on them.
const REMOVABLE: &str = "SELECT p.premise_id FROM premises p CROSS JOIN floors f
    LEFT JOIN floor_exemptions x ON x.premise_id = p.premise_id
    WHERE f.source = 'ppb' AND p.is_tombstone AND p.gln IS NULL AND p.notes IS NULL
      AND p.changed_at < now() - make_interval(secs => $1)
      AND p.effective_at <= coalesce(x.floor_at, f.floor_at)";

impl RemoveTombstones {
    async fn remove(&self, transaction: &Transaction<'_>) -> Result<i64, tokio_postgres::Error> {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a retention")]
        let seconds = self.retention.num_seconds() as f64;
        // Mostly there are none, and then nobody has to wait for the lock.
        if transaction.query_opt(&format!("{REMOVABLE} LIMIT 1"), &[&seconds]).await?.is_none() {
            return Ok(0);
        }
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&APPLY_LOCK]).await?;
        let delete = format!("DELETE FROM premises WHERE premise_id IN ({REMOVABLE})");
        Ok(transaction.execute(&delete, &[&seconds]).await? as i64)
    }
}

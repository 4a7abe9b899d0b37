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
        let statement = "DELETE FROM premises p
            USING floors f
            WHERE f.source = 'ppb' AND p.is_tombstone AND p.gln IS NULL AND p.notes IS NULL
              AND p.changed_at < now() - make_interval(secs => $1)
              AND p.effective_at <= coalesce(
                  (SELECT x.floor_at FROM floor_exemptions x WHERE x.premise_id = p.premise_id), f.floor_at)";
        #[expect(clippy::cast_precision_loss, reason = "seconds of a retention")]
        let seconds = self.retention.num_seconds() as f64;
        let removed = async {
            transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&APPLY_LOCK]).await?;
            transaction.execute(statement, &[&seconds]).await
        };
        let removed = removed.await.map_err(|e| StoreError::from_postgres(Self::NAME, e))?;
        Ok(i64::try_from(removed).unwrap_or(i64::MAX))
    }
}

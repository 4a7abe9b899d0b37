//! An operator's approval of a held run: deletes exactly the keys of its plan, once.

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use premise_domain::{observation::Channel, sync_run::RunStatus};
use uuid::Uuid;

use super::deletions::tombstone;
use crate::{
    Store, StoreError,
    transact::{APPLY_LOCK, Work},
};

/// Answer to an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approval {
    /// So many premises were deleted; what something newer stated meanwhile was kept.
    Done {
        /// How many.
        deleted: i64,
    },
    /// There is no such run.
    Unknown,
    /// The run is not held (any more).
    NotHeld(String),
    /// The plan is another one than the operator saw.
    OtherPlan,
}

impl Store {
    /// Approves the plan with this hash of a held run, in the name of `approved_by`.
    pub async fn approve(
        &self,
        run_id: Uuid,
        plan_hash: &str,
        approved_by: &str,
    ) -> Result<Approval, StoreError> {
        self.transact(Approve { run_id, plan_hash, approved_by }).await
    }
}

struct Approve<'a> {
    run_id: Uuid,
    plan_hash: &'a str,
    approved_by: &'a str,
}

impl Work for Approve<'_> {
    const NAME: &'static str = "approve a plan";
    type Output = Approval;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Approval, StoreError> {
        self.approve(transaction).await.map_err(|e| StoreError::from_postgres(Self::NAME, e))
    }
}

impl Approve<'_> {
    async fn approve(&self, transaction: &Transaction<'_>) -> Result<Approval, tokio_postgres::Error> {
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&APPLY_LOCK]).await?;
        let find = "SELECT status, plan_hash, floor_at, reflects_at FROM sync_runs WHERE id = $1 FOR UPDATE";
        let Some(run) = transaction.query_opt(find, &[&self.run_id]).await? else {
            return Ok(Approval::Unknown);
        };
        let status: String = run.get(0);
        if status != RunStatus::Held.as_str() {
            return Ok(Approval::NotHeld(status));
        }
        if run.get::<_, Option<&str>>(1) != Some(self.plan_hash) {
            return Ok(Approval::OtherPlan);
        }
        let (floor, as_of): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) = (run.get(2), run.get(3));
        let statement = tombstone("SELECT premise_id FROM held_deletions WHERE run_id = $1");
        let channel = Channel::Full.as_str();
        let deleted =
            transaction.query(&statement, &[&self.run_id, &floor, &as_of, &channel]).await?.len() as i64;
        let finish = "UPDATE sync_runs SET status = 'succeeded', approved_by = $2, approved_at = now(),
            counts = counts || jsonb_build_object('deleted', $3::bigint, 'withheld', 0) WHERE id = $1";
        transaction.execute(finish, &[&self.run_id, &self.approved_by, &deleted]).await?;
        Ok(Approval::Done { deleted })
    }
}

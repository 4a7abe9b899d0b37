//! Replays: dead letters are applied again, by a job that is kept in Postgres.
//!
//! A job's letters are fixed when it is asked for. Workers take them in batches ([`Store::replay_step`]);
//! effect, letter and item commit together, so a worker that dies leaves nothing half done.
//!
//! Limits: a filter without bounds makes as many items as there are open letters, in one statement.

mod step;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::{
    Store, StoreError, audit_reason::AuditReason, reads::dead_letters::DeadLetterFilter, transact::Work,
};

pub use step::Step;

/// Which open dead letters to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// These; what is not open is left out.
    Ids(Vec<i64>),
    /// All open ones that match; the filter's status is not looked at.
    Filter(DeadLetterFilter),
}

/// A replay to begin.
#[derive(Debug, Clone)]
pub struct NewReplay {
    /// Its id.
    pub id: Uuid,
    /// Which letters.
    pub selection: Selection,
    /// Find the verdicts and change nothing.
    pub dry_run: bool,
    /// Letters a second, over all workers.
    pub rate_per_second: i32,
    /// Who asked.
    pub requested_by: String,
    /// Why.
    pub reason: AuditReason,
}

/// A replay and how far it is.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of the table, which says what they are")]
pub struct Replay {
    pub id: Uuid,
    pub status: String,
    pub dry_run: bool,
    pub rate_per_second: i32,
    pub requested_by: String,
    pub requested_at: DateTime<Utc>,
    pub reason: String,
    pub total: i64,
    pub finished_at: Option<DateTime<Utc>>,
    /// Letters that are done, by verdict.
    pub counts: BTreeMap<String, i64>,
}

/// What an operator may ask of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    /// Take no more letters for now.
    Pause,
    /// Go on.
    Resume,
    /// End; what is done stays.
    Cancel,
}

impl Store {
    /// Begins a replay and fixes its letters.
    pub async fn begin_replay(&self, new: &NewReplay) -> Result<Replay, StoreError> {
        self.transact(Begin { new }).await
    }

    /// A replay with its progress.
    pub async fn find_replay(&self, id: Uuid) -> Result<Option<Replay>, StoreError> {
        self.transact(Find { id }).await
    }

    /// Pauses, resumes or cancels; false when the job is not in a state for that.
    pub async fn steer_replay(&self, id: Uuid, steer: Steer) -> Result<bool, StoreError> {
        self.transact(Steering { id, steer }).await
    }
}

struct Begin<'a> {
    new: &'a NewReplay,
}

impl Work for Begin<'_> {
    const NAME: &'static str = "begin a replay";
    type Output = Replay;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Replay, StoreError> {
        begin(transaction, self.new).await.map_err(|e| StoreError::from_postgres(Self::NAME, e))?;
        // The row was written in this transaction.
        find(transaction, self.new.id).await?.ok_or(StoreError::Contention { context: Self::NAME })
    }
}

async fn begin(transaction: &Transaction<'_>, new: &NewReplay) -> Result<(), tokio_postgres::Error> {
    let job = "INSERT INTO replay_jobs (id, dry_run, rate_per_second, requested_by, reason, total)
        VALUES ($1, $2, $3, $4, $5, 0)";
    let reason = new.reason.as_str();
    transaction
        .execute(job, &[&new.id, &new.dry_run, &new.rate_per_second, &new.requested_by, &reason])
        .await?;
    let everything = DeadLetterFilter::default();
    let (ids, filter) = match &new.selection {
        Selection::Ids(ids) => (Some(ids), &everything),
        Selection::Filter(filter) => (None, filter),
    };
    let items = "INSERT INTO replay_items (job_id, letter_id, group_key)
        SELECT $1, id, coalesce(premise_id, -id) FROM dead_letters
        WHERE status = 'open' AND ($2::bigint[] IS NULL OR id = ANY($2))
            AND ($3::text IS NULL OR reason = $3) AND ($4::bigint IS NULL OR premise_id = $4)
            AND ($5::text IS NULL OR action = $5) AND ($6::timestamptz IS NULL OR dead_at >= $6)
            AND ($7::timestamptz IS NULL OR dead_at < $7)";
    let premise = filter.premise_id.map(premise_domain::PremiseId::get);
    let action = filter.action.map(premise_domain::webhook::Action::as_str);
    // Postgres keeps no NUL in a text.
    let why = filter.reason.as_ref().map(|reason| reason.replace('\0', "\u{fffd}"));
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&new.id, &ids, &why, &premise, &action, &filter.from, &filter.to];
    let total = i64::try_from(transaction.execute(items, &parameters).await?).unwrap_or(i64::MAX);
    transaction.execute("UPDATE replay_jobs SET total = $2 WHERE id = $1", &[&new.id, &total]).await.map(drop)
}

struct Find {
    id: Uuid,
}

impl Work for Find {
    const NAME: &'static str = "find a replay";
    type Output = Option<Replay>;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<Option<Replay>, StoreError> {
        find(transaction, self.id).await
    }
}

async fn find(transaction: &Transaction<'_>, id: Uuid) -> Result<Option<Replay>, StoreError> {
    let read = async || {
        let job = "SELECT status, dry_run, rate_per_second, requested_by, requested_at, reason, total,
            finished_at FROM replay_jobs WHERE id = $1";
        let Some(row) = transaction.query_opt(job, &[&id]).await? else { return Ok(None) };
        let counts = "SELECT verdict, count(*) FROM replay_items
            WHERE job_id = $1 AND verdict IS NOT NULL GROUP BY verdict";
        let counts = transaction.query(counts, &[&id]).await?;
        Ok(Some(Replay {
            id,
            status: row.get(0),
            dry_run: row.get(1),
            rate_per_second: row.get(2),
            requested_by: row.get(3),
            requested_at: row.get(4),
            reason: row.get(5),
            total: row.get(6),
            finished_at: row.get(7),
            counts: counts.iter().map(|row| (row.get(0), row.get(1))).collect(),
        }))
    };
    read().await.map_err(|e| StoreError::from_postgres("find a replay", e))
}

struct Steering {
    id: Uuid,
    steer: Steer,
}

impl Work for Steering {
    const NAME: &'static str = "steer a replay";
    type Output = bool;

    async fn run(&self, transaction: &Transaction<'_>) -> Result<bool, StoreError> {
        let statement = match self.steer {
            Steer::Pause => "UPDATE replay_jobs SET status = 'paused' WHERE id = $1 AND status = 'running'",
            Steer::Resume => "UPDATE replay_jobs SET status = 'running' WHERE id = $1 AND status = 'paused'",
            Steer::Cancel => {
                "UPDATE replay_jobs SET status = 'cancelled', finished_at = clock_timestamp()
                WHERE id = $1 AND status IN ('running', 'paused')"
            }
        };
        let changed = transaction.execute(statement, &[&self.id]).await;
        Ok(changed.map_err(|e| StoreError::from_postgres(Self::NAME, e))? == 1)
    }
}

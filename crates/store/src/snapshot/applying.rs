//! The transaction that turns staged rows into the register's state, step by step.

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use premise_domain::{
    acceptance::{Judgement, judge, judge_changes},
    observation::Channel,
    source_time::floor_to_micros,
    sync_run::{RunCounts, RunStatus},
};
use serde_json::Value;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    Answer, Applied, Policy, Quarantined, Tally,
    facts::{EVERY_PREMISE, SPOKEN_OF},
};
use crate::{StoreError, apply::APPLY_ROWS, transact::APPLY_LOCK};

/// One pull being applied.
pub(super) struct Applying<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) run_id: Uuid,
    pub(super) answer: &'a Answer,
    pub(super) policy: &'a Policy,
    pub(super) tally: &'a Tally,
    pub(super) quarantined: &'a [Quarantined],
}

impl Applying<'_> {
    /// Everything between `BEGIN` and `COMMIT`. The exclusive lock is taken as late as possible.
    pub(super) async fn run(&self) -> Result<Applied, StoreError> {
        // The joins and the sort of a million rows, in memory; one pull runs at a time.
        self.query("make room for a pull", "SET LOCAL work_mem = '64MB'", &[]).await?;
        // A puller that hangs must not keep the register's lock.
        self.query("bound a pull", "SET LOCAL idle_in_transaction_session_timeout = '60s'", &[]).await?;
        let collapsed = self.collapse_duplicates().await?;
        self.keep_quarantined().await?;
        self.query("begin the effect", "SAVEPOINT effect", &[]).await?;
        self.query("lock for a pull", "SELECT pg_advisory_xact_lock($1)", &[&APPLY_LOCK]).await?;
        let held = self.judge().await?;
        let accepted = self.answer.complete && held.is_none();
        let mut counts = self.apply_rows(accepted, self.tally.rows - collapsed).await?;
        counts.fetched = self.answer.fetched;
        counts.quarantined = self.quarantined.len() as i64;
        counts.collapsed = collapsed;
        if accepted {
            counts.deleted = self.delete_confirmed().await?;
            counts.withheld = self.note_absences().await?;
            self.raise_floor().await?;
        } else if held.is_some() {
            counts.withheld = self.count_missing().await?;
        }
        self.move_watermark().await?;
        if self.policy.dry_run {
            self.query("undo the effect", "ROLLBACK TO SAVEPOINT effect", &[]).await?;
        }
        self.finish_run(&counts, held.as_deref()).await?;
        Ok(Applied { counts, held })
    }

    /// r, as the register keeps it.
    pub(super) fn as_of(&self) -> DateTime<Utc> {
        floor_to_micros(self.answer.reflects_at)
    }

    /// F = r - S: up to where an accepted answer confirms.
    pub(super) fn floor(&self) -> DateTime<Utc> {
        floor_to_micros(self.answer.reflects_at - self.answer.source_lag)
    }

    /// Why the answer is held, if it is. Only a complete one can delete, and so be held; every one
    /// can be refused.
    async fn judge(&self) -> Result<Option<String>, StoreError> {
        let limits = &self.policy.limits;
        let judgement = match self.answer.channel {
            Channel::Full => {
                if self.answer.complete {
                    self.find_missing().await?;
                }
                judge(&self.facts(EVERY_PREMISE).await?, limits)
            }
            Channel::Webhook | Channel::Incremental | Channel::Feed => {
                judge_changes(&self.facts(SPOKEN_OF).await?, limits)
            }
        };
        match judgement {
            Judgement::Accepted => Ok(None),
            Judgement::Held(reason) => Ok(Some(reason)),
            Judgement::Refused { code, message } => Err(StoreError::AnswerRefused { code, message }),
        }
    }

    /// Of several rows with one key the one with the largest rank stays.
    async fn collapse_duplicates(&self) -> Result<i64, StoreError> {
        self.query("count the stage", "ANALYZE staged_rows", &[]).await?;
        let statement = "
            WITH repeated AS (SELECT premise_id FROM staged_rows GROUP BY premise_id HAVING count(*) > 1),
            ranked AS (
                SELECT s.ord, row_number() OVER
                    (PARTITION BY premise_id ORDER BY effective_at DESC, rank_hash DESC, ord) AS place
                FROM staged_rows s JOIN repeated USING (premise_id))
            DELETE FROM staged_rows s USING ranked r WHERE s.ord = r.ord AND r.place > 1 RETURNING 1";
        Ok(self.query("collapse duplicate rows", statement, &[]).await?.len() as i64)
    }

    async fn keep_quarantined(&self) -> Result<(), StoreError> {
        let premises: Vec<Option<i64>> = self.quarantined.iter().map(|row| row.premise_id).collect();
        let errors: Vec<&Value> = self.quarantined.iter().map(|row| &row.errors).collect();
        let raws: Vec<&str> = self.quarantined.iter().map(|row| row.raw.as_str()).collect();
        let statement = "INSERT INTO quarantined_rows (run_id, premise_id, errors, raw)
            SELECT $1, * FROM unnest($2::bigint[], $3::jsonb[], $4::text[])";
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.run_id, &premises, &errors, &raws];
        self.query("keep quarantined rows", statement, &parameters).await.map(drop)
    }

    async fn apply_rows(&self, accepted: bool, rows: i64) -> Result<RunCounts, StoreError> {
        let context = "apply rows";
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&self.answer.channel.as_str(), &self.as_of(), &self.floor(), &accepted, &self.run_id];
        let mut counts = RunCounts { unchanged: rows, ..RunCounts::default() };
        for row in self.query(context, &APPLY_ROWS, &parameters).await? {
            let (word, n): (&str, i64) = (row.get(0), row.get(1));
            let place = match word {
                "created" => &mut counts.inserted,
                "updated" => &mut counts.updated,
                "reinstated" => &mut counts.reinstated,
                "stale" => &mut counts.stale,
                "unchanged" | "duplicate" => continue,
                _ => return Err(StoreError::Contention { context }),
            };
            *place += n;
            counts.unchanged -= n;
        }
        Ok(counts)
    }

    /// Ends the run in the transaction of its rows. A run that is not running any more was taken
    /// away, and its rows must not be applied.
    async fn finish_run(&self, counts: &RunCounts, held: Option<&str>) -> Result<(), StoreError> {
        let plan_hash = match held {
            Some(_) if !self.policy.dry_run => Some(self.keep_plan().await?),
            _ => None,
        };
        let status = if plan_hash.is_some() { RunStatus::Held } else { RunStatus::Succeeded };
        let statement = "UPDATE sync_runs SET status = $2, phase = 'done', finished_at = clock_timestamp(),
                heartbeat_at = clock_timestamp(), rows = $3, counts = $4, reflects_at = $5, floor_at = $6,
                evidence = $7, fallback_reason = $8, held_reason = $9, plan_hash = $10
            WHERE id = $1 AND status = 'running' RETURNING 1";
        let counts_json = serde_json::to_value(counts).unwrap_or_default();
        let parameters: [&(dyn ToSql + Sync); 10] = [
            &self.run_id,
            &status.as_str(),
            &self.answer.fetched,
            &counts_json,
            &self.as_of(),
            &self.floor(),
            &self.answer.evidence,
            &self.answer.fallback_reason,
            &held,
            &plan_hash,
        ];
        match self.query("finish the run", statement, &parameters).await?.len() {
            1 => Ok(()),
            _ => Err(StoreError::RunTakenAway(self.run_id)),
        }
    }

    pub(super) async fn query(
        &self,
        context: &'static str,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.transaction.query(statement, parameters).await.map_err(|e| StoreError::from_postgres(context, e))
    }
}

//! The transaction that turns staged rows into the register's state, step by step.

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;
use premise_domain::{source_time::floor_to_micros, sync_run::RunCounts};
use serde_json::Value;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{Answer, Quarantined};
use crate::{StoreError, apply::APPLY_ROWS, transact::APPLY_LOCK};

/// One pull being applied.
pub(super) struct Applying<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) run_id: Uuid,
    pub(super) answer: &'a Answer,
    pub(super) quarantined: &'a [Quarantined],
}

impl Applying<'_> {
    /// Everything between `BEGIN` and `COMMIT`. The exclusive lock is taken as late as possible.
    pub(super) async fn run(&self, staged: i64) -> Result<RunCounts, StoreError> {
        let collapsed = self.collapse_duplicates().await?;
        self.keep_quarantined().await?;
        self.query("lock for a pull", "SELECT pg_advisory_xact_lock($1)", &[&APPLY_LOCK]).await?;
        let missing = if self.answer.complete { self.count_missing().await? } else { 0 };
        // A missing premise is not deleted on one answer's word, and the floor, which would
        // confirm its absence, stays where it is.
        let accepted = self.answer.complete && staged > 0 && missing == 0;
        let mut counts = self.apply_rows(accepted, staged - collapsed).await?;
        counts.fetched = self.answer.fetched;
        counts.quarantined = self.quarantined.len() as i64;
        counts.collapsed = collapsed;
        counts.withheld = missing;
        if accepted {
            self.raise_floor().await?;
        }
        self.move_watermark().await?;
        self.finish_run(&counts).await?;
        Ok(counts)
    }

    fn floor(&self) -> DateTime<Utc> {
        floor_to_micros(self.answer.reflects_at - self.answer.source_lag)
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
        self.query("keep quarantined rows", statement, &[&self.run_id, &premises, &errors, &raws])
            .await
            .map(drop)
    }

    async fn count_missing(&self) -> Result<i64, StoreError> {
        let statement = "SELECT count(*) FROM premises p
            WHERE NOT p.is_tombstone
              AND NOT EXISTS (SELECT FROM staged_rows s WHERE s.premise_id = p.premise_id)
              AND NOT EXISTS (SELECT FROM quarantined_rows q WHERE q.run_id = $1 AND q.premise_id = p.premise_id)";
        let rows = self.query("count missing premises", statement, &[&self.run_id]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    async fn apply_rows(&self, accepted: bool, rows: i64) -> Result<RunCounts, StoreError> {
        let context = "apply rows";
        let parameters: [&(dyn ToSql + Sync); 5] = [
            &self.answer.channel.as_str(),
            &floor_to_micros(self.answer.reflects_at),
            &self.floor(),
            &accepted,
            &self.run_id,
        ];
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

    /// The floor only rises. Premises whose row was quarantined keep the floor they had.
    async fn raise_floor(&self) -> Result<(), StoreError> {
        let keep = "INSERT INTO floor_exemptions (premise_id, floor_at)
            SELECT DISTINCT q.premise_id, coalesce(x.floor_at, f.floor_at, '-infinity')
            FROM quarantined_rows q
            LEFT JOIN floor_exemptions x USING (premise_id)
            LEFT JOIN floors f ON f.source = 'ppb'
            WHERE q.run_id = $1 AND q.premise_id > 0 AND $2 > coalesce(f.floor_at, '-infinity')
            ON CONFLICT (premise_id) DO NOTHING";
        self.query("exempt quarantined premises", keep, &[&self.run_id, &self.floor()]).await?;
        let end = "DELETE FROM floor_exemptions x WHERE x.floor_at < $2
            AND NOT EXISTS (SELECT FROM quarantined_rows q WHERE q.run_id = $1 AND q.premise_id = x.premise_id)
            AND $2 >= coalesce((SELECT floor_at FROM floors WHERE source = 'ppb'), '-infinity')";
        self.query("end exemptions", end, &[&self.run_id, &self.floor()]).await?;
        let raise = "INSERT INTO floors (source, floor_at, as_of, run_id) VALUES ('ppb', $2, $3, $1)
            ON CONFLICT (source) DO UPDATE
            SET floor_at = excluded.floor_at, as_of = excluded.as_of, run_id = excluded.run_id
            WHERE excluded.floor_at > floors.floor_at";
        let as_of = floor_to_micros(self.answer.reflects_at);
        self.query("raise the floor", raise, &[&self.run_id, &self.floor(), &as_of]).await.map(drop)
    }

    /// The watermark only rises.
    async fn move_watermark(&self) -> Result<(), StoreError> {
        let Some(watermark) = self.answer.watermark else { return Ok(()) };
        let statement = "INSERT INTO watermarks (source, watermark_at, run_id) VALUES ('ppb', $2, $1)
            ON CONFLICT (source) DO UPDATE SET watermark_at = excluded.watermark_at, run_id = excluded.run_id
            WHERE excluded.watermark_at > watermarks.watermark_at";
        self.query("move the watermark", statement, &[&self.run_id, &floor_to_micros(watermark)])
            .await
            .map(drop)
    }

    /// Ends the run in the transaction of its rows. A run that is not running any more was taken
    /// away, and its rows must not be applied.
    async fn finish_run(&self, counts: &RunCounts) -> Result<(), StoreError> {
        let statement =
            "UPDATE sync_runs SET status = 'succeeded', phase = 'done', finished_at = clock_timestamp(),
                heartbeat_at = clock_timestamp(), rows = $2, counts = $3, reflects_at = $4, evidence = $5,
                fallback_reason = $6
            WHERE id = $1 AND status = 'running' RETURNING 1";
        let counts_json = serde_json::to_value(counts).unwrap_or_default();
        let answer = self.answer;
        let parameters: [&(dyn ToSql + Sync); 6] = [
            &self.run_id,
            &answer.fetched,
            &counts_json,
            &floor_to_micros(answer.reflects_at),
            &answer.evidence,
            &answer.fallback_reason,
        ];
        match self.query("finish the run", statement, &parameters).await?.len() {
            1 => Ok(()),
            _ => Err(StoreError::RunTakenAway(self.run_id)),
        }
    }

    async fn query(
        &self,
        context: &'static str,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.transaction.query(statement, parameters).await.map_err(|e| StoreError::from_postgres(context, e))
    }
}

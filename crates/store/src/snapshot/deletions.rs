//! Deletion by absence: confirmed, noted for the next answer, or kept as a plan.

use tokio_postgres::types::ToSql;

use super::applying::Applying;
use crate::StoreError;

/// Makes the premises that `{missing}` yields tombstones at a floor, and records the changes.
/// `$1` the run, `$2` F, `$3` r, `$4` the channel.
pub(super) fn tombstone(missing: &str) -> String {
    format!(
        "WITH gone AS (
            UPDATE premises p SET is_tombstone = true, effective_at = $2, rank_class = 1, as_of = $3,
                rank_sequence = 0, rank_hash = decode(repeat('00', 16), 'hex'), content_hash = NULL,
                channel = $4, source_ref = $1, changed_at = now()
            FROM ({missing}) AS m
            LEFT JOIN floors f ON f.source = 'ppb'
            LEFT JOIN floor_exemptions x ON x.premise_id = m.premise_id
            WHERE p.premise_id = m.premise_id
              AND NOT p.is_tombstone
              AND $2 > coalesce(x.floor_at, f.floor_at, '-infinity')
              AND (p.effective_at, p.rank_class, p.is_tombstone, p.as_of, p.rank_sequence, p.rank_hash)
                < ($2, 1::smallint, true, $3, 0::bigint, decode(repeat('00', 16), 'hex'))
            RETURNING p.premise_id)
        INSERT INTO premise_changes (premise_id, kind, effective_at, channel, source_ref)
        SELECT premise_id, 'deleted', $2, $4, $1 FROM gone ORDER BY premise_id
        RETURNING 1"
    )
}

impl Applying<'_> {
    /// Deletes what enough accepted answers in a row did not have. Returns how many.
    pub(super) async fn delete_confirmed(&self) -> Result<i64, StoreError> {
        let statement = tombstone("SELECT premise_id FROM staged_missing WHERE confirmed");
        let (floor, as_of, channel) = (self.floor(), self.as_of(), self.answer.channel.as_str());
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.run_id, &floor, &as_of, &channel];
        Ok(self.query("delete confirmed absences", &statement, &parameters).await?.len() as i64)
    }

    /// Notes what is missing for the first time, forgets what came back. Returns how many wait.
    pub(super) async fn note_absences(&self) -> Result<i64, StoreError> {
        let forget = "DELETE FROM pending_absences a WHERE a.as_of < $1
            AND NOT EXISTS (SELECT FROM staged_missing m WHERE m.premise_id = a.premise_id AND NOT m.confirmed)";
        self.query("forget absences", forget, &[&self.as_of()]).await?;
        let note = "INSERT INTO pending_absences AS a (premise_id, reads, as_of, run_id)
            SELECT premise_id, 1, $2, $1 FROM staged_missing WHERE NOT confirmed
            ON CONFLICT (premise_id) DO UPDATE
            SET reads = a.reads + 1, as_of = excluded.as_of, run_id = excluded.run_id
            WHERE a.as_of <= $3";
        let counts_before = self.as_of() - self.policy.confirmation_gap;
        self.query("note absences", note, &[&self.run_id, &self.as_of(), &counts_before]).await?;
        let waiting = "SELECT count(*) FROM staged_missing WHERE NOT confirmed";
        let rows = self.query("count absences", waiting, &[]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// Keeps what a held run would delete. The hash binds an approval to exactly this plan.
    pub(super) async fn keep_plan(&self) -> Result<String, StoreError> {
        let keep =
            "INSERT INTO held_deletions (run_id, premise_id) SELECT $1, premise_id FROM staged_missing";
        self.query("keep the plan", keep, &[&self.run_id]).await?;
        let hash = "SELECT encode(sha256(convert_to(
                $1::uuid::text || coalesce(string_agg(premise_id::text, ',' ORDER BY premise_id), ''), 'UTF8')), 'hex')
            FROM held_deletions WHERE run_id = $1";
        let rows = self.query("hash the plan", hash, &[&self.run_id]).await?;
        Ok(rows.first().map_or_else(String::new, |row| row.get(0)))
    }
}

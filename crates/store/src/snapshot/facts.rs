//! What an answer looks like beside the register: the facts its acceptance is judged by.

use premise_domain::acceptance::{Facts, WATCHED};

use super::applying::Applying;
use crate::StoreError;

/// The premises that a full answer is held against.
pub(super) const EVERY_PREMISE: &str = "true";

/// The premises that an answer of changes is held against.
pub(super) const SPOKEN_OF: &str = "EXISTS (SELECT FROM staged_rows s WHERE s.premise_id = p.premise_id)";

impl Applying<'_> {
    /// Fills `staged_missing` with the live premises that the answer does not have and would
    /// delete: not quarantined, above no floor of theirs, and not stated later by anyone else.
    pub(super) async fn find_missing(&self) -> Result<(), StoreError> {
        let statement = "
            INSERT INTO staged_missing
            SELECT p.premise_id,
                1 + CASE WHEN a.as_of <= $5 THEN a.reads WHEN a.as_of IS NULL THEN 0 ELSE a.reads - 1 END >= $4
            FROM premises p
            LEFT JOIN floors f ON f.source = 'ppb'
            LEFT JOIN floor_exemptions x USING (premise_id)
            LEFT JOIN pending_absences a USING (premise_id)
            WHERE NOT p.is_tombstone
              AND NOT EXISTS (SELECT FROM staged_rows s WHERE s.premise_id = p.premise_id)
              AND NOT EXISTS (SELECT FROM quarantined_rows q WHERE q.run_id = $1 AND q.premise_id = p.premise_id)
              AND $2 > coalesce(x.floor_at, f.floor_at, '-infinity')
              AND (p.effective_at, p.rank_class, p.is_tombstone, p.as_of, p.rank_sequence, p.rank_hash)
                < ($2, 1::smallint, true, $3, 0::bigint, decode(repeat('00', 16), 'hex'))";
        let (floor, as_of, confirmations) = (self.floor(), self.as_of(), self.policy.delete_confirmations);
        let counts_before = as_of - self.policy.confirmation_gap;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&self.run_id, &floor, &as_of, &confirmations, &counts_before];
        self.query("find missing premises", statement, &parameters).await.map(drop)
    }

    pub(super) async fn count_missing(&self) -> Result<i64, StoreError> {
        let rows = self.query("count missing premises", "SELECT count(*) FROM staged_missing", &[]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }

    /// The facts, beside the live premises that fulfil `condition`.
    pub(super) async fn facts(&self, condition: &str) -> Result<Facts, StoreError> {
        let filters = WATCHED.map(|field| format!(", count(*) FILTER (WHERE {field} IS NULL)"));
        let statement = format!(
            "SELECT count(*){}, NOT EXISTS (SELECT FROM floors WHERE source = 'ppb')
            FROM premises p WHERE NOT p.is_tombstone AND {condition}",
            filters.concat()
        );
        let live = self.query("count live premises", &statement, &[]).await?;
        let number = |column: usize| live.first().map_or(0, |row| row.get::<_, i64>(column));
        Ok(Facts {
            is_first: live.first().is_some_and(|row| row.get(1 + WATCHED.len())),
            rows: self.tally.rows,
            live: number(0),
            missing: self.count_missing().await?,
            went_back: self.count_went_back().await?,
            nulls: self.tally.nulls,
            live_nulls: std::array::from_fn(|field| number(1 + field)),
        })
    }

    /// Rows older than a state of the premise that an answer of this r must have seen. Seconds are
    /// compared: webhooks and catalogue need not write the same number of digits.
    async fn count_went_back(&self) -> Result<i64, StoreError> {
        if !self.tally.any_modified {
            return Ok(0);
        }
        let statement = "SELECT count(*) FROM staged_rows s JOIN premises p USING (premise_id)
            WHERE date_trunc('second', s.modified_at) < date_trunc('second', p.source_modified_at)
              AND p.source_modified_at <= $1 AND NOT p.is_tombstone";
        let rows = self.query("count rows that went back", statement, &[&self.floor()]).await?;
        Ok(rows.first().map_or(0, |row| row.get(0)))
    }
}

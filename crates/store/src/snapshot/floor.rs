//! What a pull confirms: the floor, its exemptions, and the watermark. None of them moves back.

use premise_domain::source_time::floor_to_micros;

use super::applying::Applying;
use crate::StoreError;

/// Premises of which this answer confirms nothing: their row was unreadable, or they are missing
/// and not yet believed to be gone.
const UNCONFIRMED: &str = "
    SELECT premise_id FROM quarantined_rows WHERE run_id = $1 AND premise_id > 0
    UNION SELECT premise_id FROM staged_missing WHERE NOT confirmed";

impl Applying<'_> {
    /// Raises the floor to F. Unconfirmed premises keep the floor they had; an answer older than
    /// the floor still covers premises that the newer one exempted.
    pub(super) async fn raise_floor(&self) -> Result<(), StoreError> {
        let raise = "INSERT INTO floors AS f (source, floor_at, as_of, run_id) VALUES ('ppb', $2, $3, $1)
            ON CONFLICT (source) DO UPDATE
            SET floor_at = excluded.floor_at, as_of = excluded.as_of, run_id = excluded.run_id
            WHERE excluded.floor_at > f.floor_at
            RETURNING 1";
        let exempt = format!(
            "INSERT INTO floor_exemptions AS x (premise_id, floor_at)
            SELECT u.premise_id, coalesce(f.floor_at, '-infinity') FROM ({UNCONFIRMED}) AS u
            LEFT JOIN floors f ON f.source = 'ppb'
            WHERE $2 > coalesce(f.floor_at, '-infinity')
            ON CONFLICT (premise_id) DO NOTHING"
        );
        let cover = format!(
            "UPDATE floor_exemptions x SET floor_at = $2
            WHERE x.floor_at < $2 AND x.premise_id NOT IN ({UNCONFIRMED})"
        );
        let settle = "DELETE FROM floor_exemptions x USING floors f
            WHERE f.source = 'ppb' AND x.floor_at >= f.floor_at AND $1::uuid IS NOT NULL";
        let (floor, as_of) = (self.floor(), self.as_of());
        self.query("exempt unconfirmed premises", &exempt, &[&self.run_id, &floor]).await?;
        self.query("raise the floor", raise, &[&self.run_id, &floor, &as_of]).await?;
        self.query("cover exempted premises", &cover, &[&self.run_id, &floor]).await?;
        self.query("settle exemptions", settle, &[&self.run_id]).await.map(drop)
    }

    /// Moves the watermark of the incremental pull.
    pub(super) async fn move_watermark(&self) -> Result<(), StoreError> {
        let Some(watermark) = self.answer.watermark else { return Ok(()) };
        let statement = "INSERT INTO watermarks (source, watermark_at, run_id) VALUES ('ppb', $2, $1)
            ON CONFLICT (source) DO UPDATE SET watermark_at = excluded.watermark_at, run_id = excluded.run_id
            WHERE excluded.watermark_at > watermarks.watermark_at";
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&self.run_id, &floor_to_micros(watermark)];
        self.query("move the watermark", statement, &parameters).await.map(drop)
    }
}

//! What earlier pulls leave to the next one.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    OptionalExtension, QueryDsl, QueryableByName,
    dsl::max,
    sql_types::{Bool, Integer, Text},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    StoreError,
    schema::{sync_runs, watermarks},
};

/// What is known before a pull asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PullHistory {
    /// C: up to where PPB's changes are known.
    pub watermark: Option<DateTime<Utc>>,
    /// The greatest r of any answer that was applied.
    pub reflects_at: Option<DateTime<Utc>>,
}

/// Reads what is known.
pub async fn read(connection: &mut AsyncPgConnection) -> Result<PullHistory, StoreError> {
    let context = "read the history of pulls";
    let watermark =
        watermarks::table.find("ppb").select(watermarks::watermark_at).first(&mut *connection).await;
    let watermark = watermark.optional().map_err(|error| StoreError::from_diesel(context, error))?;
    let reflects_at = sync_runs::table.select(max(sync_runs::reflects_at)).first(connection).await;
    let reflects_at = reflects_at.map_err(|error| StoreError::from_diesel(context, error))?;
    Ok(PullHistory { watermark, reflects_at })
}

/// Who asks for the answer that confirms an absence.
pub const CONFIRMATION: &str = "delete-confirmation";

/// Whether a premise has been missing for so long that another answer should confirm its deletion:
/// no run is open, none was asked for meanwhile, none is held, and the last attempt did not just fail.
pub async fn confirmation_due(
    connection: &mut AsyncPgConnection,
    after: TimeDelta,
) -> Result<bool, StoreError> {
    let seconds = i32::try_from(after.num_seconds()).unwrap_or(i32::MAX);
    let statement =
        "SELECT EXISTS (SELECT FROM pending_absences WHERE noted_at < now() - make_interval(secs => $1))
        AND NOT EXISTS (SELECT FROM sync_runs WHERE status IN ('queued', 'running')
            OR requested_at > now() - make_interval(secs => $1)
            OR (requested_by = $2 AND status <> 'succeeded' AND requested_at > now() - interval '6 hours'))
        AND 'held' IS DISTINCT FROM (SELECT status FROM sync_runs ORDER BY requested_at DESC LIMIT 1) AS due";
    let due: Due = diesel::sql_query(statement)
        .bind::<Integer, _>(seconds)
        .bind::<Text, _>(CONFIRMATION)
        .get_result(connection)
        .await
        .map_err(|error| StoreError::from_diesel("look for absences to confirm", error))?;
    Ok(due.due)
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = Bool)]
    due: bool,
}

//! What the schedule has asked for, kept with the runs: any number of replicas may ask, one run per slot comes
//! of it.
//!
//! A slot is the time at which a schedule wanted a run. It is taken by the run that was queued for it, whatever
//! becomes of that run; only when the run was interrupted (its process ended first) may it be taken again, three
//! times in all.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::sync_run::Mode;
use uuid::Uuid;

use crate::StoreError;

/// Who asks for scheduled runs (`requested_by`).
pub const REQUESTED_BY: &str = "schedule";

/// What has been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Slots {
    /// Postgres' time, which all replicas share.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
    /// The last slot of full runs that was taken.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub full: Option<DateTime<Utc>>,
    /// The last slot of incremental runs that was taken.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub incremental: Option<DateTime<Utc>>,
    /// When the newest run that succeeded was asked for, by anyone; none while the register was never filled.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub pulled: Option<DateTime<Utc>>,
}

/// Reads what has been asked for.
pub async fn slots(connection: &mut AsyncPgConnection) -> Result<Slots, StoreError> {
    let statement = r#"SELECT clock_timestamp() AS "now",
        (SELECT max(slot_at) FROM taken_slots WHERE mode = 'full') AS "full",
        (SELECT max(slot_at) FROM taken_slots WHERE mode = 'incremental') AS incremental,
        (SELECT max(requested_at) FROM sync_runs WHERE status = 'succeeded' AND NOT dry_run) AS pulled"#;
    diesel::sql_query(statement)
        .get_result(connection)
        .await
        .map_err(|error| StoreError::from_diesel("read the schedule's slots", error))
}

/// Queues the run of a slot. False when the slot (or a later one) is taken, and while another run is queued or
/// running; after that one the slot is still due.
pub async fn take_slot(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    mode: Mode,
    slot_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let statement = "INSERT INTO sync_runs (id, mode, status, requested_by, scheduled_for)
        SELECT $1, $2, 'queued', $3, $4
        WHERE NOT EXISTS (SELECT FROM taken_slots WHERE mode = $2 AND slot_at >= $4)
        ON CONFLICT DO NOTHING";
    let taken = diesel::sql_query(statement)
        .bind::<SqlUuid, _>(id)
        .bind::<Text, _>(mode.as_str())
        .bind::<Text, _>(REQUESTED_BY)
        .bind::<Timestamptz, _>(slot_at)
        .execute(connection)
        .await;
    taken.map(|rows| rows == 1).map_err(|error| StoreError::from_diesel("queue a scheduled run", error))
}

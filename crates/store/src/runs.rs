//! Runs: pulls of the catalogue from request to end. One at a time per source.
//!
//! The row is the truth about a run; the message in the broker only wakes the puller. A running
//! run moves its heartbeat on; one that falls silent is abandoned.

mod record;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{prelude::*, result::DatabaseErrorKind, sql_types::Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use premise_domain::sync_run::{Mode, RunStatus};
use uuid::Uuid;

use self::record::Record;
use crate::{StoreError, schema::sync_runs};

pub use record::SyncRun;

/// A run to ask for.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Chosen by the caller; version 7, so that ids sort by time.
    pub id: Uuid,
    /// What to pull.
    pub mode: Mode,
    /// Who asks.
    pub requested_by: String,
    /// For an incremental run: changes since then, in place of the watermark.
    pub since: Option<DateTime<Utc>>,
    /// Tell what would happen and change nothing.
    pub dry_run: bool,
}

/// Answer to a request for a run.
#[derive(Debug, Clone)]
pub enum Queued {
    /// The run waits for the puller.
    Created(SyncRun),
    /// Another one is queued or running.
    InProgress(SyncRun),
}

/// Asks for a run. While another is queued or running, tells that one instead.
pub async fn queue(connection: &mut AsyncPgConnection, new: NewRun) -> Result<Queued, StoreError> {
    let context = "queue a run";
    // The run in progress may end between the two statements; then there is room for ours.
    for _ in 0..3 {
        let inserted = diesel::insert_into(sync_runs::table)
            .values((
                sync_runs::id.eq(new.id),
                sync_runs::mode.eq(new.mode.as_str()),
                sync_runs::status.eq(RunStatus::Queued.as_str()),
                sync_runs::requested_by.eq(&new.requested_by),
                sync_runs::since.eq(new.since),
                sync_runs::dry_run.eq(new.dry_run),
            ))
            .returning(Record::as_returning())
            .get_result(&mut *connection)
            .await;
        match inserted {
            Ok(record) => return Ok(Queued::Created(record.try_into()?)),
            Err(diesel::result::Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {}
            Err(error) => return Err(StoreError::from_diesel(context, error)),
        }
        if let Some(run) = in_progress(connection).await? {
            return Ok(Queued::InProgress(run));
        }
    }
    Err(StoreError::Contention { context })
}

/// The run that is queued or running.
pub async fn in_progress(connection: &mut AsyncPgConnection) -> Result<Option<SyncRun>, StoreError> {
    let open = [RunStatus::Queued.as_str(), RunStatus::Running.as_str()];
    let query = sync_runs::table.filter(sync_runs::status.eq_any(open)).select(Record::as_select());
    one("find the run in progress", query.first(connection).await)
}

/// One run.
pub async fn find(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<SyncRun>, StoreError> {
    one("find a run", sync_runs::table.find(id).select(Record::as_select()).first(connection).await)
}

fn one(context: &'static str, found: QueryResult<Record>) -> Result<Option<SyncRun>, StoreError> {
    found
        .optional()
        .map_err(|error| StoreError::from_diesel(context, error))?
        .map(TryInto::try_into)
        .transpose()
}

/// A page of runs, newest first, and how many there are. `page` counts from 1.
pub async fn list(
    connection: &mut AsyncPgConnection,
    page: i64,
    limit: i64,
) -> Result<(Vec<SyncRun>, i64), StoreError> {
    let context = "list runs";
    let records: Vec<Record> = sync_runs::table
        .order((sync_runs::requested_at.desc(), sync_runs::id.desc()))
        .limit(limit)
        .offset((page - 1).saturating_mul(limit))
        .select(Record::as_select())
        .load(connection)
        .await
        .map_err(|error| StoreError::from_diesel(context, error))?;
    let total = sync_runs::table.count().get_result(connection).await;
    let total = total.map_err(|error| StoreError::from_diesel(context, error))?;
    Ok((records.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?, total))
}

/// Begins a queued run; `None` when it is not queued any more.
pub async fn claim(connection: &mut AsyncPgConnection, id: Uuid) -> Result<Option<SyncRun>, StoreError> {
    let claimed =
        diesel::update(sync_runs::table.find(id).filter(sync_runs::status.eq(RunStatus::Queued.as_str())))
            .set((
                sync_runs::status.eq(RunStatus::Running.as_str()),
                sync_runs::started_at.eq(diesel::dsl::now),
                sync_runs::heartbeat_at.eq(diesel::dsl::now),
                sync_runs::phase.eq("fetching"),
            ))
            .returning(Record::as_returning())
            .get_result(connection)
            .await;
    one("claim a run", claimed)
}

/// Whether the puller should go on with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Go on.
    Running,
    /// An operator wants it to end.
    CancelRequested,
    /// It is not running any more: another process found this one dead.
    TakenAway,
}

/// Notes how far a running run is and that its process lives.
pub async fn note_progress(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    phase: &str,
    bytes: i64,
    rows: i64,
) -> Result<Standing, StoreError> {
    let running = sync_runs::table.find(id).filter(sync_runs::status.eq(RunStatus::Running.as_str()));
    let cancel: Option<bool> = diesel::update(running)
        .set((
            sync_runs::heartbeat_at.eq(diesel::dsl::now),
            sync_runs::phase.eq(phase),
            sync_runs::bytes.eq(bytes),
            sync_runs::rows.eq(rows),
        ))
        .returning(sync_runs::cancel_requested)
        .get_result(connection)
        .await
        .optional()
        .map_err(|error| StoreError::from_diesel("note progress", error))?;
    Ok(match cancel {
        None => Standing::TakenAway,
        Some(true) => Standing::CancelRequested,
        Some(false) => Standing::Running,
    })
}

/// Ends a run that is not over without effect: `status` is failed or cancelled. Returns whether it was still open.
pub async fn end(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    status: RunStatus,
    code: &str,
    message: &str,
) -> Result<bool, StoreError> {
    let open = [RunStatus::Queued.as_str(), RunStatus::Running.as_str()];
    let ended = diesel::update(sync_runs::table.find(id).filter(sync_runs::status.eq_any(open)))
        .set((
            sync_runs::status.eq(status.as_str()),
            sync_runs::finished_at.eq(diesel::dsl::now),
            sync_runs::error_code.eq(code),
            sync_runs::error_message.eq(message),
        ))
        .execute(connection)
        .await;
    ended.map(|rows| rows == 1).map_err(|error| StoreError::from_diesel("end a run", error))
}

/// Asks a run to end. A queued one ends at once, a running one at its next step. Returns whether
/// it was still open.
pub async fn request_cancel(connection: &mut AsyncPgConnection, id: Uuid) -> Result<bool, StoreError> {
    let queued = sync_runs::table.find(id).filter(sync_runs::status.eq(RunStatus::Queued.as_str()));
    let ended = diesel::update(queued)
        .set((
            sync_runs::status.eq(RunStatus::Cancelled.as_str()),
            sync_runs::cancel_requested.eq(true),
            sync_runs::finished_at.eq(diesel::dsl::now),
        ))
        .execute(&mut *connection)
        .await
        .map_err(|error| StoreError::from_diesel("cancel a queued run", error))?;
    let running = sync_runs::table.find(id).filter(sync_runs::status.eq(RunStatus::Running.as_str()));
    let asked = diesel::update(running)
        .set(sync_runs::cancel_requested.eq(true))
        .execute(connection)
        .await
        .map_err(|error| StoreError::from_diesel("cancel a running run", error))?;
    Ok(ended + asked > 0)
}

/// Marks running runs whose process was silent for so long as abandoned, and tells which.
pub async fn abandon_dead(
    connection: &mut AsyncPgConnection,
    silent_for: TimeDelta,
) -> Result<Vec<Uuid>, StoreError> {
    use diesel::dsl::{IntervalDsl, now};
    let limit = i32::try_from(silent_for.num_seconds()).unwrap_or(i32::MAX).seconds();
    diesel::update(sync_runs::table)
        .filter(sync_runs::status.eq(RunStatus::Running.as_str()))
        .filter(sync_runs::heartbeat_at.lt((now.into_sql::<Timestamptz>() - limit).nullable()))
        .set((
            sync_runs::status.eq(RunStatus::Abandoned.as_str()),
            sync_runs::finished_at.eq(now),
            sync_runs::error_code.eq("abandoned"),
            sync_runs::error_message
                .eq("The process that ran it ended before the run did; nothing was applied."),
        ))
        .returning(sync_runs::id)
        .get_results(connection)
        .await
        .map_err(|error| StoreError::from_diesel("abandon dead runs", error))
}

/// Queued runs that have waited at least so long: the message that should wake the puller may be lost.
pub async fn queued_for(
    connection: &mut AsyncPgConnection,
    at_least: TimeDelta,
) -> Result<Vec<Uuid>, StoreError> {
    use diesel::dsl::{IntervalDsl, now};
    let waited = i32::try_from(at_least.num_seconds()).unwrap_or(i32::MAX).seconds();
    sync_runs::table
        .filter(sync_runs::status.eq(RunStatus::Queued.as_str()))
        .filter(sync_runs::requested_at.lt(now.into_sql::<Timestamptz>() - waited))
        .select(sync_runs::id)
        .load(connection)
        .await
        .map_err(|error| StoreError::from_diesel("find forgotten runs", error))
}

//! A run as a row of `sync_runs` and as the typed value that others see.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use premise_domain::sync_run::{Mode, RunCounts, RunStatus};
use serde_json::Value;
use uuid::Uuid;

use crate::{StoreError, schema::sync_runs};

/// A run as it stands.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the columns of sync_runs, told in the migration")]
pub struct SyncRun {
    pub id: Uuid,
    pub mode: Mode,
    pub status: RunStatus,
    pub requested_by: String,
    pub requested_at: DateTime<Utc>,
    pub since: Option<DateTime<Utc>>,
    pub dry_run: bool,
    pub cancel_requested: bool,
    pub started_at: Option<DateTime<Utc>>,
    pub heartbeat_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub phase: Option<String>,
    pub bytes: i64,
    pub rows: i64,
    pub counts: Option<RunCounts>,
    pub reflects_at: Option<DateTime<Utc>>,
    pub evidence: Option<Value>,
    pub fallback_reason: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub held_reason: Option<String>,
    pub plan_hash: Option<String>,
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTime<Utc>>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sync_runs)]
pub(super) struct Record {
    id: Uuid,
    mode: String,
    status: String,
    requested_by: String,
    requested_at: DateTime<Utc>,
    since: Option<DateTime<Utc>>,
    dry_run: bool,
    cancel_requested: bool,
    started_at: Option<DateTime<Utc>>,
    heartbeat_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    phase: Option<String>,
    bytes: i64,
    rows: i64,
    counts: Option<Value>,
    reflects_at: Option<DateTime<Utc>>,
    evidence: Option<Value>,
    fallback_reason: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
    held_reason: Option<String>,
    plan_hash: Option<String>,
    approved_by: Option<String>,
    approved_at: Option<DateTime<Utc>>,
}

impl TryFrom<Record> for SyncRun {
    type Error = StoreError;

    fn try_from(row: Record) -> Result<Self, StoreError> {
        let unknown = |source| StoreError::Refused { context: "read a run", source };
        Ok(Self {
            id: row.id,
            mode: row.mode.parse().map_err(|e| unknown(Box::from(e)))?,
            status: row.status.parse().map_err(|e| unknown(Box::from(e)))?,
            requested_by: row.requested_by,
            requested_at: row.requested_at,
            since: row.since,
            dry_run: row.dry_run,
            cancel_requested: row.cancel_requested,
            started_at: row.started_at,
            heartbeat_at: row.heartbeat_at,
            finished_at: row.finished_at,
            phase: row.phase,
            bytes: row.bytes,
            rows: row.rows,
            counts: row.counts.map(serde_json::from_value).transpose().map_err(|e| unknown(Box::from(e)))?,
            reflects_at: row.reflects_at,
            evidence: row.evidence,
            fallback_reason: row.fallback_reason,
            error_code: row.error_code,
            error_message: row.error_message,
            held_reason: row.held_reason,
            plan_hash: row.plan_hash,
            approved_by: row.approved_by,
            approved_at: row.approved_at,
        })
    }
}

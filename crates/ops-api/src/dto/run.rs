//! A run: what was asked for, how far it is, what came out.

use chrono::{DateTime, Utc};
use premise_domain::sync_run::{Mode, RunCounts, RunStatus};
use premise_store::runs::SyncRun;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// One run, live or over.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunView {
    run_id: Uuid,
    mode: Mode,
    status: RunStatus,
    /// Once it is over: whether everything was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    requested_by: String,
    requested_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// Of an incremental run that was asked for changes since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    synced_from: Option<DateTime<Utc>>,
    dry_run: bool,
    cancel_requested: bool,
    phase: Option<String>,
    bytes: i64,
    rows: i64,
    /// Rows read so far a second; none before the first heartbeat.
    rows_per_second: Option<f64>,
    #[serde(flatten)]
    outcome: Option<Outcome>,
    /// `full` where an incremental run had to pull everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback_reason: Option<String>,
    /// Why deletions were withheld, and which plan an approval must name.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RunError>,
    /// Set when it succeeded and was no dry run.
    last_synced_at: Option<DateTime<Utc>>,
    /// From start to end, or to the last heartbeat of a live one.
    duration_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Value>,
}

/// Where the rows went. `total` and `errors` are the seed's names for `fetched` and `quarantined`.
#[derive(Debug, PartialEq, Serialize)]
struct Outcome {
    total: i64,
    errors: i64,
    #[serde(flatten)]
    counts: RunCounts,
}

#[derive(Debug, PartialEq, Serialize)]
struct RunError {
    code: String,
    message: Option<String>,
}

/// A page of runs, newest first.
#[derive(Serialize)]
pub(crate) struct RunList {
    pub(crate) runs: Vec<RunView>,
    pub(crate) total: i64,
    pub(crate) page: u32,
    pub(crate) limit: u32,
}

impl From<SyncRun> for RunView {
    fn from(run: SyncRun) -> Self {
        let over = run.status.is_final();
        let until = run.finished_at.or(run.heartbeat_at);
        let duration_ms = run.started_at.zip(until).map(|(from, to)| (to - from).num_milliseconds());
        // A run that ended before it had an outcome has one: nothing.
        let counts = run.counts.or_else(|| over.then(RunCounts::default));
        let succeeded = run.status == RunStatus::Succeeded;
        Self {
            run_id: run.id,
            mode: run.mode,
            status: run.status,
            success: over.then_some(succeeded),
            requested_by: run.requested_by,
            requested_at: run.requested_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            synced_from: run.since,
            dry_run: run.dry_run,
            cancel_requested: run.cancel_requested,
            phase: run.phase.filter(|_| !over),
            bytes: run.bytes,
            rows: run.rows,
            rows_per_second: duration_ms.and_then(|ms| rate(run.rows, ms)),
            outcome: counts.map(|counts| Outcome {
                total: counts.fetched,
                errors: counts.quarantined,
                counts,
            }),
            fallback: run.fallback_reason.as_ref().map(|_| "full"),
            fallback_reason: run.fallback_reason,
            held_reason: run.held_reason,
            plan_hash: run.plan_hash,
            approved_by: run.approved_by,
            approved_at: run.approved_at,
            error: run.error_code.map(|code| RunError { code, message: run.error_message }),
            last_synced_at: run.finished_at.filter(|_| succeeded && !run.dry_run),
            duration_ms,
            evidence: run.evidence,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people; counts stay far below 2^52")]
fn rate(rows: i64, ms: i64) -> Option<f64> {
    (ms > 0).then(|| (rows as f64 * 10_000.0 / ms as f64).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn run(status: RunStatus) -> SyncRun {
        let at = |second: i64| DateTime::from_timestamp(1_700_000_000 + second, 0);
        SyncRun {
            id: Uuid::nil(),
            mode: Mode::Full,
            status,
            requested_by: "admin:local".into(),
            requested_at: at(0).unwrap(),
            since: None,
            dry_run: false,
            cancel_requested: false,
            started_at: at(1),
            heartbeat_at: at(3),
            finished_at: None,
            phase: Some("fetching".into()),
            bytes: 10,
            rows: 500,
            counts: None,
            reflects_at: None,
            evidence: None,
            fallback_reason: None,
            error_code: None,
            error_message: None,
            held_reason: None,
            plan_hash: None,
            approved_by: None,
            approved_at: None,
        }
    }

    #[test]
    fn a_live_run_shows_its_rate_and_claims_no_outcome() {
        let shown = serde_json::to_value(RunView::from(run(RunStatus::Running))).unwrap();
        assert_eq!((&shown["rowsPerSecond"], &shown["phase"]), (&250.0.into(), &"fetching".into()));
        assert!(shown.get("success").is_none() && shown.get("inserted").is_none());
    }

    #[test]
    fn a_finished_run_has_the_members_of_the_contract() {
        let mut finished = run(RunStatus::Succeeded);
        finished.finished_at = DateTime::from_timestamp(1_700_000_006, 0);
        finished.counts = Some(RunCounts { fetched: 7, inserted: 5, quarantined: 2, ..RunCounts::default() });
        let shown = serde_json::to_value(RunView::from(finished)).unwrap();
        let expected = json!({
            "success": true, "total": 7, "errors": 2, "inserted": 5, "updated": 0, "unchanged": 0, "deleted": 0,
            "durationMs": 5000, "lastSyncedAt": "2023-11-14T22:13:26Z",
        });
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&shown[key], value, "{key}: {shown}");
        }
    }

    #[test]
    fn a_failed_run_tells_why_and_claims_nothing() {
        let mut failed = run(RunStatus::Failed);
        failed.error_code = Some("ppb_unavailable".into());
        failed.finished_at = DateTime::from_timestamp(1_700_000_006, 0);
        let shown = serde_json::to_value(RunView::from(failed)).unwrap();
        assert_eq!(
            (&shown["success"], &shown["inserted"], &shown["lastSyncedAt"]),
            (&false.into(), &0.into(), &Value::Null)
        );
        assert_eq!(shown["error"]["code"], "ppb_unavailable");
    }
}

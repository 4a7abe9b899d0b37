//! A replay job and how far it is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use premise_store::replays::Replay;
use serde::Serialize;
use uuid::Uuid;

/// One job.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayView {
    replay_id: Uuid,
    /// `running`, `paused`, `cancelled` or `done`.
    status: String,
    dry_run: bool,
    rate_per_second: i32,
    requested_by: String,
    requested_at: DateTime<Utc>,
    reason: String,
    /// Letters at its start, and how many of them are judged.
    total: i64,
    done: i64,
    /// Of the judged ones.
    verdicts: BTreeMap<String, i64>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Replay> for ReplayView {
    fn from(replay: Replay) -> Self {
        let mut verdicts = replay.counts;
        let done = verdicts.values().sum();
        for word in ["apply", "duplicate", "stale", "invalid", "skipped"] {
            verdicts.entry(word.to_owned()).or_default();
        }
        Self {
            replay_id: replay.id,
            status: replay.status,
            dry_run: replay.dry_run,
            rate_per_second: replay.rate_per_second,
            requested_by: replay.requested_by,
            requested_at: replay.requested_at,
            reason: replay.reason,
            total: replay.total,
            done,
            verdicts,
            finished_at: replay.finished_at,
        }
    }
}

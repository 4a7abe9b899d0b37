//! What earlier runs leave to the next: C, up to where PPB's changes are known, and the last r.

use chrono::{DateTime, Utc};
use premise_domain::sync_run::RunStatus;
use premise_store::{
    Store, StoreError,
    runs::{self, SyncRun},
};
use serde_json::Value;

use super::judge::Asked;
use crate::rows::Tally;

/// Key of a run's own watermark in its evidence.
const EVIDENCE: &str = "watermark";

/// Runs that are looked through.
const LOOKED_THROUGH: i64 = 200;

/// What is known before a run asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct History {
    /// The greatest watermark of the last runs that succeeded. It is C or, in a long history without changes,
    /// unknown; asking for everything is then the safe way.
    pub(super) watermark: Option<DateTime<Utc>>,
    /// The greatest r.
    pub(super) reflects_at: Option<DateTime<Utc>>,
}

impl History {
    pub(super) async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut connection = store.connection().await?;
        let (last, _) = runs::list(&mut connection, 1, LOOKED_THROUGH).await?;
        let reflects_at = last.iter().filter_map(|run| run.reflects_at).max();
        Ok(Self { watermark: last.iter().filter_map(watermark_of).max(), reflects_at })
    }
}

/// What a run knows afterwards: `min(max lastModified, r)`. What an operator's `since` skipped, or a dry run
/// left out, must still be asked for, so such a run adds nothing.
pub(super) fn watermark_after(
    run: &SyncRun,
    asked: Asked,
    r: DateTime<Utc>,
    tally: &Tally,
) -> Option<DateTime<Utc>> {
    match asked {
        Asked::Everything | Asked::ChangesSince(_) if run.dry_run => None,
        Asked::ChangesSince(_) if run.since.is_some() => None,
        Asked::Everything | Asked::ChangesSince(_) => tally.last_modified.map(|at| at.min(r)),
    }
}

/// Writes a run's watermark into its evidence.
pub(super) fn note(evidence: &mut Value, watermark: Option<DateTime<Utc>>) {
    if let Some(watermark) = watermark {
        evidence[EVIDENCE] = serde_json::json!(watermark);
    }
}

fn watermark_of(run: &SyncRun) -> Option<DateTime<Utc>> {
    let evidence = run.evidence.as_ref().filter(|_| run.status == RunStatus::Succeeded)?;
    evidence.get(EVIDENCE)?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use premise_domain::sync_run::Mode;
    use uuid::Uuid;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn run(status: RunStatus, since: Option<DateTime<Utc>>) -> SyncRun {
        SyncRun {
            id: Uuid::nil(),
            mode: Mode::Incremental,
            status,
            requested_by: "test".into(),
            requested_at: DateTime::UNIX_EPOCH,
            since,
            dry_run: false,
            cancel_requested: false,
            started_at: None,
            heartbeat_at: None,
            finished_at: None,
            phase: None,
            bytes: 0,
            rows: 0,
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
    fn never_runs_ahead_of_what_the_answer_reflects() {
        let r = at("2026-01-02T00:00:00Z");
        let tally = |text| Tally { last_modified: Some(at(text)), ..Tally::default() };
        let scheduled = run(RunStatus::Running, None);
        let early = watermark_after(&scheduled, Asked::Everything, r, &tally("2026-01-01T00:00:00Z"));
        assert_eq!(early, Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(
            watermark_after(&scheduled, Asked::Everything, r, &tally("2026-01-02T00:00:03Z")),
            Some(r)
        );
        assert_eq!(watermark_after(&scheduled, Asked::ChangesSince(r), r, &Tally::default()), None);
    }

    #[test]
    fn an_operators_time_moves_nothing() {
        let since = at("2026-01-01T12:00:00Z");
        let asked = run(RunStatus::Running, Some(since));
        let tally = Tally { last_modified: Some(since), ..Tally::default() };
        assert_eq!(watermark_after(&asked, Asked::ChangesSince(since), since, &tally), None);
        assert_eq!(
            watermark_after(&asked, Asked::Everything, since, &tally),
            Some(since),
            "a fallback saw everything"
        );
    }

    #[test]
    fn is_read_back_from_runs_that_succeeded() {
        let mut evidence = serde_json::json!({});
        note(&mut evidence, Some(at("2026-01-01T00:00:00.000001Z")));
        let mut ended = run(RunStatus::Succeeded, None);
        ended.evidence = Some(evidence);
        assert_eq!(watermark_of(&ended), Some(at("2026-01-01T00:00:00.000001Z")));
        ended.status = RunStatus::Failed;
        assert_eq!(watermark_of(&ended), None);
    }
}

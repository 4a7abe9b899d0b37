//! C after a run: up to where PPB's changes are then known.

use chrono::{DateTime, Utc};
use premise_store::runs::SyncRun;

use super::judge::Asked;
use crate::rows::Tally;

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

#[cfg(test)]
mod tests {
    use super::*;
    use premise_domain::sync_run::{Mode, RunStatus};
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
}

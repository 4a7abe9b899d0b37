//! One attempt: decide what to ask for, read the answer into a stage, judge it, apply it.

use chrono::{DateTime, Utc};
use premise_domain::{observation::Channel, sync_run::Mode};
use premise_store::{
    Answer, Applied, Policy, Stage, StoreError,
    pull_history::{self, PullHistory},
    runs::SyncRun,
};
use serde_json::Value;

use super::{
    Runner,
    history::watermark_after,
    judge::{Asked, judge},
};
use crate::{
    client::Head,
    error::RunError,
    probe::Support,
    progress::{Phase, Progress},
    rows::{Row, RowRules},
    stream::{self, Received, Sink},
};

/// What an attempt asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plan {
    asked: Asked,
    /// Why everything is asked for in place of changes.
    fallback_reason: Option<String>,
}

impl Runner {
    /// `fallback` is the reason, found by an earlier attempt, why changes cannot be asked for.
    pub(super) async fn attempt(
        &self,
        run: &SyncRun,
        fallback: Option<&str>,
        progress: &Progress,
    ) -> Result<Applied, RunError> {
        progress.enter(Phase::Fetching);
        let history = pull_history::read(&mut *self.store.connection().await?).await?;
        let plan = self.plan(run, fallback, &history).await?;
        let since = match plan.asked {
            Asked::Everything => None,
            Asked::ChangesSince(since) => Some(since),
        };
        let answer = self.client.ask(since).await?;
        let head = answer.head().clone();
        let reflects_at = head.reflects_after(history.reflects_at);
        let rules = RowRules { since, ..self.rules(run, reflects_at) };
        let mut stage = Staging(self.store.stage(run.id).await?);
        progress.enter(Phase::Staging);
        let received = stream::receive(answer, rules, self.pull.max_row_bytes, progress, &mut stage).await?;
        let complete = judge(plan.asked, &received, self.ppb.limit)?;
        progress.enter(Phase::Applying);
        let evidence = evidence(plan.asked, &head, &received, complete);
        let answer = self.describe(run, plan, reflects_at, &received, complete, evidence);
        let policy = Policy { dry_run: run.dry_run, ..self.pull.policy() };
        Ok(stage.0.apply(&answer, &policy).await?)
    }

    async fn plan(
        &self,
        run: &SyncRun,
        fallback: Option<&str>,
        history: &PullHistory,
    ) -> Result<Plan, RunError> {
        let everything = |reason: Option<&str>| Plan {
            asked: Asked::Everything,
            fallback_reason: reason.map(str::to_owned),
        };
        if run.mode == Mode::Full || fallback.is_some() {
            return Ok(everything(fallback));
        }
        // The operator's time, or C − S.
        let overlapping = history.watermark.map(|watermark| watermark - self.ppb.source_lag());
        let Some(since) = run.since.or(overlapping) else {
            return Ok(everything(Some("no pull has read PPB's lastModified yet, so there is no watermark")));
        };
        let rules = self.rules(run, Utc::now());
        match self.probe.support(&self.client, &rules, self.pull.max_row_bytes).await? {
            Support::Honoured => Ok(Plan { asked: Asked::ChangesSince(since), fallback_reason: None }),
            Support::Unsupported(reason) => Ok(everything(Some(&reason))),
        }
    }

    fn rules(&self, run: &SyncRun, reflects_at: DateTime<Utc>) -> RowRules {
        RowRules {
            run_id: run.id,
            reflects_at,
            source_lag: self.ppb.source_lag(),
            since: None,
            batch_rows: self.pull.batch_rows,
            max_quarantined: self.pull.max_quarantined,
        }
    }

    fn describe(
        &self,
        run: &SyncRun,
        plan: Plan,
        reflects_at: DateTime<Utc>,
        received: &Received,
        complete: bool,
        evidence: Value,
    ) -> Answer {
        let watermark = watermark_after(run, plan.asked, reflects_at, &received.tally);
        Answer {
            channel: match plan.asked {
                Asked::Everything => Channel::Full,
                Asked::ChangesSince(_) => Channel::Incremental,
            },
            reflects_at,
            source_lag: self.ppb.source_lag(),
            complete,
            fetched: i64::try_from(received.tally.rows).unwrap_or(i64::MAX),
            evidence,
            fallback_reason: plan.fallback_reason,
            watermark,
        }
    }
}

/// What proves the answer, kept on the run.
fn evidence(asked: Asked, head: &Head, received: &Received, complete: bool) -> Value {
    let mut evidence = head.evidence();
    evidence["bytes"] = received.bytes.into();
    evidence["rows"] = received.tally.rows.into();
    evidence["sha256"] = received.sha256.clone().into();
    evidence["complete"] = complete.into();
    let tally = &received.tally;
    for (what, count) in [
        ("rowsWithoutKey", tally.without_key),
        ("naiveTimestamps", tally.naive_stamps),
        ("futureTimestamps", tally.future_stamps),
    ] {
        if count > 0 {
            evidence[what] = count.into();
        }
    }
    if let Asked::ChangesSince(since) = asked {
        evidence["updatedSince"] = serde_json::json!(since);
    }
    evidence
}

/// A stage as the stream's sink.
struct Staging(Stage);

impl Sink for Staging {
    async fn take(&mut self, batch: Vec<Row>) -> Result<(), StoreError> {
        for row in &batch {
            match row {
                Row::Good(observation) => self.0.push(observation).await?,
                Row::Bad(bad) => self.0.quarantine(bad.premise_id, &bad.errors, &bad.raw),
            }
        }
        Ok(())
    }
}

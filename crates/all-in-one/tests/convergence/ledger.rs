//! Conservation: every counter that must add up, read from where an operator would read it.

use std::time::Duration;

use premise_testkit::wait_until;
use serde_json::Value;

use crate::support::Whole;

/// Deliveries that the worker has dealt with: had their effect, repeated one that had, or were given up.
const DEALT_WITH: &str = "SELECT (SELECT count(*) + coalesce(sum(repeats), 0) FROM inbox)
    + (SELECT count(*) FROM dead_letters)";

impl Whole {
    pub(crate) async fn dealt_with(&self) -> i64 {
        self.number(&format!("SELECT ({DEALT_WITH})::bigint")).await
    }

    /// Webhook requests by verdict, since this process started.
    pub(crate) async fn requests(&self, verdict: &str) -> i64 {
        let line = format!("premise_webhook_requests_total{{verdict=\"{verdict}\"}} ");
        let metrics = self.metrics().await;
        metrics.lines().find_map(|found| found.strip_prefix(&line)).unwrap().parse().unwrap()
    }

    /// Waits until the worker has dealt with what this process accepted after `before` were dealt with,
    /// and with no more.
    pub(crate) async fn settled_after(&self, before: i64) {
        let accepted = self.requests("accepted").await;
        let settled = async || self.dealt_with().await >= before + accepted;
        wait_until(Duration::from_mins(1), "the worker to deal with all webhooks", settled).await;
        assert_eq!(self.dealt_with().await, before + accepted, "accepted = inbox + repeats + dead letters");
    }

    /// Every change has the statement that made it, and the other way round.
    pub(crate) async fn assert_changes_add_up(&self, runs: &[Value]) {
        let by_webhook = "SELECT count(*) FROM premise_changes WHERE channel = 'webhook'";
        let effective = "SELECT count(*) FROM inbox
            WHERE outcome IN ('created', 'updated', 'deleted', 'reinstated')";
        assert_eq!(self.number(by_webhook).await, self.number(effective).await, "changes by webhooks");
        let by_pull = "SELECT count(*) FROM premise_changes WHERE channel <> 'webhook'";
        let of_run = |run: &Value| sum(run, &["inserted", "updated", "reinstated", "deleted"]);
        assert_eq!(self.number(by_pull).await, runs.iter().map(of_run).sum::<i64>(), "changes by pulls");
    }
}

/// Where the rows of a run went.
pub(crate) fn assert_rows_add_up(run: &Value) {
    let went =
        ["inserted", "updated", "unchanged", "reinstated", "stale", "quarantined", "collapsed"].as_slice();
    assert_eq!(run["fetched"].as_i64().unwrap(), sum(run, went), "{run}");
    assert_eq!(run["fetched"], run["rows"], "{run}");
}

fn sum(run: &Value, names: &[&str]) -> i64 {
    names.iter().map(|name| run[*name].as_i64().unwrap()).sum()
}

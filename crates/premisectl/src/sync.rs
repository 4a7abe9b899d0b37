//! Starting a pull and, on request, watching it to its end.

use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::Verdict;
use crate::api::Api;
use crate::args::SyncCommand;
use crate::events::Events;
use crate::print::{Printer, cell};
use crate::runs;

pub(crate) async fn run(api: &Api, out: &Printer, what: SyncCommand) -> anyhow::Result<Verdict> {
    let (path, since, dry_run, wait) = match what {
        SyncCommand::Full { dry_run, wait } => ("sync", None, dry_run, wait),
        SyncCommand::Incremental { since, dry_run, wait } => ("incremental-sync", since, dry_run, wait),
    };
    let since = since.map(|at| ("since", at.to_rfc3339()));
    let dry_run = dry_run.then(|| ("dryRun", "true".to_owned()));
    let query: Vec<_> = since.into_iter().chain(dry_run).collect();
    let started = api.post(path, &query).await?;
    if !wait {
        out.document(&started, |run| {
            format!(
                "started {} {} {id}\nfollow it: premisectl runs show {id}",
                cell(&run["mode"]),
                if run["dryRun"] == true { "dry run" } else { "run" },
                id = cell(&run["runId"])
            )
        })?;
        return Ok(Verdict::Good);
    }
    let id = started["runId"].as_str().context("the API named no run")?;
    let ended = follow(api, out, id).await?;
    out.document(&ended, runs::describe)?;
    Ok(if ended["status"] == "succeeded" { Verdict::Good } else { Verdict::Bad })
}

/// Shows a run's progress until it has ended; returns its last state.
async fn follow(api: &Api, out: &Printer, id: &str) -> anyhow::Result<Value> {
    let bar = progress(api, out).await;
    let mut last = Value::Null;
    while !is_over(&last) {
        // A stream may end before the run does, when the API's process is replaced; then there is a next one.
        let mut events = Events::new(api.stream(&format!("sync-runs/{id}/events")).await?);
        while let Some(run) = events.next().await? {
            bar.set_position(run["rows"].as_u64().unwrap_or(0));
            bar.set_message(cell(&run["phase"]));
            last = run;
            if is_over(&last) {
                break;
            }
        }
    }
    bar.finish_and_clear();
    Ok(last)
}

fn is_over(run: &Value) -> bool {
    run["status"].as_str().is_some_and(|status| !matches!(status, "queued" | "running"))
}

/// A bar as long as the register is now, which is the best guess at the answer's size; a spinner for the first pull.
async fn progress(api: &Api, out: &Printer) -> ProgressBar {
    if !out.shows_progress() {
        return ProgressBar::hidden();
    }
    let known = api.get("stats", &[]).await.ok().and_then(|stats| stats["total"].as_u64()).unwrap_or(0);
    let (bar, template) = if known > 0 {
        (ProgressBar::new(known), "{bar:40} {human_pos}/~{human_len} rows  {per_sec}  {msg}")
    } else {
        (ProgressBar::new_spinner(), "{spinner} {human_pos} rows  {per_sec}  {msg}")
    };
    bar.enable_steady_tick(Duration::from_millis(100));
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

//! Pulls, past and present.

use serde_json::{Value, json};

use crate::Verdict;
use crate::api::Api;
use crate::args::RunsCommand;
use crate::print::{Printer, cell, fields, page_line, table};

const COLUMNS: &[(&str, &str)] = &[
    ("RUN", "runId"),
    ("MODE", "mode"),
    ("DRY RUN", "dryRun"),
    ("STATUS", "status"),
    ("REQUESTED", "requestedAt"),
    ("MS", "durationMs"),
    ("ROWS", "total"),
    ("NEW", "inserted"),
    ("CHANGED", "updated"),
    ("GONE", "deleted"),
    ("ERRORS", "errors"),
];

const LINES: &[(&str, &str)] = &[
    ("run", "runId"),
    ("mode", "mode"),
    ("dry run", "dryRun"),
    ("status", "status"),
    ("requested by", "requestedBy"),
    ("requested at", "requestedAt"),
    ("started at", "startedAt"),
    ("finished at", "finishedAt"),
    ("duration (ms)", "durationMs"),
    ("phase", "phase"),
    ("rows read", "rows"),
    ("bytes read", "bytes"),
    ("total", "total"),
    ("inserted", "inserted"),
    ("updated", "updated"),
    ("unchanged", "unchanged"),
    ("reinstated", "reinstated"),
    ("deleted", "deleted"),
    ("withheld", "withheld"),
    ("errors", "errors"),
    ("synced from", "syncedFrom"),
    ("fallback", "fallbackReason"),
    ("held because", "heldReason"),
    ("plan hash", "planHash"),
    ("approved by", "approvedBy"),
    ("error", "error.message"),
];

pub(crate) async fn run(api: &Api, out: &Printer, what: RunsCommand) -> anyhow::Result<Verdict> {
    match what {
        RunsCommand::List(page) => {
            let query = [("page", page.page.to_string()), ("limit", page.limit.to_string())];
            let runs = api.get("sync-runs", &query).await?;
            out.document(&runs, |runs| table(&runs["runs"], COLUMNS) + &page_line(runs, &runs["runs"]))?;
        }
        RunsCommand::Show { id } => {
            let run = api.get(&format!("sync-runs/{id}"), &[]).await?;
            out.document(&run, describe)?;
        }
        RunsCommand::Approve { id, plan_hash } => {
            let body = json!({ "planHash": plan_hash });
            let run = api.post_json(&format!("sync-runs/{id}/approve"), &body).await?;
            out.document(&run, describe)?;
        }
        RunsCommand::Cancel { id } => {
            let run = api.post(&format!("sync-runs/{id}/cancel"), &[]).await?;
            out.document(&run, |run| format!("asked run {id} to end; it is {}", cell(&run["status"])))?;
        }
    }
    Ok(Verdict::Good)
}

/// One run in full; what does not apply to it is left out.
pub(crate) fn describe(run: &Value) -> String {
    let lines: Vec<_> =
        LINES.iter().copied().filter(|(_, key)| !crate::print::at(run, key).is_null()).collect();
    fields(run, &lines)
}

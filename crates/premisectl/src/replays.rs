//! Replays of dead letters.

use anyhow::ensure;
use serde_json::{Map, Value, json};

use crate::Verdict;
use crate::api::Api;
use crate::args::{ReplayArgs, ReplaysCommand};
use crate::print::{Printer, at, cell, fields};

const LINES: &[(&str, &str)] = &[
    ("replay", "replayId"),
    ("status", "status"),
    ("dry run", "dryRun"),
    ("letters", "total"),
    ("judged", "done"),
    ("applied", "verdicts.apply"),
    ("duplicate", "verdicts.duplicate"),
    ("stale", "verdicts.stale"),
    ("still invalid", "verdicts.invalid"),
    ("skipped", "verdicts.skipped"),
    ("rate (/s)", "ratePerSecond"),
    ("requested by", "requestedBy"),
    ("requested at", "requestedAt"),
    ("because", "reason"),
    ("finished at", "finishedAt"),
];

pub(crate) async fn run(api: &Api, out: &Printer, what: ReplaysCommand) -> anyhow::Result<Verdict> {
    let replay = match what {
        ReplaysCommand::Show { id } => api.get(&format!("replays/{id}"), &[]).await?,
        ReplaysCommand::Pause { id } => api.post(&format!("replays/{id}/pause"), &[]).await?,
        ReplaysCommand::Resume { id } => api.post(&format!("replays/{id}/resume"), &[]).await?,
        ReplaysCommand::Cancel { id } => api.post(&format!("replays/{id}/cancel"), &[]).await?,
    };
    out.document(&replay, describe)?;
    Ok(Verdict::Good)
}

/// Begins a replay.
pub(crate) async fn begin(api: &Api, out: &Printer, args: ReplayArgs) -> anyhow::Result<Verdict> {
    let replay = api.post_json("dead-letters/replay", &body(args)?).await?;
    out.document(&replay, |replay| {
        format!("{}follow it: premisectl replays show {}", describe(replay), cell(&replay["replayId"]))
    })?;
    Ok(Verdict::Good)
}

fn body(args: ReplayArgs) -> anyhow::Result<Value> {
    let filters = [
        ("reason", args.reason_code),
        ("premiseId", args.premise.map(|id| id.to_string())),
        ("action", args.action),
        ("from", args.from.map(|at| at.to_rfc3339())),
        ("to", args.to.map(|at| at.to_rfc3339())),
    ];
    let filter: Map<String, Value> =
        filters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect();
    // Nothing given must not mean everything.
    let means = [!args.ids.is_empty(), !filter.is_empty(), args.all].into_iter().filter(|given| *given);
    ensure!(means.count() == 1, "give ids, or filters, or --all");
    let mut body = json!({ "dryRun": args.dry_run, "reason": args.reason });
    if args.ids.is_empty() {
        body["filter"] = Value::Object(filter);
    } else {
        body["ids"] = json!(args.ids);
    }
    if let Some(rate) = args.rate {
        body["ratePerSecond"] = rate.into();
    }
    Ok(body)
}

fn describe(replay: &Value) -> String {
    let lines: Vec<_> = LINES.iter().copied().filter(|(_, key)| !at(replay, key).is_null()).collect();
    fields(replay, &lines)
}

//! Dead letters: what was given up, why, and what a replay would do.

use serde_json::{Value, json};

use crate::Verdict;
use crate::api::Api;
use crate::args::{DeadLettersArgs, DeadLettersCommand};
use crate::print::{Printer, at, fields, page_line, table};

const COLUMNS: &[(&str, &str)] = &[
    ("ID", "id"),
    ("STATUS", "status"),
    ("REASON", "reason"),
    ("ACTION", "action"),
    ("PREMISE", "premiseId"),
    ("ATTEMPTS", "attempts"),
    ("GIVEN UP", "deadAt"),
    ("DETAIL", "detail"),
];

const LINES: &[(&str, &str)] = &[
    ("dead letter", "id"),
    ("delivery", "deliveryId"),
    ("status", "status"),
    ("reason", "reason"),
    ("detail", "detail"),
    ("attempts", "attempts"),
    ("action", "action"),
    ("premise", "premiseId"),
    ("webhook id", "webhookId"),
    ("received at", "receivedAt"),
    ("first failed at", "firstFailedAt"),
    ("given up at", "deadAt"),
    ("settled by", "settledBy"),
    ("settled at", "settledAt"),
    ("settled because", "settledReason"),
    ("sender", "remoteAddr"),
    ("key", "keyId"),
    ("trace", "traceparent"),
    ("a replay now", "verdictNow.verdict"),
    ("outcome", "verdictNow.outcome"),
    ("still wrong", "verdictNow.detail"),
    ("superseded by", "verdictNow.supersededBy.channel"),
    ("its source", "verdictNow.supersededBy.sourceRef"),
    ("true as of", "verdictNow.supersededBy.effectiveAt"),
    ("body", "rawBody"),
    ("message", "message"),
];

pub(crate) async fn run(api: &Api, out: &Printer, what: DeadLettersCommand) -> anyhow::Result<Verdict> {
    match what {
        DeadLettersCommand::List(args) => {
            let found = api.get("dead-letters", &query(*args)).await?;
            out.document(&found, |found| {
                table(&found["deadLetters"], COLUMNS) + &page_line(found, &found["deadLetters"])
            })?;
        }
        DeadLettersCommand::Show { id } => {
            let letter = api.get(&format!("dead-letters/{id}"), &[]).await?;
            out.document(&letter, describe)?;
        }
        DeadLettersCommand::Replay(args) => return crate::replays::begin(api, out, *args).await,
        DeadLettersCommand::Discard { id, reason } => {
            let body = json!({ "reason": reason });
            let letter = api.post_json(&format!("dead-letters/{id}/discard"), &body).await?;
            out.document(&letter, describe)?;
        }
    }
    Ok(Verdict::Good)
}

/// One in full; what does not apply to it is left out.
fn describe(letter: &Value) -> String {
    let lines: Vec<_> = LINES.iter().copied().filter(|(_, key)| !at(letter, key).is_null()).collect();
    fields(letter, &lines)
}

fn query(args: DeadLettersArgs) -> Vec<(&'static str, String)> {
    let filters = [
        ("reason", args.reason),
        ("premiseId", args.premise.map(|id| id.to_string())),
        ("action", args.action),
        ("status", args.status),
        ("from", args.from.map(|at| at.to_rfc3339())),
        ("to", args.to.map(|at| at.to_rfc3339())),
        ("page", Some(args.page.page.to_string())),
        ("limit", Some(args.page.limit.to_string())),
    ];
    filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

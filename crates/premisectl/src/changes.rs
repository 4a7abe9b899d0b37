//! Following the register: every change once, as it happens, by long poll.
//!
//! It ends with an error when the API cannot be reached, and then tells the cursor to go on from, so that
//! nothing is missed by starting it again.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::Verdict;
use crate::api::Api;
use crate::args::ChangesCommand;
use crate::print::{Printer, cell};

/// The API's word for the end of the feed.
const LATEST: &str = "latest";
/// How long the API may hold an answer back; well below the silence that the client takes for an outage.
const WAIT: &str = "30s";
/// Changes a request, as many as the API gives.
const LIMIT: &str = "200";
/// Shortest time from one empty answer to the next request: an API that does not hold answers back, because
/// it is about to end, is not asked in a tight loop.
const EMPTY_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn run(api: &Api, out: &Printer, what: ChangesCommand) -> anyhow::Result<Verdict> {
    let ChangesCommand::Tail { after, from_start } = what;
    let mut after = after.unwrap_or_else(|| if from_start { String::new() } else { LATEST.to_owned() });
    let mut told = None;
    loop {
        let began = Instant::now();
        // The place is taken at once, so that what happens from now on is not lost with the first answer.
        let wait = if after == LATEST { "0s" } else { WAIT };
        let query = [("after", after.clone()), ("limit", LIMIT.to_owned()), ("wait", wait.to_owned())];
        let page = api.get("changes", &query).await.with_context(|| resume(told.as_deref()))?;
        let changes = page["changes"].as_array().context("the API sent no changes")?;
        for change in changes {
            match out.line(change, describe) {
                // Whoever reads the output has seen enough.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Verdict::Good),
                printed => printed?,
            }
        }
        page["next"].as_str().context("the API told no cursor")?.clone_into(&mut after);
        told = Some(after.clone());
        if changes.is_empty() {
            sleep_until(began + EMPTY_EVERY).await;
        }
    }
}

/// What to do when the API stops answering; without a cursor of its own there is nothing to go on from.
fn resume(cursor: Option<&str>) -> String {
    match cursor {
        None => "nothing was read".to_owned(),
        Some(cursor) => format!("stopped; `premisectl changes tail --after {cursor}` goes on from here"),
    }
}

/// A change on one line.
fn describe(change: &Value) -> String {
    let part = |key: &str| cell(&change[key]);
    let head =
        format!("{}  {}  {}  by {}", part("recordedAt"), part("premiseId"), part("kind"), part("channel"));
    let (from, to) = (&change["from"], &change["to"]);
    let fields = to.as_object().into_iter().flatten().map(|(name, value)| match &from[name] {
        Value::Null => format!("  {name}: {}", cell(value)),
        old => format!("  {name}: {} -> {}", cell(old), cell(value)),
    });
    fields.fold(head, |line, field| line + &field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_told_on_one_line() {
        let change = json!({
            "recordedAt": "2026-01-01T00:00:00Z", "premiseId": "PREMISE-1", "kind": "updated", "channel": "webhook",
            "from": {"county": null, "premiseName": "A"}, "to": {"county": "Nairobi", "premiseName": "B"},
        });
        let expected =
            "2026-01-01T00:00:00Z  PREMISE-1  updated  by webhook  county: Nairobi  premiseName: A -> B";
        assert_eq!(describe(&change), expected);
        let deleted = json!({"recordedAt": "t", "premiseId": "p", "kind": "deleted", "channel": "full", "from": {}, "to": {}});
        assert_eq!(describe(&deleted), "t  p  deleted  by full");
    }
}

//! `webhook-ingest` as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    premise_runtime::main("webhook-ingest", async |settings, registry| {
        Ok(vec![webhook_ingest::build(settings, registry).await?])
    })
}

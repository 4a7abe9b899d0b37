//! `sync-worker` as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    premise_runtime::main("sync-worker", async |settings, registry| {
        Ok(vec![sync_worker::build(settings, registry).await?])
    })
}

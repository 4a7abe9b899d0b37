//! `batch-puller` as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    premise_runtime::main("batch-puller", async |settings, registry| {
        Ok(vec![batch_puller::build(settings, registry).await?])
    })
}

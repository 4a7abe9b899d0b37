//! Every service of premise-sync in one process on one port, for development and small sites. No logic lives here:
//! the services are those of the separate binaries, and only share the process.

use std::process::ExitCode;

use premise_runtime::Program;

fn main() -> ExitCode {
    Program::new("premise-sync")
        .command("migrate", "applies the migrations the database lacks", |settings| {
            Box::pin(ops_api::migrate(settings))
        })
        .run(async |settings, registry| {
            Ok(vec![
                webhook_ingest::build(settings, registry).await?,
                sync_worker::build(settings, registry).await?,
                batch_puller::build(settings, registry).await?,
                ops_api::build(settings, registry).await?,
            ])
        })
}

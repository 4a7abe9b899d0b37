//! The API as a process of its own, and `migrate` for the job that runs before a rollout.

use std::process::ExitCode;

use premise_runtime::Program;

fn main() -> ExitCode {
    Program::new("ops-api")
        .command("migrate", "applies the migrations the database lacks", |settings| {
            Box::pin(ops_api::migrate(settings))
        })
        .run(async |settings, registry| Ok(vec![ops_api::build(settings, registry).await?]))
}

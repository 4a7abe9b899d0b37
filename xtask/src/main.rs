//! The tasks of a developer: a running stack, the tests, the rules. `cargo xtask --help` lists them.
//!
//! Everything that is started belongs to this process: it ends when this process ends, however that
//! happens (see `premise-local-stack`).

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that talks to a terminal")]

mod cargo;
mod ci;
mod down;
mod say;
mod status;
mod summary;
mod test;
mod tidy;
mod up;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer tasks of premise-sync.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start the whole system here: servers, simulator, services, first full sync.
    Up(up::Options),
    /// Stop what `up` has started.
    Down,
    /// Tell whether the stack runs, where, and how each process is.
    Status,
    /// Run every test against private servers; arguments go to `cargo test`.
    Test {
        /// As for `cargo test`: `-p store`, a test's name, `-- --nocapture`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run all checks and all tests, as continuous integration does.
    Ci,
    /// Check what the compiler does not: who uses whom, the top level, the opening of every file.
    Tidy,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // The guard is a different program that only shares our executable: see local-stack.
    if arguments.next().is_some_and(|first| first == "guard") {
        return ExitCode::from(premise_local_stack::guard::run(arguments.collect()));
    }
    run(Arguments::parse().task).unwrap_or_else(|error| {
        say::error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

#[tokio::main]
async fn run(task: Task) -> anyhow::Result<ExitCode> {
    match task {
        Task::Up(options) => up::run(options).await,
        Task::Down => down::run().await,
        Task::Status => status::run().await,
        Task::Test { arguments } => test::run(arguments).await,
        Task::Tidy => tidy::run(),
        Task::Ci => ci::run().await,
    }
}

//! `premisectl`, the operators' command line: a client of the API and a tool for webhook signatures.
//!
//! It reaches neither Postgres nor the broker. With `--json` every command prints the API's own answer, one
//! document (`changes tail`: one a line), to standard output; progress and errors go to standard error. Exit codes: 0 done, 1 refused, failed
//! or unhealthy, 2 wrong usage.

mod api;
mod args;
mod changes;
mod dead_letters;
mod doctor;
mod events;
mod premises;
mod print;
mod replays;
mod runs;
mod status;
mod sync;
mod webhook;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::api::Api;
use crate::args::{Cli, Command};
use crate::print::Printer;

/// How a command that did its work turned out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// It was told in full, and it is not good: a failed run, a wrong signature, an unhealthy service.
    Bad,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // Err means it is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    match run(cli).await {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to tell it to when standard error is closed.
            let _closed = writeln!(std::io::stderr(), "premisectl: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<Verdict> {
    let out = Printer::new(cli.json);
    let api = Api::new(&cli.api_url, cli.token)?;
    match cli.command {
        Command::Sync(what) => sync::run(&api, &out, what).await,
        Command::Runs(what) => runs::run(&api, &out, what).await,
        Command::Status => status::run(&api, &out).await,
        Command::Premises(what) => premises::run(&api, &out, what).await,
        Command::Changes(what) => changes::run(&api, &out, what).await,
        Command::DeadLetters(what) => dead_letters::run(&api, &out, what).await,
        Command::Replays(what) => replays::run(&api, &out, what).await,
        Command::Webhook(what) => webhook::run(&api, &out, what).await,
        Command::Doctor { admin_url } => doctor::run(&api, &out, &admin_url).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "premisectl", &mut std::io::stdout());
            Ok(Verdict::Good)
        }
    }
}

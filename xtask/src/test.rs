//! `cargo xtask test`: a private stack for this run, everything built, every test run, the totals in
//! the last line. Runs may go on side by side; each removes its own stack, and that of a killed run.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use premise_local_stack::{
    Durability, Error, Guard, Interrupts, Place, Sources, Supervisor, Urls, random_hex,
};
use tokio::sync::mpsc;

use crate::cargo::Cargo;
use crate::say;
use crate::summary::Summary;
use crate::workspace::Workspace;

/// How the state folders of test runs begin.
const STATE: &str = "test-stack-";
/// More threads only wait for each other in the one Postgres and the one broker of the run.
const MOST_THREADS: usize = 8;

/// Runs the tests; `arguments` are those of `cargo test`.
pub(crate) async fn run(arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    let workspace = Workspace::find()?;
    clean_up_after_killed_runs(&workspace)?;
    let sources = Sources::provide(&workspace.state("local/install.log"), &mut say::step)?;
    let place = Arc::new(claim(&workspace)?);
    let (events, _) = mpsc::unbounded_channel();
    let supervisor = Supervisor::new(Guard::this_executable()?, Arc::clone(&place), events);

    let tests = async {
        let (urls, ()) = tokio::try_join!(
            async { Ok(sources.start(&supervisor, &place, Durability::OneRun).await?) },
            build(&workspace)
        )?;
        test(&workspace, &urls, arguments).await
    };
    let outcome = tokio::select! {
        outcome = tests => outcome,
        () = interrupts.next() => Ok(None),
    };
    supervisor.stop().await;
    remove(place, supervisor)?;
    Ok(finish(outcome?))
}

fn finish(summary: Option<(Summary, bool)>) -> ExitCode {
    let Some((summary, passed)) = summary else {
        say::error("stopped");
        return ExitCode::from(130);
    };
    say::answer(&summary.to_string());
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let cargo = Cargo::new(&workspace.root, ["build", "--workspace", "--bins"]);
    let status = cargo.run(|line| eprintln!("{line}")).await?;
    anyhow::ensure!(status.success(), "the workspace does not build");
    Ok(())
}

/// The totals and whether all went well.
async fn test(
    workspace: &Workspace,
    urls: &Urls,
    arguments: Vec<OsString>,
) -> anyhow::Result<Option<(Summary, bool)>> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut cargo = Cargo::new(&workspace.root, test_arguments(arguments))
        .env("PREMISE_TEST_DATABASE_URL", &urls.database)
        .env("PREMISE_TEST_BROKER_URL", &urls.broker)
        .env("PREMISE_TEST_BIN_DIR", &workspace.binaries);
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        cargo = cargo.env("RUST_TEST_THREADS", cores.min(MOST_THREADS).to_string());
    }
    let mut summary = Summary::default();
    let status = cargo
        .run(|line| {
            println!("{line}");
            summary.note(line);
        })
        .await?;
    if !status.success() && summary.note_missing_result() {
        say::error("cargo test failed, yet no test says so: a test did not build or was ended from outside");
    }
    Ok(Some((summary, status.success())))
}

/// `test --workspace --no-fail-fast …`, unless the caller has chosen packages.
fn test_arguments(given: Vec<OsString>) -> Vec<OsString> {
    let chooses = |argument: &&OsString| {
        let text = argument.to_string_lossy();
        text.starts_with("-p") || text.starts_with("--package") || text == "--workspace"
    };
    let mut arguments: Vec<OsString> = vec!["test".into(), "--no-fail-fast".into()];
    if !given.iter().take_while(|argument| *argument != "--").any(|argument| chooses(&argument)) {
        arguments.push("--workspace".into());
    }
    arguments.extend(given);
    arguments
}

fn claim(workspace: &Workspace) -> anyhow::Result<Place> {
    let mut last = None;
    for _ in 0..3 {
        match Place::claim(&workspace.state(&format!("{STATE}{}", &random_hex()[..8]))) {
            // Another run took it for one that a killed run had left.
            Err(error @ Error::Busy) => last = Some(error),
            other => return Ok(other?),
        }
    }
    Err(last.context("no state folder")?.into())
}

fn remove(place: Arc<Place>, supervisor: Supervisor) -> anyhow::Result<()> {
    drop(supervisor);
    let place = Arc::into_inner(place).context("the state folder is still in use")?;
    let state = place.state().to_owned();
    place.remove_data()?;
    Ok(std::fs::remove_dir_all(state)?)
}

fn clean_up_after_killed_runs(workspace: &Workspace) -> anyhow::Result<()> {
    let folder = workspace.state("");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let stacks: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(STATE))
        .map(|entry| entry.path())
        .collect();
    for state in stacks {
        if Place::owner(&state)?.is_none() {
            Place::clean_up_after_dead_owner(&state)?;
            std::fs::remove_dir_all(&state)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str]) -> Vec<OsString> {
        test_arguments(arguments.iter().map(Into::into).collect())
    }

    #[test]
    fn a_chosen_package_replaces_the_workspace() {
        assert_eq!(given(&[]), ["test", "--no-fail-fast", "--workspace"]);
        assert_eq!(given(&["-p", "ppb-sim"]), ["test", "--no-fail-fast", "-p", "ppb-sim"]);
        let name = given(&["name", "--", "-p"]);
        assert_eq!(name, ["test", "--no-fail-fast", "--workspace", "name", "--", "-p"]);
    }
}

//! `cargo xtask status`: whether the stack of this clone runs, where, and how each process is.

use std::process::ExitCode;

use premise_local_stack::{Place, ProcessId, Ready};

use crate::say;
use crate::up::{StackFile, print_addresses, state_folder};
use crate::workspace::Workspace;

/// Succeeds when everything runs and is ready.
pub(crate) async fn run() -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    if Place::owner(&state_folder(&workspace))?.is_none() {
        say::answer("no stack of this clone is running; start one with `cargo xtask up`");
        return Ok(ExitCode::FAILURE);
    }
    let Ok(stack) = StackFile::read(&workspace) else {
        say::answer("a stack of this clone is starting");
        return Ok(ExitCode::FAILURE);
    };
    print_addresses(&stack);
    let mut well = true;
    for (name, pid) in &stack.pids {
        let (word, good) = state_of(&stack, name, *pid).await;
        well &= good;
        say::answer(&format!("  {name:<16}pid {pid:<9}{word}"));
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn state_of(stack: &StackFile, name: &str, pid: u32) -> (&'static str, bool) {
    if ProcessId::of(pid).is_none() {
        return ("gone, being started again", false);
    }
    let admin = stack.admin_urls.get(name).and_then(|url| url.rsplit_once(':')?.1.parse().ok());
    match admin {
        Some(port) if Ready::Http(port, "/readyz".to_owned()).holds().await => ("ready", true),
        Some(_) => ("not ready", false),
        None => ("running", true),
    }
}

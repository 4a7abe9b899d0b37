//! `cargo xtask down`: ends the running stack of this clone and makes sure that nothing is left.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use premise_local_stack::{Place, ProcessId};

use crate::say;
use crate::up::state_folder;
use crate::workspace::Workspace;

/// Longer than the graces of all processes together.
const PATIENCE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_millis(50);

pub(crate) async fn run() -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    let state = state_folder(&workspace);
    let Some(owner) = Place::owner(&state)? else {
        Place::clean_up_after_dead_owner(&state)?;
        crate::up::forget(&workspace)?;
        say::step("no stack of this clone is running");
        return Ok(ExitCode::SUCCESS);
    };
    let processes = Place::processes(&state)?;
    say::step(&format!("stopping the stack (supervisor pid {})", owner.pid));
    if !ended_after(&owner, Signal::SIGTERM).await? {
        say::error("the supervisor did not stop in time; killing it");
        ended_after(&owner, Signal::SIGKILL).await?;
    }
    Place::clean_up_after_dead_owner(&state)?;
    crate::up::forget(&workspace)?;
    let left: Vec<_> = processes.iter().filter(|(_, process)| process.is_alive()).collect();
    for (name, process) in &left {
        say::error(&format!("{name} (pid {}) still runs", process.pid));
    }
    if left.is_empty() {
        say::step(&format!("stopped; {} processes are gone", processes.len()));
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// Sends the signal and waits for the end of a process that is not our child.
async fn ended_after(process: &ProcessId, signal: Signal) -> anyhow::Result<bool> {
    let end = Instant::now() + PATIENCE;
    if process.is_alive() {
        kill(Pid::from_raw(process.pid.cast_signed()), signal)?;
    }
    while process.is_alive() && Instant::now() < end {
        tokio::time::sleep(STEP).await;
    }
    Ok(!process.is_alive())
}

//! `instance.json`, and the sweeping of what it names when its owner is dead.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::{Error, ProcessId};

pub(super) const RECORD: &str = "instance.json";
/// How data folders outside the clone begin; nothing else there is ever deleted.
pub(super) const OUTSIDE: &str = "premise-sync-";

/// What `instance.json` remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) owner: Option<ProcessId>,
    pub(super) data: Option<PathBuf>,
    pub(super) processes: BTreeMap<String, ProcessId>,
}

pub(super) fn read(state: &Path) -> Result<Option<Record>, Error> {
    match fs::read(state.join(RECORD)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Ends the processes and removes the data that `instance.json` names. The caller holds the lock.
pub(super) fn sweep(state: &Path) -> Result<(), Error> {
    let record = match read(state) {
        // Written by another version: its processes are unknown, its data is at the usual place.
        Err(Error::State(_)) => Record::default(),
        other => other?.unwrap_or_default(),
    };
    let left: Vec<ProcessId> = record.processes.into_values().filter(ProcessId::is_alive).collect();
    end_all(&left, Signal::SIGTERM, Duration::from_secs(3));
    end_all(&left, Signal::SIGKILL, Duration::from_secs(3));
    remove_folder(&state.join("data"))?;
    let outside =
        |data: &PathBuf| data.file_name().is_some_and(|name| name.to_string_lossy().starts_with(OUTSIDE));
    if let Some(data) = record.data.filter(outside) {
        remove_folder(&data)?;
    }
    remove_file(&state.join(RECORD))
}

fn end_all(processes: &[ProcessId], signal: Signal, patience: Duration) {
    let end = Instant::now() + patience;
    for process in processes.iter().filter(|process| process.is_alive()) {
        // ESRCH: it has ended since.
        let _ = kill(Pid::from_raw(process.pid.cast_signed()), signal);
    }
    while Instant::now() < end && processes.iter().any(ProcessId::is_alive) {
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "what processes do that are not our children can't be awaited")]
pub(super) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

pub(super) fn remove_folder(folder: &Path) -> Result<(), Error> {
    ignore_absent(fs::remove_dir_all(folder))
}

pub(super) fn remove_file(path: &Path) -> Result<(), Error> {
    ignore_absent(fs::remove_file(path))
}

fn ignore_absent(result: std::io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => Ok(other?),
    }
}

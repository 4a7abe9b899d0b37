//! The process tree under a guard, as far as the operating system lets us see and end it.
//!
//! Limits: Linux finds every descendant (`/proc` and the subreaper); elsewhere the process group of
//! the program is all there is.

use std::io;
use std::process::Command;

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// What one look at our children found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reaped {
    /// This child has ended, with its exit code or 128 + its signal.
    Ended(Pid, u8),
    /// Children are left, all running.
    Running,
    /// No child is left.
    NoChild,
}

/// Takes one ended child off the process table, without waiting.
pub(super) fn reap_one() -> Reaped {
    match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::Exited(pid, code)) => Reaped::Ended(pid, u8::try_from(code).unwrap_or(1)),
        Ok(WaitStatus::Signaled(pid, signal, _)) => {
            Reaped::Ended(pid, u8::try_from(128 + signal as i32).unwrap_or(1))
        }
        Ok(_) => Reaped::Running,
        Err(_) => Reaped::NoChild,
    }
}

/// SIGKILL for everything below us, or at least for the program's group.
pub(super) fn kill_descendants(program: Pid) {
    // ESRCH in both: already gone.
    let _ = killpg(program, Signal::SIGKILL);
    for pid in descendants() {
        let _ = kill(pid, Signal::SIGKILL);
    }
}

/// Makes every orphan of our tree our child, so that none escapes.
#[cfg(target_os = "linux")]
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

/// Not available here: see the limits above.
#[cfg(not(target_os = "linux"))]
pub(super) fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// Lists of processes show `xtask-guard` and not the name of the link we were started by.
#[cfg(target_os = "linux")]
pub(super) fn show_name() {
    // Only a name: nothing depends on it.
    let _ = nix::sys::prctl::set_name(c"xtask-guard");
}

/// Not available here, and not needed: the link exists on Linux only.
#[cfg(not(target_os = "linux"))]
pub(super) fn show_name() {}

/// The program is to be killed by the kernel when we are.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the death signal is set between fork and exec; std has no safe way for it")]
pub(super) fn die_with_me(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;

    let guard = nix::unistd::getpid();
    let before_exec = move || {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The guard may have died before the line above took effect.
        if nix::unistd::getppid() == guard { Ok(()) } else { Err(io::Error::from(io::ErrorKind::NotFound)) }
    };
    // SAFETY: runs in the forked child of a process with two threads, so only async-signal-safe
    // calls are allowed: prctl and getppid are bare system calls, and neither branch allocates
    // (`io::Error::from(ErrorKind)` and `From<Errno>` hold plain values).
    unsafe { command.pre_exec(before_exec) };
}

/// Not available here: see the limits above.
#[cfg(not(target_os = "linux"))]
pub(super) fn die_with_me(_: &mut Command) {}

/// All processes below this one, children before grandchildren.
#[cfg(target_os = "linux")]
fn descendants() -> Vec<Pid> {
    let parents: Vec<(i32, i32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| Some((pid, crate::identity::parent_of(pid)?)))
        .collect();
    let mut found = vec![nix::unistd::getpid().as_raw()];
    let mut next = 0;
    while let Some(&above) = found.get(next) {
        found.extend(parents.iter().filter(|(_, parent)| *parent == above).map(|(pid, _)| *pid));
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

#[cfg(not(target_os = "linux"))]
fn descendants() -> Vec<Pid> {
    Vec::new()
}

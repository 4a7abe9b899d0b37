//! `up --detach`: the stack is supervised by a process of its own, without a terminal; the caller
//! relays its lines and returns when it is ready.
//!
//! The stdin of the detached half is one end of a socket whose other end the caller holds. A line
//! on it means ready, its end means that the start has failed. Using stdin for this keeps it out of
//! every process that the detached half starts, since each of them gets a stdin of its own.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use premise_local_stack::Interrupts;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use super::timings::Timings;
use super::{Options, state_folder};
use crate::say;
use crate::workspace::Workspace;

/// How often the log is looked at.
const STEP: Duration = Duration::from_millis(50);

/// Starts the detached half and waits until it is ready or has failed.
pub(super) async fn run(
    workspace: &Workspace,
    options: Options,
    timings: &Timings,
) -> anyhow::Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    let log = state_folder(workspace).join("up.log");
    std::fs::create_dir_all(state_folder(workspace))?;
    let out = File::create(&log)?;
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = command(options, timings)?
        .stdin(OwnedFd::from(theirs))
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()?;
    let ready = tokio::select! {
        ready = relay(ours, &log) => ready?,
        () = interrupts.next() => {
            stop(&mut child).await?;
            return Ok(ExitCode::from(130));
        }
    };
    if ready {
        return Ok(ExitCode::SUCCESS);
    }
    child.wait().await?;
    say::error(&format!("the stack did not come up; its log is {}", log.display()));
    Ok(ExitCode::FAILURE)
}

fn command(options: Options, timings: &Timings) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--background", "--port", &options.port.to_string()]);
    command.args(["--installed-ms", &timings.install.as_millis().to_string()]);
    if options.split {
        command.arg("--split");
    }
    Ok(command)
}

/// Copies the log to our stdout until the other side says ready (true) or is gone (false).
async fn relay(line: UnixStream, log: &Path) -> anyhow::Result<bool> {
    line.set_nonblocking(true)?;
    let mut line = tokio::net::UnixStream::from_std(line)?;
    let mut log = File::open(log)?;
    let mut byte = [0; 1];
    loop {
        let said = tokio::time::timeout(STEP, line.read(&mut byte)).await;
        copy_new(&mut log)?;
        if let Ok(read) = said {
            return Ok(matches!(read, Ok(1)));
        }
    }
}

fn copy_new(log: &mut File) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let position = log.stream_position()?;
    log.seek(SeekFrom::Start(position))?;
    log.read_to_end(&mut bytes)?;
    std::io::stdout().write_all(&bytes)
}

async fn stop(child: &mut Child) -> anyhow::Result<()> {
    if let Some(pid) = child.id() {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM)?;
    }
    child.wait().await?;
    Ok(())
}

/// The line to the caller, from the detached half.
pub(super) struct Parent(UnixStream);

impl Parent {
    /// Leaves the caller's terminal and takes over its line.
    pub(super) fn connect() -> anyhow::Result<Self> {
        nix::unistd::setsid()?;
        Ok(Self(UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?)))
    }

    /// The caller may return.
    pub(super) fn tell_ready(mut self) {
        // A caller that was killed does not need to know.
        let _ = self.0.write_all(b"\n");
    }
}

//! A guard: the small process that stands between an owner and one managed process, so that the
//! managed process can never outlive its owner.
//!
//! The owner starts `xtask guard --spec JSON -- program args…` with pipes for stdin and stdout and
//! reads one line: the pid of the program (`error …` when it can't be started). The guard then
//! ends the whole process tree when its stdin reaches end of file (the owner has dropped the pipe
//! or died, even by SIGKILL) or when it is told to (SIGTERM, SIGINT, SIGHUP). When the program ends
//! by itself, what it left behind is ended too and the guard leaves with the program's exit code.
//!
//! Why not a process group alone: Postgres' backends and Erlang's helpers leave the group. On
//! Linux the guard is therefore a child subreaper, so every orphan of the tree becomes its child,
//! and the program dies with the guard (`PR_SET_PDEATHSIG`).
//!
//! Limits: elsewhere (macOS) only the program's process group is ended, and a guard that is itself
//! killed by SIGKILL leaves the program running until the next start sweeps it.

mod tree;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::Interrupts;
use crate::user::RunAs;

/// How the owner wants one program to be run and ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GuardSpec {
    /// Unprivileged user to run as; the caller's own when absent.
    pub run_as: Option<RunAs>,
    /// Where both streams of the program go.
    pub output: Output,
    /// The polite way to end this program.
    pub stop: StopSignal,
    /// Time the program has between the polite signal and SIGKILL.
    pub grace: Duration,
}

/// Where a program's output goes; its stdout and stderr as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Nowhere.
    #[default]
    Discard,
    /// Appended to a file that is opened with the guard's rights.
    Log(PathBuf),
    /// To the owner, who reads it from the guard's stderr.
    Relay,
}

/// The first signal of an ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopSignal {
    /// SIGTERM: services and `RabbitMQ`.
    #[default]
    Terminate,
    /// SIGINT: Postgres' "fast" shutdown, which does not wait for clients.
    Interrupt,
    /// SIGKILL: nothing worth saving.
    Kill,
}

impl From<StopSignal> for Signal {
    fn from(stop: StopSignal) -> Self {
        match stop {
            StopSignal::Terminate => Signal::SIGTERM,
            StopSignal::Interrupt => Signal::SIGINT,
            StopSignal::Kill => Signal::SIGKILL,
        }
    }
}

/// The body of the hidden `guard` subcommand; `arguments` are those after its name.
/// Returns the exit code for the guard process: the program's own, or 128 + its signal.
pub fn run(arguments: Vec<OsString>) -> u8 {
    let code = parse(arguments).and_then(|(spec, command)| {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(guard(&spec, command))
    });
    code.unwrap_or_else(|error| {
        // Nobody reads a second line, so this is harmless when the program had been started.
        say(&format!("error {error}"));
        127
    })
}

fn parse(arguments: Vec<OsString>) -> io::Result<(GuardSpec, Command)> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "usage: guard --spec JSON -- program args…");
    let mut rest = arguments.into_iter();
    let mut next = || rest.next().ok_or_else(usage);
    if next()? != "--spec" {
        return Err(usage());
    }
    let spec = serde_json::from_str(&next()?.into_string().map_err(|_| usage())?)?;
    if next()? != "--" {
        return Err(usage());
    }
    let mut command = Command::new(next()?);
    command.args(rest);
    Ok((spec, command))
}

async fn guard(spec: &GuardSpec, mut command: Command) -> io::Result<u8> {
    // A terminal's Ctrl-C goes to the owner, who ends us in order. EPERM: already a leader.
    let _ = nix::unistd::setsid();
    tree::adopt_orphans()?;
    tree::show_name();
    let owner_gone = owner_gone();
    let mut child_events = signal(SignalKind::child())?;
    let mut told = Interrupts::listen()?;

    prepare(spec, &mut command)?;
    let program = Pid::from_raw(i32::try_from(command.spawn()?.id()).map_err(io::Error::other)?);
    say(&program.to_string());

    let mut reaper = Reaper { program, code: None };
    tokio::pin!(owner_gone);
    loop {
        tokio::select! {
            _ = child_events.recv() => if reaper.reap_ended() { break },
            _ = &mut owner_gone => break,
            () = told.next() => break,
        }
    }
    let deadline = Instant::now() + spec.grace;
    if reaper.code.is_none() {
        // ESRCH: it has ended this moment, and the wait below sees it.
        let _ = kill(program, Signal::from(spec.stop));
    }
    while reaper.code.is_none() && timeout_at(deadline, child_events.recv()).await.is_ok() {
        reaper.reap_ended();
    }
    reaper.end_the_rest(&mut child_events).await;
    Ok(reaper.code.unwrap_or(128 + 9))
}

/// Resolves when the owner's end of our stdin is closed.
fn owner_gone() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut nothing = [0; 64];
        while matches!(io::stdin().read(&mut nothing), Ok(read) if read > 0) {}
        let _ = sender.send(());
    });
    receiver
}

fn prepare(spec: &GuardSpec, command: &mut Command) -> io::Result<()> {
    let (out, err) = match &spec.output {
        Output::Log(path) => {
            let log = OpenOptions::new().create(true).append(true).open(path)?;
            (Stdio::from(File::try_clone(&log)?), Stdio::from(log))
        }
        // Our stdout is for the pid, so our stderr is the owner's pipe.
        Output::Relay => (Stdio::from(io::stderr().as_fd().try_clone_to_owned()?), Stdio::inherit()),
        Output::Discard => (Stdio::null(), Stdio::null()),
    };
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    if let Some(user) = spec.run_as {
        command.uid(user.uid).gid(user.gid);
    }
    tree::die_with_me(command);
    Ok(())
}

struct Reaper {
    program: Pid,
    /// The program's exit code once it has ended.
    code: Option<u8>,
}

impl Reaper {
    /// Takes every ended child off the process table; true when the program itself has ended.
    fn reap_ended(&mut self) -> bool {
        while let tree::Reaped::Ended(pid, code) = tree::reap_one() {
            if pid == self.program {
                self.code = Some(code);
            }
        }
        self.code.is_some()
    }

    /// SIGKILL for every descendant until none is left. Bounded: a process in an uninterruptible
    /// wait can't be ended by anyone, and holding the owner up would not change that.
    async fn end_the_rest(&mut self, child_events: &mut tokio::signal::unix::Signal) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            tree::kill_descendants(self.program);
            self.reap_ended();
            if tree::reap_one() == tree::Reaped::NoChild {
                return;
            }
            // A descendant that is not our child yet ends without a signal to us: look again soon.
            let soon = Instant::now() + Duration::from_millis(20);
            let _ = timeout_at(soon, child_events.recv()).await;
        }
    }
}

fn say(line: &str) {
    let mut out = io::stdout();
    // The owner may be gone already; then nobody needs the line.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

//! A managed process from its owner's side: started through a [guard](crate::guard), known by its
//! real pid, and gone for certain once [`Process::stop`] has returned or the value is dropped.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncBufReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, Command};

use crate::Error;
use crate::guard::{GuardSpec, Output};

/// The executable whose `guard` subcommand runs [`crate::guard::run`].
#[derive(Clone, Debug)]
pub struct Guard(PathBuf);

impl Guard {
    /// This executable itself, which must have the subcommand (`xtask` has).
    pub fn this_executable() -> Result<Self, Error> {
        // On Linux the link works even after cargo has replaced the file by a newer build.
        let path = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
        Ok(Self(path))
    }

    /// Another executable that has the subcommand.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

/// What to start, and how.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Short name for messages: `postgres`, `sync-worker`.
    pub name: String,
    /// Path of the program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment on top of ours.
    pub env: Vec<(OsString, OsString)>,
    /// Keep only `PATH` and the language variables of our own environment.
    pub bare_env: bool,
    /// Working folder; ours when absent.
    pub dir: Option<PathBuf>,
    /// Rights, log file and the way to end it.
    pub guard: GuardSpec,
}

impl Launch {
    /// A launch with our own environment, no output kept, ended by SIGTERM without grace.
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            bare_env: false,
            dir: None,
            guard: GuardSpec::default(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Starts the program under a guard; returns when it runs (not when it is ready).
    pub async fn start(&self, guard: &Guard) -> Result<Process, Error> {
        let failed = |why: String| Error::Start { name: self.name.clone(), why };
        let mut child = self.command(guard)?.spawn().map_err(|error| failed(error.to_string()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or_else(|| failed("the guard has no output".to_owned()))?;
        let mut stdout = tokio::io::BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line).await?;
        let pid =
            line.trim().parse().map_err(|_| failed(line.trim().trim_start_matches("error ").to_owned()))?;
        let guard_ends = Some(File::from(stdout.into_inner().into_owned_fd()?));
        Ok(Process { name: self.name.clone(), pid, child, stdin, guard_ends })
    }

    fn command(&self, guard: &Guard) -> Result<Command, Error> {
        let mut command = Command::new(&guard.0);
        // For those who look at the processes; the path may be a nameless link.
        command.arg0("xtask");
        if self.bare_env {
            command.env_clear();
            let kept = ["PATH", "LANG", "LC_ALL", "TZ"];
            command.envs(kept.iter().filter_map(|key| Some((key, std::env::var_os(key)?))));
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.envs(self.env.iter().map(|(key, value)| (key, value)));
        command.arg("guard").arg("--spec").arg(serde_json::to_string(&self.guard)?).arg("--");
        command.arg(&self.program).args(&self.args);
        let relay = if self.guard.output == Output::Relay { Stdio::piped() } else { Stdio::null() };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(relay);
        // A group of its own from the first moment: a Ctrl-C before the guard's setsid must not hit it.
        command.process_group(0);
        Ok(command)
    }
}

/// A running program under its guard.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: Child,
    /// Closing it tells the guard to end everything.
    stdin: Option<ChildStdin>,
    /// End of file when the guard has left, so after everything below it is gone.
    guard_ends: Option<File>,
}

impl Process {
    /// The name it was launched under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The program's own pid, not the guard's.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The guard's pid while it runs.
    pub fn guard_pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal to the program; false when it is gone.
    pub fn signal(&self, signal: Signal) -> bool {
        // While the guard runs, its child's pid can't have been given to another process.
        let running = self.child.id().is_some();
        running && i32::try_from(self.pid).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
    }

    /// The program's output, when it was launched with [`Output::Relay`]; once.
    pub fn take_output(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits until the program has ended by itself and what it left behind is gone.
    /// The status carries the program's exit code, or 128 + its signal.
    pub async fn wait(&mut self) -> Result<ExitStatus, Error> {
        Ok(self.child.wait().await?)
    }

    /// The exit status if the program has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        Ok(self.child.try_wait()?)
    }

    /// Ends the program and everything below it; returns when all are gone.
    pub async fn stop(mut self) -> Result<ExitStatus, Error> {
        drop(self.stdin.take());
        Ok(self.child.wait().await?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if let Some(mut guard_ends) = self.guard_ends.take() {
            // The guard never writes again, so this returns when it has left: bounded by its grace.
            let _ = guard_ends.read(&mut [0; 1]);
        }
    }
}

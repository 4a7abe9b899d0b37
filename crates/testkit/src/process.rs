//! Real service processes in a test: started through a guard, so that a test that panics or is
//! killed leaves none behind, and killable at any point.

use std::ffi::OsString;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use premise_local_stack::{Guard, Launch, Output, Process, StopSignal};
use tempfile::TempDir;

/// Path of a binary of this workspace that the test run has built (an absolute path stays as it is).
///
/// # Panics
/// When there is no test run, or it has built no such binary.
pub fn bin(name: &str) -> PathBuf {
    let path = PathBuf::from(crate::variable("PREMISE_TEST_BIN_DIR")).join(name);
    assert!(path.exists(), "{} is not built: run `cargo xtask test`", path.display());
    path
}

/// Where ports are looked for: below the range from which systems take ports for outgoing
/// connections and for port 0, so that none of those gets the port before the service does.
const PORTS: Range<u64> = 26_000..32_000;

/// A loopback port that nothing listens on at this moment. Prefer port 0 where the service can tell
/// its port.
///
/// # Panics
/// When the system has no free port.
pub fn free_port() -> u16 {
    // Every state has keys of its own, which is all the randomness that this needs.
    let random = || RandomState::new().build_hasher().finish();
    let port = |_| u16::try_from(PORTS.start + random() % (PORTS.end - PORTS.start));
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (0..1_000).flat_map(port).find(free).expect("a free port")
}

/// What to start; build with [`ServiceCommand::new`], then [`ServiceCommand::spawn`].
#[derive(Debug)]
pub struct ServiceCommand(Launch);

impl ServiceCommand {
    /// A built binary of this workspace by name, or any other program by its absolute path.
    ///
    /// # Panics
    /// As [`bin`] does.
    pub fn new(name: &str) -> Self {
        let mut launch = Launch::new(name, bin(name));
        // A dropped process has nothing left to say to the test.
        launch.guard.stop = StopSignal::Kill;
        Self(launch)
    }

    /// Sets one variable of its environment.
    #[must_use]
    pub fn env(self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        Self(self.0.env(key, value))
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, arg: impl Into<OsString>) -> Self {
        Self(self.0.args([arg]))
    }

    /// Starts it; returns when it runs, not when it is ready.
    ///
    /// # Panics
    /// When it can't be started.
    pub async fn spawn(mut self) -> ServiceProcess {
        let folder = tempfile::tempdir().expect("a folder for the output");
        self.0.guard.output = Output::Log(folder.path().join("output"));
        let process = start(&self.0).await;
        ServiceProcess { launch: self.0, process, folder }
    }
}

async fn start(launch: &Launch) -> Process {
    launch.start(&Guard::at(bin("xtask"))).await.unwrap_or_else(|error| panic!("{error}"))
}

/// A running service. Dropping it kills it and waits until it is gone.
#[derive(Debug)]
pub struct ServiceProcess {
    launch: Launch,
    process: Process,
    folder: TempDir,
}

impl ServiceProcess {
    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything it has written to stdout and stderr so far, over all its starts.
    ///
    /// # Panics
    /// When the output can't be read.
    pub fn output(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("output")).expect("the output file");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// SIGKILL; returns when the process is gone.
    pub async fn kill(&mut self) {
        self.process.signal(Signal::SIGKILL);
        self.exited(Duration::from_secs(10)).await;
    }

    /// SIGTERM, then waits for its own end.
    ///
    /// # Panics
    /// When it has not ended after `deadline`; the message holds its output.
    pub async fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        self.process.signal(Signal::SIGTERM);
        self.exited(deadline).await
    }

    /// Sends any signal, such as SIGSTOP for a process that hangs.
    ///
    /// # Panics
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) {
        assert!(self.process.signal(signal), "{} has ended: {}", self.process.name(), self.output());
    }

    /// Waits for its own end. The status has its exit code, or 128 + the signal that ended it.
    ///
    /// # Panics
    /// When it has not ended after `deadline`; the message holds its output.
    pub async fn exited(&mut self, deadline: Duration) -> ExitStatus {
        let Ok(status) = tokio::time::timeout(deadline, self.process.wait()).await else {
            panic!("{} has not ended after {deadline:?}:\n{}", self.process.name(), self.output())
        };
        status.expect("the status of a child")
    }

    /// Whether it runs.
    ///
    /// # Panics
    /// When the system can't tell.
    pub fn is_running(&mut self) -> bool {
        self.process.ended().expect("the status of a child").is_none()
    }

    /// Starts it again with the same environment, killing it first when it still runs.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.process = start(&self.launch).await;
    }
}

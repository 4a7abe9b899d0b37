//! Running cargo as a guarded process, so that neither a build nor a test outlives this one.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context as _;
use premise_local_stack::{Guard, Launch, Output, StopSignal};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// A call of cargo in the workspace.
pub(crate) struct Cargo(Launch);

impl Cargo {
    /// `cargo <arguments>` in `root`; the toolchain is the one that runs us.
    pub(crate) fn new<A: Into<OsString>>(root: &Path, arguments: impl IntoIterator<Item = A>) -> Self {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut launch = Launch::new("cargo", program).args(arguments);
        // Its output is a pipe, but ours may be a terminal.
        if std::io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
            launch = launch.env("CARGO_TERM_COLOR", "always");
        }
        launch.dir = Some(root.to_owned());
        launch.guard.output = Output::Relay;
        launch.guard.stop = StopSignal::Terminate;
        launch.guard.grace = Duration::from_secs(2);
        Self(launch)
    }

    /// Sets a variable.
    pub(crate) fn env(self, key: &str, value: impl Into<OsString>) -> Self {
        Self(self.0.env(key, value))
    }

    /// Runs it to its end, giving each line of its output to `line`.
    pub(crate) async fn run(self, mut line: impl FnMut(&str)) -> anyhow::Result<ExitStatus> {
        let mut process = self.0.start(&Guard::this_executable()?).await?;
        let output = process.take_output().context("the output of cargo")?;
        let mut lines = BufReader::new(output).split(b'\n');
        while let Some(bytes) = lines.next_segment().await? {
            line(&String::from_utf8_lossy(&bytes));
        }
        Ok(process.wait().await?)
    }
}

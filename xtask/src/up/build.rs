//! Building the binaries that `up` runs, with a sign of life.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::timings::seconds;
use crate::cargo::Cargo;
use crate::say;
use crate::workspace::Workspace;

/// Time between signs of life where there is no terminal.
const QUIET: Duration = Duration::from_secs(15);

/// Builds every binary of the workspace (dev profile). On failure, cargo's whole output is shown.
pub(super) async fn binaries(workspace: &Workspace) -> anyhow::Result<()> {
    say::step("building (the first build takes some minutes)");
    let mut shown = Shown::new();
    let cargo = Cargo::new(&workspace.root, ["build", "--workspace", "--bins"]);
    let status = cargo.run(|line| shown.line(line)).await?;
    shown.bar.finish_and_clear();
    if !status.success() {
        say::raw(&shown.lines.join("\n"));
        anyhow::bail!("the workspace does not build");
    }
    say::step(&format!("built after {}", seconds(shown.started.elapsed())));
    Ok(())
}

struct Shown {
    bar: ProgressBar,
    lines: Vec<String>,
    compiled: u64,
    started: Instant,
    last_sign: Instant,
}

impl Shown {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(120));
        let now = Instant::now();
        Self { bar, lines: Vec::new(), compiled: 0, started: now, last_sign: now }
    }

    fn line(&mut self, line: &str) {
        self.compiled += u64::from(line.contains("Compiling"));
        self.bar.set_message(line.trim().to_owned());
        if !std::io::stderr().is_terminal() && self.last_sign.elapsed() > QUIET {
            self.last_sign = Instant::now();
            say::step(&format!("building: {} crates so far", self.compiled));
        }
        self.lines.push(line.to_owned());
    }
}

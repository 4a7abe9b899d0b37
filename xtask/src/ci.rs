//! `cargo xtask ci`: everything that has to be green, in the order in which it fails fastest. The last
//! lines are those of the test run.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cargo::Cargo;
use crate::workspace::Workspace;
use crate::{say, test, tidy};

/// What cargo checks before anything runs.
const CHECKS: [&[&str]; 2] =
    [&["fmt", "--all", "--check"], &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]];

pub(crate) async fn run() -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    for check in CHECKS {
        if !passes(&workspace, check).await? {
            return Ok(ExitCode::FAILURE);
        }
    }
    say::step("cargo xtask tidy");
    if tidy::run()? != ExitCode::SUCCESS {
        return Ok(ExitCode::FAILURE);
    }
    if !passes_deny(&workspace).await? {
        return Ok(ExitCode::FAILURE);
    }
    say::step("cargo xtask test");
    test::run(Vec::new()).await
}

/// Licences, advisories, sources: only where the tool is installed, because it is not part of the
/// toolchain. The workflow of the repository installs it.
async fn passes_deny(workspace: &Workspace) -> anyhow::Result<bool> {
    let installed = Cargo::new(&workspace.root, ["deny", "--version"]).run(|_| ()).await?;
    if !installed.success() {
        say::step("cargo deny is skipped: it is not installed here (cargo install cargo-deny)");
        return Ok(true);
    }
    passes(workspace, &["deny", "check"]).await
}

async fn passes(workspace: &Workspace, arguments: &[&str]) -> anyhow::Result<bool> {
    let line = arguments.join(" ");
    say::step(&format!("cargo {line}"));
    let arguments = arguments.iter().map(OsString::from);
    let status = Cargo::new(&workspace.root, arguments).run(say::raw).await?;
    if !status.success() {
        say::error(&format!("cargo {line} has found something"));
    }
    Ok(status.success())
}

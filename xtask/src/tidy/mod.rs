//! `cargo xtask tidy`: the rules of the house that a compiler does not check. Each finding says where
//! and what; any finding fails the task.
//!
//! Limits: a rule is here only when a machine can decide it; size of functions, lints and formatting
//! are clippy's and rustfmt's.

mod arrows;
mod files;
mod graph;
mod table;

use std::path::Path;
use std::process::ExitCode;

use crate::say;
use crate::workspace::Workspace;

/// Checks the clone; prints every finding.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    let graph = graph::Graph::read(&workspace.root)?;
    let mut findings = arrows::check(&graph);
    let listed = files::listed(&workspace.root)?;
    findings.extend(files::check_top_level(&listed));
    for path in listed.iter().filter(|path| Path::new(path).extension().is_some_and(|rs| rs == "rs")) {
        // Listed by git but deleted in the work tree: nothing to check.
        if let Ok(text) = std::fs::read_to_string(workspace.root.join(path)) {
            findings.extend(files::check_source(path, &text));
        }
    }
    for finding in &findings {
        say::answer(finding);
    }
    if findings.is_empty() {
        say::answer(&format!("tidy: {} crates, {} files, nothing to say", graph.members.len(), listed.len()));
        return Ok(ExitCode::SUCCESS);
    }
    say::error(&format!("tidy: {} findings", findings.len()));
    Ok(ExitCode::FAILURE)
}

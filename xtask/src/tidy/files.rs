//! Rules about files: the top level, the opening of a source file and its length.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// What lies at the top of the workspace, besides dot-files.
const TOP_LEVEL: [&str; 12] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "crates",
    "deploy",
    "docs",
    "migrations",
];
const TASKS: &str = "xtask";
/// Where a module is compiled into several test binaries that each use a part of it: `expect` can't
/// hold in all of them.
const SHARED_BY_TESTS: &str = "/tests/support/";
/// Lines that nobody reads in one sitting.
const MOST_LINES: usize = 500;

/// All files that git has or would add, relative to the clone.
pub(super) fn listed(root: &Path) -> anyhow::Result<Vec<String>> {
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git ls-files")?;
    anyhow::ensure!(git.status.success(), "git ls-files: {}", String::from_utf8_lossy(&git.stderr).trim());
    let names = String::from_utf8(git.stdout).context("file names")?;
    let unique: BTreeSet<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
    Ok(unique.into_iter().map(str::to_owned).collect())
}

/// The top level is fixed, so that a reader knows where things are.
pub(super) fn check_top_level(listed: &[String]) -> Vec<String> {
    let top: BTreeSet<&str> = listed.iter().filter_map(|path| path.split('/').next()).collect();
    let allowed = |name: &str| name.starts_with('.') || name == TASKS || TOP_LEVEL.contains(&name);
    let surplus = top.into_iter().filter(|name| !allowed(name));
    surplus
        .map(|name| format!("{name}: does not belong at the top level (see docs/architecture.md)"))
        .collect()
}

/// A source file opens with what it is, and is short.
pub(super) fn check_source(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let opening = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if !opening.starts_with("//! ") {
        findings.push(format!("{path}:1: must open with `//!`: what it is, why it is so, its limits"));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        findings.push(format!("{path}: has {lines} lines, more than {MOST_LINES}; split it by its steps"));
    }
    let lines = text.lines().enumerate().filter(|_| !path.contains(SHARED_BY_TESTS));
    for (number, line) in lines {
        let line = line.trim_start();
        if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
            findings.push(format!("{path}:{}: use `#[expect(…, reason = \"…\")]`, not `allow`", number + 1));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_level_is_fixed() {
        let listed = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let tidy = listed(&["Cargo.toml", ".github/workflows/ci.yml", "xtask/src/main.rs", "crates/x/y.rs"]);
        assert!(check_top_level(&tidy).is_empty());
        let findings = check_top_level(&listed(&["src/main.rs", "src/lib.rs", "README.md"]));
        assert_eq!(findings, ["src: does not belong at the top level (see docs/architecture.md)"]);
    }

    #[test]
    fn a_file_opens_with_its_purpose() {
        assert!(check_source("a.rs", "//! What.\n\nfn f() {}\n").is_empty());
        for bad in ["", "fn f() {}\n", "// What.\n", "use x;\n//! late\n", "//!\n"] {
            assert_eq!(check_source("a.rs", bad).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn a_long_file_and_a_bare_allow_are_found() {
        let long = format!("//! What.\n{}", "\n".repeat(MOST_LINES));
        assert_eq!(check_source("a.rs", &long).len(), 1);
        let text = format!("//! What.\n    #[{}(dead_code)]\nfn f() {{}}\n", "allow");
        assert_eq!(check_source("a.rs", &text), ["a.rs:2: use `#[expect(…, reason = \"…\")]`, not `allow`"]);
        assert!(check_source("crates/x/tests/support/mod.rs", &text).is_empty());
    }
}

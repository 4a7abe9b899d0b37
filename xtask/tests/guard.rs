//! The guard as a real process: whatever happens to the owner, the guard or the program, nothing of
//! the tree is left.

#![expect(clippy::unwrap_used, reason = "a test, helpers included")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use premise_local_stack::ProcessId;

/// A shell that leaves two grandchildren: one of its own group, one in a session of its own.
const TREE: &str = "sleep 1001 & echo $!; setsid sleep 1002 & echo $!; echo up; wait";

const SPEC: &str = r#"{"run_as":null,"output":"Relay","stop":"Terminate","grace":{"secs":1,"nanos":0}}"#;

struct Guarded {
    guard: Child,
    program: ProcessId,
    grandchildren: Vec<ProcessId>,
}

impl Guarded {
    fn start(script: &str) -> Self {
        let mut guard = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["guard", "--spec", SPEC, "--", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(guard.stdout.as_mut().unwrap()).read_line(&mut pid).unwrap();
        let program = ProcessId::of(pid.trim().parse().unwrap()).unwrap();
        let said = BufReader::new(guard.stderr.as_mut().unwrap()).lines().map(Result::unwrap);
        let grandchildren = said
            .take_while(|line| line != "up")
            .map(|pid| ProcessId::of(pid.parse().unwrap()).unwrap())
            .collect();
        Self { guard, program, grandchildren }
    }

    fn assert_gone(&self) {
        assert_eventually("the program is gone", || !self.program.is_alive());
        for grandchild in &self.grandchildren {
            assert_eventually("a grandchild is gone", || !grandchild.is_alive());
        }
    }
}

fn assert_eventually(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        #[expect(clippy::disallowed_methods, reason = "the end of a process that is not our child")]
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_tree_ends_with_the_owners_pipe() {
    let mut guarded = Guarded::start(TREE);
    assert_eq!(guarded.grandchildren.len(), 2);
    assert!(guarded.program.is_alive());
    drop(guarded.guard.stdin.take());
    guarded.guard.wait().unwrap();
    // No waiting here: when the guard has left, all are gone already.
    assert!(!guarded.program.is_alive());
    assert!(!guarded.grandchildren.iter().any(ProcessId::is_alive));
}

#[test]
fn the_tree_ends_with_an_owner_that_is_killed() {
    // The owner is a shell that holds the pipe and is killed by SIGKILL.
    let script = format!(
        "tail -f /dev/null | {} guard --spec '{SPEC}' -- sh -c '{TREE}'",
        env!("CARGO_BIN_EXE_xtask")
    );
    let mut owner = Command::new("setsid");
    owner.args(["sh", "-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut owner = owner.spawn().unwrap();
    let said = BufReader::new(owner.stderr.as_mut().unwrap()).lines().map(Result::unwrap);
    let tree: Vec<ProcessId> = said
        .take_while(|line| line != "up")
        .map(|pid| ProcessId::of(pid.parse().unwrap()).unwrap())
        .collect();
    assert_eq!(tree.len(), 2);
    let group = nix::unistd::Pid::from_raw(owner.id().cast_signed());
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
    owner.wait().unwrap();
    for process in &tree {
        assert_eventually("the tree is gone", || !process.is_alive());
    }
}

#[test]
fn a_program_that_ends_takes_its_leftovers_along() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let script = "sleep 1003 & echo $!; echo up; until [ -e GO ]; do sleep 0.01; done; exit 3";
    let mut guarded = Guarded::start(&script.replace("GO", go.to_str().unwrap()));
    assert!(guarded.grandchildren[0].is_alive());
    std::fs::write(go, "").unwrap();
    // `wait` would close it first, which is the owner's order to end.
    let _owner = guarded.guard.stdin.take();
    let status = guarded.guard.wait().unwrap();
    assert_eq!(status.code(), Some(3));
    assert_eq!(guarded.grandchildren.len(), 1);
    assert!(!guarded.grandchildren[0].is_alive());
}

#[test]
fn a_program_that_ignores_the_polite_signal_is_killed_after_its_grace() {
    let mut guarded = Guarded::start("trap '' TERM; sleep 1004 & echo $!; echo up; while :; do wait; done");
    let asked = Instant::now();
    drop(guarded.guard.stdin.take());
    let status = guarded.guard.wait().unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(1), "killed before its grace was over");
    assert_eq!(status.code(), Some(128 + 9));
    guarded.assert_gone();
}

#[cfg(target_os = "linux")]
#[test]
fn the_program_dies_with_a_guard_that_is_killed() {
    let mut guarded = Guarded::start("echo up; exec sleep 1005");
    guarded.guard.kill().unwrap();
    guarded.guard.wait().unwrap();
    guarded.assert_gone();
}

#[test]
fn a_program_that_is_not_there_is_reported() {
    let spec = r#"{"run_as":null,"output":"Discard","stop":"Kill","grace":{"secs":0,"nanos":0}}"#;
    let out = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["guard", "--spec", spec, "--", "/nowhere/at-all"])
        .stdin(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("error "));
}

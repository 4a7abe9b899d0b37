//! Which process a pid means: a pid alone is reused by the system, a pid with its start time is not.
//! Everything that is ended by a pid read from a file goes through [`ProcessId::is_alive`].

use serde::{Deserialize, Serialize};

/// One process for certain: its pid and when it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process id.
    pub pid: u32,
    /// Start time as the system writes it (Linux: boot id and ticks since boot; else `ps`).
    started: String,
}

impl ProcessId {
    /// The process that has this pid now, if there is one (a zombie counts as none).
    pub fn of(pid: u32) -> Option<Self> {
        started(pid).map(|started| Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_alive(&self) -> bool {
        started(self.pid).as_ref() == Some(&self.started)
    }
}

#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let fields = stat_fields(i32::try_from(pid).ok()?)?;
    if matches!(fields.first()?.as_str(), "Z" | "X") {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{}+{}", boot.trim(), fields.get(19)?))
}

/// The parent of a process, if it is there.
#[cfg(target_os = "linux")]
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    stat_fields(pid)?.get(1)?.parse().ok()
}

/// Fields of `/proc/PID/stat` from the third (state) on; the second, the name, may hold spaces and
/// parentheses, so the split starts behind its last one.
#[cfg(target_os = "linux")]
fn stat_fields(pid: i32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let out = std::process::Command::new("ps")
        .args(["-o", "stat=,lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let line = String::from_utf8(out.stdout).ok()?;
    let (state, started) = line.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_is_alive_and_a_reused_pid_is_not_it() {
        let own = ProcessId::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        let earlier = ProcessId { started: "an earlier boot".to_owned(), ..own };
        assert!(!earlier.is_alive());
    }

    #[test]
    fn ended_process_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert_eq!(ProcessId::of(pid), None);
    }
}

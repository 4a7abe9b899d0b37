//! Installing the servers with the system's package manager. Says what and why first, starts none of
//! the system's services and takes none of their ports; the programs are all we want.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::IsTerminal as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::Uid;

use crate::{Error, find, log_tail};

/// Runs as root; see its own header.
const APT_SCRIPT: &str = include_str!("install_apt.sh");

/// Which servers are not there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing {
    /// No `initdb` and `postgres`.
    pub(crate) postgres: bool,
    /// No `rabbitmq-server`.
    pub(crate) rabbitmq: bool,
}

impl Missing {
    fn packages(self, postgres: &'static str) -> Vec<&'static str> {
        let pairs = [(self.postgres, postgres), (self.rabbitmq, "rabbitmq-server")];
        pairs.into_iter().filter(|(missing, _)| *missing).map(|(_, package)| package).collect()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.postgres, self.rabbitmq) {
            (true, true) => "PostgreSQL and RabbitMQ were",
            (true, false) => "PostgreSQL was",
            (false, _) => "RabbitMQ was",
        })
    }
}

/// Installs what is missing; false when this machine offers no way to.
pub(crate) fn packages(missing: Missing, log: &Path, say: &mut dyn FnMut(&str)) -> Result<bool, Error> {
    if find::on_path("apt-get").is_some()
        && let Some(sudo) = become_root()
    {
        let packages = missing.packages("postgresql").join(" ");
        let how = if sudo.is_empty() { "apt-get" } else { "sudo apt-get" };
        say(&announcement(missing, how, &packages, log));
        let mut command = Command::new(sudo.first().copied().unwrap_or("sh"));
        command.args(sudo.iter().skip(1)).args(if sudo.is_empty() { &[][..] } else { &["sh"] });
        command.args(["-c", APT_SCRIPT, "premise-sync-install"]).args(packages.split(' '));
        return run(command, &packages, log);
    }
    if find::on_path("brew").is_some() {
        let packages = missing.packages("postgresql@17").join(" ").replace("rabbitmq-server", "rabbitmq");
        say(&announcement(missing, "brew", &packages, log));
        let mut command = Command::new("brew");
        command.arg("install").args(packages.split(' '));
        return run(command, &packages, log);
    }
    Ok(false)
}

fn announcement(missing: Missing, how: &str, packages: &str, log: &Path) -> String {
    format!(
        "{missing} not found: installing {packages} with {how}, for private instances of this stack only \
         (no system service is started or enabled; log: {})",
        log.display()
    )
}

/// The words to put before a command that needs root; none when there is no way to become it.
fn become_root() -> Option<Vec<&'static str>> {
    if Uid::effective().is_root() {
        return Some(Vec::new());
    }
    find::on_path("sudo")?;
    let quiet = Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    // At a terminal sudo can ask for the password itself.
    let may = quiet.is_ok_and(|status| status.success()) || std::io::stdin().is_terminal();
    may.then(|| vec!["sudo"])
}

fn run(mut command: Command, packages: &str, log: &Path) -> Result<bool, Error> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder)?;
    }
    let out = OpenOptions::new().create(true).append(true).open(log)?;
    let status = command.stdin(Stdio::null()).stdout(File::try_clone(&out)?).stderr(out).status()?;
    if status.success() {
        return Ok(true);
    }
    let (packages, why) = (packages.to_owned(), status.to_string());
    Err(Error::Install { packages, why, log_tail: log_tail::of(log) })
}

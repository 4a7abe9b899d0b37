//! What can go wrong on the way to a running stack, in words a developer can act on.

use std::io;

/// A local stack that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program could not be started.
    #[error("{name} did not start: {why}")]
    Start {
        /// Which program.
        name: String,
        /// What the system said.
        why: String,
    },
    /// A program ended where it should have gone on, or with a code that tells of a fault.
    #[error("{name} ended with code {code}\n{log_tail}")]
    Ended {
        /// Which program.
        name: String,
        /// Its exit code, or 128 + the signal that ended it.
        code: i32,
        /// Its last lines.
        log_tail: String,
    },
    /// A program runs but does not become ready.
    #[error("{name} is not ready after {} s", patience.as_secs())]
    NotReady {
        /// Which program.
        name: String,
        /// How long it was waited for.
        patience: std::time::Duration,
    },
    /// Another process owns the state folder.
    #[error("a stack of this clone is running")]
    Busy,
    /// The system has run out of loopback ports.
    #[error("found no free port on 127.0.0.1")]
    NoFreePort,
    /// Neither servers nor a way to install them.
    #[error("{}", no_servers(missing))]
    NoServers {
        /// What is missing, in words.
        missing: String,
    },
    /// An installation was tried and failed.
    #[error("could not install {packages}: {why}\n{tail}", tail = log_tail)]
    Install {
        /// What was to be installed.
        packages: String,
        /// How it ended.
        why: String,
        /// Last lines of the installer.
        log_tail: String,
    },
    /// A file or process operation failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A state file is not what this version writes.
    #[error("unreadable state: {0}")]
    State(#[from] serde_json::Error),
}

fn no_servers(missing: &str) -> String {
    format!(
        "{missing} not found on this machine, and no way to install it. Any one of these will do:\n  \
         * set PREMISE_DATABASE_URL and PREMISE_BROKER_URL to servers you have\n  \
         * install PostgreSQL and RabbitMQ with your package manager (they need not be started)\n  \
         * run as root, or make sudo available, on a system with apt-get\n  \
         * install Homebrew (https://brew.sh)\n  \
         * start Docker with its compose plugin"
    )
}

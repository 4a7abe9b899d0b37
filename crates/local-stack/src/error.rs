//! What can go wrong on the way to a running stack, in words a developer can act on.

use std::io;

/// A local stack that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program could not be started or ended before it was ready.
    #[error("{name} did not start: {why}")]
    Start {
        /// Which program.
        name: String,
        /// What it or the system said.
        why: String,
    },
    /// A file or process operation failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A state file is not what this version writes.
    #[error("unreadable state: {0}")]
    State(#[from] serde_json::Error),
}

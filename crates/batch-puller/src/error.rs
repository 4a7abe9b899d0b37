//! What ends an attempt or a run, in the operator's words, with a stable code for tools.
//!
//! Whether another attempt may help is a property of the error ([`RunError::retry`]); no message holds
//! credentials, addresses with credentials, or anything of a row.

mod answer;
mod request;

use std::time::Duration;

use premise_store::{Disposition, StoreError};

pub use answer::AnswerError;
pub use request::RequestError;

/// What ends a run without success.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// See [`RequestError`].
    #[error(transparent)]
    Request(#[from] RequestError),
    /// See [`AnswerError`].
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An operator asked for the end.
    #[error("cancelled on request")]
    Cancelled,
    /// The process had to end before the run did.
    #[error("the puller was stopped before the run was done; nothing was applied")]
    Stopped,
    /// The parser panicked, or its thread could not run.
    #[error("the parser ended unexpectedly; this is a fault of premise-sync")]
    Parser(#[source] tokio::task::JoinError),
}

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Not by itself.
    Never,
    /// After a wait of our choice.
    Soon,
    /// After the wait PPB asked for.
    After(Duration),
}

impl RunError {
    /// Whether another attempt may help. Nothing is applied before the end, so every attempt is safe.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Request(error) => error.retry(),
            // An answer without a length that is cut ends like this.
            Self::Answer(AnswerError::Cut { .. }) => Retry::Soon,
            Self::Store(error) => match error.disposition() {
                Disposition::Unavailable => Retry::Soon,
                Disposition::Rejected => Retry::Never,
            },
            Self::Answer(_) | Self::Cancelled | Self::Stopped | Self::Parser(_) => Retry::Never,
        }
    }

    /// Stable name, kept on the run.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(error) => error.code(),
            Self::Answer(error) => error.code(),
            Self::Store(StoreError::RunTakenAway(_)) => "run_taken_away",
            Self::Store(StoreError::AnswerRefused { code, .. }) => code,
            Self::Store(_) => "store",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::Parser(_) => "internal",
        }
    }

    /// What the operator reads on the run: with PPB's side of the story, without Postgres' (which may
    /// quote a row).
    pub fn message(&self) -> String {
        match self {
            Self::Request(error) => chain(error),
            Self::Answer(_) | Self::Store(_) | Self::Cancelled | Self::Stopped | Self::Parser(_) => {
                self.to_string()
            }
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

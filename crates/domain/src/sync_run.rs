//! A pull of PPB's catalogue: what is asked for and how it stands.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a run pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The whole catalogue.
    Full,
    /// What changed since the watermark, or since a time that was asked for.
    Incremental,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Asked for, not begun.
    Queued,
    /// At work.
    Running,
    /// Done, all of it.
    Succeeded,
    /// Ended without effect.
    Failed,
    /// Additions applied, deletions wait for approval.
    Held,
    /// Ended on request.
    Cancelled,
    /// Its process died.
    Abandoned,
}

impl Mode {
    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Held,
        Self::Cancelled,
        Self::Abandoned,
    ];

    /// The word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// Nothing more will happen to the run by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// The word is not one of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known word")]
pub struct UnknownWord;

impl FromStr for Mode {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        [Self::Full, Self::Incremental].into_iter().find(|mode| mode.as_str() == text).ok_or(UnknownWord)
    }
}

impl FromStr for RunStatus {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownWord)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Asks the puller to begin a queued run. The run itself is kept in Postgres.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRequest {
    /// The queued run.
    pub run_id: Uuid,
}

/// Where a run's rows went. `fetched = inserted + updated + unchanged + reinstated + stale +
/// quarantined + collapsed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunCounts {
    /// Rows in the answer.
    pub fetched: i64,
    /// Premises that were new.
    pub inserted: i64,
    /// Premises whose content changed.
    pub updated: i64,
    /// Premises whose content was already so.
    pub unchanged: i64,
    /// Premises that came back after a deletion.
    pub reinstated: i64,
    /// Rows that something newer superseded.
    pub stale: i64,
    /// Rows that could not be read.
    pub quarantined: i64,
    /// Further rows with the key of another row.
    pub collapsed: i64,
    /// Premises that were missing and became tombstones.
    pub deleted: i64,
    /// Premises that were missing and were kept, because nothing confirmed yet that they are gone.
    pub withheld: i64,
}

/// How far a running run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunProgress {
    /// Bytes of the answer read so far.
    pub bytes: i64,
    /// Rows read so far.
    pub rows: i64,
    /// When this was noted.
    pub noted_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for status in RunStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert!("Queued".parse::<RunStatus>().is_err());
        assert_eq!("full".parse(), Ok(Mode::Full));
    }
}

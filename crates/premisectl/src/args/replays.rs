//! `premisectl dead-letters replay` and `premisectl replays …` as data.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use premise_domain::PremiseId;
use uuid::Uuid;

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Numbers of dead letters.
    pub(crate) ids: Vec<i64>,
    /// Every open one.
    #[arg(long)]
    pub(crate) all: bool,
    /// Those given up for this reason, such as `attempts_exhausted`.
    #[arg(long)]
    pub(crate) reason_code: Option<String>,
    /// `34014` or `PREMISE-34014`.
    #[arg(long)]
    pub(crate) premise: Option<PremiseId>,
    /// `created`, `updated` or `deleted`.
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// Given up at this time (RFC 3339) or later.
    #[arg(long)]
    pub(crate) from: Option<DateTime<Utc>>,
    /// Given up before this time.
    #[arg(long)]
    pub(crate) to: Option<DateTime<Utc>>,
    /// Tell what would happen and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Letters a second, at most 1000.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Why, for the record.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReplaysCommand {
    /// How far one is, and the verdicts so far.
    Show {
        /// Its id.
        id: Uuid,
    },
    /// Take no more letters for now.
    Pause {
        /// Its id.
        id: Uuid,
    },
    /// Go on with a paused one.
    Resume {
        /// Its id.
        id: Uuid,
    },
    /// End it; what is done stays.
    Cancel {
        /// Its id.
        id: Uuid,
    },
}
